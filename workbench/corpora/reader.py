"""A corpus as it is read: shards to hand out, batches to scan, one blob to show, locations to join.

A shard is a run of row groups of one blobs file: the unit of work, of progress and of resume. Its id names the
content of the file, not its path, so a corpus may be moved or copied between two runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.corpora.blob_index import BlobIndex
from workbench.corpora.foreign import ForeignReader
from workbench.corpora.locations import LOCATION_COLUMNS, location_batches
from workbench.corpora.manifest import ContentIn, CorpusFile, Manifest
from workbench.corpora.pages import has_plain_pages, plain_pages
from workbench.corpora.shape import as_blobs, check_footer, wrong_blob_id
from workbench.errors import CorpusError, ShardError, UsageError, first_line
from workbench.model import BlobId, ShardId
from workbench.schemas import BLOBS, LOCATIONS

SHARD_BYTES = 256 << 20
BATCH_BYTES = 64 << 20
_STREAM_BUFFER_BYTES = 1 << 20
_ROWS_AT_ONCE = 1 << 18
_WHOLE_GROUP_SLACK = 1.25
"""A row group up to this many times ``batch_bytes`` is read in one piece: row groups are only about as large."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Row groups ``first`` to ``last`` (inclusive) of the blobs file at ``path``, which is ``file_bytes`` long.

    ``content_bytes`` is what the rows' content takes, known to about a tenth of a percent (it is read off the footer).
    ``content_in`` says where that content stands when it is in another file, by a path from the corpus.
    """

    shard_id: ShardId
    path: str
    first: int
    last: int
    rows: int
    content_bytes: int
    file_bytes: int
    content_in: ContentIn | None = None

    @property
    def content_path(self) -> Path | None:
        """The file that ``content_in`` means."""
        return Path(self.path).parents[1] / self.content_in.path if self.content_in is not None else None


class Corpus:
    """An open corpus. Holds no file open; safe to share between threads."""

    def __init__(self, folder: Path, manifest: Manifest, footers: dict[str, pq.FileMetaData]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._footers = footers
        self._index: BlobIndex | None = None

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Corpus:
        """Open the corpus in ``folder``.

        Checks sizes, footers, columns and row counts of all its files, not their hashes (``workbench corpus verify``
        does). Raises :class:`~workbench.errors.CorpusError` naming the first file that is not as the manifest says.
        """
        root = Path(folder).absolute()
        manifest = Manifest.load(root)
        blobs = {f.path: check_footer(root / f.path, f, BLOBS) for f in manifest.blob_files}
        for file in manifest.location_files:
            check_footer(root / file.path, file, LOCATIONS)
        return cls(root, manifest, blobs)

    @property
    def location_files(self) -> tuple[Path, ...]:
        """The locations files' absolute paths, for engines that read Parquet themselves."""
        return tuple(self.folder / f.path for f in self.manifest.location_files)

    @property
    def blob_files(self) -> tuple[Path, ...]:
        """The blobs files' absolute paths."""
        return tuple(self.folder / f.path for f in self.manifest.blob_files)

    def shards(self, shard_bytes: int = SHARD_BYTES) -> list[Shard]:
        """The corpus as shards of about ``shard_bytes`` of content, in the manifest's order; none when it is empty.

        The same files and ``shard_bytes`` give the same shards. A row group is never split.
        """
        if shard_bytes < 1:
            raise UsageError(f"Expected shard_bytes over 0 but got {shard_bytes}")
        return [s for f in self.manifest.blob_files for s in self._shards_of(f, shard_bytes)]

    def locations(self, blob_ids: Iterable[str] | pa.Array | pa.ChunkedArray | None = None) -> pa.Table:
        """Where blobs occur: columns of ``schemas.LOCATIONS`` and ``path_class``, in the order they were added.

        With ``blob_ids``, only those blobs'; the rest is dropped while reading, so memory follows the result.
        Raises CorpusError when a file cannot be read.
        """
        return pa.Table.from_batches(location_batches(self.location_files, blob_ids=blob_ids), LOCATION_COLUMNS)

    def locations_in(self, file: CorpusFile, blob_ids: Iterable[str] | pa.Array | None = None) -> pa.Table:
        """As :meth:`locations`, of one locations file of the manifest."""
        batches = location_batches([self.folder / file.path], blob_ids=blob_ids)
        return pa.Table.from_batches(batches, LOCATION_COLUMNS)

    def blobs_held(self, blob_ids: pa.Array) -> pa.Array:
        """Those of ``blob_ids`` (string array) that stand in the corpus. Reads one column of the blobs files.

        Raises CorpusError when a file cannot be read.
        """
        found = []
        for path in self.blob_files:
            try:
                with pq.ParquetFile(path, pre_buffer=False) as parquet:
                    for batch in parquet.iter_batches(_ROWS_AT_ONCE, columns=["blob_id"], use_threads=False):
                        ids = batch.column(0).cast(pa.string())
                        found.append(ids.filter(pc.is_in(ids, value_set=blob_ids)))
            except (pa.ArrowException, OSError, KeyError) as error:
                raise CorpusError(f"{path}: the blob ids cannot be read: {first_line(error)}. Run `workbench corpus verify`",
                                  path=path) from error
        return pc.unique(pa.concat_arrays(found)) if found else pa.array([], pa.string())

    def blob(self, blob_id: BlobId | str) -> bytes:
        """The content of one blob.

        The first call reads all blob ids (about a second for 10 million, 16 bytes of memory each); later ones cost
        one row group. Raises CorpusError when the corpus does not hold it.
        """
        check_blob_id(blob_id)
        if self._index is None:
            self._index = BlobIndex.read(self.blob_files)
        for file, row in self._index.find(blob_id):
            found, content = self._row(self.manifest.blob_files[file], row)
            if found == blob_id:
                return content
        raise CorpusError(f"Corpus {self.folder}: no blob {blob_id} in it", path=self.folder)

    def _row(self, file: CorpusFile, row: int) -> tuple[str, bytes]:
        """Blob id and content of one row of a blobs file; a null content is empty."""
        footer = self._footers[file.path]
        group = 0
        while row >= footer.row_group(group).num_rows:
            row -= footer.row_group(group).num_rows
            group += 1
        shard_id = ShardId(f"{file.sha256[:16]}:{group}-{group}")
        path = str(self.folder / file.path)
        for batch in read_batches(Shard(shard_id, path, group, group, 0, 0, file.bytes, file.content_in)):
            if row < batch.num_rows:
                return batch.column("blob_id")[row].as_py(), batch.column("content")[row].as_py() or b""
            row -= batch.num_rows
        raise ShardError(f"Shard {shard_id} of {file.path}: fewer rows than its footer says", shard_id=shard_id)

    def _content_bytes(self, file: CorpusFile, group: int) -> int:
        known = _group_content_bytes(self._footers[file.path].row_group(group))
        if known is not None:
            return known
        with pq.ParquetFile(self.folder / file.path, pre_buffer=False) as parquet:
            return pc.sum(parquet.read_row_group(group, columns=["size"]).column(0)).as_py() or 0

    def _shards_of(self, file: CorpusFile, shard_bytes: int) -> Iterator[Shard]:
        footer = self._footers[file.path]
        sizes = [self._content_bytes(file, group) for group in range(footer.num_row_groups)]
        first, rows, content = 0, 0, 0
        for group, size in enumerate(sizes):
            rows += footer.row_group(group).num_rows
            content += size
            is_last = group + 1 == len(sizes)
            # Stop where adding the next group would take the shard further from its size than leaving it out.
            if is_last or content + sizes[group + 1] / 2 > shard_bytes:
                shard_id = ShardId(f"{file.sha256[:16]}:{first}-{group}")
                path = str(self.folder / file.path)
                yield Shard(shard_id, path, first, group, rows, content, file.bytes, file.content_in)
                first, rows, content = group + 1, 0, 0


