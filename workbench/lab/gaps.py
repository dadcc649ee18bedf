"""Gaps: for every pair that any window could make, from which window on it stands and at which it is taken away again.

They come from one scan with the window at ``file``, which finds every part there is. For each other window the parts of
a blob are assigned anew, not merely kept or dropped by their distance: a narrower window may give a part another
partner. For blobs with up to five parts on a side this is exact for all windows at once
(:mod:`workbench.lab.matchings`); triples, larger blobs, and blobs in which another pair of the rule competes for a part
are given to the engine itself: at every window at which anything can change, or, where those are more than
:data:`MOST_WINDOWS`, at the smaller ones and some of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.engine.matcher import Match
from workbench.engine.pairing import Parts, assign
from workbench.engine.pairs import find_pairs
from workbench.lab.frames import Flat, ascending, numbered
from workbench.lab.matchings import NEVER, intervals, is_small, steps
from workbench.rules.rule import Pair, RuleSet, Window, WindowUnit, build

MOST_WINDOWS = 128
_MOST_COMBINATIONS = 20_000

Solve = Callable[[int], frozenset[tuple[int, ...]]]
"""The pairs, as members, that stand in a window of some size."""

UNITS: tuple[WindowUnit, ...] = ("bytes", "lines")

Spans = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Start, end, first line and last line of every match."""

_Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Columns of :class:`Standing` up to ``crossed``, in any order."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Pairs over windows of one unit, a row a pair and a run of windows in which it stands, by ``enter``.

    ``members`` (rows, parts) are row numbers in the scan's matches, in the order of the pair's parts. It stands in
    windows of at least ``enter`` and below ``leave`` (:data:`~workbench.lab.matchings.NEVER` when nothing takes it
    away). ``crossed`` says that another part stands between its own.
    """

    members: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    crossed: np.ndarray
    _spans: Spans

    def __len__(self) -> int:
        return len(self.enter)

    def at(self, size: int | None) -> np.ndarray:
        """Which rows stand in a window of ``size``; None is the whole file."""
        return self.leave == NEVER if size is None else (self.enter <= size) & (size < self.leave)

    def gaps(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances between the parts of these rows, in bytes and in lines."""
        members = self.members[rows].T
        starts, ends, first_lines, last_lines = ([c[m] for m in members] for c in self._spans)
        return (np.maximum(0, reduce(np.maximum, starts) - reduce(np.minimum, ends)),
                np.maximum(0, reduce(np.maximum, first_lines) - reduce(np.minimum, last_lines)))


def at_file(rules: RuleSet, name: str) -> RuleSet:
    """The rule set with the window of the pair ``name`` set to the whole file."""
    pairs = [replace(p, window=Window("file")) if n == name else p for n, p in rules.pairs.items()]
    return build(rules.secret_types.values(), pairs, among=rules)


