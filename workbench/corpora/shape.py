"""A shape is which columns a corpus file has, and of which types; files of others fit when theirs can stand in.

Content may be any kind of string or binary, names any kind of string, sizes any kind of integer, and each may be
dictionary-encoded. Whatever it was, readers give it the types of ``schemas``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.corpora.foreign import INDEX, check_foreign
from workbench.corpora.manifest import CorpusFile
from workbench.errors import CorpusError, first_line
from workbench.schemas import BLOBS, LOCATIONS

_ID_DIGITS = 40
_ZERO, _A = np.uint8(ord("0")), np.uint8(ord("a"))


def check_footer(path: Path, file: CorpusFile, schema: pa.Schema) -> pq.FileMetaData:
    """The footer of a corpus file, once it is known to be what the manifest says and of the shape of ``schema``.

    Raises CorpusError when its size, its row count or its columns are others, or it is no whole Parquet file.
    """
    size = path.stat().st_size
    if size != file.bytes:
        raise CorpusError(f"{path}: Expected {file.bytes} bytes but got {size}. Copy the file again", path=path)
    try:
        with pq.ParquetFile(path, pre_buffer=False) as parquet:
            footer, found = parquet.metadata, parquet.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{path}: not a whole Parquet file: {first_line(error)}. Copy the file again", path=path) from error
    if footer.num_rows != file.rows:
        raise CorpusError(f"{path}: Expected {file.rows} rows but got {footer.num_rows}. Copy the file again",
                          path=path)
    if file.content_in is not None and schema is BLOBS:
        schema = INDEX
        check_foreign(path.parents[1], file.content_in)
    for field in schema:
        at = found.get_field_index(field.name)
        if at < 0:
            raise CorpusError(
                f"{path}: Expected a column {field.name} but got {', '.join(found.names)}. Import the file with "
                "`workbench corpus add-table` if it has another schema",
                path=path,
            )
        if not _fits(found.field(at).type, field.type):
            raise CorpusError(
                f"{path}: Expected column {field.name} of type {field.type} but got {found.field(at).type}. Import the "
                "file with `workbench corpus add-table` if it has another schema",
                path=path,
            )
    return footer


def as_blobs(batch: pa.RecordBatch, names: Sequence[str], *, keep_views: bool = False) -> pa.RecordBatch:
    """``batch`` with the types of ``BLOBS``, copying offsets at most; a column with nulls says that it is nullable.

    With ``keep_views`` a ``binary_view`` stays one."""
    arrays, fields = [], []
    for name in names:
        array, field = batch.column(name), BLOBS.field(name)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if keep_views and array.type == pa.binary_view():
            field = field.with_type(array.type)
        elif array.type != field.type:
            array = array.cast(field.type)
        arrays.append(array)
        fields.append(field.with_nullable(True) if array.null_count else field)
    return pa.record_batch(arrays, schema=pa.schema(fields))


def wrong_blob_id(ids: pa.StringArray) -> tuple[int, str] | None:
    """The first row (0-based) without a blob id, 40 lower-case hex digits, and what stands there; None when there is none.

    For the batches that are scanned: some microseconds for a thousand ids. What stands there is told, not shown.
    """
    if not len(ids) or (not ids.null_count and _all_blob_ids(ids)):
        return None
    for row, blob_id in enumerate(ids.to_pylist()):
        if blob_id is None:
            return row, "a null"
        if len(blob_id) != _ID_DIGITS:
            return row, f"{len(blob_id)} characters"
        if not set(blob_id) <= set("0123456789abcdef"):
            return row, "other characters"
    return None


def _all_blob_ids(ids: pa.StringArray) -> bool:
    offsets = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if not (np.diff(offsets) == _ID_DIGITS).all():
        return False
    digits = np.frombuffer(ids.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    # Unsigned, so that what is below the first digit, or letter, wraps round to far above the last.
    return bool((((digits - _ZERO) < 10) | ((digits - _A) < 6)).all())


def _fits(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether a column of type ``found`` can stand in for ``expected`` without looking at its values."""
    is_type = pa.types
    if is_type.is_dictionary(found):
        found = found.value_type
    if is_type.is_null(found):
        return expected == LOCATIONS.field("committed_at").type or expected == LOCATIONS.field("url").type
    text = (is_type.is_string, is_type.is_large_string, is_type.is_string_view)
    if expected == BLOBS.field("content").type:
        binary = (is_type.is_binary, is_type.is_large_binary, is_type.is_binary_view)
        return any(check(found) for check in (*text, *binary))
    if is_type.is_string(expected):
        return any(check(found) for check in text)
    if is_type.is_timestamp(expected):
        return is_type.is_timestamp(found)
    return is_type.is_integer(found)