def read_batches(
    shard: Shard,
    *,
    batch_bytes: int = BATCH_BYTES,
    columns: Iterable[str] = tuple(BLOBS.names),
    check_ids: bool = True,
    in_place: bool = False,
) -> Iterator[pa.RecordBatch]:
    """The shard's rows as batches of about ``batch_bytes`` of content, with the schema ``BLOBS`` (or some columns).

    With ``in_place``, content is a ``binary_view`` over the file's pages as they were decompressed where they are plain
    ones (as this package writes them), a batch a page: half the time, for who reads bytes by :mod:`workbench.content`.

    Holds about one batch, and reads on one thread: callers parallelise over shards. A row group far larger than
    ``batch_bytes`` is streamed in pieces; a single blob larger than that makes a batch about its own size. A null
    content is passed on as null (the column then says it is nullable). Empty batches are not yielded.

    Raises :class:`~workbench.errors.ShardError` when the file is missing, changed or cannot be read, and unless
    ``check_ids`` is false also when a ``blob_id`` is not 40 lower-case hex digits.
    """
    names = list(columns)
    unknown = [n for n in names if n not in BLOBS.names]
    if unknown or batch_bytes < 1:
        raise UsageError(f"Expected columns of {BLOBS.names} and batch_bytes over 0 but got {names}, {batch_bytes}")
    try:
        actual = os.stat(shard.path).st_size
        if actual != shard.file_bytes:
            raise OSError(f"the file is {actual} bytes long, expected {shard.file_bytes}")
        with pq.ParquetFile(shard.path, pre_buffer=False) as parquet:
            done = 0
            for batch in _shard_batches(parquet, shard, names, batch_bytes, in_place):
                if batch.num_rows:
                    blobs = as_blobs(batch, names, keep_views=in_place)
                    if check_ids and "blob_id" in names:
                        _check_ids(blobs.column("blob_id"), parquet.metadata, shard, done)
                    done += batch.num_rows
                    yield blobs
    except (pa.ArrowException, OSError, KeyError, IndexError) as error:
        raise ShardError(
            f"Shard {shard.shard_id} of {shard.path} (row groups {shard.first}-{shard.last}) cannot be read: {first_line(error)}. "
            "Run `workbench corpus verify` and copy the file again",
            shard_id=shard.shard_id,
        ) from error


