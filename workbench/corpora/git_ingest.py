"""An ingest takes one repository's history into a corpus, a chunk of changes at a time.

While a chunk's blobs are read, the next is gathered and the locations of the one before, in the order of history, are
written. Memory is two chunks', whatever the repository's size.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress

from workbench.corpora.content import skip_reason
from workbench.corpora.digests import KEPT_BYTES, DigestSet
from workbench.corpora.git_chunk import Chunk, ChunkReader, NameOf, ReadChunk, Stamp
from workbench.corpora.git_history import History
from workbench.corpora.git_objects import BLOB, TREE, GitObjects
from workbench.corpora.remote import SOURCES_OF_KIND, Remote
from workbench.corpora.skips import MISSING, SUBMODULE, UNREADABLE
from workbench.corpora.writer import CorpusWriter

_FIRST_CHUNK_CHANGES = 25_000
_CHUNK_CHANGES = 75_000
"""Changes in the first chunk, and at most: each has twice as many as the one before. Reading begins early so, and then
finds more of what stands side by side in the packs."""
_CHUNK_MESSAGE_BYTES = 32 << 20
_ROWS_AT_ONCE = 20_000
_MAX_TIME = 253_402_300_799
"""The last second of the year 9999: beyond it a commit's time is a mistake, and is left out."""


UrlOf = Callable[[bytes, Stamp], str]
"""The public address of a path, as git has it, at a commit."""

CommitProgress = Callable[[int, int], None]
"""Called with (commits done, commits in all) again and again while blobs are read, for that is what takes long."""


@dataclass(slots=True)
class IngestCounts:
    """What one repository added."""

    commits: int = 0
    blobs: int = 0
    locations: int = 0
    content_bytes: int = 0


