"""Table rows are what a mapped Parquet file gives: contents with the places they come from, a piece at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.corpora.tables import CONTENT, Column, is_list
from workbench.errors import CorpusError, first_line

_STREAM_BUFFER_BYTES = 1 << 20
_PIECE_BYTES = 16 << 20
_MOST_DICTIONARY_BYTES = 64 << 20
_MOST_ROWS = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NAME_BYTES = 4096
"""What is longer is nobody's name, and left empty: thousands of rows are held together."""
_LAST_MICROSECOND = 253_402_300_799_999_999  # of the year 9999
_PER_MICROSECOND = {"s": (1, 1_000_000), "ms": (1, 1000), "us": (1, 1), "ns": (1000, 1)}
_DICTIONARY_HEADER = b"\x15\x04\x15"  # Thrift: page type = dictionary, then the size
_UNREADABLE = (pa.ArrowException, OSError, KeyError, IndexError, ValueError)


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one row group, from row ``first`` of it on. ``contents`` may hold nulls.

    ``places`` are columns of ``schemas.LOCATIONS`` that the map names: texts (empty where null), and for
    ``committed_at`` microseconds since 1970 or None.
    """

    group: int
    first: int
    contents: list[bytes | None]
    places: dict[str, list]


def open_table(path: Path) -> pq.ParquetFile:
    """The Parquet file at ``path``, to be read page by page. Raises CorpusError when it is none."""
    try:
        # Without a buffer size, Arrow holds a row group's whole compressed column.
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=_STREAM_BUFFER_BYTES)
    except MemoryError:
        raise
    except _UNREADABLE as error:
        message = f"{path}: not a whole Parquet file: {first_line(error)}. Copy it again"
        raise CorpusError(message, path=path) from error


def read_rows(parquet: pq.ParquetFile, columns: dict[str, Column], path: Path) -> Iterator[TableRows]:
    """All rows. Memory: some 16 MiB of content, more where one page or one value has more.

    Raises CorpusError when something cannot be read, and MemoryError; Arrow may also end the process (``table_check``).
    """
    try:
        for group in range(parquet.num_row_groups):
            first = 0
            for batch in _batches(parquet, columns, group, path):
                content = as_bytes(value_of(batch, columns[CONTENT])).to_pylist()
                places = {name: _place(name, value_of(batch, column)) for name, column in columns.items()
                          if name != CONTENT}
                yield TableRows(group, first, content, places)
                first += batch.num_rows
    except MemoryError:  # one of Arrow's, too
        raise
    except _UNREADABLE as error:
        raise CorpusError(f"{path}: damaged: {first_line(error)}. Copy it again", path=path) from error


def value_of(batch: pa.RecordBatch, column: Column) -> pa.Array:
    """A column of a batch, or the field of a struct; null where the struct is."""
    array = batch.column(batch.schema.get_field_index(column.parts[0]))
    for part in column.parts[1:]:
        array = pc.struct_field(array, part)
    return array


def as_bytes(array: pa.Array) -> pa.Array:
    """Strings or bytes of any kind as ``large_binary``, copying offsets at most where that can be."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if array.type == pa.large_binary() else array.cast(pa.large_binary())


def _batches(
    parquet: pq.ParquetFile, columns: dict[str, Column], group: int, path: Path
) -> Iterator[pa.RecordBatch]:
    names = list(dict.fromkeys(column.name for column in columns.values()))
    rows = _rows_at_once(parquet.metadata.row_group(group), columns[CONTENT].name, path)
    yield from parquet.iter_batches(rows, row_groups=[group], columns=names, use_threads=False)


def _rows_at_once(group: pq.RowGroupMetaData, name: str, path: Path) -> int:
    """Rows to decode together: about 16 MiB by their average, and few enough that a dictionary's value may repeat."""
    for at in range(group.num_columns):
        chunk = group.column(at)
        if chunk.path_in_schema == name:
            average = max(1, chunk.total_uncompressed_size // max(1, group.num_rows))
            rows = _PIECE_BYTES // average
            if chunk.has_dictionary_page:
                rows = min(rows, _MOST_DICTIONARY_BYTES // max(1, _dictionary_bytes(chunk, path)))
            return min(max(1, rows), _MOST_ROWS)
    return 1


def _dictionary_bytes(chunk: pq.ColumnChunkMetaData, path: Path) -> int:
    """How large a column chunk's dictionary is: no value of it can be larger."""
    with open(path, "rb") as data:
        head = os.pread(data.fileno(), 16, chunk.dictionary_page_offset)
    if not head.startswith(_DICTIONARY_HEADER):
        return chunk.total_uncompressed_size
    number = shift = 0
    for byte in head[len(_DICTIONARY_HEADER) :]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return number >> 1  # Thrift writes 2n for a positive n


def _place(name: str, array: pa.Array) -> list:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if name == "committed_at":
        return _times(array)
    if pa.types.is_integer(array.type):
        return [str(value) if value is not None else "" for value in array.to_pylist()]
    # As bytes, for Arrow does not check that strings are UTF-8.
    if is_list(array.type):
        values = [value[0] if value else None for value in array.cast(pa.list_(pa.large_binary())).to_pylist()]
    else:
        values = as_bytes(array).to_pylist()
    return [
        value.decode("utf-8", "backslashreplace") if value is not None and len(value) <= _MOST_NAME_BYTES else ""
        for value in values
    ]


def _times(array: pa.Array) -> list[int | None]:
    """Microseconds since 1970, in UTC where no zone is said; None for what is no time."""
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("ms"), safe=False)
    if pa.types.is_timestamp(array.type):
        # Counted in Python's numbers: Arrow's own conversion wraps round where it does not refuse.
        many, few = _PER_MICROSECOND[array.type.unit]
        values = [value * few // many if value is not None else None for value in array.cast(pa.int64()).to_pylist()]
    else:
        values = [_microseconds(value) if value is not None else None for value in as_bytes(array).to_pylist()]
    return [value if value is not None and 0 <= value <= _LAST_MICROSECOND else None for value in values]


def _microseconds(text: bytes) -> int | None:
    try:
        time = datetime.fromisoformat(text.decode("ascii").strip().removesuffix(" UTC"))
    except ValueError:
        return None
    return (time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)
