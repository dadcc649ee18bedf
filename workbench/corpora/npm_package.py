"""A package is a tarball of npm's: its name, its version and its files, surveyed before they are read.

A survey reads all of a tarball once. What it cannot read to its end is refused whole: the file was damaged on its way,
and the same command completes the corpus when it is sound. What its publisher put into it, however odd, is taken or
counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packageurl import PackageURL, normalize_subpath

from workbench.corpora.file_hash import sha256_of
from workbench.corpora.gzipped import GzipStream, unpacked_limit
from workbench.corpora.tarball import HeldStream, Member, Stream, read_members
from workbench.errors import CorpusError

MAX_PACKAGE_BYTES = 2 << 30
_HOLD_BYTES = 64 << 20
"""A package that unpacks to less is inflated once; a larger one twice, which keeps memory small."""
_DESCRIPTION = "package.json"
_DESCRIPTION_BYTES = 4 << 20
_MOST_NAME = 256
_PLAIN = re.compile(r"(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*")


@dataclass(frozen=True, slots=True)
class Package:
    """A surveyed tarball at ``path``. ``unpacked_bytes`` came out of it, at most ``limit_bytes``."""

    path: Path
    name: str
    version: str
    sha256: str
    unpacked_bytes: int
    limit_bytes: int
    held: bytes | None

    def members(self, max_bytes: int) -> Iterator[Member]:
        """Its files, with the content of those not over ``max_bytes``, and what is left out."""
        if self.held is not None:
            yield from read_members(HeldStream(self.held), max_bytes=max_bytes)
            return
        with GzipStream(self.path, limit_bytes=self.limit_bytes) as stream:
            yield from read_members(stream, max_bytes=max_bytes)


def survey(
    path: Path, *, name: str = "", version: str = "", max_package_bytes: int = MAX_PACKAGE_BYTES
) -> Package:
    """Read all of the tarball at ``path``. ``name`` and ``version`` are the registry's word, else ``package.json``'s.

    Raises CorpusError when the file is missing, no gzip file, damaged or cut short, or does not say what package it is.
    """
    sha256 = sha256_of(path)
    limit_bytes = unpacked_limit(path.stat().st_size, most_bytes=max_package_bytes)
    with GzipStream(path, limit_bytes=limit_bytes, hold_bytes=_HOLD_BYTES) as stream:
        if not name:
            name, version = _described(stream, path)
        while stream.read_piece():  # to the checksum at the end
            pass
        return Package(path, name, version, sha256, stream.unpacked_bytes, limit_bytes, stream.held())


def purl(name: str, version: str) -> str:
    """The package URL of a version of an npm package, as ``pkg:npm/%40scope/name@1.0.0``."""
    scope, _, own = name.rpartition("/")
    parts = {"namespace": scope or None, "name": own, "version": version or None}
    if name == name.lower():
        return PackageURL(type="npm", **parts).to_string()
    # The library lowers npm's names, as new ones are. Old packages keep their capitals: JSONStream is not jsonstream.
    return "pkg:npm/" + PackageURL(type="generic", **parts).to_string().removeprefix("pkg:generic/")


def file_url_of(name: str, version: str) -> Callable[[str], str]:
    """A function that gives the package URL of a file of the version."""
    base = purl(name, version)

    def file_url(path: str) -> str:
        # Most paths stand in a URL as they are, and the library takes 30 microseconds to say so.
        inner = path if _PLAIN.fullmatch(path) else normalize_subpath(path, encode=True)
        return f"{base}#{inner}" if inner else base  # of a name of blanks nothing is left

    return file_url


def _described(stream: Stream, path: Path) -> tuple[str, str]:
    """Name and version by the package's own description; the last one counts, for it is the one that npm leaves."""
    found: tuple[str, str] | None = None
    for member in read_members(stream, max_bytes=_DESCRIPTION_BYTES, wants=lambda p: p == _DESCRIPTION):
        if member.content is not None:
            found = _identity(member.content) or found
    if found is None:
        raise CorpusError(
            f"{path}: Expected an npm package but found no {_DESCRIPTION} with a name and a version in it. Unpack it "
            "yourself if it is something else",
            path=path,
        )
    return found


def _identity(content: bytes) -> tuple[str, str] | None:
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    said = [value.strip() if isinstance(value := document.get(key), str) else "" for key in ("name", "version")]
    if not all(0 < len(value) <= _MOST_NAME and value.isprintable() for value in said):
        return None
    return said[0], said[1]
