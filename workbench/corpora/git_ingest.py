"""An ingest takes one repository's history into a corpus, a chunk of changes at a time.

A chunk's new blobs are read together, in the order in which they stand in the packs, and its locations follow in the
order of history. Memory is a chunk's, whatever the repository's size.
"""

from __future__ import annotations

import hashlib
from binascii import unhexlify
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from workbench.corpora.content import skip_reason
from workbench.corpora.digests import KEPT_BYTES, DigestSet
from workbench.corpora.git_history import History
from workbench.corpora.git_objects import BLOB, SIZE_MISSING, TREE, GitObjects
from workbench.corpora.remote import SOURCES_OF_KIND, Remote
from workbench.corpora.skips import MISSING, SUBMODULE, TOO_LARGE, UNREADABLE
from workbench.corpora.writer import CorpusWriter, blob_id_of

_CHUNK_CHANGES = 150_000
_CHUNK_MESSAGE_BYTES = 32 << 20
_ROWS_AT_ONCE = 20_000
_PROGRESS_BLOBS = 1000
_MAX_TIME = 253_402_300_799
"""The last second of the year 9999: beyond it a commit's time is a mistake, and is left out."""


class Stamp(NamedTuple):
    """Where and when a change was made: a commit's id and time (microseconds since 1970)."""

    revision: str
    committed_at: int | None
    is_commit: bool


