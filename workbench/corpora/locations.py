"""Locations are read as they are filtered: memory follows what is asked for, not what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from workbench.corpora.paths import PATH_CLASS, with_path_class
from workbench.errors import CorpusError
from workbench.schemas import LOCATIONS

LOCATION_COLUMNS = LOCATIONS.append(PATH_CLASS)
"""What readers give: ``schemas.LOCATIONS`` and the path's class."""

_BATCH_ROWS = 1 << 17


def location_batches(
    paths: Iterable[Path],
    *,
    blob_ids: Iterable[str] | pa.Array | pa.ChunkedArray | None = None,
    repositories: Iterable[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of locations files in their order, as ``LOCATION_COLUMNS``, of certain blobs or repositories or of all.

    Raises CorpusError when a file cannot be read.
    """
    import pyarrow.dataset as ds  # here, because it imports pandas, which takes longer than many a refresh

    wanted = None
    for column, values in (("blob_id", blob_ids), ("repository", repositories)):
        if values is not None:
            condition = ds.field(column).isin(_strings(values))
            wanted = condition if wanted is None else wanted & condition
    for path in paths:
        try:
            scanner = ds.dataset(path, format="parquet").scanner(
                filter=wanted, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1
            )
            for batch in scanner.to_batches():
                if batch.num_rows:
                    yield _as_locations(batch)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise CorpusError(f"{path}: the locations cannot be read: {error}. Run `workbench corpus verify`",
                              path=path) from error


def _as_locations(batch: pa.RecordBatch) -> pa.RecordBatch:
    arrays = []
    for field in LOCATIONS:
        array = batch.column(field.name)
        arrays.append(array.dictionary_decode() if pa.types.is_dictionary(array.type) else array)
    columns = [array.cast(field.type) for array, field in zip(arrays, LOCATIONS, strict=True)]
    if PATH_CLASS.name in batch.schema.names:
        return pa.record_batch([*columns, batch.column(PATH_CLASS.name).cast(pa.string())], schema=LOCATION_COLUMNS)
    return with_path_class(pa.record_batch(columns, schema=LOCATIONS))


def _strings(values: Iterable[str] | pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks().cast(pa.string())
    if isinstance(values, pa.Array):
        return values.cast(pa.string())
    return pa.array(values, pa.string())
