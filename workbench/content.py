"""Content as it lies in memory: the bytes of a column's values, in place, whichever way Arrow holds them.

``large_binary`` has its values end to end in one buffer. ``binary_view`` says of each value where it lies, so a page of
a Parquet file can be a column as it was decompressed, with nothing copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_VIEW = np.dtype([("length", "<i4"), ("head", "<i4"), ("buffer", "<i4"), ("offset", "<i4")])
_MOST_INLINE = 12
"""Bytes of a value that stands in the view itself (Arrow Columnar Format 1.4, "Variable-size Binary View Layout")."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Values of a column that lie in one buffer, in the buffer's order and sharing no byte: value number ``rows[k]`` is
    ``values[starts[k] : stops[k]]``. Between two there may be bytes of neither."""

    values: memoryview
    rows: np.ndarray
    starts: np.ndarray
    stops: np.ndarray


def pieces(content: pa.Array) -> list[Piece]:
    """Every value of ``content``, but for nulls of a ``binary_view``; empty ones too where they have a place.

    Raises TypeError when it is neither ``large_binary`` nor ``binary_view``.
    """
    if content.type == pa.large_binary():
        return _end_to_end(content)
    if content.type == pa.binary_view():
        return _viewed(content)
    raise TypeError(f"Expected content of type large_binary or binary_view but got {content.type}")


def content_bytes(content: pa.Array) -> int:
    """Bytes of all values together. Raises TypeError as :func:`pieces` does."""
    return sum(int((p.stops - p.starts).sum()) for p in pieces(content))


def viewed(buffers: Sequence[pa.Buffer], which: np.ndarray, starts: np.ndarray, sizes: np.ndarray,
           valid: np.ndarray | None = None) -> pa.Array:
    """A ``binary_view`` column over ``buffers``: value k is ``sizes[k]`` bytes from ``starts[k]`` of buffer ``which[k]``.

    ``valid`` (bool) tells nulls. A buffer has less than 2 GiB: places in a view have 32 bits.
    """
    views = np.zeros(len(sizes), _VIEW)
    views["length"], views["buffer"], views["offset"] = sizes, which, starts
    data = [np.frombuffer(b, np.uint8) for b in buffers]
    raw = views.view(np.uint8).reshape(-1, _VIEW.itemsize)
    long = np.flatnonzero(sizes > _MOST_INLINE)
    for number, values in enumerate(data):
        of_it = long[which[long] == number]
        raw[of_it, 4:8] = values[starts[of_it, None] + np.arange(4)]
    for k in np.flatnonzero(sizes <= _MOST_INLINE).tolist():
        raw[k, 4:] = 0
        raw[k, 4 : 4 + sizes[k]] = data[which[k]][starts[k] : starts[k] + sizes[k]]
    mask = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.binary_view(), len(sizes), [mask, pa.py_buffer(raw), *buffers])


def _end_to_end(content: pa.Array) -> list[Piece]:
    buffers = content.buffers()
    offsets = np.frombuffer(buffers[1], np.int64, len(content) + 1, content.offset * 8) if len(content) else \
        np.zeros(1, np.int64)
    values = memoryview(buffers[2]).cast("B") if buffers[2] is not None else memoryview(b"")
    return [Piece(values, np.arange(len(content)), offsets[:-1], offsets[1:])]


def _viewed(content: pa.Array) -> list[Piece]:
    buffers = content.buffers()
    views = np.frombuffer(buffers[1], _VIEW, len(content), content.offset * _VIEW.itemsize) if len(content) else \
        np.zeros(0, _VIEW)
    there = views["length"] > 0
    if content.null_count:
        there &= content.is_valid().to_numpy(zero_copy_only=False)
    inline = views["length"] <= _MOST_INLINE
    out = []
    for number, buffer in enumerate(buffers[2:]):
        rows = np.flatnonzero(there & ~inline & (views["buffer"] == number))
        if len(rows):
            out.append(_sorted(buffer, rows, views["offset"][rows], views["length"][rows]))
    rows = np.flatnonzero(there & inline)
    if len(rows):
        at = (content.offset + rows) * _VIEW.itemsize + 4
        out.append(_sorted(buffers[1], rows, at, views["length"][rows]))
    if any((p.starts[1:] < p.stops[:-1]).any() for p in out):  # values that share bytes
        return _end_to_end(content.cast(pa.large_binary()))
    return out


def _sorted(buffer: pa.Buffer, rows: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> Piece:
    starts = starts.astype(np.int64)
    if (starts[1:] < starts[:-1]).any():
        order = np.argsort(starts, kind="stable")
        rows, starts, sizes = rows[order], starts[order], sizes[order]
    return Piece(memoryview(buffer).cast("B"), rows, starts, starts + sizes)
