"""Warm content: what was read of a corpus, kept in memory while there is room, so that the next question need not read
it.

An author asks the same corpus again and again, and reading and decompressing it takes longer than searching it for one
rule. A corpus that does not fit is kept in part: every batch that is there is a batch less to read. Sessions on one
corpus share it: a notebook that is run again opens another session, and its outputs may hold the old one for long.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from weakref import WeakValueDictionary

import pyarrow as pa

from workbench.corpora.manifest import CorpusFile
from workbench.corpora.reader import Corpus, Shard
from workbench.lab.room import Room
from workbench.model import ShardId

_State = tuple[tuple[int, int, int], ...]
_Held = tuple[_State, int, tuple[pa.RecordBatch, ...]]

MOST_BYTES = 8 << 30
"""Most content kept, in bytes, whatever the machine has."""

_SHARE = 4  # of the memory that is free, one part in so many
_MEASURED_BYTES = 64 << 20
"""Room is measured anew after so much was kept."""


class WarmContent:
    """Batches of shards that were read to their end, as long as their files stay as they were. Threads may share it."""

    def __init__(self, most_bytes: int | None = None, *, room: Room | None = None) -> None:
        """It keeps up to ``most_bytes``; by default a quarter of the ``room`` there is at the time it reads."""
        self._most = most_bytes
        self._room = room or (Room() if most_bytes is None else None)
        self._bytes = 0  # kept, or reserved by those who read
        self._budget = most_bytes or 0
        self._measured_at = 0
        self._held: dict[ShardId, _Held] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"WarmContent({len(self._held)} shards, {self._bytes:,} bytes)"

    def batches(self, shard: Shard, read: Callable[[], Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
        """The batches of a shard: those kept, or else what ``read`` gives, which is kept if there is room for all of
        it."""
        state = _state(shard)
        held = self._find(shard.shard_id, state)
        if held is not None:
            yield from held
            return
        taken: list[pa.RecordBatch] | None = [] if state is not None else None
        reserved = 0
        ended = False
        try:
            for batch in read():
                if taken is not None and self._reserve(batch.nbytes):
                    taken.append(batch)
                    reserved += batch.nbytes
                else:
                    taken = None
                yield batch
            ended = True
        finally:
            whole = ended and taken is not None and state is not None and state == _state(shard)
            if not (whole and self._hold(shard.shard_id, (state, reserved, tuple(taken)))):  # type: ignore[arg-type]
                self._give_back(reserved)

    def _find(self, shard_id: ShardId, state: _State | None) -> tuple[pa.RecordBatch, ...] | None:
        """What is kept of a shard; that of one that has changed is let go. Whoever gets nothing is about to read, so
        room is measured."""
        with self._lock:
            held = self._held.get(shard_id)
            if held is not None and held[0] != state:
                self._let_go(shard_id)
                held = None
            if held is not None:
                return held[2]
            self._measure()
            return None

    def _hold(self, shard_id: ShardId, held: _Held) -> bool:
        """Keep a shard, unless someone else who read it at the same time has done so."""
        with self._lock:
            return self._held.setdefault(shard_id, held) is held

    def _reserve(self, size: int) -> bool:
        with self._lock:
            if self._bytes + size - self._measured_at > _MEASURED_BYTES:
                self._measure()
            if self._bytes + size > self._budget:
                return False
            self._bytes += size
            return True

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._bytes -= size

    def _measure(self) -> None:
        """Find how much may be kept now; with the lock held. What is kept already stays: Arrow would keep its memory
        for the next batch, and nobody else would have it."""
        if self._room is not None:
            self._budget = min(MOST_BYTES, (self._room.free_bytes() + self._bytes) // _SHARE)
            self._measured_at = self._bytes

    def _let_go(self, shard_id: ShardId) -> None:
        self._bytes -= self._held.pop(shard_id)[1]


_SHARED: WeakValueDictionary[tuple[Path, tuple[CorpusFile, ...]], WarmContent] = WeakValueDictionary()
_SHARING = threading.Lock()


def shared(corpus: Corpus) -> WarmContent:
    """The content of a corpus as it is in its manifest now: the same for all of this process who ask while anyone holds
    it."""
    key = corpus.folder.resolve(), corpus.manifest.blob_files
    with _SHARING:
        found = _SHARED.get(key)
        if found is None:
            found = _SHARED[key] = WarmContent()
        return found


def _state(shard: Shard) -> _State | None:
    """What tells a shard's files from changed ones; None when they are gone."""
    try:
        paths = dict.fromkeys([shard.path, shard.content_path or shard.path])
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in map(os.stat, paths))
    except OSError:
        return None
