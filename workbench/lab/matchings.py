"""Matchings: the best assignment of two sides of a pair for every window at once, over many blobs together.

The engine's assignment (:mod:`workbench.engine.pairing`) keeps both sides in order, so of n and m parts there are only
C(n+m, n) candidates. For the small n and m that nearly all blobs have, they are listed once and weighed for all blobs
of that size with numpy. A candidate is possible from the window on that its widest gap needs, so the best one for each
window follows from sorting by that and keeping the best so far: the most pairs, then the least sum of gaps, then the
earlier spans, as the engine has it.
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

_MOST_CELLS = 4_000_000


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
    size = max(1, _MOST_CELLS // (comb(n + m, n) * n * m))
    found = [_some(needed[k : k + size], gap[k : k + size], k) for k in range(0, blobs, size)]
    return Intervals(*(np.concatenate([getattr(f, name) for f in found]) for name in Intervals.__slots__))


@lru_cache(maxsize=64)
def _candidates(n: int, m: int) -> np.ndarray:
    """Every assignment that keeps the order, (candidates, n, m) booleans, what the engine prefers first.

    Of two that are equally good the engine leaves later parts of the first side out, and takes the earlier of the
    second.
    """
    listed = []
    for k in range(min(n, m) + 1):
        for rows in combinations(range(n), k):
            for columns in combinations(range(m), k):
                chosen = dict(zip(rows, columns, strict=True))
                listed.append(([chosen.get(i, -1) for i in range(n - 1, -1, -1)], chosen))
    table = np.zeros((len(listed), n, m), bool)
    for number, (_, chosen) in enumerate(sorted(listed, key=lambda item: item[0])):
        for i, j in chosen.items():
            table[number, i, j] = True
    return table


def _some(needed: np.ndarray, gap: np.ndarray, offset: int) -> Intervals:
    blobs, n, m = needed.shape
    table = _candidates(n, m)
    count = len(table)
    needs = np.full((blobs, count), -1, np.int64)
    total = np.zeros((blobs, count), np.int64)
    for i, j in np.ndindex(n, m):
        here = table[:, i, j]
        needs[:, here] = np.maximum(needs[:, here], needed[:, i, j, None])
        total[:, here] += np.where(needed[:, i, j] < NEVER, gap[:, i, j], 0)[:, None]
    pairs = table.sum(axis=(1, 2))
    bonus = int(total.max(initial=0)) + 1
    worth = (pairs * bonus - total) * count + np.arange(count - 1, -1, -1)
    order = np.argsort(needs, axis=1, kind="stable")
    needs = np.take_along_axis(needs, order, axis=1)
    best = np.maximum.accumulate(np.take_along_axis(worth, order, axis=1), axis=1)
    # All candidates that become possible at one window do so together.
    last = np.concatenate((needs[:, 1:] != needs[:, :-1], np.ones((blobs, 1), bool)), axis=1)
    positions = np.where(last, np.arange(count), count - 1)
    at = np.minimum.accumulate(positions[:, ::-1], axis=1)[:, ::-1]
    chosen = count - 1 - np.take_along_axis(best, at, axis=1) % count
    chosen[needs >= NEVER] = -1
    return _spans_of(chosen, needs, table, offset)


def _spans_of(chosen: np.ndarray, needs: np.ndarray, table: np.ndarray, offset: int) -> Intervals:
    """Intervals of the candidate chosen at each step of each blob."""
    n, m = table.shape[1:]
    blobs, count = chosen.shape
    # A step that is never reached repeats the one before it.
    reached = np.maximum.accumulate(np.where(chosen >= 0, np.arange(count), 0), axis=1)
    stands = table.reshape(len(table), n * m)[np.take_along_axis(chosen, reached, axis=1)]
    edges = np.zeros((blobs, n * m, count + 2), bool)
    edges[:, :, 1:-1] = stands.transpose(0, 2, 1)
    begins = edges[:, :, 1:-1] & ~edges[:, :, :-2]
    ends = edges[:, :, 1:-1] & ~edges[:, :, 2:]  # the last step at which it stands
    row, cell, step = _places(begins)
    _, _, stop = _places(ends)
    padded = np.concatenate((needs, np.full((blobs, 1), NEVER)), axis=1)
    return Intervals(row + offset, cell // m, cell % m, needs[row, step], padded[row, stop + 1])


def _places(found: np.ndarray) -> tuple[np.ndarray, ...]:
    """As ``np.nonzero``, which takes ten times as long over three axes as over one."""
    return np.unravel_index(np.flatnonzero(found), found.shape)


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
