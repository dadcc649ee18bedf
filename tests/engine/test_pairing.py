"""Pairing: one to one, most pairs, least gaps, inside the window, whatever the input order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.engine import pairing
from workbench.engine.pairing import Parts, assign, gap_of, parts
from workbench.rules.rule import FILE, Window

LINE = 20  # bytes a line in these texts


def spans_of(positions: list[tuple[int, int]]) -> Parts:
    """Parts of (start, length) with a newline every LINE bytes."""
    return parts([(s, s + n, s // LINE + 1, (s + n - 1) // LINE + 1, k) for k, (s, n) in enumerate(positions)])


def allowed(chosen: list[tuple[int, int, int, int]], window: Window, in_order: bool) -> bool:
    for x, y in itertools.combinations(chosen, 2):
        if x[0] < y[1] and y[0] < x[1]:
            return False
    if in_order and any(chosen[k][1] > chosen[k + 1][0] for k in range(len(chosen) - 1)):
        return False
    gap, lines = gap_of(chosen)
    return window.unit == "file" or (gap if window.unit == "bytes" else lines) <= window.size


def rows(p: Parts) -> list[tuple[int, int, int, int]]:
    return [tuple(int(v) for v in r) for r in zip(p.start, p.end, p.start_line, p.end_line, strict=True)]


def brute_force(sides: list[Parts], window: Window, in_order: bool) -> tuple[int, int]:
    """(pairs, total gap) of the best assignment by trying every one: no order, no grid."""
    tables = [rows(s) for s in sides]
    options = [(combo, gap_of([tables[k][i] for k, i in enumerate(combo)])[0])
               for combo in itertools.product(*(range(len(t)) for t in tables))
               if allowed([tables[k][i] for k, i in enumerate(combo)], window, in_order)]
    best = (0, 0)

    def extend(at: int, used: tuple[frozenset[int], ...], count: int, total: int) -> None:
        nonlocal best
        if count > best[0] or (count == best[0] and total < best[1]):
            best = (count, total)
        for k in range(at, len(options)):
            combo, gap = options[k]
            if all(i not in u for i, u in zip(combo, used, strict=True)):
                extend(k + 1, tuple(u | {i} for i, u in zip(combo, used, strict=True)), count + 1, total + gap)

    extend(0, tuple(frozenset() for _ in sides), 0, 0)
    return best


def grid_oracle(a: Parts, b: Parts, window: Window) -> tuple[int, int]:
    """(pairs, total gap) by the plain quadratic dynamic programme, cell by cell."""
    x, y = rows(a), rows(b)
    table = [[(0, 0)] * (len(y) + 1) for _ in range(len(x) + 1)]
    for i in range(1, len(x) + 1):
        for j in range(1, len(y) + 1):
            best = max(table[i - 1][j], table[i][j - 1])
            if allowed([x[i - 1], y[j - 1]], window, False):
                count, minus = table[i - 1][j - 1]
                best = max(best, (count + 1, minus - gap_of([x[i - 1], y[j - 1]])[0]))
            table[i][j] = best
    count, minus = table[-1][-1]
    return count, -minus


def judged(found: list[tuple[int, ...]], sides: list[Parts], window: Window, in_order: bool) -> tuple[int, int]:
    """(pairs, total gap) of an answer, after checking that it is one at all."""
    tables = [rows(s) for s in sides]
    for k in range(len(sides)):
        assert len({f[k] for f in found}) == len(found), "a span stands in two pairs"
    total = 0
    for f in found:
        chosen = [tables[k][i] for k, i in enumerate(f)]
        assert allowed(chosen, window, in_order), "a pair breaks the window, the order, or shares bytes"
        total += gap_of(chosen)[0]
    return len(found), total


@st.composite
def layouts(draw: st.DrawFn, sides: int, most: int) -> list[Parts]:
    """Spans of several sides laid out along one line, none sharing bytes."""
    tags = draw(st.lists(st.integers(0, sides - 1), min_size=1, max_size=most))
    place, out = 0, [[] for _ in range(sides)]
    for tag in tags:
        place += draw(st.integers(0, 30))
        length = draw(st.integers(1, 12))
        out[tag].append((place, length))
        place += length
    return [spans_of(o) for o in out]


windows = st.one_of(
    st.just(FILE),
    st.builds(Window, st.just("bytes"), st.integers(0, 60)),
    st.builds(Window, st.just("lines"), st.integers(0, 4)),
)


@settings(max_examples=400, deadline=None)
@given(layouts(2, 9), windows, st.booleans())
def test_pairs_are_the_best_of_all_assignments(sides: list[Parts], window: Window, in_order: bool) -> None:
    found = assign(sides, window, in_order)
    assert judged(found, sides, window, in_order) == brute_force(sides, window, in_order)


@settings(max_examples=150, deadline=None)
@given(layouts(3, 9), windows, st.booleans())
def test_triples_are_the_best_of_all_assignments(sides: list[Parts], window: Window, in_order: bool) -> None:
    found = assign(sides, window, in_order)
    assert judged(found, sides, window, in_order) == brute_force(sides, window, in_order)


@settings(max_examples=150, deadline=None)
@given(layouts(2, 60), windows)
def test_pairs_agree_with_the_plain_dynamic_programme(sides: list[Parts], window: Window) -> None:
    found = assign(sides, window, False)
    assert judged(found, sides, window, False) == grid_oracle(*sides, window)


@settings(max_examples=100, deadline=None)
@given(layouts(2, 12), windows, st.randoms())
def test_the_answer_does_not_depend_on_input_order(sides: list[Parts], window: Window, rng) -> None:
    shuffled = []
    for side in sides:
        table = [(*r, int(i)) for r, i in zip(rows(side), side.index, strict=True)]
        rng.shuffle(table)
        shuffled.append(parts(table))
    named = [tuple(int(s.index[k]) for s, k in zip(sides, f, strict=True)) for f in assign(sides, window, False)]
    again = [tuple(int(s.index[k]) for s, k in zip(shuffled, f, strict=True)) for f in assign(shuffled, window, False)]
    assert named == again


@settings(max_examples=60, deadline=None)
@given(layouts(3, 14), windows, st.booleans())
def test_crowded_triples_still_keep_the_rules(sides: list[Parts], window: Window, in_order: bool) -> None:
    """Beyond the exact grid the answer may hold fewer triples, but never a wrong one."""
    if any(len(s) == 0 for s in sides):
        return
    found = pairing._two_steps(sides, window, in_order)
    count, _ = judged(found, sides, window, in_order)
    assert count <= brute_force(sides, window, in_order)[0] if max(len(s) for s in sides) <= 5 else True


@pytest.mark.parametrize(
    ("a", "b", "window", "expected"),
    [
        # The nearest partner wins.
        ([(100, 10)], [(0, 10), (115, 10)], FILE, [(0, 1)]),
        # A tie goes to the earlier span.
        ([(100, 10)], [(80, 10), (120, 10)], FILE, [(0, 0)]),
        # Two complete pairs beat one closer pair.
        ([(0, 10), (40, 10)], [(30, 5), (200, 5)], FILE, [(0, 0), (1, 1)]),
        # A window of exactly the gap holds the pair; one byte less does not.
        ([(0, 10)], [(40, 10)], Window("bytes", 30), [(0, 0)]),
        ([(0, 10)], [(40, 10)], Window("bytes", 29), []),
        # Touching spans have no gap.
        ([(0, 10)], [(10, 10)], Window("bytes", 0), [(0, 0)]),
        # Lines count between lines, not columns: end of one line and start of the next are one line apart.
        ([(15, 5)], [(20, 5)], Window("lines", 1), [(0, 0)]),
        ([(15, 5)], [(20, 5)], Window("lines", 0), []),
        # Spans that share bytes never pair.
        ([(0, 10)], [(5, 10)], FILE, []),
        # Two texts that may each be either part are one pair, not two that cross.
        ([(0, 10), (30, 10)], [(0, 10), (30, 10)], FILE, [(0, 1)]),
    ],
)
def test_small_layouts(a: list, b: list, window: Window, expected: list) -> None:
    assert assign([spans_of(a), spans_of(b)], window, False) == expected


def test_neighbourhoods_merge_where_grown_spans_touch() -> None:
    tree = pairing.neighbourhoods([(90, 115), (0, 25), (20, 45), (50, 50)])
    assert sorted((i.begin, i.end) for i in tree) == [(0, 45), (90, 115)]


def test_large_blobs_are_answered_exactly() -> None:
    """Two clouds of spans with unequal sides: the wide grid agrees with the plain one."""
    rng = np.random.default_rng(7)
    places = np.sort(rng.choice(40_000, 500, replace=False))
    side = rng.random(500) < 0.6
    a = spans_of([(int(p), 1) for p, s in zip(places, side, strict=True) if s])
    b = spans_of([(int(p), 1) for p, s in zip(places, side, strict=True) if not s])
    for window in (FILE, Window("bytes", 300), Window("lines", 3)):
        assert judged(assign([a, b], window, False), [a, b], window, False) == grid_oracle(a, b, window)
