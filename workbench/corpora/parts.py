"""A part is one Parquet file of a corpus, as it is written: blobs or locations, hashed on the way to disk.

Rows gather in memory until they fill a row group, which a thread of its own encodes and writes while the next one
gathers; at most one is under way. A part is named ``*.partial`` until :meth:`_Parts.name_parts`.
"""

from __future__ import annotations

import os
from array import array
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.corpora.columns import numbers, strings
from workbench.corpora.hashing_file import HashingFile
from workbench.corpora.manifest import CorpusFile
from workbench.corpora.not_written import NotWritten
from workbench.corpora.paths import PATH_CLASS, with_path_class
from workbench.errors import CorpusError
from workbench.schemas import BLOBS, LOCATIONS

_MAX_ROWS = 1 << 20
"""Rows of a blobs row group, however small they are: ids and sizes weigh too, 48 bytes together."""
_ID_DIGITS = 40
_MAX_VALUE_BYTES = (1 << 31) - 1
"""Parquet counts a value's bytes in 31 bits."""
_PAGE_BYTES, _PAGE_BLOBS = 12 << 20, 16
"""A page ends at the first multiple of so many blobs past so many bytes. A scan takes a page at a time, and pays for
each what does not grow with it, with the interpreter held: pages of 12 MiB took a sixth less time on two threads than
those of 4. What repeats is found within a page. Encoding and decoding hold whole pages."""

BLOB_OPTIONS: dict[str, Any] = {
    "compression": "lz4", "use_dictionary": False, "write_statistics": ["size"], "data_page_size": _PAGE_BYTES,
    "write_batch_size": _PAGE_BLOBS}
"""How blobs files are written."""

_LOCATION_ROWS = 1 << 17
_LOCATION_BYTES = 64 << 20
"""Rows and bytes of a locations row group: real ones have some 200 bytes a row, an enemy's paths and URLs thousands."""
_PARTIAL = ".partial"


