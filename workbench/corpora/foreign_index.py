"""A foreign index is written while a foreign file is read: which of its rows are the corpus's blobs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.corpora.foreign import INDEX
from workbench.corpora.hashing_file import HashingFile
from workbench.corpora.manifest import BLOBS_FOLDER, ContentIn, CorpusFile
from workbench.corpora.reader import rows_a_batch
from workbench.corpora.table_rows import TableRows
from workbench.corpora.writer import CorpusWriter
from workbench.errors import UsageError

_BATCH_BYTES = 8 << 20
"""What a scan reads at a time (see ``batch.run``)."""


class ForeignIndex:
    """Indexes the column ``column`` of the file at ``path`` for the corpus of ``writer``.

    :meth:`add` takes the rows in their order, and :meth:`finish` gives the index to the writer.
    """

    def __init__(self, writer: CorpusWriter, path: Path, column: str) -> None:
        self._writer = writer
        self._content_in = ContentIn(self.check_place(writer.folder, path), column, path.stat().st_size)
        folder = writer.folder / BLOBS_FOLDER
        taken = [int(p.name[6:11]) for p in folder.glob("index-[0-9][0-9][0-9][0-9][0-9].parquet*")]
        self._name = f"index-{max(taken, default=-1) + 1:05d}.parquet"
        self._partial = folder / f"{self._name}.partial"
        self._file = HashingFile(self._partial)
        self._parquet = pq.ParquetWriter(self._file, INDEX, compression="zstd", use_dictionary=False)
        self._rows = self._content_bytes = 0
        self._start_group(-1)

    @staticmethod
    def check_place(folder: Path, path: Path) -> str:
        """The path of a file from the corpus's folder. Raises UsageError when it stands elsewhere."""
        try:
            # Not resolved: a link in the folder is how a file elsewhere gets into it.
            return Path(os.path.abspath(path)).relative_to(os.path.abspath(folder)).as_posix()
        except ValueError:
            raise UsageError(
                f"{path}: Expected a file inside the corpus's folder {folder}, for its content stays where it is. Name "
                "the folder that holds the files with --corpus, or link them into it"
            ) from None

    def add(self, rows: TableRows, listed: list[tuple[str, int, int]]) -> None:
        """List blobs of the next rows: (blob id, size, row in the row group) each."""
        if rows.group != self._group:
            self._end_group()
            self._start_group(rows.group)
        self._sizes += [len(content) if content is not None else 0 for content in rows.contents]
        self._listed += listed

    def finish(self) -> None:
        """Give the index to the writer, or drop it when it lists nothing."""
        self._end_group()
        self._parquet.close()
        self._file.close()
        if not self._rows:
            self._partial.unlink()
            return
        entry = CorpusFile(f"{BLOBS_FOLDER}/{self._name}", self._file.hexdigest(), self._rows, self._file.tell(),
                           self._content_in)
        self._writer.take_blob_file(self._partial, entry, self._content_bytes)

    def discard(self) -> None:
        """Delete what was written."""
        self._file.discard()
        with suppress(Exception):  # or else it tries to end the file when it is collected, and complains
            self._parquet.close()
        with suppress(OSError):
            self._partial.unlink()

    def _start_group(self, group: int) -> None:
        self._group = group
        self._sizes: list[int] = []
        self._listed: list[tuple[str, int, int]] = []

    def _end_group(self) -> None:
        if not self._listed:
            return
        # By all rows' sizes, for those that are not listed are decoded too.
        sizes = pa.chunked_array([pa.array(np.array(self._sizes, np.int64))])
        rows_at_once = rows_a_batch(sizes, _BATCH_BYTES)
        blob_ids, listed_sizes, rows = zip(*self._listed, strict=True)
        count = len(rows)
        columns = [blob_ids, listed_sizes, [self._group] * count, rows, [rows_at_once] * count]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, INDEX, strict=True)]
        self._parquet.write_table(pa.table(arrays, schema=INDEX), row_group_size=count)
        self._rows += count
        self._content_bytes += sum(listed_sizes)
