"""Foreign content stands in someone else's Parquet file and is read there: the corpus has an index of it, and no copy.

The index is a blobs file without the column ``content``. It lists the blobs of the foreign file that count, each once,
with the row group and the row in it; what is null, binary, too large or known already is not listed. A row group of
the index is one of the foreign file's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.corpora.manifest import ContentIn
from workbench.corpora.table_rows import as_bytes, value_of
from workbench.corpora.tables import CONTENT, Column, TableMap, resolve
from workbench.errors import CorpusError, UsageError, first_line
from workbench.schemas import BLOBS

INDEX = pa.schema(
    [
        *(field for field in BLOBS if field.name != "content"),
        pa.field("group", pa.int32(), nullable=False),  # row group of the foreign file, the same in a row group
        pa.field("row", pa.int32(), nullable=False),  # row in that row group
        pa.field("rows_at_once", pa.int32(), nullable=False),  # how many of its rows may be decoded together
    ]
)
"""The shape of an index."""

_STREAM_BUFFER_BYTES = 1 << 20


def check_foreign(root: Path, content_in: ContentIn) -> None:
    """Raise CorpusError unless the foreign file of the corpus in ``root`` is there and as it was when indexed."""
    path = root / content_in.path
    again = "Restore the file, or index it in a new corpus with `workbench corpus add-table --in-place`"
    try:
        size = path.stat().st_size
        if size != content_in.bytes:
            changed = f"Expected {content_in.bytes} bytes but got {size}: the file was changed"
            raise CorpusError(f"{path}: {changed}. {again}", path=path)
        with pq.ParquetFile(path, pre_buffer=False) as parquet:
            _column(content_in, parquet.schema_arrow)
    except (pa.ArrowException, OSError, UsageError) as error:
        raise CorpusError(f"{path}: cannot be read as it was indexed: {first_line(error)}. {again}", path=path) from error


class ForeignReader:
    """Reads blobs whose content stands in the foreign file at ``path``; a context manager. Raises what Arrow does."""

    def __init__(self, path: Path, content_in: ContentIn) -> None:
        self._parquet = pq.ParquetFile(path, pre_buffer=False, buffer_size=_STREAM_BUFFER_BYTES)
        self._column = _column(content_in, self._parquet.schema_arrow)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parquet.close()

    def batches(self, index: pq.ParquetFile, group: int, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The blobs of a row group of the index, with some columns of ``schemas.BLOBS``.

        A batch has about 8 MiB, more where single blobs are larger. Content that needs no filtering is not copied.
        """
        listed = index.read_row_group(group, use_threads=False).combine_chunks()
        if not listed.num_rows:
            return
        (listed,) = listed.to_batches()
        rows = listed.column("row").to_numpy()
        foreign_group, rows_at_once = listed.column("group")[0].as_py(), listed.column("rows_at_once")[0].as_py()
        first = 0
        for batch in self._parquet.iter_batches(
            rows_at_once, row_groups=[foreign_group], columns=[self._column.name], use_threads=False
        ):
            low, high = np.searchsorted(rows, [first, first + batch.num_rows])
            if low < high:
                content = as_bytes(value_of(batch, self._column))
                if high - low < batch.num_rows:
                    content = content.take(pa.array(rows[low:high] - first))
                columns = {**{n: listed.column(n)[low : high] for n in ("blob_id", "size")}, "content": content}
                yield pa.record_batch([columns[name] for name in names], names=list(names))
            first += batch.num_rows


def _column(content_in: ContentIn, schema: pa.Schema) -> Column:
    return resolve(TableMap({CONTENT: content_in.column}), schema, Path(content_in.path))[CONTENT]