class _Parts:
    """The parts of one folder that one writer makes: opened when first needed, closed when full or finished."""

    def __init__(self, folder: Path, schema: pa.Schema, **options: Any) -> None:
        self._folder = folder
        self._schema = schema
        self._options = options
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"write-{folder.name}")
        self._under_way: Future[None] | None = None
        self._file: HashingFile | None = None
        self._writer: pq.ParquetWriter | None = None
        self._path: Path | None = None
        self._rows = 0
        self._done: list[tuple[Path, CorpusFile]] = []

    def _send(self, batch: pa.RecordBatch) -> None:
        """Have ``batch`` written as a row group; waits for the one before."""
        self._wait()
        self._under_way = self._thread.submit(self._write, batch)

    def _wait(self) -> None:
        if self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            under_way.result()

    def _write(self, batch: pa.RecordBatch) -> None:
        try:
            self._write_group(batch)
        except OSError as error:
            raise NotWritten(self._folder.parent, error, what=self._folder.name) from error

    def _write_group(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._path = self._next_path()
            self._file = HashingFile(self._path)
            self._writer = pq.ParquetWriter(self._file, self._schema, **self._options)
        # A table goes to the file page by page; a batch would be held encoded until its row group ends.
        self._writer.write_table(pa.Table.from_batches([batch]), row_group_size=max(1, batch.num_rows))
        self._rows += batch.num_rows

    def _next_path(self) -> Path:
        taken = [int(p.name[5:10]) for p in self._folder.glob("part-[0-9][0-9][0-9][0-9][0-9].parquet*")]
        return self._folder / f"part-{max(taken, default=-1) + 1:05d}.parquet{_PARTIAL}"

    def _close_part(self) -> None:
        """End the open part, if there is one; it keeps its ``.partial`` name."""
        self._wait()
        if self._writer is None or self._file is None or self._path is None:
            return
        try:
            self._writer.close()
            self._file.close()
        except OSError as error:
            raise NotWritten(self._folder.parent, error, what=self._folder.name) from error
        final = self._path.name.removesuffix(_PARTIAL)
        entry = CorpusFile(f"{self._folder.name}/{final}", self._file.hexdigest(), self._rows, self._file.tell())
        self._done.append((self._path, entry))
        self._writer, self._file, self._path, self._rows = None, None, None, 0

    def name_parts(self) -> None:
        """Give every ended part its name."""
        for partial, _ in self._done:
            os.rename(partial, partial.with_name(partial.name.removesuffix(_PARTIAL)))
        self._done = []

    def stop(self) -> None:
        """End the writing thread."""
        self._thread.shutdown()

    def discard(self) -> None:
        """Delete every part that has no name yet, and stop."""
        try:
            self._wait()
        except Exception:  # noqa: BLE001, S110 - what could not be written is being dropped anyway
            pass
        self.stop()
        if self._file is not None and self._path is not None:
            self._file.discard()
            with suppress(Exception):  # or else it tries to end the file when it is collected, and complains
                self._writer.close()
            _delete(self._path)
        self._writer, self._file, self._path = None, None, None
        for partial, _ in self._done:
            _delete(partial)
        self._done = []


def _delete(partial: Path) -> None:
    with suppress(OSError):  # whoever writes next deletes it
        partial.unlink()


class BlobParts(_Parts):
    """Parts that hold blobs: LZ4, no dictionary, statistics on ``size`` only.

    Content is gathered in a buffer of ``row_group_bytes`` that becomes the Arrow column as it is, so a blob is copied
    once and its own memory can go. Two buffers take turns, one filling while the other is written: fresh ones would
    cost the system as much time to hand out as filling them costs.
    """

    def __init__(self, folder: Path, *, row_group_bytes: int, file_bytes: int) -> None:
        super().__init__(folder, BLOBS, **BLOB_OPTIONS)
        self._row_group_bytes = row_group_bytes
        self._file_bytes = file_bytes
        self._part_bytes = 0
        self.content_bytes = 0
        self._rows_added = 0
        # Memory comes with the first byte that is put there: a small corpus takes little.
        self._buffer, self._other_buffer = (memoryview(np.empty(row_group_bytes, np.uint8)) for _ in range(2))
        self._start_group()

    def _start_group(self) -> None:
        self._ids = bytearray()  # digits, one id behind the other
        self._ends = array("q", [0])

    def add(self, blob_id: str, content: bytes | memoryview) -> None:
        """Add one blob; the caller has made sure that it is new. Raises CorpusError for one over 2 GiB."""
        ends, size = self._ends, len(content)
        start = ends[-1]
        end = start + size
        if end > self._row_group_bytes or len(ends) > _MAX_ROWS:
            self.flush()
            if size > self._row_group_bytes:
                self._add_alone(blob_id, content)
                return
            ends, start, end = self._ends, 0, size
        self._buffer[start:end] = content if type(content) is bytes else memoryview(content).cast("B")
        self._ids += blob_id.encode()
        ends.append(end)
        self.content_bytes += size
        self._rows_added += 1

    def _add_alone(self, blob_id: str, content: bytes | memoryview) -> None:
        """Add a blob that fills a row group by itself."""
        if len(content) > _MAX_VALUE_BYTES:
            raise CorpusError(
                f"Blob {blob_id}: {len(content)} bytes are over {_MAX_VALUE_BYTES}, the most that a Parquet value can "
                "have. Skip it",
                path=self._folder.parent,
            )
        self._emit(blob_id.encode(), np.array([len(content)]), pa.array([bytes(content)], pa.large_binary()))
        self.content_bytes += len(content)
        self._rows_added += 1

    def flush(self) -> None:
        """Have what has gathered written as a row group, which goes on beside the caller."""
        if not self._ids:
            return
        ends = np.frombuffer(self._ends, np.int64)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(self._buffer)]
        content = pa.Array.from_buffers(pa.large_binary(), len(ends) - 1, buffers)
        ids = self._ids
        self._emit(ids, np.diff(ends), content)  # has waited for the group before, so the other buffer is free
        self._buffer, self._other_buffer = self._other_buffer, self._buffer
        self._start_group()

    def _emit(self, ids: bytes | bytearray, sizes: np.ndarray, content: pa.Array) -> None:
        if self._part_bytes >= self._file_bytes:
            self._close_part()
            self._part_bytes = 0
        self._part_bytes += content.nbytes
        begins = np.arange(0, len(ids) + 1, _ID_DIGITS, dtype=np.int32)
        blob_ids = pa.StringArray.from_buffers(len(sizes), pa.py_buffer(begins), pa.py_buffer(ids))
        self._send(pa.record_batch([blob_ids, numbers(sizes), content], schema=BLOBS))

    def finish(self) -> tuple[list[CorpusFile], int, int]:
        """End the open part; parts keep their ``.partial`` names until :meth:`name_parts`.

        Returns (files by their names to be, blobs, bytes of content) since the last time.
        """
        self.flush()
        self._close_part()
        counts = self._rows_added, self.content_bytes
        self._part_bytes = self._rows_added = self.content_bytes = 0
        return [entry for _, entry in self._done], *counts


