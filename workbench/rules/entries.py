"""A cache entry: bytes kept under a name in the user's cache folder.

It is written whole or not at all, says its own digest, and is made again when anything about it is wrong; deleting the
folder is always safe. What it depends on must be part of its name.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

MOST_ENTRIES = 32
"""Entries of one kind that are kept; the least recently used go first."""


def folder() -> Path:
    """Where entries are kept: ``secret-workbench`` in the user's cache folder (XDG_CACHE_HOME, or ~/.cache)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "secret-workbench"


@lru_cache(maxsize=8)
def code_digest(package: Path, *libraries: str) -> str:
    """Digest of the code in a package's folder, and of the versions of the libraries it stands on."""
    digest = hashlib.sha256()
    for file in sorted(package.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    for library in libraries:
        digest.update(f"{library}={version(library)};".encode())
    return digest.hexdigest()


def read_entry(place: Path, name: str) -> bytes | None:
    """The entry ``name`` of the cache folder ``place``; None when it is not there, cannot be read or is damaged."""
    file = place / name
    try:
        data = file.read_bytes()
        os.utime(file)  # the least recently used go first
    except OSError:
        return None
    digest, _, entry = data.partition(b"\n")
    return entry if digest == hashlib.sha256(entry).hexdigest().encode() else None


def write_entry(place: Path, name: str, entry: bytes) -> None:
    """Keep ``entry`` in ``place``, whole or not at all; a cache that cannot be written is no reason to stop."""
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=place, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(hashlib.sha256(entry).hexdigest().encode() + b"\n" + entry)
            os.replace(temporary, place / name)
        except OSError:
            os.unlink(temporary)
            raise
        _prune(place, name.split("-")[0])
    except OSError:
        pass


def _prune(place: Path, kind: str) -> None:
    entries = sorted(place.glob(f"{kind}-*"), key=lambda f: f.stat().st_mtime)
    for old in entries[:-MOST_ENTRIES]:
        old.unlink(missing_ok=True)