def _check_ids(ids: pa.StringArray, footer: pq.FileMetaData, shard: Shard, done: int) -> None:
    """Raise ShardError for a row without a blob id; ``done`` rows of the shard come before these."""
    wrong = wrong_blob_id(ids)
    if wrong is not None:
        row, got = wrong
        row += done + sum(footer.row_group(group).num_rows for group in range(shard.first))
        raise ShardError(
            f"Shard {shard.shard_id} of {shard.path}: Expected 40 lower-case hex digits in blob_id but got {got} in row "
            f"{row} (counted from 0). Write the file again with the git blob id of each content",
            shard_id=shard.shard_id)


def _shard_batches(
    parquet: pq.ParquetFile, shard: Shard, names: list[str], batch_bytes: int, in_place: bool
) -> Iterator[pa.RecordBatch]:
    groups = range(shard.first, shard.last + 1)
    if shard.content_in is None or "content" not in names:
        for group in groups:
            in_pages = in_place and "content" in names and has_plain_pages(parquet, group, "content")
            pages = _page_batches(parquet, shard.path, group, names) if in_pages else None
            yield from pages or _group_batches(parquet, shard.path, group, names, batch_bytes)
        return
    with ForeignReader(shard.content_path, shard.content_in) as foreign:
        for group in groups:
            yield from foreign.batches(parquet, group, names)