class RepositoryIngest:
    """Takes what ``history`` has into the corpus of ``writer``.

    ``located`` holds what :func:`location_key` gives for the repository's locations that the corpus has already; new
    ones are put in. ``skipped`` counts distinct contents left out, by reason.
    """

    def __init__(
        self,
        writer: CorpusWriter,
        objects: GitObjects,
        remote: Remote,
        located: DigestSet,
        *,
        max_blob_bytes: int,
    ) -> None:
        self.counts = IngestCounts()
        self.skipped: Counter[str] = Counter()
        self._writer = writer
        self._remote = remote
        self._located = located
        self._max_blob_bytes = max_blob_bytes
        self._file_source, self._message_source = SOURCES_OF_KIND[remote.kind]
        self._reader = ChunkReader(writer, objects, max_blob_bytes=max_blob_bytes, tell=self._tell)
        self._chunk, self._chunk_changes = Chunk(), _FIRST_CHUNK_CHANGES
        self._under_way: tuple[Chunk, Future[ReadChunk]] | None = None
        self._progress: CommitProgress | None = None
        self._all_commits = self._finished_commits = 0

    def run(self, history: History, progress: CommitProgress | None = None) -> None:
        """Take in everything ``history`` has. Progress is told from another thread."""
        self._progress, self._all_commits = progress, len(history)
        with ThreadPoolExecutor(1, thread_name_prefix="read-git") as thread:
            try:
                self._gather(history, thread)
                self._hand_over(thread)
                self._finish_chunk()
            except BaseException:
                self._reader.stop()
                raise
        self.counts.blobs, self.counts.content_bytes = self._reader.blobs, self._reader.content_bytes
        gaps = history.gaps
        self.skipped += self._reader.skipped + Counter(
            {MISSING: len(gaps.missing), UNREADABLE: len(gaps.damaged), SUBMODULE: len(gaps.submodules)}
        )
        if progress:
            progress(self._all_commits, self._all_commits)

    def _gather(self, history: History, thread: ThreadPoolExecutor) -> None:
        """Put changes and messages into chunks, and hand each over when it is full."""
        last, stamp = b"", Stamp("", None, is_commit=False)
        for commit, files in history.walk():
            if commit.commit_id != last:
                last = commit.commit_id
                stamp = Stamp(last.hex(), _microseconds(commit.time), is_commit=True)
                self._add_message(commit.message, stamp)
                self.counts.commits += 1
            self._add_files(files, stamp)
            self._hand_over_if_full(thread)
        for kind, object_id in history.bare_objects:
            stamp = Stamp(object_id.hex(), None, is_commit=False)
            if kind == TREE:
                self._add_files(history.tree_changes(object_id), stamp)
            elif kind == BLOB:
                self._add_files([(object_id, b"")], stamp)
            self._hand_over_if_full(thread)

    def _tell(self, chunk: Chunk, share: float) -> None:
        """Say how far it is, when ``share`` of the chunk's commits count as done."""
        if self._progress:
            done = self._finished_commits
            self._progress(done + int(share * (chunk.commits - done)), self._all_commits)

    def _add_files(self, files: Iterable[tuple[bytes, bytes]], stamp: Stamp) -> None:
        chunk = self._chunk
        before = len(chunk.blob_ids)
        for blob_id, path in files:
            chunk.blob_ids.append(blob_id)
            chunk.paths.append(path)
        chunk.stamps += [stamp] * (len(chunk.blob_ids) - before)

    def _add_message(self, message: bytes, stamp: Stamp) -> None:
        if self._message_source is None or not message.strip():
            return
        reason = skip_reason(message, max_bytes=self._max_blob_bytes)
        if reason:
            self.skipped[reason] += 1
        else:
            self._chunk.messages.append((message, stamp))
            self._chunk.message_bytes += len(message)

    def _hand_over_if_full(self, thread: ThreadPoolExecutor) -> None:
        chunk = self._chunk
        changes = len(chunk.blob_ids) + len(chunk.messages)
        if changes >= self._chunk_changes or chunk.message_bytes >= _CHUNK_MESSAGE_BYTES:
            self._hand_over(thread)

    def _hand_over(self, thread: ThreadPoolExecutor) -> None:
        """Have the chunk read, after the one before; write the locations of that one meanwhile."""
        before = self._under_way
        if before is not None:
            before[1].result()
            self._finished_commits = before[0].commits
        self._chunk.commits = self.counts.commits
        self._under_way = self._chunk, thread.submit(self._reader.read, self._chunk)
        self._chunk, self._chunk_changes = Chunk(), min(2 * self._chunk_changes, _CHUNK_CHANGES)
        if before is not None:
            self._write_chunk(before[0], before[1].result())

    def _finish_chunk(self) -> None:
        """Wait for the last chunk, and write its locations."""
        if self._under_way is not None:
            chunk, read = self._under_way
            self._under_way = None
            self._write_chunk(chunk, read.result())

    def _write_chunk(self, chunk: Chunk, read: ReadChunk) -> None:
        if self._message_source is not None and chunk.messages:
            stamps = [stamp for _, stamp in chunk.messages]
            commit_url = self._remote.commit_url
            self._write_locations(self._message_source, read.message_ids, [b""] * len(stamps), stamps,
                                  lambda _, stamp: commit_url(stamp.revision))
        for at in range(0, len(chunk.blob_ids), _ROWS_AT_ONCE):
            self._write_file_locations(chunk, read.name_of, slice(at, at + _ROWS_AT_ONCE))

    def _write_file_locations(self, chunk: Chunk, name_of: NameOf, at: slice) -> None:
        """Locations of some of the chunk's changes, those of blobs left out excepted."""
        names = [name_of(git_id) for git_id in chunk.blob_ids[at]]
        paths, stamps = chunk.paths[at], chunk.stamps[at]
        if None in names:
            is_kept = [name is not None for name in names]
            names, paths, stamps = (list(compress(values, is_kept)) for values in (names, paths, stamps))
        file_url = self._remote.file_url
        # GitHub has no address for a tree or blob outside a commit.
        self._write_locations(
            self._file_source, names, paths, stamps,
            lambda path, stamp: file_url(stamp.revision, path) if stamp.is_commit else "",
        )

    def _write_locations(
        self, source: str, blob_ids: list[str], paths: list[bytes], stamps: list[Stamp], url_of: UrlOf
    ) -> None:
        """Those of some locations that are new: lists of one length."""
        texts = [path.decode("utf-8", "backslashreplace") for path in paths]
        is_new = self._located.add_many([location_key(source, i, text) for i, text in zip(blob_ids, texts, strict=True)])
        if not is_new.all():
            chosen = is_new.tolist()
            blob_ids, paths, texts, stamps = (list(compress(values, chosen)) for values in (blob_ids, paths, texts, stamps))
        self.counts.locations += len(blob_ids)
        self._writer.add_locations(
            blob_ids,
            source=source,
            repository=self._remote.name,
            revisions=[stamp.revision for stamp in stamps],
            paths=texts,
            committed_at=[stamp.committed_at for stamp in stamps],
            urls=[url_of(path, stamp) for path, stamp in zip(paths, stamps, strict=True)]
            if self._remote.base
            else [""] * len(paths),
        )


def location_key(source: str, blob_id: str, path: str) -> bytes:
    """What tells the locations of one repository apart: of each, the first is kept."""
    return hashlib.blake2b(f"{source}\0{blob_id}\0{path}".encode(), digest_size=KEPT_BYTES).digest()


def _microseconds(seconds: int) -> int | None:
    return seconds * 1_000_000 if abs(seconds) <= _MAX_TIME else None
