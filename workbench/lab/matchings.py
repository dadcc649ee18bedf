"""Matchings: the best assignment of two sides of a pair for every window at once, over many blobs together.

The engine's assignment (:mod:`workbench.engine.pairing`) keeps both sides in order, so of n and m parts there are only
C(n+m, n) candidates. For the small n and m that nearly all blobs have, they are listed once and weighed for all blobs
of that size with numpy. A candidate is possible from the window on that its widest gap needs, and that is one of the
n m distances, the blob's *levels*. So the best one for each window is the best of its level and of those below: the
most pairs, then the least sum of gaps, then the earlier spans, as the engine has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from math import comb

import numpy as np

NEVER = np.int64(1 << 60)
"""A window that is never reached: two spans that may not pair, or a pair that nothing takes away."""

MOST_CANDIDATES = 252
"""Sizes with more candidates (beyond five parts on each side) are left to the engine's own assignment."""

_MOST_CELLS = 1 << 16
"""Cells of blobs weighed at a time: so few that numpy sorts their numbers in one pass, and that what is read and written
for every candidate stays in the processor's cache."""

_CELL_BITS = 8  # of fewer than 252 cells
_LATEST = NEVER >> _CELL_BITS

_NOT_YET = np.int64(-1)
"""Less than the worth of any candidate."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """When pairs stand: row ``row`` pairs its parts ``first`` and ``second`` for windows from ``enter`` on, up to but
    without ``leave``. int64 arrays of one length, sorted by (row, first, second, enter)."""

    row: np.ndarray
    first: np.ndarray
    second: np.ndarray
    enter: np.ndarray
    leave: np.ndarray


def is_small(n: int, m: int) -> bool:
    """Whether :func:`intervals` takes blobs with so many parts."""
    return comb(n + m, n) <= MOST_CANDIDATES


def intervals(needed: np.ndarray, gap: np.ndarray) -> Intervals:
    """When each pair stands, for blobs that all have n parts of one side and m of the other.

    ``needed`` (blobs, n, m) is the window from which on two parts may pair, :data:`NEVER` where they may not; ``gap``
    is their distance in bytes. Parts are in the order of their spans.
    """
    blobs, n, m = needed.shape
    if n == m == 1:
        row = np.flatnonzero(needed[:, 0, 0] < NEVER)
        zero = np.zeros(len(row), np.int64)
        return Intervals(row, zero, zero, needed[row, 0, 0], np.full(len(row), NEVER))
    size = max(1, _MOST_CELLS // (n * m))
    found = [_some(needed[k : k + size], gap[k : k + size], k) for k in range(0, blobs, size)]
    return Intervals(*(np.concatenate([getattr(f, name) for f in found]) for name in Intervals.__slots__))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Every assignment of n and m parts that keeps the order, what the engine prefers last.

    ``table`` (candidates, n m) says which cells each pairs; the empty one is the first. ``plan`` lists the others as
    (pairs, the cell of the last pair, number), each after the one that lacks that pair.
    """

    table: np.ndarray
    plan: tuple[tuple[int, int, int], ...]


@lru_cache(maxsize=64)
def _candidates(n: int, m: int) -> _Candidates:
    """Of two that are equally good the engine leaves later parts of the first side out, and takes the earlier of the
    second."""
    listed: list[tuple[tuple[int, int], ...]] = []

    def extend(chosen: tuple[tuple[int, int], ...], first: int, second: int) -> None:
        listed.append(chosen)
        for i in range(first, n):
            for j in range(second, m):
                extend((*chosen, (i, j)), i + 1, j + 1)

    extend((), 0, 0)
    order = sorted(listed, key=lambda c: [dict(c).get(i, -1) for i in range(n - 1, -1, -1)], reverse=True)
    # The empty one is the best of all by that, and the worst by its worth: its number is free to be the least.
    numbers = {chosen: number for number, chosen in enumerate([(), *order[:-1]])}
    table = np.zeros((len(listed), n * m), bool)
    for chosen, number in numbers.items():
        table[number, [i * m + j for i, j in chosen]] = True
    plan = [(len(c), c[-1][0] * m + c[-1][1], numbers[c]) for c in listed if c]
    return _Candidates(table, tuple(plan))


def _some(needed: np.ndarray, gap: np.ndarray, offset: int) -> Intervals:
    blobs, n, m = needed.shape
    candidates = _candidates(n, m)
    count = len(candidates.table)
    windows, level = _levels(needed.reshape(blobs, n * m))
    best = _best(candidates, level, np.where(needed < NEVER, gap, 0).reshape(blobs, n * m).T, min(n, m))
    best[windows == NEVER] = _NOT_YET
    np.maximum.accumulate(best, axis=0, out=best)
    chosen = np.where(best < 0, 0, _quotient(best, count)[1])
    return _spans_of(chosen, windows, candidates.table, (n, m), offset)


