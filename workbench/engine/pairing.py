"""Pairing: which parts of a paired credential belong together.

Parts are assigned one to one so that the number of complete pairs is greatest, then the sum of their gaps least, then
the earlier spans are taken. A gap runs from the end of the first part to the start of the last, in bytes or in lines.

With gaps measured along one line, two pairs that cross can always be uncrossed without widening either, so among the
best assignments there is one that keeps both sides in order (the exchange argument of assignment problems with convex
costs on a line; Karp and Li, "Two special cases of the assignment problem", 1975). That makes the answer a shortest
path through the grid of sorted parts, which is walked a row at a time with numpy.

It holds for spans that share no bytes. Where one text is taken for two parts at once, pairs still keep order: an id and
a secret of one shape, each a candidate for both, are one pair and not two that cross. More pairs might then be made, by
counting a text twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from intervaltree import IntervalTree

from workbench.rules.rule import Window

TRIPLE_CELLS = 4_000_000
"""Most cells of the grid of one neighbourhood of triples that are searched whole; see :func:`_assign_many`."""

_NONE = np.int64(-(1 << 62))


@dataclass(frozen=True, slots=True)
class Parts:
    """The spans of one part in one blob, sorted by (start, end); int64 arrays of one length.

    ``index`` says which match each span is. Lines are 1-based.
    """

    start: np.ndarray
    end: np.ndarray
    start_line: np.ndarray
    end_line: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def take(self, chosen: np.ndarray) -> Parts:
        return Parts(self.start[chosen], self.end[chosen], self.start_line[chosen], self.end_line[chosen],
                     self.index[chosen])


def parts(rows: Sequence[tuple[int, int, int, int, int]]) -> Parts:
    """Parts of ``(start, end, start_line, end_line, index)`` rows in any order."""
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 5)
    return Parts(*(np.ascontiguousarray(table[:, k]) for k in range(5)))


Region = tuple[int, int]


def merged(regions: Sequence[Region]) -> list[Region]:
    """Half-open regions sorted, those that touch made one, empty ones left out."""
    if len(regions) == 1:
        return [r for r in regions if r[0] < r[1]]
    out: list[Region] = []
    for low, high in sorted(regions):
        if low >= high:
            continue
        if out and low <= out[-1][1]:
            out[-1] = out[-1][0], max(out[-1][1], high)
        else:
            out.append((low, high))
    return out


def neighbourhoods(grown: Sequence[Region]) -> IntervalTree:
    """Spans grown by their window, as a tree of the places where a partner may stand.

    They are merged before they enter the tree, whose own merging takes a second for 40,000 spans.
    """
    return IntervalTree.from_tuples(merged(grown))


# ---------------------------------------------------------------------------------------------------------------------
# Two parts


def _reach(a: Parts, b: Parts, window: Window, in_order: bool) -> tuple[np.ndarray, np.ndarray]:
    """For every ``a`` the range ``[low, high)`` of ``b`` that may lie inside its window (a superset, exact when the
    spans of ``b`` do not overlap each other)."""
    count = len(b)
    low, high = np.zeros(len(a), np.int64), np.full(len(a), count, np.int64)
    if window.unit == "bytes":
        low = np.searchsorted(np.maximum.accumulate(b.end), a.start - window.size, "left")
        high = np.searchsorted(b.start, a.end + window.size, "right")
    elif window.unit == "lines":
        low = np.searchsorted(np.maximum.accumulate(b.end_line), a.start_line - window.size, "left")
        high = np.searchsorted(b.start_line, a.end_line + window.size, "right")
    if in_order:
        low = np.maximum(low, np.searchsorted(b.start, a.end, "left"))
    return np.maximum.accumulate(low), np.maximum.accumulate(np.maximum(high, low))


def assign(sides: Sequence[Parts], window: Window, in_order: bool) -> list[tuple[int, ...]]:
    """The best assignment of two or three sides: tuples of positions, one a side, in order of the first side.

    ``in_order`` demands that the parts of a pair stand in the order of ``sides``.
    """
    if any(len(s) == 0 for s in sides):
        return []
    if len(sides) == 2:
        return _assign_two(sides[0], sides[1], window, in_order)
    return _assign_many(sides, window, in_order)


def _assign_two(a: Parts, b: Parts, window: Window, in_order: bool) -> list[tuple[int, ...]]:
    low, high = _reach(a, b, window, in_order)
    alive = np.flatnonzero(high > low)
    if not len(alive):
        return []
    found: list[tuple[int, ...]] = []
    # Rows whose ranges do not touch are separate problems.
    cut = np.flatnonzero(low[alive][1:] >= high[alive][:-1]) + 1
    for rows in np.split(alive, cut):
        first, last = int(low[rows[0]]), int(high[rows[-1]])
        if len(rows) == 1:
            gap = _gaps(a, int(rows[0]), b, slice(first, last), window, in_order)
            allowed = np.flatnonzero(gap >= 0)
            if len(allowed):
                found.append((int(rows[0]), first + int(allowed[gap[allowed].argmin()])))
            continue
        near, far = a.take(rows), b.take(np.arange(first, last))
        found += [(int(rows[i]), first + j)
                  for i, j in _grid(near, far, low[rows] - first, high[rows] - first, window, in_order)]
    return found


def _gaps(a: Parts, i: int, b: Parts, columns: slice, window: Window, in_order: bool) -> np.ndarray:
    """Gap in bytes between ``a[i]`` and ``b[columns]``; -1 where the two may not pair."""
    after, before = b.start[columns] - a.end[i], a.start[i] - b.end[columns]
    gap = np.maximum(after, before)
    allowed = gap >= 0
    if in_order:
        allowed &= after >= 0
    if window.unit == "bytes":
        allowed &= gap <= window.size
    elif window.unit == "lines":
        lines = np.maximum(b.start_line[columns] - a.end_line[i], a.start_line[i] - b.end_line[columns])
        allowed &= lines <= window.size
    return np.where(allowed, gap, -1)


def _most_pairs(low: np.ndarray, high: np.ndarray) -> int:
    """How many rows can have a column of their own, when both ends of the ranges grow: the greedy count is exact."""
    count, free = 0, 0
    for a, b in zip(low.tolist(), high.tolist(), strict=True):
        free = max(free, a)
        if free < b:
            count, free = count + 1, free + 1
    return count


def _band(a: Parts, b: Parts, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool, bool]:
    """The ranges narrowed to what a best assignment can use; whether it is the straight one; and whether the ranges are
    exact, so that everything in them may pair.

    It leaves out few rows and columns, so it stays that near to the diagonal. Spans that share bytes make the count of
    pairs uncertain; then nothing is narrowed.
    """
    n, m = len(a), len(b)
    overlapping = any((s.start[1:] < s.end[:-1]).any() for s in (a, b))
    if overlapping or (np.searchsorted(b.start, a.end, "left") > np.searchsorted(b.end, a.start, "right")).any():
        return low, high, False, False
    most = _most_pairs(low, high)
    row = np.arange(n)
    if n == m == most:
        return low, high, True, True
    return np.maximum(low, row - (n - most)), np.minimum(high, row + (m - most) + 1), False, True


def _grid(a: Parts, b: Parts, low: np.ndarray, high: np.ndarray, window: Window,
          in_order: bool) -> list[tuple[int, int]]:
    """The best assignment in one neighbourhood: cell (i, j) of a grid knows the best of the first i and j spans.

    A row keeps two bits a cell for the way back: did the row raise the value over the rows before it, and did this
    column raise it over the column to its left. ``low`` and ``high`` never fall from row to row.
    """
    low, high, straight, exact = _band(a, b, low, high)
    if straight:
        return [(i, i) for i in range(len(a))]
    extent = int(max(a.end.max(), b.end.max()) - min(a.start.min(), b.start.min())) + 1
    bonus = extent * (min(len(a), len(b)) + 1)
    if int((high - low).max()) <= NARROW:
        return _walk_back(_narrow_rows(a, b, low, high, window, in_order, bonus), len(b))
    return _walk_back(_wide_rows(a, b, low, high, window, in_order, bonus, exact), len(b))


NARROW = 48
"""Rows of at most so many cells are filled faster one by one than as arrays."""

Way = tuple[int, int, "np.ndarray | tuple[list[bool], list[bool]]"] | None
"""A row's first and last column, and for each cell: was the value raised over the row above, and over the cell left."""


