"""An ingest takes one repository's history into a corpus, a chunk of changes at a time.

A chunk's new blobs are read together, in the order in which they stand in the packs, and its locations follow in the
order of history. Memory is a chunk's, whatever the repository's size.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from workbench.corpora.content import MISSING, SUBMODULE, TOO_LARGE, UNREADABLE, skip_reason
from workbench.corpora.digests import KEPT_BYTES, DigestSet
from workbench.corpora.git_history import History
from workbench.corpora.git_objects import BLOB, SIZE_MISSING, TREE, GitObjects
from workbench.corpora.remote import SOURCES_OF_KIND, Remote
from workbench.corpora.writer import CorpusWriter, blob_id_of

_CHUNK_CHANGES = 200_000
_PROGRESS_COMMITS = 250
_MAX_TIME = 253_402_300_799
"""The last second of the year 9999: beyond it a commit's time is a mistake, and is left out."""

CommitProgress = Callable[[int, int], None]
"""Called with (commits done, commits in all)."""


class Stamp(NamedTuple):
    """Where and when a change was made: a commit's id and time (microseconds since 1970)."""

    revision: str
    committed_at: int | None
    has_url: bool


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
        self._start_chunk()

    def run(self, history: History, progress: CommitProgress | None = None) -> None:
        """Take in everything ``history`` has."""
        total = len(history)
        for commit in history.commits():
            stamp = Stamp(commit.commit_id.hex(), _microseconds(commit.time), has_url=True)
            self._add_message(commit.message, stamp)
            self._add_files(history.changes(commit), stamp)
            self.counts.commits += 1
            if progress and self.counts.commits % _PROGRESS_COMMITS == 0:
                progress(self.counts.commits, total)
        for kind, object_id in history.bare_objects:
            # GitHub has no address for a tree or blob outside a commit.
            stamp = Stamp(object_id.hex(), None, has_url=False)
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
            progress(total, total)

    def _start_chunk(self) -> None:
        self._blob_ids: list[bytes] = []
        self._paths: list[bytes] = []
        self._stamps: list[Stamp] = []

    def _add_files(self, files: Iterable[tuple[bytes, bytes]], stamp: Stamp) -> None:
        before = len(self._blob_ids)
        for blob_id, path in files:
            self._blob_ids.append(blob_id)
            self._paths.append(path)
        self._stamps += [stamp] * (len(self._blob_ids) - before)
        if len(self._blob_ids) >= _CHUNK_CHANGES:
            self._finish_chunk()

    def _add_message(self, message: bytes, stamp: Stamp) -> None:
        if self._message_source is None or not message.strip():
            return
        reason = skip_reason(message, max_bytes=self._max_blob_bytes)
        if reason:
            self.skipped[reason] += 1
            return
        blob_id = blob_id_of(message)
        self._add_blob(blob_id, message)
        if self._located.add(location_key(self._message_source, blob_id, "")):
            url = self._remote.commit_url(stamp.revision)
            self._add_location(blob_id, self._message_source, "", stamp, url)

    def _finish_chunk(self) -> None:
        """Read the chunk's new blobs, then write its locations."""
        names = self._read_new_blobs() if self._translated is None else self._read_translated_blobs()
        keys, rows = [], []
        for git_id, path, stamp in zip(self._blob_ids, self._paths, self._stamps, strict=True):
            blob_id = names[git_id]
            if blob_id is not None:
                text = path.decode("utf-8", "backslashreplace")
                keys.append(location_key(self._file_source, blob_id, text))
                rows.append((blob_id, text, path, stamp))
        is_new = self._located.add_many(keys)
        for (blob_id, text, path, stamp), new in zip(rows, is_new.tolist(), strict=True):
            if new:
                url = self._remote.file_url(stamp.revision, path) if stamp.has_url else ""
                self._add_location(blob_id, self._file_source, text, stamp, url)
        self._start_chunk()

    def _read_new_blobs(self) -> dict[bytes, str | None]:
        """Add the chunk's blobs that the corpus lacks. Returns the blob id of each, None for those left out."""
        distinct = list(dict.fromkeys(self._blob_ids))
        is_known = self._writer.known.contains_many(distinct)
        is_rejected = self._rejected.contains_many(distinct)
        names = {i: None if left_out else i.hex() for i, left_out in zip(distinct, is_rejected.tolist(), strict=True)}
        wanted = [distinct[at] for at in np.flatnonzero(~(is_known | is_rejected)).tolist()]
        for git_id, size, content in self._objects.read_blobs(wanted, self._max_blob_bytes):
            if self._is_left_out(size, content):
                self._rejected.add(git_id)
                names[git_id] = None
            else:
                self._add_blob(names[git_id], content)
        return names

    def _read_translated_blobs(self) -> dict[bytes, str | None]:
        """The same for a SHA-256 repository: the id of a blob follows from its content."""
        wanted = [i for i in dict.fromkeys(self._blob_ids) if i not in self._translated]
        for git_id, size, content in self._objects.read_blobs(wanted, self._max_blob_bytes):
            if self._is_left_out(size, content):
                self._translated[git_id] = None
            else:
                blob_id = self._translated[git_id] = blob_id_of(content)
                self._add_blob(blob_id, content)
        return self._translated

    def _is_left_out(self, size: int, content: bytes | None) -> bool:
        if content is None:
            reason = MISSING if size == SIZE_MISSING else UNREADABLE if size < 0 else TOO_LARGE
        else:
            reason = skip_reason(content, max_bytes=self._max_blob_bytes)
        if reason:
            self.skipped[reason] += 1
        return reason is not None

    def _add_blob(self, blob_id: str, content: bytes) -> None:
        if self._writer.add_blob(blob_id, content):
            self.counts.blobs += 1
            self.counts.content_bytes += len(content)

    def _add_location(self, blob_id: str, source: str, path: str, stamp: Stamp, url: str) -> None:
        self.counts.locations += 1
        self._writer.add_location(
            blob_id,
            source=source,
            repository=self._remote.name,
            revision=stamp.revision,
            path=path,
            committed_at=stamp.committed_at,
            url=url,
        )


def location_key(source: str, blob_id: str, path: str) -> bytes:
    """What tells the locations of one repository apart: of each, the first is kept."""
    return hashlib.blake2b(f"{source}\0{blob_id}\0{path}".encode(), digest_size=KEPT_BYTES).digest()


def _microseconds(seconds: int) -> int | None:
    return seconds * 1_000_000 if abs(seconds) <= _MAX_TIME else None