class LocationParts(_Parts):
    """Parts that hold locations: zstd and dictionaries, for they repeat themselves and are not scanned."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, LOCATIONS.append(PATH_CLASS), compression="zstd")
        self._columns: list[list[Any]] = [[] for _ in LOCATIONS]
        self._batches: list[pa.RecordBatch] = []
        self._rows_added = 0

    def add(self, row: tuple[str, str, str, str, str, datetime | int | None, str]) -> None:
        """Add one location, in the order of ``schemas.LOCATIONS``."""
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        if len(self._columns[0]) >= _LOCATION_ROWS:
            self._flush()

    def extend(self, columns: list[list[Any]]) -> None:
        """Add many, a list a column in the order of ``schemas.LOCATIONS``."""
        for column, values in zip(self._columns, columns, strict=True):
            column += values
        if len(self._columns[0]) >= _LOCATION_ROWS:
            self._flush()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Add many as a batch with the columns of ``schemas.LOCATIONS``, and the paths' class if it is known."""
        self._flush()
        self._gather(batch)

    def _flush(self) -> None:
        """Turn rows that came one by one into a batch, and write it when it is large."""
        if not self._columns[0]:
            return
        arrays = [_location_column(c, f.type) for c, f in zip(self._columns, LOCATIONS, strict=True)]
        for column in self._columns:
            column.clear()
        self._gather(pa.record_batch(arrays, schema=LOCATIONS))

    def _gather(self, batch: pa.RecordBatch) -> None:
        if self._batches and self._batches[0].schema != batch.schema:  # one knows the paths' class, one does not
            self._flush_batches()
        self._batches.append(batch)
        rows, size = sum(b.num_rows for b in self._batches), sum(b.nbytes for b in self._batches)
        if rows >= _LOCATION_ROWS or size >= _LOCATION_BYTES:
            self._flush_batches()

    def _flush_batches(self) -> None:
        if self._batches:
            batch = pa.concat_batches(self._batches)
            self._batches = []
            self._rows_added += batch.num_rows
            self._send(batch)

    def _write(self, batch: pa.RecordBatch) -> None:
        super()._write(with_path_class(batch))

    def finish(self) -> tuple[list[CorpusFile], int]:
        """End the open part as :meth:`BlobParts.finish` does. Returns (files, locations) since the last time."""
        self._flush()
        self._flush_batches()
        self._close_part()
        rows, self._rows_added = self._rows_added, 0
        return [entry for _, entry in self._done], rows


def _location_column(values: list[Any], kind: pa.DataType) -> pa.Array:
    kinds = set(map(type, values))
    if kind == pa.string() and kinds == {str}:
        return strings(values)
    if pa.types.is_timestamp(kind) and kinds == {int}:
        return numbers(np.array(values, np.int64), kind)
    return pa.array(values, kind)
