"""UTF-16 text: scanned as its UTF-8 form, with spans mapped back to the bytes that stand in the blob.

Such a blob is known by its byte order mark. Lines are the same in both forms; windows in bytes are counted in the
UTF-8 form, where a character of a token is one byte.
"""

from __future__ import annotations

import numpy as np

_MARKS = {b"\xff\xfe": "<u2", b"\xfe\xff": ">u2"}


def is_utf16(start: bytes) -> bool:
    """Whether a blob that begins with ``start`` carries the byte order mark of UTF-16 (and not that of UTF-32)."""
    return start[:2] in _MARKS and start[:4] != b"\xff\xfe\0\0"


class Utf16Text:
    """A UTF-16 blob as UTF-8 ``content``; a last odd byte, and half a surrogate pair, become U+FFFD or are left out."""

    def __init__(self, blob: memoryview) -> None:
        units = np.frombuffer(blob[2 : 2 + (len(blob) - 2) // 2 * 2], dtype=_MARKS[bytes(blob[:2])]).astype(np.uint32)
        high = (units >= 0xD800) & (units < 0xDC00)
        low = (units >= 0xDC00) & (units < 0xE000)
        paired_high = high & np.append(low[1:], False)
        paired_low = low & np.append(False, high[:-1])
        width = np.where(units < 0x80, 1, np.where(units < 0x800, 2, 3))
        width[paired_high], width[paired_low] = 4, 0
        self._ends = np.cumsum(width)
        codec = "utf-16-le" if bytes(blob[:2]) == b"\xff\xfe" else "utf-16-be"
        units = np.where((high & ~paired_high) | (low & ~paired_low), 0xFFFD, units)
        self.content = units.astype("<u2" if codec.endswith("le") else ">u2").tobytes().decode(codec).encode()

    def original(self, offset: int) -> int:
        """The byte of the blob at which the character starts that ``offset`` of ``content`` is the start of."""
        return 2 + 2 * int(np.searchsorted(self._ends, offset, "right"))
