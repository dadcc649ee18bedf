"""A gzipped file is read as a stream that cannot run away: it ends at a limit, however much more would come out.

What comes out is bounded by what went in (:func:`unpacked_limit`), and damage is an error that says what to do.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import BinaryIO, Self

from workbench.errors import CorpusError

GZIP_MAGIC = b"\x1f\x8b"

_READ_BYTES = 1 << 17
_PIECE_BYTES = 1 << 18
_FREE_BYTES = 256 << 20
_MOST_RATIO = 100
"""Source code shrinks to a fourth or tenth of its size, the most repetitive real packages to a thirtieth."""


def unpacked_limit(packed_bytes: int, *, most_bytes: int) -> int:
    """How many bytes may come out of ``packed_bytes``: 256 MiB and a hundred times the size, at most ``most_bytes``."""
    return min(most_bytes, _FREE_BYTES + _MOST_RATIO * packed_bytes)


class GzipStream:
    """Reads the gzip file at ``path``; a context manager.

    No more than ``limit_bytes`` come out: :attr:`is_cut` says that there was more. ``hold_bytes`` is how much may be
    kept for :meth:`held`. As the npm client does, it reads members one after the other and ignores what follows them.

    Raises :class:`~workbench.errors.CorpusError` when the file cannot be read, is no gzip file, is cut short or fails
    its checksum; each of those may come with any read.
    """

    def __init__(self, path: Path, *, limit_bytes: int, hold_bytes: int = 0) -> None:
        self.path = path
        self.is_cut = False
        self.unpacked_bytes = 0
        self._limit_bytes = limit_bytes
        self._hold_bytes = hold_bytes
        self._held: list[bytes] | None = [] if hold_bytes else None
        self._piece, self._at = b"", 0
        self._packed = b""
        self._inflate = zlib.decompressobj(wbits=31)
        self._is_done = False
        try:
            self._file: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
            self._packed = self._read_file()
        except OSError as error:
            raise CorpusError(f"{path}: cannot be read: {error.strerror}. Check the path", path=path) from error
        if not self._packed.startswith(GZIP_MAGIC):
            self.close()
            what = "an empty file" if not self._packed else "something else"
            raise CorpusError(f"{path}: Expected a gzip file but got {what}. Download it again", path=path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer only at the end."""
        end = self._at + size
        if end <= len(self._piece):
            found = self._piece[self._at : end]
            self._at = end
            return found
        parts = [self._piece[self._at :]]
        missing = size - len(parts[0])
        self._piece, self._at = b"", 0
        while missing and (piece := self.read_piece()):
            if len(piece) > missing:
                self._piece, self._at = piece, missing
                piece = piece[:missing]
            parts.append(piece)
            missing -= len(piece)
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Go over ``size`` bytes without keeping them. Returns how many there were: fewer only at the end."""
        missing = size
        while missing:
            left = len(self._piece) - self._at
            if left >= missing:
                self._at += missing
                return size
            missing -= left
            self._piece, self._at = self.read_piece(), 0
            if not self._piece:
                break
        return size - missing

    def read_piece(self) -> bytes:
        """Some more bytes, as they come; empty at the end. Not to be mixed with :meth:`read`."""
        while not self._is_done:
            room = self._limit_bytes - self.unpacked_bytes
            # One byte past the limit tells a stream that ends there from one that goes on.
            piece = self._next(min(_PIECE_BYTES, room + 1))
            if len(piece) > room:
                piece, self.is_cut, self._is_done = piece[:room], True, True
            self.unpacked_bytes += len(piece)
            if self._held is not None:
                self._held.append(piece)
                if self.unpacked_bytes > self._hold_bytes:
                    self._held = None
            if piece:
                return piece
        return b""

    def held(self) -> bytes | None:
        """All that came out, once it has; None when it was more than was to be held, or cut."""
        return b"".join(self._held) if self._held is not None and self._is_done and not self.is_cut else None

    def _next(self, size: int) -> bytes:
        """Up to ``size`` bytes of the next member or the one under way; may be empty before the end."""
        if self._inflate.eof:
            return self._next_member()
        if not self._packed:
            self._packed = self._read_file()
            if not self._packed:
                raise CorpusError(f"{self.path}: cut short: the compressed data does not end. Download it again",
                                  path=self.path)
        try:
            piece = self._inflate.decompress(self._packed, size)
        except zlib.error as error:
            reason = str(error).rpartition(": ")[2]
            raise CorpusError(f"{self.path}: damaged: {reason}. Download it again", path=self.path) from error
        self._packed = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        return piece

    def _next_member(self) -> bytes:
        if len(self._packed) < len(GZIP_MAGIC):
            self._packed += self._read_file()
        if self._packed.startswith(GZIP_MAGIC):
            self._inflate = zlib.decompressobj(wbits=31)
        else:
            self._is_done = True
        return b""

    def _read_file(self) -> bytes:
        try:
            return os.read(self._file.fileno(), _READ_BYTES)
        except OSError as error:
            raise CorpusError(f"{self.path}: cannot be read: {error.strerror}", path=self.path) from error