Row = tuple[str, str, bytes, Stamp]
"""A location in the making: blob id, path as text, path as git has it, commit."""

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
        self._objects = objects
        self._remote = remote
        self._located = located
        self._max_blob_bytes = max_blob_bytes
        self._file_source, self._message_source = SOURCES_OF_KIND[remote.kind]
        self._rejected = DigestSet()
        # A SHA-256 repository's blobs get their SHA-1 ids only when read; this remembers them, at 200 bytes a blob.
        self._translated: dict[bytes, str | None] | None = {} if objects.id_bytes != 20 else None
        self._progress: CommitProgress | None = None
        self._all_commits = 0
        self._start_chunk()

    def run(self, history: History, progress: CommitProgress | None = None) -> None:
        """Take in everything ``history`` has."""
        self._progress, self._all_commits = progress, len(history)
        last, stamp = b"", Stamp("", None, is_commit=False)
        for commit, files in history.walk():
            if commit.commit_id != last:
                last = commit.commit_id
                stamp = Stamp(last.hex(), _microseconds(commit.time), is_commit=True)
                self._add_message(commit.message, stamp)
                self.counts.commits += 1
            self._add_files(files, stamp)
        for kind, object_id in history.bare_objects:
            stamp = Stamp(object_id.hex(), None, is_commit=False)
            if kind == TREE:
                self._add_files(history.tree_changes(object_id), stamp)
            elif kind == BLOB:
                self._add_files([(object_id, b"")], stamp)
        self._finish_chunk()
        gaps = history.gaps
        self.skipped += Counter(
            {MISSING: len(gaps.missing), UNREADABLE: len(gaps.damaged), SUBMODULE: len(gaps.submodules)}
        )
        if progress:
            progress(self._all_commits, self._all_commits)

    def _tell(self, share: float) -> None:
        """Say how far it is, when ``share`` of the chunk's commits count as done."""
        if self._progress:
            done = self._finished_commits
            self._progress(done + int(share * (self.counts.commits - done)), self._all_commits)

    def _start_chunk(self) -> None:
        self._blob_ids: list[bytes] = []
        self._paths: list[bytes] = []
        self._stamps: list[Stamp] = []
        self._messages: list[tuple[bytes, Stamp]] = []
        self._message_bytes = 0
        self._finished_commits = self.counts.commits

    def _add_files(self, files: Iterable[tuple[bytes, bytes]], stamp: Stamp) -> None:
        before = len(self._blob_ids)
        for blob_id, path in files:
            self._blob_ids.append(blob_id)
            self._paths.append(path)
        self._stamps += [stamp] * (len(self._blob_ids) - before)
        is_full = len(self._blob_ids) + len(self._messages) >= _CHUNK_CHANGES
        if is_full or self._message_bytes >= _CHUNK_MESSAGE_BYTES:
            self._finish_chunk()

    def _add_message(self, message: bytes, stamp: Stamp) -> None:
        if self._message_source is None or not message.strip():
            return
        reason = skip_reason(message, max_bytes=self._max_blob_bytes)
        if reason:
            self.skipped[reason] += 1
        else:
            self._messages.append((message, stamp))
            self._message_bytes += len(message)

    def _finish_chunk(self) -> None:
        """Read the chunk's new blobs, and write its locations."""
        if self._messages:
            self._write_messages()
        translated = self._translated
        names = self._read_new_blobs() if translated is None else self._read_translated_blobs(translated)
        for at in range(0, len(self._blob_ids), _ROWS_AT_ONCE):
            self._write_file_locations(names, slice(at, at + _ROWS_AT_ONCE))
        self._start_chunk()

    def _write_messages(self) -> None:
        ids = [blob_id_of(message) for message, _ in self._messages]
        is_known = self._writer.known.contains_many([unhexlify(i) for i in ids]).tolist()
        new = {i: message for i, (message, _), known in zip(ids, self._messages, is_known, strict=True) if not known}
        self._add_blobs(new.items())
        rows = [(i, "", b"", stamp) for i, (_, stamp) in zip(ids, self._messages, strict=True)]
        self._write_locations(self._message_source, rows, lambda _, stamp: self._remote.commit_url(stamp.revision))

    def _write_file_locations(self, names: dict[bytes, str | None], at: slice) -> None:
        """Locations of some of the chunk's changes, those of blobs left out excepted."""
        changes = zip(self._blob_ids[at], self._paths[at], self._stamps[at], strict=True)
        rows = [
            (blob_id, path.decode("utf-8", "backslashreplace"), path, stamp)
            for git_id, path, stamp in changes
            if (blob_id := names[git_id]) is not None
        ]
        file_url = self._remote.file_url
        # GitHub has no address for a tree or blob outside a commit.
        self._write_locations(
            self._file_source, rows, lambda path, stamp: file_url(stamp.revision, path) if stamp.is_commit else ""
        )

    def _write_locations(self, source: str, rows: list[Row], url_of: Callable[[bytes, Stamp], str]) -> None:
        is_new = self._located.add_many([location_key(source, blob_id, text) for blob_id, text, _, _ in rows])
        rows = [rows[at] for at in np.flatnonzero(is_new).tolist()]
        self.counts.locations += len(rows)
        self._writer.add_locations(
            [blob_id for blob_id, _, _, _ in rows],
            source=source,
            repository=self._remote.name,
            revisions=[stamp.revision for _, _, _, stamp in rows],
            paths=[text for _, text, _, _ in rows],
            committed_at=[stamp.committed_at for _, _, _, stamp in rows],
            urls=[url_of(path, stamp) for _, _, path, stamp in rows],
        )

    def _read_new_blobs(self) -> dict[bytes, str | None]:
        """Add the chunk's blobs that the corpus lacks. Returns the blob id of each, None for those left out."""
        distinct = list(dict.fromkeys(self._blob_ids))
        is_known = self._writer.known.contains_many(distinct)
        is_rejected = self._rejected.contains_many(distinct)
        names: dict[bytes, str | None] = {git_id: git_id.hex() for git_id in distinct}
        names.update((distinct[at], None) for at in np.flatnonzero(is_rejected).tolist())
        wanted = [distinct[at] for at in np.flatnonzero(~(is_known | is_rejected)).tolist()]

        def kept() -> Iterator[tuple[str, bytes]]:
            for git_id, content in self._read_kept(wanted):
                if content is None:
                    self._rejected.add(git_id)
                    names[git_id] = None
                else:
                    yield names[git_id], content

        self._add_blobs(kept())
        return names

    def _read_translated_blobs(self, translated: dict[bytes, str | None]) -> dict[bytes, str | None]:
        """The same for a SHA-256 repository: the id of a blob follows from its content."""
        for git_id, content in self._read_kept([i for i in dict.fromkeys(self._blob_ids) if i not in translated]):
            translated[git_id] = blob_id = None if content is None else blob_id_of(content)
            if blob_id is not None and not self._writer.has_blob(blob_id):
                self._add_blobs([(blob_id, content)])
        return translated

    def _read_kept(self, wanted: list[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
        """(git's id, content) of each blob; the content is None when it is to be left out, and that is counted."""
        max_bytes = self._max_blob_bytes
        for at, (git_id, size, content) in enumerate(self._objects.read_blobs(wanted, max_bytes)):
            if at % _PROGRESS_BLOBS == 0:
                self._tell(at / len(wanted))
            if content is None:
                reason = MISSING if size == SIZE_MISSING else UNREADABLE if size < 0 else TOO_LARGE
            else:
                reason = skip_reason(content, max_bytes=max_bytes)
            if reason is None:
                yield git_id, content
            else:
                self.skipped[reason] += 1
                yield git_id, None

    def _add_blobs(self, blobs: Iterable[tuple[str, bytes]]) -> None:
        count, content_bytes = self._writer.add_new_blobs(blobs)
        self.counts.blobs += count
        self.counts.content_bytes += content_bytes


def location_key(source: str, blob_id: str, path: str) -> bytes:
    """What tells the locations of one repository apart: of each, the first is kept."""
    return hashlib.blake2b(f"{source}\0{blob_id}\0{path}".encode(), digest_size=KEPT_BYTES).digest()


def _microseconds(seconds: int) -> int | None:
    return seconds * 1_000_000 if abs(seconds) <= _MAX_TIME else None
