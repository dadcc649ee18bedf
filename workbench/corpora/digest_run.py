"""A digest run is a sorted part of a digest set that stands in a file: it takes the memory that a question touches."""

from __future__ import annotations

import mmap
import tempfile

import numpy as np

_QUESTIONS_BETWEEN = 4096


class DigestRun:
    """Members as (first 8 bytes, next 4 bytes) numbers, sorted. Raises OSError when the file cannot be written.

    The file has no name and goes with the object.
    """

    def __init__(self, keys: np.ndarray, rest: np.ndarray) -> None:
        with tempfile.TemporaryFile(prefix="workbench-digests-") as file:
            for part in (keys, rest):
                file.write(part.data)
            file.flush()
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._keys = np.frombuffer(self._map, np.uint64, len(keys))
        self._rest = np.frombuffer(self._map, np.uint32, len(rest), keys.nbytes)
        self._asked = 0

    def has(self, keys: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """For each of some digests whether it is a member, as a bool array."""
        found = has_members(self._keys, self._rest, keys, rest)
        self._asked += len(keys)
        if self._asked >= _QUESTIONS_BETWEEN and hasattr(mmap, "MADV_DONTNEED"):
            self._asked = 0
            self._map.madvise(mmap.MADV_DONTNEED)  # the pages count as this process's until it gives them back
        return found


def has_members(members: np.ndarray, members_rest: np.ndarray, keys: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """For each (key, rest) whether it is among the sorted members."""
    found = np.zeros(len(keys), bool)
    if not len(members):
        return found
    at = np.searchsorted(members, keys)
    # Members that share 64 bits stand side by side: nearly always this loop ends after its first turn.
    live = np.flatnonzero(at < len(members))
    live = live[members[at[live]] == keys[live]]
    while len(live):
        same = members_rest[at[live]] == rest[live]
        found[live[same]] = True
        live = live[~same]
        at[live] += 1
        live = live[at[live] < len(members)]
        live = live[members[at[live]] == keys[live]]
    return found
