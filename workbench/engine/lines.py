"""Lines: where the newlines of one blob stand, so that offsets become lines and columns.

A line ends after its newline byte; lines and columns are 1-based and columns count bytes (spec section 5).
"""

from __future__ import annotations

import numpy as np


class Lines:
    """The newlines of a blob. Made only for blobs that hold a candidate."""

    __slots__ = ("_newlines", "size")

    def __init__(self, blob: memoryview) -> None:
        self.size = len(blob)
        self._newlines = np.flatnonzero(np.frombuffer(blob, dtype=np.uint8) == 10)

    def line(self, offset: int) -> int:
        """1-based line of the byte at ``offset``."""
        return int(np.searchsorted(self._newlines, offset, "left")) + 1

    def place(self, offset: int) -> tuple[int, int]:
        """1-based line and byte column of ``offset``."""
        line = self.line(offset)
        return line, offset - self.start(line) + 1

    def start(self, line: int) -> int:
        """Offset of the first byte of ``line``; 0 for lines before the first."""
        if line <= 1:
            return 0
        if line - 2 >= len(self._newlines):
            return self.size
        return int(self._newlines[line - 2]) + 1

    def around(self, first: int, last: int, margin: int) -> tuple[int, int]:
        """Byte range ``[start, end)`` of lines ``first - margin`` to ``last + margin``."""
        return self.start(first - margin), self.start(last + margin + 1)


def around(blob: memoryview, start: int, end: int, margin: int, most: int) -> tuple[int, int]:
    """Byte range of the lines that the span ``[start, end)`` touches and ``margin`` more each way, as
    :meth:`Lines.around` gives it, but at most ``most`` bytes beyond the span, and looking no further."""
    low = max(0, start - most)
    text = bytes(blob[low:start])
    at = len(text)
    for _ in range(margin + 1):
        at = text.rfind(b"\n", 0, at)
        if at < 0:
            break
    else:
        low += at + 1
    text = bytes(blob[end - 1 : end + most])
    at = -1
    for _ in range(margin + 1):
        at = text.find(b"\n", at + 1)
        if at < 0:
            return low, min(len(blob), end + most)
    return low, end + at
