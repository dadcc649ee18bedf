"""A file hash says whether an ingester has read a file before, whatever it is called now."""

from __future__ import annotations

import hashlib
from pathlib import Path

from workbench.errors import CorpusError

_READ_BYTES = 1 << 22


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file at ``path``: 64 hex digits. Raises CorpusError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as data:
            while piece := data.read(_READ_BYTES):
                digest.update(piece)
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}. Check the path", path=path) from error
    return digest.hexdigest()
