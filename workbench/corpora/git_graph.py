"""A commit graph puts commits in order: parents before children, else the older first.

It holds numbers, not objects, about 60 bytes a commit, because it has to know them all before the first can be given:
the oldest commit is the last to be found.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterable

import numpy as np

from workbench.corpora.id_table import IdTable

_READ, _HIDDEN, _DONE = 1, 2, 4
_TIME_LIMIT = 1 << 62

ReadLinks = Callable[[bytes], tuple[tuple[bytes, ...], int] | None]
"""A commit's parents and time (seconds since 1970), or None when it cannot be read."""


class CommitGraph:
    """The commits reachable from some tips and not from others."""

    def __init__(self, read_links: ReadLinks, *, id_bytes: int = 20) -> None:
        self._read_links = read_links
        self._ids = IdTable(id_bytes)
        self._flags = bytearray()
        self._times = array("q")
        self._links_at = array("I")  # where a commit's parents begin in _links
        self._link_counts = array("I")
        self._links = array("I")  # parents, and the commits whose parents they are
        self._linked_from = array("I")

    def order(self, tips: Iterable[bytes], known: Iterable[bytes] = ()) -> bytearray:
        """Ids, one after the other, of the commits reachable from ``tips`` and not from ``known``."""
        self._collect(list(tips), list(known))
        return self._sorted()

    def _number(self, commit_id: bytes) -> int:
        number = self._ids.number(commit_id)
        if number == len(self._flags):
            self._flags.append(0)
            self._times.append(0)
            self._links_at.append(0)
            self._link_counts.append(0)
        return number

    def _collect(self, tips: list[bytes], known: list[bytes]) -> None:
        """Read commits newest first, until only hidden ones (reachable from ``known``) wait.

        Clocks that are wrong make it stop early and keep commits that are known: the ingester drops what it has
        already, so that costs time and nothing else.
        """
        heap: list[tuple[int, int]] = []
        open_count = 0  # of those in the heap, how many are not hidden
        for commit_id in known:
            self._flags[self._number(commit_id)] |= _HIDDEN
        for commit_id in (*known, *tips):
            open_count += self._push(heap, self._number(commit_id))
        while heap and open_count > 0:
            _, number = heapq.heappop(heap)
            self._flags[number] |= _DONE
            hidden = self._flags[number] & _HIDDEN
            open_count -= not hidden
            for parent in self._parents(number):
                if hidden:
                    open_count -= self._hide(parent)
                open_count += self._push(heap, parent)

    def _push(self, heap: list[tuple[int, int]], number: int) -> int:
        """Read a commit and queue it, once. Returns 1 when it is one more that is not hidden."""
        if self._flags[number] & _READ:
            return 0
        self._flags[number] |= _READ
        links = self._read_links(self._ids[number])
        if links is None:
            self._flags[number] |= _HIDDEN | _DONE  # not there: not to be visited
            return 0
        parents, time = links
        self._times[number] = max(-_TIME_LIMIT, min(time, _TIME_LIMIT))
        self._links_at[number] = len(self._links)
        self._link_counts[number] = len(parents)
        self._links.extend([self._number(parent) for parent in parents])
        self._linked_from.extend([number] * len(parents))
        heapq.heappush(heap, (-self._times[number], number))
        return not self._flags[number] & _HIDDEN

    def _parents(self, number: int) -> array[int]:
        at = self._links_at[number]
        return self._links[at : at + self._link_counts[number]]

    def _hide(self, number: int) -> int:
        """Hide a commit and, as far as they have been visited, its ancestors. Returns how many had been waiting."""
        waiting, hidden = [number], 0
        while waiting:
            number = waiting.pop()
            flags = self._flags[number]
            if flags & _HIDDEN:
                continue
            self._flags[number] |= _HIDDEN
            if flags & _DONE:
                waiting.extend(self._parents(number))
            elif flags & _READ:
                hidden += 1
        return hidden

    def _sorted(self) -> bytearray:
        # What it took to get here is not needed any more, and there may be millions of each.
        self._ids.forget_numbers()
        del self._links_at, self._link_counts
        # A commit may have been met as a parent, and never been read, because its child is hidden.
        wanted = (np.frombuffer(self._flags, np.uint8) & (_READ | _HIDDEN)) == _READ
        parents, children = (np.frombuffer(links, np.uint32) for links in (self._links, self._linked_from))
        both = wanted[children] & wanted[parents]
        if not both.all():
            parents, children = parents[both], children[both]
        parent_counts = np.bincount(children, minlength=len(wanted))
        first = np.flatnonzero(wanted & (parent_counts == 0)).tolist()
        waiting_for = _numbers(parent_counts)
        del parent_counts
        ends = np.bincount(parents, minlength=len(wanted))
        begins = _numbers(np.concatenate((np.zeros(1, np.uint32), np.cumsum(ends, out=ends).astype(np.uint32))))
        del ends
        children = _numbers(children[np.argsort(parents, kind="stable")])
        ready = [(self._times[number], number) for number in first]
        heapq.heapify(ready)
        order = bytearray()
        while ready:
            _, number = heapq.heappop(ready)
            order += self._ids[number]
            for child in children[begins[number] : begins[number + 1]]:
                waiting_for[child] -= 1
                if not waiting_for[child]:
                    heapq.heappush(ready, (self._times[child], child))
        return order


def _numbers(values: np.ndarray) -> array[int]:
    """Numbers as Python's own array: a list would take 9 times the memory, numpy's is slow to ask for one."""
    numbers = array("I")
    numbers.frombytes(np.ascontiguousarray(values, np.uint32).view(np.uint8).data)
    return numbers