def _page_batches(
    parquet: pq.ParquetFile, path: str, group: int, names: list[str]
) -> Iterator[pa.RecordBatch] | None:
    """One row group, a batch a page of its content; None when its pages are not plain ones."""
    others = [n for n in BLOBS.names if n != "content" and (n in names or n == "size")]
    beside = parquet.read_row_group(group, columns=others, use_threads=False).combine_chunks()
    sizes = pc.fill_null(beside.column("size"), 0).to_numpy().astype(np.int64)
    pages = plain_pages(path, parquet, group, "content", sizes)
    return _beside(pages, beside, names) if pages is not None else None


def _beside(pages: Iterator[pa.Array], table: pa.Table, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Pages of content, each with its rows of the other columns, which are in one chunk."""
    first = 0
    for content in pages:
        part = table.slice(first, len(content))
        rows = {n: c.chunk(0) for n, c in zip(part.column_names, part.columns, strict=True)}
        yield pa.record_batch([content if n == "content" else rows[n] for n in names], names=names)
        first += len(content)


def _group_batches(
    parquet: pq.ParquetFile, path: str, group: int, names: list[str], batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """One row group, in one piece when it is about as large as a batch, streamed when it is larger."""
    footer = parquet.metadata.row_group(group)
    sizes = None
    if "content" in names:
        content_bytes = _group_content_bytes(footer)
        if content_bytes is None or content_bytes > batch_bytes * _WHOLE_GROUP_SLACK:
            sizes = parquet.read_row_group(group, columns=["size"], use_threads=False).column(0)
            content_bytes = pc.sum(sizes).as_py() or 0
        if content_bytes <= batch_bytes * _WHOLE_GROUP_SLACK:
            sizes = None
    if sizes is None:
        yield from parquet.read_row_group(group, columns=names, use_threads=False).to_batches()
        return
    # buffer_size makes Arrow read a column page by page; without it the whole compressed column would be held.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_STREAM_BUFFER_BYTES) as streamed:
        rows = rows_a_batch(sizes, batch_bytes)
        yield from streamed.iter_batches(rows, row_groups=[group], columns=names, use_threads=False)


def rows_a_batch(sizes: pa.ChunkedArray, batch_bytes: int) -> int:
    """Rows a batch, a power of two: about ``batch_bytes`` on the average, and no batch over ``BATCH_BYTES``.

    Blobs of one file's history stand side by side, so sizes vary by runs; rows that kept the largest run under
    ``batch_bytes`` would make thousands of tiny batches of the others. Where one blob alone is larger than
    ``BATCH_BYTES`` a batch may pass that blob's size by a quarter: one giant must not make every batch a row long.
    """
    values = pc.fill_null(sizes, 0).to_numpy().astype(np.int64)
    ends = np.concatenate(([0], np.cumsum(values)))
    limit = max(batch_bytes, BATCH_BYTES, int(values.max(initial=0) * 1.25))
    wanted = max(1, len(values) * batch_bytes // max(1, int(ends[-1])))
    rows = 1
    while rows * 2 <= wanted:
        wider = ends[:: rows * 2]
        if np.diff(np.append(wider, ends[-1])).max() > limit:
            break
        rows *= 2
    return rows


def _group_content_bytes(group: pq.RowGroupMetaData) -> int | None:
    """Bytes of content in a row group as its footer has it; None when a dictionary hides it, or another file has it."""
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema == "content":
            if column.has_dictionary_page:
                return None
            return max(0, column.total_uncompressed_size - 4 * group.num_rows)  # each value's length takes 4 bytes
    return None


def check_blob_id(blob_id: str) -> None:
    """Raise UsageError unless ``blob_id`` is 40 lower-case hex digits."""
    if len(blob_id) != 40 or not set(blob_id) <= set("0123456789abcdef"):
        raise UsageError(f"Expected 40 lower-case hex digits but got blob_id={blob_id!r}")