def _wide_rows(a: Parts, b: Parts, low: np.ndarray, high: np.ndarray, window: Window, in_order: bool,
               bonus: int, exact: bool) -> list[Way]:
    best = np.zeros(len(b) + 1, np.int64)  # best[j]: value of the rows so far with the first j columns
    known = 0  # best is right up to here, and constant beyond
    ways: list[Way] = []
    for i in range(len(a)):
        first, last = int(low[i]), int(high[i])
        if last <= first:
            ways.append(None)
            continue
        best[known + 1 : last + 1] = best[known]
        known = max(known, last)
        old = best[first + 1 : last + 1]
        if exact:
            gap = np.maximum(b.start[first:last] - a.end[i], a.start[i] - b.end[first:last])
            new = np.maximum(old, best[first:last] + (bonus - gap))
        else:
            gap = _gaps(a, i, b, slice(first, last), window, in_order)
            new = np.maximum(old, np.where(gap >= 0, best[first:last] + (bonus - gap), _NONE))
        np.maximum.accumulate(new, out=new)
        left = np.concatenate((best[first : first + 1], new[:-1]))
        ways.append((first, last, np.packbits(np.stack((new > old, new > left)), axis=1)))
        best[first + 1 : last + 1] = new
    return ways


def _narrow_rows(a: Parts, b: Parts, low: np.ndarray, high: np.ndarray, window: Window, in_order: bool,
                 bonus: int) -> list[Way]:
    """The same as :func:`_wide_rows`, cell by cell: an array of five costs as much as five hundred."""
    rows = list(zip(a.start.tolist(), a.end.tolist(), a.start_line.tolist(), a.end_line.tolist(), low.tolist(),
                    high.tolist(), strict=True))
    starts, ends, start_lines, end_lines = (x.tolist() for x in (b.start, b.end, b.start_line, b.end_line))
    most = window.size if window.unit == "bytes" else 1 << 62
    most_lines = window.size if window.unit == "lines" else 1 << 62
    best, known = [0] * (len(b) + 1), 0
    ways: list[Way] = []
    for start, end, start_line, end_line, first, last in rows:
        if last <= first:
            ways.append(None)
            continue
        if last > known:
            best[known + 1 : last + 1] = [best[known]] * (last - known)
            known = last
        above, left = best[first], best[first]  # values of the cell above to the left, and of the cell to the left
        over, beyond = [], []
        for j in range(first, last):
            after, old = starts[j] - end, best[j + 1]
            gap = max(after, start - ends[j])
            new = max(left, old)
            if 0 <= gap <= most and (after >= 0 or not in_order) and (
                    max(start_lines[j] - end_line, start_line - end_lines[j]) <= most_lines):
                new = max(new, above + bonus - gap)
            over.append(new > old)
            beyond.append(new > left)
            best[j + 1] = left = new
            above = old
        ways.append((first, last, (over, beyond)))
    return ways


