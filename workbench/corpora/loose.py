"""A loose object is a git object in a file of its own.

They are read here and not by libgit2, which goes round in circles for ever at one whose end is missing, as a full disk
or a machine that crashed leaves them.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

_HEADER_BYTES = 64
_HEADER = re.compile(rb"(commit|tree|blob|tag) (0|[1-9][0-9]*)\0")


class DamagedLooseObject(ValueError):
    """A file that is not a whole object."""


def object_folders(objects: Path) -> list[Path]:
    """An objects folder and those it borrows from (git's alternates)."""
    found: list[Path] = []
    waiting = [objects]
    while waiting:
        folder = waiting.pop(0)
        if folder in found:
            continue
        found.append(folder)
        try:
            lines = (folder / "info" / "alternates").read_text(errors="surrogateescape").splitlines()
        except OSError:
            continue
        waiting += [folder / line for line in lines if line and not line.startswith("#")]
    return found


class LooseObjects:
    """The loose objects in some objects folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [str(folder) for folder in folders]

    def header(self, object_id: bytes) -> tuple[str, int] | None:
        """(type's name, size), or None when there is no such loose object. Raises DamagedLooseObject."""
        data = self._file(object_id, _HEADER_BYTES * 4)
        return None if data is None else _header(object_id, _inflate(object_id, data)[0])[:2]

    def read(self, object_id: bytes) -> tuple[str, bytes] | None:
        """(type's name, content), or None when there is no such loose object. Raises DamagedLooseObject."""
        data = self._file(object_id, -1)
        if data is None:
            return None
        start, stream = _inflate(object_id, data)
        kind, size, begins = _header(object_id, start)
        try:
            # One byte more than it should be, so that a longer one is noticed and not swallowed.
            most = min(size + 1, sys.maxsize)  # the size is the object's word, of any length
            content = start[begins:] + stream.decompress(stream.unconsumed_tail, most)
            rest = stream.decompress(stream.unconsumed_tail, 1) if not stream.eof else b""
        except zlib.error as error:
            raise DamagedLooseObject(f"{object_id.hex()}: {error}") from None
        if len(content) != size or rest or not stream.eof:
            raise DamagedLooseObject(f"{object_id.hex()}: Expected {size} bytes but got {len(content)}")
        return kind, content

    def _file(self, object_id: bytes, limit: int) -> bytes | None:
        digits = object_id.hex()
        for folder in self._folders:
            try:
                with open(f"{folder}/{digits[:2]}/{digits[2:]}", "rb") as file:
                    return file.read(limit)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DamagedLooseObject(f"{digits}: {error}") from None
        return None


def _inflate(object_id: bytes, data: bytes) -> tuple[bytes, zlib._Decompress]:
    """The first bytes of an object, and the stream that has the others."""
    stream = zlib.decompressobj()
    try:
        return stream.decompress(data, _HEADER_BYTES), stream
    except zlib.error as error:
        raise DamagedLooseObject(f"{object_id.hex()}: {error}") from None


def _header(object_id: bytes, start: bytes) -> tuple[str, int, int]:
    """Type's name, size, and where the content begins."""
    match = _HEADER.match(start)
    if not match:
        raise DamagedLooseObject(f"{object_id.hex()}: not an object")
    return match[1].decode(), int(match[2]), match.end()
