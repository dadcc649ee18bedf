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


@dataclass(frozen=True, slots=True)
class Standing:
    """Pairs over windows of one unit, a row a pair and a run of windows in which it stands, by ``enter``.

    ``members`` (rows, parts) are row numbers in the scan's matches, in the order of the pair's parts. It stands in
    windows of at least ``enter`` and below ``leave`` (:data:`~workbench.lab.matchings.NEVER` when nothing takes it
    away). ``gap_bytes`` and ``gap_lines`` are distances, ``crossed`` says that another part stands between its own.
    """

    members: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    gap_bytes: np.ndarray
    gap_lines: np.ndarray
    crossed: np.ndarray

    def __len__(self) -> int:
        return len(self.enter)

    def at(self, size: int | None) -> np.ndarray:
        """Which rows stand in a window of ``size``; None is the whole file."""
        return self.leave == NEVER if size is None else (self.enter <= size) & (size < self.leave)


def at_file(rules: RuleSet, name: str) -> RuleSet:
    """The rule set with the window of the pair ``name`` set to the whole file."""
    pairs = [replace(p, window=Window("file")) if n == name else p for n, p in rules.pairs.items()]
    return build(rules.secret_types.values(), pairs)


class PairParts:
    """The parts of one pair in a scan's matches, blob by blob. Arrays are int64, sorted by (blob, start, end)."""

    def __init__(self, flat: Flat, rules: RuleSet, pair: Pair) -> None:
        self._rules, self._pair = rules, pair
        matches = flat.matches
        blob = _runs(matches.column("blob_id"))
        kinds = pc.dictionary_encode(matches.column("secret_type").combine_chunks())
        self._names: list[str] = kinds.dictionary.to_pylist()
        self._kind = kinds.indices.to_numpy().astype(np.int64)
        sides = np.array([pair.parts.index(n) if n in pair.parts else -1 for n in self._names], np.int64)
        side = sides[self._kind] if len(sides) else np.empty(0, np.int64)
        columns = [matches.column(n).to_numpy().astype(np.int64) for n in ("start", "end", "start_line", "end_line")]
        order = _by_place(blob, *columns[:2])
        order = order[side[order] >= 0]
        self.row, self.blob, self.side = order, blob[order], side[order]
        self.start, self.end, self.start_line, self.end_line = (c[order] for c in columns)
        self._all = blob
        self._columns = columns

    def counts(self) -> list[int]:
        """How many of each part there are."""
        return [int((self.side == k).sum()) for k in range(len(self._pair.parts))]

    def prepare(self) -> None:
        """Find what both units share, so that two threads do not find it twice."""
        self._level, self._by_shape  # noqa: B018

    def standing(self, unit: WindowUnit) -> Standing:
        """When each pair stands, by windows in ``unit``, bytes or lines."""
        found = [*self._simple(unit), *self._others(unit)]
        count = len(self._pair.parts)
        members = np.concatenate([f[0] for f in found]) if found else np.empty((0, count), np.int64)
        enter, leave = (np.concatenate([f[k] for f in found]) if found else np.empty(0, np.int64) for k in (1, 2))
        starts, ends, first_lines, last_lines = ([c[m] for m in members.T] for c in self._columns)
        gap_bytes = np.maximum(0, reduce(np.maximum, starts) - reduce(np.minimum, ends))
        gap_lines = np.maximum(0, reduce(np.maximum, first_lines) - reduce(np.minimum, last_lines))
        crossed = self._crossed(members)
        order = ascending(enter)
        return Standing(*(column[order] for column in (members, enter, leave, gap_bytes, gap_lines, crossed)))

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
    def _sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of each part in each blob (blobs, parts), and which blobs are left to the engine."""
        count = int(self._all.max(initial=-1)) + 1
        sizes = np.stack(
            [np.bincount(self.blob[self.side == k], minlength=count) for k in range(len(self._pair.parts))], axis=1
        )
        left = np.zeros(count, bool)
        for rival in self._rivals():
            codes = [k for k, n in enumerate(self._names) if n in rival.parts]
            present = [np.bincount(self._all[self._kind == c], minlength=count) > 0 for c in codes]
            if len(codes) == len(rival.parts):
                left |= np.logical_and.reduce(present)
        if len(self._pair.parts) > 2:
            left |= sizes.max(axis=1, initial=0) > 1
        else:
            for n, m in _shapes(sizes):
                if n and m and not is_small(n, m):
                    left |= (sizes[:, 0] == n) & (sizes[:, 1] == m)
        return sizes, left

    def _rivals(self) -> list[Pair]:
        return [
            p for p in self._rules.pairs.values() if p.type != self._pair.type and set(p.parts) & set(self._pair.parts)
        ]

    def _simple(self, unit: WindowUnit) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for sides in self._by_shape:
            if len(sides) == 2:
                needed, gap = self._needed(sides[0][:, :, None], sides[1][:, None, :], unit)
                found = intervals(needed, gap)
                chosen = [sides[0][found.row, found.first], sides[1][found.row, found.second]]
                yield self.row[np.stack(chosen, axis=1)], found.enter, found.leave
            else:
                yield self._single_triples([s[:, 0] for s in sides], unit)

    @cached_property
    def _by_shape(self) -> list[list[np.ndarray]]:
        """For all blobs with the same number of each part: the places of each part's, (blobs, number)."""
        sizes, left = self._sizes
        count = len(self._pair.parts)
        of_blob = numbered(list(sizes.T)) if len(sizes) else np.empty(0, np.int64)
        shapes = [tuple(int(n) for n in shape) for shape in sizes[np.unique(of_blob, return_index=True)[1]]]
        of_blob = np.where(left, len(shapes), of_blob)
        kind = of_blob[self.blob] * count + self.side
        few = np.int16 if len(shapes) * count + count < 1 << 15 else np.int64  # numpy sorts these in one pass
        order = np.argsort(kind.astype(few), kind="stable")
        ends = np.cumsum(np.bincount(kind, minlength=(len(shapes) + 1) * count))
        parts = [order[end - size : end] for end, size in zip(ends, np.diff(ends, prepend=0), strict=True)]
        return [[parts[k * count + side].reshape(-1, size) for side, size in enumerate(shape)]
                for k, shape in enumerate(shapes) if all(shape) and len(parts[k * count])]

    def _needed(self, a: np.ndarray, b: np.ndarray, unit: WindowUnit) -> tuple[np.ndarray, np.ndarray]:
        """The window from which on parts ``a`` and ``b`` may pair, and their distance in bytes."""
        after, before = self.start[b] - self.end[a], self.start[a] - self.end[b]
        gap = np.maximum(after, before)
        allowed = after >= 0 if self._pair.in_order else gap >= 0
        if unit == "bytes":
            return np.where(allowed, gap, NEVER), gap
        lines = np.maximum(self.start_line[b] - self.end_line[a], self.start_line[a] - self.end_line[b])
        return np.where(allowed, np.maximum(lines, 0), NEVER), gap

    def _single_triples(
        self, sides: Sequence[np.ndarray], unit: WindowUnit
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        needed = [self._needed(sides[i], sides[j], unit)[0] for i, j in ((0, 1), (0, 2), (1, 2))]
        first, last = (self.end, self.start) if unit == "bytes" else (self.end_line, self.start_line)
        wide = np.maximum(np.max([last[s] for s in sides], axis=0) - np.min([first[s] for s in sides], axis=0), 0)
        stand = np.max(needed, axis=0) < NEVER
        members = self.row[np.stack(sides, axis=1)][stand]
        return members, wide[stand], np.full(len(members), NEVER)

    # -- the others ----------------------------------------------------------------------------------------------------

    def _others(self, unit: WindowUnit) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        sizes, left = self._sizes
        for blob in np.flatnonzero(left & (sizes > 0).all(axis=1)):
            own = np.arange(*np.searchsorted(self.blob, (blob, blob + 1)))
            sides = [self._parts(own[self.side[own] == k]) for k in range(sizes.shape[1])]
            solve = self._by_engine(int(blob), unit) if self._has_rival(int(blob)) else self._by_assignment(sides, unit)
            own_size = [self._pair.window.size] if self._pair.window.unit == unit else []
            found = steps(_windows(sides, unit), solve, most=MOST_WINDOWS, always=own_size)
            rows = list(_as_intervals(list(found)))
            if rows:
                yield (np.array([r[0] for r in rows]), *(np.array([r[k] for r in rows], np.int64) for k in (1, 2)))

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
        start, end, line, last = (c[rows].tolist() for c in self._columns)

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
    if (np.diff(start)[np.diff(blob) == 0] > 0).all():
        return np.arange(len(blob))
    return np.lexsort((end, start, blob))


def _shapes(sizes: np.ndarray) -> list[tuple[int, ...]]:
    """The distinct rows."""
    first = np.unique(numbered(list(sizes.T)), return_index=True)[1] if len(sizes) else []
    return [tuple(int(n) for n in sizes[k]) for k in first]


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