def _walk_back(ways: list[Way], column: int) -> list[tuple[int, int]]:
    """The pairs of the best path, walked from the last cell. A later span is left out whenever that loses nothing."""
    found: list[tuple[int, int]] = []
    for i in range(len(ways) - 1, -1, -1):
        way = ways[i]
        if way is None:
            continue
        first, last, bits = way
        column = min(column, last)  # the value is constant beyond
        if column <= first:
            continue
        over, beyond = np.unpackbits(bits, axis=1) if isinstance(bits, np.ndarray) else bits
        if not over[column - first - 1]:
            continue
        raised = column - 1
        while not beyond[raised - first]:
            raised -= 1
        found.append((i, raised))
        column = raised
    found.reverse()
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Three parts


def _assign_many(sides: Sequence[Parts], window: Window, in_order: bool) -> list[tuple[int, ...]]:
    """Triples, a neighbourhood at a time.

    The grid of a neighbourhood has a cell for every combination. Beyond :data:`TRIPLE_CELLS` of them the two rarer sides
    are paired first and the third is assigned to those pairs: still one to one and inside the window, but no longer
    proven to be the most.
    """
    found: list[tuple[int, ...]] = []
    for chosen in _clusters(sides, window):
        near = [s.take(c) for s, c in zip(sides, chosen, strict=True)]
        cells = int(np.prod([len(s) + 1 for s in near]))
        solve = _cube if cells <= TRIPLE_CELLS else _two_steps
        found += [tuple(int(c[k]) for c, k in zip(chosen, triple, strict=True))
                  for triple in solve(near, window, in_order)]
    return sorted(found)


def _clusters(sides: Sequence[Parts], window: Window) -> list[list[np.ndarray]]:
    """Positions a side, split wherever neighbours are further apart than the window; only clusters with all sides."""
    if window.unit == "file":
        return [[np.arange(len(s)) for s in sides]]
    low = np.concatenate([s.start if window.unit == "bytes" else s.start_line for s in sides])
    high = np.concatenate([s.end if window.unit == "bytes" else s.end_line for s in sides])
    side = np.concatenate([np.full(len(s), k) for k, s in enumerate(sides)])
    place = np.concatenate([np.arange(len(s)) for s in sides])
    order = np.argsort(low, kind="stable")
    apart = low[order][1:] - np.maximum.accumulate(high[order])[:-1] > window.size
    groups = np.split(order, np.flatnonzero(apart) + 1)
    split = [[np.sort(place[g][side[g] == k]) for k in range(len(sides))] for g in groups]
    return [s for s in split if all(len(c) for c in s)]


