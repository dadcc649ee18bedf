"""Compacting rewrites a corpus's files as the writer makes them: few, of about a gigabyte of content, LZ4.

Many refreshes leave many small files; files of others come in other codecs, which cost scanning speed. Rows stay what
they are. Shards get new ids, so a batch of runs that spans a compaction scans rewritten files once more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from workbench.corpora.digests import DigestSet
from workbench.corpora.journal import clean, replace_manifest
from workbench.corpora.locations import location_batches
from workbench.corpora.lock import FolderLock
from workbench.corpora.manifest import BLOBS_FOLDER, LOCATIONS_FOLDER, CorpusFile, Manifest
from workbench.corpora.not_written import NotWritten
from workbench.corpora.parts import BlobParts, LocationParts
from workbench.corpora.paths import PATH_CLASS
from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.skips import NULL_CONTENT
from workbench.corpora.writer import FILE_BYTES, ROW_GROUP_BYTES

CompactProgress = Callable[[int, int], None]
"""Called with (bytes of files rewritten, bytes in all)."""

_SMALL_LOCATIONS_BYTES = 64 << 20
_GOOD_LOCATION_CODECS = {"ZSTD", "LZ4"}


@dataclass(frozen=True, slots=True)
class CompactReport:
    """Files and bytes on disk before and after; ``rewritten`` counts files read, ``dropped`` rows left out."""

    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    rewritten: int
    dropped: int


def compact(
    folder: str | os.PathLike[str], *, file_bytes: int = FILE_BYTES, progress: CompactProgress | None = None
) -> CompactReport:
    """Rewrite those files of the corpus in ``folder`` that are small, or not as the writer makes them.

    Rows with a null content and blobs that stand twice are dropped, and nothing else. A crash leaves the corpus as it
    was. Raises :class:`~workbench.errors.CorpusError` when the corpus is not whole or is being written to.
    """
    root = Path(folder)
    Manifest.load(root)  # before the lock makes a file there
    lock = FolderLock(root)
    try:
        clean(root, Manifest.load(root))
        return _Compaction(Corpus.open(root), file_bytes, progress).run()
    except OSError as error:
        raise NotWritten(root, error) from error
    finally:
        lock.release()


class _Compaction:
    def __init__(self, corpus: Corpus, file_bytes: int, progress: CompactProgress | None) -> None:
        self._corpus = corpus
        self._file_bytes = file_bytes
        self._progress = progress
        self._done_bytes = self._all_bytes = 0
        self._dropped_nulls = self._dropped_twins = self._dropped_bytes = 0

    def run(self) -> CompactReport:
        old = self._corpus.manifest
        blob_files, location_files = self._blob_files_to_rewrite(), self._location_files_to_rewrite()
        rewritten = blob_files + location_files
        new = old
        if rewritten:
            self._all_bytes = sum(f.bytes for f in rewritten)
            new = self._rewrite(old, blob_files, location_files)
        return CompactReport(
            files_before=len(old.files),
            files_after=len(new.files),
            bytes_before=sum(f.bytes for f in old.files),
            bytes_after=sum(f.bytes for f in new.files),
            rewritten=len(rewritten),
            dropped=self._dropped_nulls + self._dropped_twins,
        )

    def _rewrite(self, old: Manifest, blob_files: list[CorpusFile], location_files: list[CorpusFile]) -> Manifest:
        root = self._corpus.folder
        blobs = BlobParts(root / BLOBS_FOLDER, row_group_bytes=ROW_GROUP_BYTES, file_bytes=self._file_bytes)
        locations = LocationParts(root / LOCATIONS_FOLDER)
        try:
            self._copy_blobs(blob_files, blobs)
            for file in location_files:
                for batch in location_batches([root / file.path]):
                    locations.add_batch(batch)
                self._tell(file)
            new_blobs, _, _ = blobs.finish()
            new_locations, _ = locations.finish()
            gone = {file.path for file in (*blob_files, *location_files)}
            files = (*(f for f in old.files if f.path not in gone), *new_blobs, *new_locations)
            new = replace(
                old,
                files=files,
                blobs=old.blobs - self._dropped_nulls - self._dropped_twins,
                content_bytes=old.content_bytes - self._dropped_bytes,
                skipped=self._skipped(old),
            )
            replace_manifest(root, old, new, lambda: (blobs.name_parts(), locations.name_parts()))
        except BaseException:
            blobs.discard()
            locations.discard()
            raise
        blobs.stop()
        locations.stop()
        return new

    def _copy_blobs(self, files: list[CorpusFile], blobs: BlobParts) -> None:
        seen = DigestSet()
        names = {file.path for file in files}
        for shard in self._corpus.shards():
            path = Path(shard.path).relative_to(self._corpus.folder).as_posix()
            if path not in names:
                continue
            for batch in read_batches(shard):
                for blob_id, scalar in zip(batch.column("blob_id").to_pylist(), batch.column("content"), strict=True):
                    buffer = scalar.as_buffer()
                    if buffer is None:
                        self._dropped_nulls += 1
                    elif not seen.add(bytes.fromhex(blob_id)):
                        self._dropped_twins += 1
                        self._dropped_bytes += buffer.size
                    else:
                        blobs.add(blob_id, memoryview(buffer))
        for file in files:
            self._tell(file)

    def _skipped(self, old: Manifest) -> dict[str, int]:
        if not self._dropped_nulls:
            return dict(old.skipped)
        return {**old.skipped, NULL_CONTENT: old.skipped.get(NULL_CONTENT, 0) + self._dropped_nulls}

    def _tell(self, file: CorpusFile) -> None:
        self._done_bytes += file.bytes
        if self._progress:
            self._progress(self._done_bytes, self._all_bytes)

    def _blob_files_to_rewrite(self) -> list[CorpusFile]:
        files = self._corpus.manifest.blob_files
        small = [f for f in files if self._content_bytes(f) < self._file_bytes / 2]
        again = set(small) if len(small) > 1 else set()
        again |= {f for f in files if not self._is_as_written(f)}
        return [f for f in files if f in again]

    def _content_bytes(self, file: CorpusFile) -> int:
        return sum(s.content_bytes for s in self._corpus.shards() if s.path == str(self._corpus.folder / file.path))

    def _is_as_written(self, file: CorpusFile) -> bool:
        if file.content_in is not None:
            return False
        footer = pq.read_metadata(self._corpus.folder / file.path)
        content = footer.schema.names.index("content")
        columns = [footer.row_group(g).column(content) for g in range(footer.num_row_groups)]
        full = [c.total_uncompressed_size for c in columns[:-1]]  # the last may be small
        return (
            all(c.compression == "LZ4" and not c.has_dictionary_page for c in columns)
            # A blob may be larger than a row group is meant to be; many rows in such a one are another's layout.
            and all(
                c.total_uncompressed_size <= 2 * ROW_GROUP_BYTES or footer.row_group(g).num_rows == 1
                for g, c in enumerate(columns)
            )
            and sum(full) >= len(full) * ROW_GROUP_BYTES / 2
        )

    def _location_files_to_rewrite(self) -> list[CorpusFile]:
        files = self._corpus.manifest.location_files
        small = [f for f in files if f.bytes < _SMALL_LOCATIONS_BYTES]
        again = set(small) if len(small) > 1 else set()
        for file in files:
            footer = pq.read_metadata(self._corpus.folder / file.path)
            codecs = {footer.row_group(g).column(0).compression for g in range(footer.num_row_groups)}
            if PATH_CLASS.name not in footer.schema.names or codecs - _GOOD_LOCATION_CODECS:
                again.add(file)
        return [f for f in files if f in again]
