"""A chunk is a run of a history's changes that is taken in at once: its new blobs are read together, in the order in
which they stand in the packs.

It is read on a thread of its own, for git is the one that takes long: meanwhile the next chunk is gathered and the
locations of the one before are written.
"""

from __future__ import annotations

from binascii import unhexlify
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from workbench.corpora.content import skip_reason
from workbench.corpora.digests import DigestSet
from workbench.corpora.git_objects import SIZE_MISSING, GitObjects
from workbench.corpora.skips import MISSING, TOO_LARGE, UNREADABLE
from workbench.corpora.writer import CorpusWriter, blob_id_of

_PROGRESS_BLOBS = 1000

NameOf = Callable[[bytes], str | None]
"""The blob id of what git names by an id, None where it is left out."""


class Stamp(NamedTuple):
    """Where and when a change was made: a commit's id and time (microseconds since 1970)."""

    revision: str
    committed_at: int | None
    is_commit: bool


@dataclass(slots=True)
class Chunk:
    """Changes as three lists of one length, commit messages, and how many commits are done when it is."""

    blob_ids: list[bytes] = field(default_factory=list)
    paths: list[bytes] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    messages: list[tuple[bytes, Stamp]] = field(default_factory=list)
    message_bytes: int = 0
    commits: int = 0


class ReadChunk(NamedTuple):
    """What became of a chunk: the blob ids of its messages, and what tells those of its changes."""

    message_ids: list[str]
    name_of: NameOf


class StoppedReading(Exception):
    """Whoever wanted the chunk does not want it any more."""


class ChunkReader:
    """Gives the blobs of chunks that the corpus lacks to ``writer``.

    ``tell`` is called with a share (0 to 1) of the chunk now and then. ``skipped`` counts distinct contents left out, by
    reason.
    """

    def __init__(
        self, writer: CorpusWriter, objects: GitObjects, *, max_blob_bytes: int, tell: Callable[[Chunk, float], None]
    ) -> None:
        self.skipped: Counter[str] = Counter()
        self.blobs = self.content_bytes = 0
        self._writer = writer
        self._objects = objects
        self._max_blob_bytes = max_blob_bytes
        self._tell = tell
        self._rejected = DigestSet()
        # A SHA-256 repository's blobs get their SHA-1 ids only when read; this remembers them, at 200 bytes a blob.
        self._translated: dict[bytes, str | None] | None = {} if objects.id_bytes != 20 else None
        self._is_stopped = False

    def stop(self) -> None:
        """Have a :meth:`read` that is under way raise StoppedReading."""
        self._is_stopped = True

    def read(self, chunk: Chunk) -> ReadChunk:
        """Add the chunk's blobs that the corpus lacks. Raises CorpusError where they cannot be written."""
        message_ids = self._add_messages([message for message, _ in chunk.messages])
        translated = self._translated
        if translated is None:
            return ReadChunk(message_ids, self._read_new(chunk))
        return ReadChunk(message_ids, self._read_translated(chunk, translated))

    def _add_messages(self, messages: list[bytes]) -> list[str]:
        ids = [blob_id_of(message) for message in messages]
        is_known = self._writer.known.contains_many([unhexlify(i) for i in ids]).tolist()
        new = {i: message for i, message, known in zip(ids, messages, is_known, strict=True) if not known}
        self._add(new.items())
        return ids

    def _read_new(self, chunk: Chunk) -> NameOf:
        distinct = list(dict.fromkeys(chunk.blob_ids))
        is_known = self._writer.known.contains_many(distinct)
        is_rejected = self._rejected.contains_many(distinct)
        left_out = {distinct[at] for at in np.flatnonzero(is_rejected).tolist()}
        wanted = [distinct[at] for at in np.flatnonzero(~(is_known | is_rejected)).tolist()]

        def leave_out(git_id: bytes) -> None:
            self._rejected.add(git_id)
            left_out.add(git_id)

        # Closed here and now: an error on its way holds on to what was under way, and that has a process.
        with closing(self._read_kept(chunk, wanted, leave_out)) as kept:
            self._add((git_id.hex(), content) for git_id, content in kept)
        return lambda git_id: None if git_id in left_out else git_id.hex()

    def _read_translated(self, chunk: Chunk, translated: dict[bytes, str | None]) -> NameOf:
        """The same for a SHA-256 repository: the id of a blob follows from its content."""
        wanted = [git_id for git_id in dict.fromkeys(chunk.blob_ids) if git_id not in translated]

        def leave_out(git_id: bytes) -> None:
            translated[git_id] = None

        with closing(self._read_kept(chunk, wanted, leave_out)) as kept:
            for git_id, content in kept:
                translated[git_id] = blob_id = blob_id_of(content)
                if not self._writer.has_blob(blob_id):
                    self._add([(blob_id, content)])
        return translated.__getitem__

    def _read_kept(
        self, chunk: Chunk, wanted: list[bytes], leave_out: Callable[[bytes], None]
    ) -> Generator[tuple[bytes, bytes], None, None]:
        """(git's id, content) of each blob that is kept; the ids of others go to ``leave_out``, and are counted."""
        max_bytes = self._max_blob_bytes
        for at, (git_id, size, content) in enumerate(self._objects.read_blobs(wanted, max_bytes)):
            if self._is_stopped:
                raise StoppedReading
            if at % _PROGRESS_BLOBS == 0:
                self._tell(chunk, at / len(wanted))
            if content is None:
                reason = MISSING if size == SIZE_MISSING else UNREADABLE if size < 0 else TOO_LARGE
            else:
                reason = skip_reason(content, max_bytes=max_bytes)
            if reason is None:
                yield git_id, content
            else:
                self.skipped[reason] += 1
                leave_out(git_id)

    def _add(self, blobs: Iterable[tuple[str, bytes]]) -> None:
        count, content_bytes = self._writer.add_new_blobs(blobs)
        self.blobs += count
        self.content_bytes += content_bytes
