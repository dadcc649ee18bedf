"""Pages of a Parquet file as they are decompressed: content that is scanned where it lies.

Arrow's reader decompresses a page and then copies each value out of it, which takes longer than the decompressing. Here
the page itself becomes the column: plain values stand in it one after the other, each behind its length, and an Arrow
``binary_view`` says where. What is not written so (dictionaries, other encodings, version 2 pages) is left to Arrow's
reader. The layout is Parquet's ("parquet.thrift" and "Encodings.md" of the format), headers are in Thrift's compact
protocol.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.content import viewed

_CODECS = {"UNCOMPRESSED": None, "LZ4": "lz4_raw", "ZSTD": "zstd", "SNAPPY": "snappy", "GZIP": "gzip"}
_DATA_PAGE, _PLAIN = 0, 0
_HEADER_BYTES = 256  # read at first; with statistics in it a header may be longer
_MOST_HEADER_BYTES = 1 << 20


def has_plain_pages(parquet: pq.ParquetFile, group: int, name: str) -> bool:
    """Whether the column ``name`` of a row group may be read as pages: byte arrays in a plain, flat column."""
    at = parquet.schema_arrow.get_field_index(name)
    shape, column = parquet.schema.column(at), parquet.metadata.row_group(group).column(at)
    return (shape.path == name and shape.max_repetition_level == 0 and shape.max_definition_level <= 1
            and column.physical_type == "BYTE_ARRAY" and not column.has_dictionary_page
            and column.num_values == parquet.metadata.row_group(group).num_rows
            and {"PLAIN"} <= set(column.encodings) <= {"PLAIN", "RLE", "BIT_PACKED"} and column.compression in _CODECS)


def plain_pages(path: str, parquet: pq.ParquetFile, group: int, name: str,
                sizes: np.ndarray) -> Iterator[pa.Array] | None:
    """The column ``name`` of a row group, an array (``binary_view``) a page; None when its pages are of another kind.

    Ask :func:`has_plain_pages` first. ``sizes`` (int64, one a row) are what the values are said to take: where that is
    true nobody has to walk from one to the next. Holds a page at a time. Raises OSError when the file is not what its
    footer says.
    """
    at = parquet.schema_arrow.get_field_index(name)
    column = parquet.metadata.row_group(group).column(at)
    chunk = _Chunk(column.data_page_offset, column.total_compressed_size, column.total_uncompressed_size,
                   column.num_values, _CODECS[column.compression], parquet.schema.column(at).max_definition_level == 1)
    with open(path, "rb") as file:
        header, _ = chunk.header(file, chunk.start)
    return chunk.arrays(path, sizes) if header.is_plain else None


@dataclass(frozen=True, slots=True)
class _Header:
    """What the header of a page says: bytes as they stand and decompressed, and how many values there are."""

    compressed: int
    uncompressed: int
    values: int
    is_plain: bool


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A column chunk: ``size`` bytes from ``start`` of the file; ``values`` values, which may be null if ``optional``."""

    start: int
    size: int
    uncompressed: int
    values: int
    codec: str | None
    optional: bool

    def arrays(self, path: str, sizes: np.ndarray) -> Iterator[pa.Array]:
        at, left = self.start, self.values
        codec = pa.Codec(self.codec) if self.codec else None
        with open(path, "rb", buffering=0) as file:
            while left > 0:
                header, length = self.header(file, at)
                if not header.is_plain or not 0 < header.values <= left:
                    raise OSError(f"the page at byte {at} is not what the footer says")
                file.seek(at + length)
                stored = _read(file, header.compressed)
                page = codec.decompress(stored, header.uncompressed) if codec else pa.py_buffer(stored)
                first = self.values - left
                yield _values(page, sizes[first : first + header.values], self.optional, at)
                at, left = at + length + header.compressed, left - header.values

    def header(self, file: io.BufferedIOBase | io.RawIOBase, at: int) -> tuple[_Header, int]:
        """The header of the page at byte ``at``, and its length in bytes."""
        wanted, rest = _HEADER_BYTES, self.start + self.size - at
        while True:
            file.seek(at)
            try:
                fields, length = _struct(_read(file, min(wanted, rest)), 0)
                break
            except IndexError:
                if wanted >= min(rest, _MOST_HEADER_BYTES):
                    raise OSError(f"the page header at byte {at} has no end") from None
                wanted *= 16
            except RecursionError:
                raise OSError(f"the page header at byte {at} is none") from None
        page = fields.get(5)
        page = page if isinstance(page, dict) else {}
        header = _Header(_number(fields, 3), _number(fields, 2), _number(page, 1),
                         _number(fields, 1) == _DATA_PAGE and _number(page, 2) == _PLAIN)
        if not 0 <= header.compressed <= rest - length or not 0 <= header.uncompressed <= self.uncompressed:
            raise OSError(f"the page at byte {at} is larger than its column")
        return header, length