class PairParts:
    """The parts of one pair in a scan's matches, blob by blob. Arrays are int64, sorted by (blob, start, end)."""

    def __init__(self, flat: Flat, rules: RuleSet, pair: Pair) -> None:
        self._rules, self._pair = rules, pair
        matches = flat.matches
        self._names = list(rules.secret_types)
        kinds = pc.index_in(matches.column("secret_type").combine_chunks(), pa.array(self._names, pa.string()))
        self._kind = kinds.to_numpy().astype(np.int64)
        self._all = _runs(matches.column("blob_id"))
        start, end, line, last = (matches.column(n).combine_chunks().to_numpy().astype(np.int64, copy=False)
                                  for n in ("start", "end", "start_line", "end_line"))
        self._spans: Spans = start, end, line, last
        side = np.array([pair.parts.index(n) if n in pair.parts else -1 for n in self._names], np.int64)[self._kind]
        self.row = _by_place(self._all, start, end)
        self.row = self.row[side[self.row] >= 0]
        # As a rule a scan gives just these rows and in this order, so nothing need be moved.
        moved = len(self.row) < len(side) or not (self.row[1:] > self.row[:-1]).all()
        self.blob, self.side, self.start, self.end, self.start_line, self.end_line = (
            c[self.row] if moved else c for c in (self._all, side, *self._spans))

    def counts(self) -> list[int]:
        """How many of each part there are."""
        return np.bincount(self.side, minlength=len(self._pair.parts)).tolist()

    def prepare(self) -> None:
        """Find what both units share, so that two threads do not find it twice."""
        self._level, self._apart  # noqa: B018

    def standing(self, unit: WindowUnit) -> Standing:
        """When each pair stands, by windows in ``unit``, bytes or lines."""
        nothing = np.empty(0, np.int64)
        none = np.empty((0, len(self._pair.parts)), np.int64), nothing, nothing, np.empty(0, bool)
        found = [none, *self._simple(unit), *self._others(unit)]
        members, enter, leave, crossed = (np.concatenate(column) for column in zip(*found, strict=True))
        order = ascending(enter)
        return Standing(members.take(order, axis=0), enter[order], leave[order], crossed[order], self._spans)

    def _crossed(self, members: np.ndarray) -> np.ndarray:
        """Whether parts other than its own begin between the first and the last of each pair."""
        if not len(members):
            return np.empty(0, bool)
        first, behind = self._level
        low, high = behind[members[:, 0]], first[members[:, 0]]
        for of_part in members.T[1:]:
            low, high = np.minimum(low, behind[of_part]), np.maximum(high, first[of_part])
        return high - low > members.shape[1] - 2

    @cached_property
    def _level(self) -> tuple[np.ndarray, np.ndarray]:
        """By match: how many parts begin before it, in its blob or in an earlier one, and how many not after it."""
        begins = np.ones(len(self.row), bool)
        begins[1:] = (np.diff(self.blob) != 0) | (np.diff(self.start) != 0)
        edges = np.append(np.flatnonzero(begins), len(self.row))
        group = np.cumsum(begins) - 1
        first, behind = np.zeros((2, len(self._all)), np.int64)
        first[self.row], behind[self.row] = edges[group], edges[group + 1]
        return first, behind

    # -- blobs with few parts of one pair of types ---------------------------------------------------------------------

    @cached_property
    def _shapes(self) -> tuple[np.ndarray, list[tuple[int, ...]]]:
        """How many of each part blobs have: a number a blob, and what it stands for."""
        blobs, count = int(self._all.max(initial=-1)) + 1, len(self._pair.parts)
        sizes = np.bincount(self.blob * count + self.side, minlength=blobs * count).reshape(blobs, count)
        numbers = numbered(list(sizes.T))
        first = np.flatnonzero(np.diff(np.maximum.accumulate(numbers), prepend=-1))  # numbers go by appearance
        return numbers, [tuple(shape) for shape in sizes[first].tolist()]

    @cached_property
    def _left(self) -> np.ndarray:
        """Which blobs are left to the engine."""
        of_blob, shapes = self._shapes
        count = len(of_blob)
        left = np.array([not _is_simple(shape) for shape in shapes], bool)[of_blob]
        for rival in self._rivals():
            codes = [k for k, n in enumerate(self._names) if n in rival.parts]
            present = [np.bincount(self._all[self._kind == c], minlength=count) > 0 for c in codes]
            if len(codes) == len(rival.parts):
                left |= np.logical_and.reduce(present)
        return left

    def _rivals(self) -> list[Pair]:
        return [
            p for p in self._rules.pairs.values() if p.type != self._pair.type and set(p.parts) & set(self._pair.parts)
        ]

    def _simple(self, unit: WindowUnit) -> Iterator[_Found]:
        for sides, (gap, allowed) in zip(self._by_shape, self._apart, strict=True):
            if len(sides) > 2:
                yield self._single_triples([s[:, 0] for s in sides], unit)
                continue
            needed = np.where(allowed, gap if unit == "bytes" else self._lines(sides[0], sides[1]), NEVER)
            found = intervals(needed, gap)
            members = self.row[np.stack((sides[0][found.row, found.first], sides[1][found.row, found.second]), axis=1)]
            alone = sides[0].shape[1] == sides[1].shape[1] == 1
            yield members, found.enter, found.leave, np.zeros(len(members), bool) if alone else self._crossed(members)

    @cached_property
    def _by_shape(self) -> list[list[np.ndarray]]:
        """For all blobs with the same number of each part: the places of each part's, (blobs, number)."""
        of_blob, shapes = self._shapes
        count = len(self._pair.parts)
        kind = np.where(self._left, len(shapes), of_blob)[self.blob] * count + self.side
        few = np.int16 if len(shapes) * count + count < 1 << 15 else np.int64  # numpy sorts these in one pass
        order = np.argsort(kind.astype(few), kind="stable")
        ends = np.cumsum(np.bincount(kind, minlength=(len(shapes) + 1) * count))
        parts = [order[end - size : end] for end, size in zip(ends, np.diff(ends, prepend=0), strict=True)]
        return [[parts[k * count + side].reshape(-1, size) for side, size in enumerate(shape)]
                for k, shape in enumerate(shapes) if all(shape) and len(parts[k * count])]

    @cached_property
    def _apart(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For the first two parts of each of :attr:`_by_shape`, (blobs, n, m): their distance in bytes, and whether they
        may pair at all."""
        return [self._distance(sides[0], sides[1]) for sides in self._by_shape]

    def _distance(self, one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = one[:, :, None], two[:, None, :]
        after = self.start[b] - self.end[a]
        gap = np.maximum(after, self.start[a] - self.end[b])
        return gap, (after if self._pair.in_order else gap) >= 0

    def _lines(self, one: np.ndarray, two: np.ndarray) -> np.ndarray:
        """The distance of parts in lines, (blobs, n, m)."""
        a, b = one[:, :, None], two[:, None, :]
        lines = np.maximum(self.start_line[b] - self.end_line[a], self.start_line[a] - self.end_line[b])
        return np.maximum(lines, 0, out=lines)

    def _single_triples(self, sides: Sequence[np.ndarray], unit: WindowUnit) -> _Found:
        stand = np.logical_and.reduce(
            [self._distance(sides[i][:, None], sides[j][:, None])[1][:, 0, 0] for i, j in ((0, 1), (0, 2), (1, 2))])
        sides = [s[stand] for s in sides]
        first, last = (self.end, self.start) if unit == "bytes" else (self.end_line, self.start_line)
        wide = np.maximum(np.max([last[s] for s in sides], axis=0) - np.min([first[s] for s in sides], axis=0), 0)
        members = self.row[np.stack(sides, axis=1)]
        return members, wide, np.full(len(members), NEVER), self._crossed(members)

    # -- the others ----------------------------------------------------------------------------------------------------

    def _others(self, unit: WindowUnit) -> Iterator[_Found]:
        of_blob, shapes = self._shapes
        for blob in np.flatnonzero(self._left & np.array([all(shape) for shape in shapes], bool)[of_blob]):
            own = np.arange(*np.searchsorted(self.blob, (blob, blob + 1)))
            sides = [self._parts(own[self.side[own] == k]) for k in range(len(self._pair.parts))]
            solve = self._by_engine(int(blob), unit) if self._has_rival(int(blob)) else self._by_assignment(sides, unit)
            own_size = [self._pair.window.size] if self._pair.window.unit == unit else []
            found = steps(_windows(sides, unit), solve, most=MOST_WINDOWS, always=own_size)
            rows = list(_as_intervals(list(found)))
            if rows:
                members = np.array([r[0] for r in rows])
                enter, leave = (np.array([r[k] for r in rows], np.int64) for k in (1, 2))
                yield members, enter, leave, self._crossed(members)

    def _parts(self, own: np.ndarray) -> Parts:
        return Parts(self.start[own], self.end[own], self.start_line[own], self.end_line[own], self.row[own])

    def _has_rival(self, blob: int) -> bool:
        first, last = np.searchsorted(self._all, (blob, blob + 1))
        present = {self._names[int(k)] for k in np.unique(self._kind[first:last])}
        return any(set(r.parts) <= present for r in self._rivals())

    def _by_assignment(self, sides: Sequence[Parts], unit: WindowUnit) -> Solve:
        def solve(size: int) -> frozenset[tuple[int, ...]]:
            chosen = assign(sides, Window(unit, size), self._pair.in_order)
            return frozenset(tuple(int(s.index[k]) for s, k in zip(sides, t, strict=True)) for t in chosen)

        return solve

    def _by_engine(self, blob: int, unit: WindowUnit) -> Solve:
        rows = np.arange(*np.searchsorted(self._all, (blob, blob + 1)))
        names = [self._names[int(k)] for k in self._kind[rows]]
        start, end, line, last = (c[rows].tolist() for c in self._spans)

        def solve(size: int) -> frozenset[tuple[int, ...]]:
            matches = [Match(names[k], 0, start[k], end[k], line[k], 1, last[k], b"") for k in range(len(rows))]
            pairs = [replace(p, window=Window(unit, size)) if p.type == self._pair.type else p
                     for p in self._rules.pairs.values()]
            found, _ = find_pairs(matches, pairs)
            return frozenset(tuple(int(rows[k]) for k in f.parts) for f in found if f.pair_type == self._pair.type)

        return solve


def _runs(blob_ids: pa.ChunkedArray) -> np.ndarray:
    """A number a match, equal for those of one blob, which come together."""
    ends = pc.run_end_encode(blob_ids.combine_chunks()).run_ends.to_numpy()
    return np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))


def _by_place(blob: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Row numbers sorted by (blob, start, end): as a scan gives them, unless a blob has matches of equal starts."""
    if ((start[1:] > start[:-1]) | (blob[1:] != blob[:-1])).all():
        return np.arange(len(blob))
    return np.lexsort((end, start, blob))


def _is_simple(shape: Sequence[int]) -> bool:
    """Whether a blob with so many of each part need not be left to the engine."""
    return max(shape) <= 1 if len(shape) > 2 else not all(shape) or is_small(*shape)


def _windows(sides: Sequence[Parts], unit: WindowUnit) -> np.ndarray:
    """Sizes at which anything can change: the distances of all combinations, or as many as are looked at."""
    step = max(1, int((np.prod([float(len(s)) for s in sides]) / _MOST_COMBINATIONS) ** (1 / len(sides))))
    first, last = (("end", "start") if unit == "bytes" else ("end_line", "start_line"))
    grids = np.meshgrid(*(np.arange(0, len(s), step) for s in sides), indexing="ij")
    high = np.max([getattr(s, last)[g] for s, g in zip(sides, grids, strict=True)], axis=0)
    low = np.min([getattr(s, first)[g] for s, g in zip(sides, grids, strict=True)], axis=0)
    widest = max(int(getattr(s, last).max()) for s in sides) - min(int(getattr(s, first).min()) for s in sides)
    return np.unique(np.append(np.maximum(high - low, 0), widest))


def _as_intervals(found: list[tuple[int, frozenset]]) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """(members, enter, leave) of (window, the pairs from there on)."""
    since: dict[tuple[int, ...], int] = {}
    for window, pairs in found:
        for members in sorted(set(since) - pairs):
            yield members, since.pop(members), window
        for members in pairs - set(since):
            since[members] = window
    for members in sorted(since):
        yield members, since[members], int(NEVER)