def _cube(sides: Sequence[Parts], window: Window, in_order: bool) -> list[tuple[int, ...]]:
    a, b, c = sides
    shape = len(a) + 1, len(b) + 1, len(c) + 1
    extent = int(max(s.end.max() for s in sides) - min(s.start.min() for s in sides)) + 1
    bonus = extent * min(shape)
    best = np.zeros(shape, np.int64)
    for i in range(1, shape[0]):
        for j in range(1, shape[1]):
            gap = _triple_gaps(a, i - 1, b, j - 1, c, window, in_order)
            row = np.maximum(best[i - 1, j], best[i, j - 1])
            row[1:] = np.maximum(row[1:], np.where(gap >= 0, best[i - 1, j - 1, :-1] + bonus - gap, _NONE))
            np.maximum.accumulate(row, out=best[i, j])
    found, (i, j, k) = [], (n - 1 for n in shape)
    while i and j and k:
        value = best[i, j, k]
        if best[i - 1, j, k] == value:
            i -= 1
        elif best[i, j - 1, k] == value:
            j -= 1
        elif best[i, j, k - 1] == value:
            k -= 1
        else:
            i, j, k = i - 1, j - 1, k - 1
            found.append((i, j, k))
    found.reverse()
    return found


def _triple_gaps(a: Parts, i: int, b: Parts, j: int, c: Parts, window: Window, in_order: bool) -> np.ndarray:
    """Gap of ``a[i]``, ``b[j]`` and every ``c``: end of the first to start of the last; -1 where they may not pair."""
    gap = np.maximum(max(a.start[i], b.start[j]), c.start) - np.minimum(min(a.end[i], b.end[j]), c.end)
    apart_ab = a.end[i] <= b.start[j] if in_order else a.end[i] <= b.start[j] or b.end[j] <= a.start[i]
    allowed = np.full(len(c), bool(apart_ab))
    for s, k in ((a, i), (b, j)):
        allowed &= (s.end[k] <= c.start) if in_order else (s.end[k] <= c.start) | (c.end <= s.start[k])
    if window.unit == "bytes":
        allowed &= gap <= window.size
    elif window.unit == "lines":
        lines = np.maximum(max(a.start_line[i], b.start_line[j]), c.start_line) - np.minimum(
            min(a.end_line[i], b.end_line[j]), c.end_line)
        allowed &= lines <= window.size
    return np.where(allowed, gap, -1)


def _two_steps(sides: Sequence[Parts], window: Window, in_order: bool) -> list[tuple[int, ...]]:
    by_size = sorted(range(3), key=lambda k: len(sides[k]))
    one, two = sorted(by_size[:2])
    rest = by_size[2]
    pairs = _assign_two(sides[one], sides[two], window, in_order)
    if not pairs:
        return []
    x, y = (sides[s].take(np.array([p[k] for p in pairs])) for k, s in enumerate((one, two)))
    joined = Parts(np.minimum(x.start, y.start), np.maximum(x.end, y.end), np.minimum(x.start_line, y.start_line),
                   np.maximum(x.end_line, y.end_line), np.arange(len(x)))
    order = np.lexsort((joined.end, joined.start))
    joined = joined.take(order)
    between = in_order and rest == 1
    ordered = in_order and not between
    first, second = (joined, sides[rest]) if rest == 2 or not ordered else (sides[rest], joined)
    found = []
    for p, q in _assign_two(first, second, window, ordered):
        pair, third = (p, q) if first is joined else (q, p)
        triple = [0, 0, 0]
        triple[one], triple[two] = pairs[int(joined.index[pair])]
        triple[rest] = third
        gap = _triple_gaps(sides[0], triple[0], sides[1], triple[1], sides[2], window, in_order)
        if gap[triple[2]] >= 0:
            found.append(tuple(triple))
    return found


def gap_of(spans: Sequence[tuple[int, int, int, int]]) -> tuple[int, int]:
    """Gap of the parts of one pair, each ``(start, end, start_line, end_line)``: (bytes, lines), never below 0."""
    return (max(0, max(s[0] for s in spans) - min(s[1] for s in spans)),
            max(0, max(s[2] for s in spans) - min(s[3] for s in spans)))
