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
from itertools import pairwise
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

_NUMBER_BITS = 8  # of at most 252 candidates
_NOT_YET = np.int64(-1 << _NUMBER_BITS)
"""Less than the worth of any candidate, and with the number of the empty one."""


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

    ``cells`` (candidates, most pairs) lists the cells that each pairs, and ``table`` (candidates, n m + 1) says which
    those are; the last cell, of no parts, fills the lists up and is of all. The empty one is the first. ``plan`` lists
    the others as (pairs, the cell of the last pair, number), each after the one that lacks that pair.
    """

    table: np.ndarray
    cells: np.ndarray
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
    table, cells = np.zeros((len(listed), n * m + 1), bool), np.full((len(listed), min(n, m)), n * m)
    for chosen, number in numbers.items():
        cells[number, : len(chosen)] = [i * m + j for i, j in chosen]
    table[np.arange(len(listed))[:, None], cells] = True
    table[:, n * m] = True
    plan = [(len(c), c[-1][0] * m + c[-1][1], numbers[c]) for c in listed if c]
    return _Candidates(table, cells, tuple(plan))


def _some(needed: np.ndarray, gap: np.ndarray, offset: int) -> Intervals:
    blobs, n, m = needed.shape
    candidates = _candidates(n, m)
    windows, level = _levels(needed.reshape(blobs, n * m))
    best = _best(candidates, level, np.where(needed < NEVER, gap, 0).reshape(blobs, n * m).T, min(n, m))
    best[windows == NEVER] = _NOT_YET
    np.maximum.accumulate(best, axis=0, out=best)
    return _spans_of(best.astype(np.uint8), windows, candidates, m, offset)  # the last bits are the numbers


def _levels(needed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The windows of each blob in order, and for each cell its level, a place among them: both (cells, blobs).

    Equal windows are one level, the first of theirs: what becomes possible at one window does so together.
    """
    blobs, cells = needed.shape
    # A sort of numbers that carry their cell is several times as fast as one that tells the order.
    both = np.minimum(needed, _LATEST) << _CELL_BITS | np.arange(cells)
    both.sort(axis=1)
    both = np.ascontiguousarray(both.T)
    windows, cell = both >> _CELL_BITS, both & ((1 << _CELL_BITS) - 1)
    first = np.zeros((cells, blobs), np.int64)
    np.multiply(windows[1:] != windows[:-1], np.arange(1, cells)[:, None], out=first[1:])
    level = np.empty((cells, blobs), np.int64)
    level.reshape(-1)[cell * blobs + np.arange(blobs)] = np.maximum.accumulate(first, axis=0)
    return np.where(windows == _LATEST, NEVER, windows), level


def _best(candidates: _Candidates, level: np.ndarray, gap: np.ndarray, most_pairs: int) -> np.ndarray:
    """The worth of the best candidate that becomes possible at each level of each blob, (cells, blobs); ``level`` and
    ``gap`` (cells, blobs) are of the cells. Its last bits are the candidate's number."""
    blobs = level.shape[1]
    place = level * blobs + np.arange(blobs)
    bonus = int(gap.max(initial=0)) * most_pairs + 1  # more than any sum of gaps
    kind = np.int32 if (bonus * most_pairs + 1) << _NUMBER_BITS < 1 << 31 else np.int64  # half the memory, if it can be
    gain = ((bonus - gap) << _NUMBER_BITS).astype(kind)
    best = np.full(level.size, _NOT_YET, kind)
    # The place and the worth of the candidate at hand and of those it was made from, by how many pairs they have.
    places, worths = np.zeros((most_pairs + 1, blobs), np.int64), np.zeros((most_pairs + 1, blobs), kind)
    worth, old = np.empty((2, blobs), kind)
    for pairs, cell, number in candidates.plan:
        at = np.maximum(places[pairs - 1], place[cell], out=places[pairs])
        total = np.add(worths[pairs - 1], gain[cell], out=worths[pairs])
        np.bitwise_or(total, number, out=worth)
        best.take(at, out=old, mode="clip")
        best[at] = np.maximum(worth, old, out=worth)
    return best.reshape(level.shape)


def _spans_of(
    chosen: np.ndarray, windows: np.ndarray, candidates: _Candidates, m: int, offset: int
) -> Intervals:
    """Intervals of the candidate ``chosen`` at each level, (levels, blobs), each from its window of ``windows`` on."""
    cells, blobs = chosen.shape
    before = np.concatenate((np.zeros((1, blobs), chosen.dtype), chosen))
    after = np.concatenate((chosen, np.zeros((1, blobs), chosen.dtype)))  # in the end all are taken to leave
    changed = np.flatnonzero(before != after)
    step, blob = _quotient(changed, blobs)
    old, new = (c.reshape(-1)[changed].astype(np.int64) for c in (before, after))

    def places(of: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cells that a candidate has and the other has not, of all blobs, in order, and the steps of each."""
        cell = candidates.cells.take(of, axis=0)
        alone = np.flatnonzero(~candidates.table.reshape(-1)[other[:, None] * (cells + 1) + cell])
        event = alone // cell.shape[1]
        place = (blob[event] * cells + cell.reshape(-1)[alone]).astype(np.uint16)
        order = np.argsort(place, kind="stable")
        return place[order].astype(np.int64), step[event[order]]

    # Where pairs begin and where they end, in one order: the first end of a pair is that of its first beginning.
    (place, begin), (_, end) = places(new, old), places(old, new)
    row, cell = _quotient(place, cells)
    first, second = _quotient(cell, m)
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