def _read(file: io.BufferedIOBase | io.RawIOBase, size: int) -> bytes:
    data = file.read(size)
    if data is None or len(data) != size:
        raise OSError("the file ends inside a page")
    return data


def _number(fields: dict[int, Any], key: int) -> int:
    value = fields.get(key)
    return value if isinstance(value, int) else -1


def _values(page: pa.Buffer, said: np.ndarray, optional: bool, at: int) -> pa.Array:
    """The values of a decompressed page, ``said`` to have so many bytes each. Raises OSError when they do not fill it
    to the byte."""
    first = 0
    valid = None
    if optional:
        data = memoryview(page).cast("B")
        first = 4 + unpack_from("<I", data)[0] if len(data) >= 4 else len(data) + 1
        if first > len(data):
            raise OSError(f"the levels of the page at byte {at} are longer than it")
        valid = _levels(data[4:first], len(said), at)
        if valid.all():
            valid = None
    known = said if valid is None else said[valid]
    starts, sizes = _as_said(page, first, known) or _walked(page, first, len(known), at)
    if valid is not None:
        spread = np.zeros((2, len(said)), np.int64)
        spread[:, valid] = starts, sizes
        starts, sizes = spread
    return viewed([page], np.zeros(len(said), np.int64), starts, sizes, valid)


def _as_said(page: pa.Buffer, first: int, said: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the values start and what they take, when the length before each is the one that is said; else None."""
    if not len(said) or int(said.min()) < 0:
        return None
    ends = first + np.cumsum(said + 4)
    starts = ends - said
    data = np.frombuffer(page, np.uint8)
    if int(ends[-1]) != len(data):
        return None
    lengths = data[starts[:, None] + np.arange(-4, 0)].view("<u4").reshape(-1)
    return (starts, said) if (lengths == said).all() else None


def _walked(page: pa.Buffer, first: int, count: int, at: int) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`_as_said`, from one length to the next."""
    position, end = first, memoryview(page).nbytes
    starts, sizes = np.empty(count, np.int64), np.empty(count, np.int64)
    for k in range(count):
        if position + 4 > end:
            raise OSError(f"the page at byte {at} holds fewer values than it says")
        starts[k], sizes[k] = position + 4, unpack_from("<I", page, position)[0]
        position = int(starts[k] + sizes[k])
    if position != end:
        raise OSError(f"the values of the page at byte {at} do not fill it")
    return starts, sizes


def _levels(data: memoryview, count: int, at: int) -> np.ndarray:
    """Definition levels of 0 and 1 (bool), in Parquet's mixture of runs and packed bits."""
    parts: list[np.ndarray] = []
    position = have = 0
    try:
        while have < count:
            head, position = _varint(data, position)
            if head & 1:
                packed = np.frombuffer(data[position : position + (head >> 1)], np.uint8)
                if len(packed) != head >> 1 or not len(packed):
                    raise IndexError
                parts.append(np.unpackbits(packed, bitorder="little").astype(bool))
                position += head >> 1
            else:
                parts.append(np.full(min(head >> 1, count), bool(data[position])))
                position += 1
                if not len(parts[-1]):
                    raise IndexError
            have += len(parts[-1])
    except IndexError:
        raise OSError(f"the levels of the page at byte {at} are damaged") from None
    return np.concatenate(parts)[:count]


# ---------------------------------------------------------------------------------------------------------------------
# Thrift's compact protocol, as far as a page header goes. Past the end of the data: IndexError


def _struct(data: bytes, position: int) -> tuple[dict[int, Any], int]:
    fields: dict[int, Any] = {}
    number = 0
    while (head := data[position]) != 0:
        position += 1
        if head >> 4:
            number += head >> 4
        else:
            signed, position = _varint(data, position)
            number = _zigzag(signed)
        fields[number], position = _value(data, position, head & 15)
    return fields, position + 1


def _value(data: bytes, position: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):  # true, false
        return kind == 1, position
    if kind == 3:
        return data[position], position + 1
    if kind in (4, 5, 6):
        value, position = _varint(data, position)
        return _zigzag(value), position
    if kind == 7:
        return None, position + 8
    if kind == 8:
        length, position = _varint(data, position)
        return None, position + length
    if kind in (9, 10):
        return None, _past_list(data, position)
    if kind == 12:
        return _struct(data, position)
    raise OSError("a page header holds what no page header has")


def _past_list(data: bytes, position: int) -> int:
    head = data[position]
    size, position = (head >> 4, position + 1) if head >> 4 < 15 else _varint(data, position + 1)
    for _ in range(size):
        _, position = _value(data, position, head & 15)
    return position


def _varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise OSError("a number in a page header has no end")


def _zigzag(value: int) -> int:
    return value >> 1 ^ -(value & 1)