def _levels(needed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The windows of each blob in order, and for each cell its level, a place among them: both (cells, blobs).

    Equal windows are one level, the first of theirs: what becomes possible at one window does so together.
    """
    blobs, cells = needed.shape
    # A sort of numbers that carry their cell is several times as fast as one that tells the order.
    both = np.sort(np.minimum(needed, _LATEST) << _CELL_BITS | np.arange(cells), axis=1).T
    windows, cell = both >> _CELL_BITS, both & ((1 << _CELL_BITS) - 1)
    first = np.zeros((cells, blobs), np.int64)
    np.multiply(windows[1:] != windows[:-1], np.arange(1, cells)[:, None], out=first[1:])
    level = np.empty((cells, blobs), np.int64)
    level.reshape(-1)[cell * blobs + np.arange(blobs)] = np.maximum.accumulate(first, axis=0)
    return np.where(windows == _LATEST, NEVER, windows), level


def _best(candidates: _Candidates, level: np.ndarray, gap: np.ndarray, most_pairs: int) -> np.ndarray:
    """The worth of the best candidate that becomes possible at each level of each blob, (cells, blobs); ``level`` and
    ``gap`` (cells, blobs) are of the cells. It is the candidate's number modulo how many there are."""
    count, blobs = len(candidates.table), level.shape[1]
    place = level * blobs + np.arange(blobs)
    bonus = int(gap.max(initial=0)) * most_pairs + 1  # more than any sum of gaps
    gain = (bonus - gap) * count
    best = np.full(level.size, _NOT_YET)
    # The place and the worth of the candidate at hand and of those it was made from, by how many pairs they have.
    places, worths = np.zeros((2, most_pairs + 1, blobs), np.int64)
    worth, old = np.empty((2, blobs), np.int64)
    for pairs, cell, number in candidates.plan:
        at = np.maximum(places[pairs - 1], place[cell], out=places[pairs])
        total = np.add(worths[pairs - 1], gain[cell], out=worths[pairs])
        np.add(total, number, out=worth)
        best.take(at, out=old, mode="clip")
        best[at] = np.maximum(worth, old, out=worth)
    return best.reshape(level.shape)


def _spans_of(
    chosen: np.ndarray, windows: np.ndarray, table: np.ndarray, shape: tuple[int, int], offset: int
) -> Intervals:
    """Intervals of the candidate ``chosen`` at each level, (levels, blobs), each from its window of ``windows`` on."""
    blobs, cells = chosen.shape[1], shape[0] * shape[1]
    before = np.concatenate((np.zeros((1, blobs), chosen.dtype), chosen))
    after = np.concatenate((chosen, np.zeros((1, blobs), chosen.dtype)))  # in the end all are taken to leave
    changed = np.flatnonzero(before != after)
    step, blob = _quotient(changed, blobs)
    stood, stands = table[before.reshape(-1)[changed]], table[after.reshape(-1)[changed]]

    def places(of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cells of all blobs, in order, and the steps of each, in order."""
        event, cell = _quotient(np.flatnonzero(of), cells)
        place = (blob[event] * cells + cell).astype(np.uint16)
        order = np.argsort(place, kind="stable")
        return place[order].astype(np.int64), step[event[order]]

    # Where pairs begin and where they end, in one order: the first end of a pair is that of its first beginning.
    (place, begin), (_, end) = places(stands & ~stood), places(stood & ~stands)
    row, cell = _quotient(place, cells)
    first, second = _quotient(cell, shape[1])
    until = np.concatenate((windows, np.full((1, blobs), NEVER)))
    return Intervals(row + offset, first, second, until[begin, row], until[end, row])


def _quotient(numbers: np.ndarray, by: int) -> tuple[np.ndarray, np.ndarray]:
    """As ``np.divmod``, in half the time."""
    quotient = numbers // by
    return quotient, numbers - quotient * by


def steps(
    windows: np.ndarray, solve: Callable[[int], frozenset], *, most: int, always: Sequence[int] = ()
) -> Iterator[tuple[int, frozenset]]:
    """(window, what ``solve(window)`` gives from there on) wherever that changes, over sorted ``windows``.

    Between two windows with one answer nothing changes, because a wider window only adds candidates; so few are solved.
    Of more than ``most`` windows only so many are looked at: the smaller half of them, and ever fewer of the wide ones;
    ``always`` are looked at in any case.
    """
    if len(windows) > most:
        wide = np.geomspace(most // 2, len(windows) - 1, most // 2)
        windows = windows[np.unique(np.concatenate((np.arange(most // 2), wide.astype(int))))]
    windows = np.unique(np.append(windows, np.array(always, np.int64)))
    known: dict[int, frozenset] = {}

    def at(k: int) -> frozenset:
        if k not in known:
            known[k] = solve(int(windows[k]))
        return known[k]

    def split(low: int, high: int) -> None:
        if high - low > 1 and at(low) != at(high):
            middle = (low + high) // 2
            at(middle)
            split(low, middle)
            split(middle, high)

    if not len(windows):
        return
    fixed = sorted({0, len(windows) - 1, *(int(k) for k in np.searchsorted(windows, np.array(always, np.int64)))})
    for k in fixed:
        at(k)
    for low, high in pairwise(fixed):
        split(low, high)
    before: frozenset = frozenset()
    for k in sorted(known):
        if known[k] != before:
            yield int(windows[k]), known[k]
            before = known[k]
