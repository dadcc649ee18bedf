"""Warm content: what a session has read, kept in memory while there is room, so that the next question need not read it.

An author asks the same corpus again and again, and reading and decompressing it takes longer than searching it for one
rule. A corpus that does not fit is kept in part: every batch that is there is a batch less to read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from workbench.corpora.reader import Shard
from workbench.model import ShardId

_State = tuple[tuple[int, int, int], ...]

MOST_BYTES = 8 << 30
"""Most content kept, in bytes, whatever the machine has."""

_SHARE = 4  # of the memory that is free, one part in so many


_GROUP = Path("/sys/fs/cgroup")  # of a container: what it may take is often far less than what the machine has


def room() -> int:
    """Bytes that may be kept: a quarter of the memory that the system, or the container, can give without swapping; 0
    where it is not told."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            free = next((int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:")), 0)
    except OSError:
        try:
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (OSError, ValueError, AttributeError):
            free = 0
    return min(MOST_BYTES, free // _SHARE, _left_in(_GROUP) // _SHARE)


def _left_in(group: Path) -> int:
    """Bytes that a control group (Linux, second version) may still take; MOST_BYTES in full where it has no limit."""
    try:
        most, now = (group / "memory.max").read_text().strip(), (group / "memory.current").read_text()
        return max(0, int(most) - int(now)) if most != "max" else MOST_BYTES * _SHARE
    except (OSError, ValueError):
        return MOST_BYTES * _SHARE


class WarmContent:
    """Batches of shards that were read to their end, as long as their files stay as they were. Threads may share it."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self._left = room() if most_bytes is None else most_bytes
        self._held: dict[ShardId, tuple[_State, int, tuple[pa.RecordBatch, ...]]] = {}
        self._lock = threading.Lock()

    def batches(self, shard: Shard, read: Callable[[], Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
        """The batches of a shard: those kept, or else what ``read`` gives, which is kept if there is room for all of it."""
        state = _state(shard)
        held = self._held.get(shard.shard_id)
        if held is not None and held[0] == state is not None:
            yield from held[2]
            return
        if held is not None:
            self._forget(shard.shard_id)
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
            if ended and taken is not None and state == _state(shard) and shard.shard_id not in self._held:
                self._held[shard.shard_id] = state, reserved, tuple(taken)
            else:
                self._reserve(-reserved)

    def _forget(self, shard_id: ShardId) -> None:
        held = self._held.pop(shard_id, None)
        if held is not None:
            self._reserve(-held[1])

    def _reserve(self, size: int) -> bool:
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True


def _state(shard: Shard) -> _State | None:
    """What tells a shard's files from changed ones; None when they are gone."""
    try:
        paths = dict.fromkeys([shard.path, shard.content_path or shard.path])
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in map(os.stat, paths))
    except OSError:
        return None
