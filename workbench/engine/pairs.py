"""Pairs of one blob: the matches of paired types assigned to each other, and why the others stayed alone.

Types that share a part compete for it. Triples are served before pairs; pairs that share a part, a window and an order
are solved as one problem, others one after another by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.engine.matcher import Match
from workbench.engine.pairing import Parts, assign, gap_of, parts
from workbench.rules.rule import Pair


@dataclass(frozen=True, slots=True)
class FoundPair:
    """A complete pair; ``parts`` are indices into the blob's matches, in the order of the rule's parts."""

    pair_type: str
    parts: tuple[int, ...]
    gap_bytes: int
    gap_lines: int


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A part left alone; fields as in :data:`workbench.schemas.NEAR_MISS`."""

    pair_type: str
    part: int
    missing_type: str
    limit: str
    closest: int | None = None
    gap_bytes: int | None = None
    gap_lines: int | None = None
    exceeded_by: int | None = None


class _Sides:
    """The matches of one blob by type, less those that already stand in a pair."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._rows: dict[str, list[tuple[int, int, int, int, int]]] = {}
        for k, m in enumerate(matches):
            self._rows.setdefault(m.secret_type, []).append((m.start, m.end, m.start_line, m.end_line, k))
        self.used: set[int] = set()
        self._all: dict[str, Parts] = {}

    def all(self, secret_type: str) -> Parts:
        """Every match of the type."""
        if secret_type not in self._all:
            self._all[secret_type] = parts(self._rows.get(secret_type, ()))
        return self._all[secret_type]

    def free(self, *types: str) -> Parts:
        """The matches of these types that stand in no pair yet."""
        return parts([r for t in types for r in self._rows.get(t, ()) if r[4] not in self.used])

    def has(self, secret_type: str) -> bool:
        return secret_type in self._rows


def find_pairs(matches: Sequence[Match], pairs: Sequence[Pair]) -> tuple[list[FoundPair], list[NearMiss]]:
    """Pairs and near misses of one blob's matches. Marks the matches of complete pairs as alertable."""
    sides = _Sides(matches)
    present = [p for p in pairs if any(sides.has(part) for part in p.parts)]
    if not present:
        return [], []
    found: list[FoundPair] = []
    for group in _groups(present):
        found += _assign_group(group, sides, matches)
    for pair in found:
        for k in pair.parts:
            matches[k].alertable = True
    misses = [miss for p in present for miss in _near_misses(p, sides, matches)]
    return sorted(found, key=lambda f: (f.parts, f.pair_type)), misses


def _groups(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs to solve together, triples first."""
    ordered = sorted(pairs, key=lambda p: (-len(p.parts), p.type))
    groups: list[list[Pair]] = []
    for pair in ordered:
        for group in groups:
            if _joins(pair, group):
                group.append(pair)
                break
        else:
            groups.append([pair])
    return groups


def _joins(pair: Pair, group: list[Pair]) -> bool:
    """Whether ``pair`` shares one part with all of ``group`` on the same side, under the same window and order."""
    first = group[0]
    if len(pair.parts) != 2 or len(first.parts) != 2 or (pair.window, pair.in_order) != (first.window, first.in_order):
        return False
    shared = set(pair.parts).intersection(*(p.parts for p in group))
    if len(shared) != 1:
        return False
    part = shared.pop()
    return not pair.in_order or pair.parts.index(part) == first.parts.index(part)


def _assign_group(group: list[Pair], sides: _Sides, matches: Sequence[Match]) -> list[FoundPair]:
    pair = group[0]
    if len(group) == 1:
        columns = [sides.free(part) for part in pair.parts]
    else:
        shared = set(group[0].parts).intersection(*(p.parts for p in group[1:])).pop()
        others = [p.parts[1 - p.parts.index(shared)] for p in group]
        columns = [sides.free(shared), sides.free(*others)]
        if pair.parts.index(shared) == 1:
            columns.reverse()
    found = []
    for chosen in assign(columns, pair.window, pair.in_order):
        members = [int(column.index[k]) for column, k in zip(columns, chosen, strict=True)]
        types = {matches[k].secret_type: k for k in members}
        owner = pair if len(group) == 1 else next(p for p in group if set(p.parts) == set(types))
        ordered = tuple(types[part] for part in owner.parts)
        gap_bytes, gap_lines = gap_of([_row(matches[k]) for k in ordered])
        found.append(FoundPair(owner.type, ordered, gap_bytes, gap_lines))
        sides.used.update(members)
    return found


def _row(match: Match) -> tuple[int, int, int, int]:
    return match.start, match.end, match.start_line, match.end_line


def _near_misses(pair: Pair, sides: _Sides, matches: Sequence[Match]) -> list[NearMiss]:
    """For every lone part of ``pair``: the other parts it lacked and the limit that each of them failed."""
    out: list[NearMiss] = []
    for part in pair.parts:
        lone = sides.free(part)
        for i in range(len(lone)):
            own = [_explain(pair, int(lone.index[i]), other, sides, matches) for other in pair.parts if other != part]
            failed = [miss for miss in own if miss.limit != "incomplete"]
            out += failed or own[:1]
    return out


def _explain(pair: Pair, k: int, other: str, sides: _Sides, matches: Sequence[Match]) -> NearMiss:
    """Why match ``k`` has no ``other``: from the closest one of that type."""
    there = sides.all(other)
    if not len(there):
        return NearMiss(pair.type, k, other, "absent")
    me = matches[k]
    gap = np.maximum(np.maximum(there.start - me.end, me.start - there.end), 0)
    nearest = int(np.argmin(gap))
    closest = int(there.index[nearest])
    far = matches[closest]
    gap_bytes, gap_lines = gap_of([_row(me), _row(far)])
    limit, exceeded = _limit(pair, me, far, gap_bytes, gap_lines)
    if limit == "":
        taken = closest in sides.used
        limit = "taken" if taken or len(pair.parts) == 2 else "incomplete"
    return NearMiss(pair.type, k, other, limit, closest, gap_bytes, gap_lines, exceeded)


def _limit(pair: Pair, me: Match, far: Match, gap_bytes: int, gap_lines: int) -> tuple[str, int | None]:
    """The rule's limit that keeps two spans apart, and by how much; "" when none does."""
    if me.start < far.end and far.start < me.end:
        return "overlap", None
    window = pair.window
    if window.unit == "bytes" and gap_bytes > window.size:
        return "bytes", gap_bytes - window.size
    if window.unit == "lines" and gap_lines > window.size:
        return "lines", gap_lines - window.size
    if pair.in_order:
        listed = pair.parts.index(me.secret_type) < pair.parts.index(far.secret_type)
        if listed != (me.start < far.start):
            return "order", None
    return "", None
