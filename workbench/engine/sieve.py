"""The sieve: which hits have a candidate of their format near them, asked of all hits of a batch at once.

A keyword is a common word and few of them stand beside a token, so most would cost a search that finds nothing; so
would the literal of a format whose token may start at several places before it. For each format the neighbourhoods of
all its hits are put end to end and searched in one go. It only spares searches: no hit is dropped beside which the
matcher would find a candidate, and what passes is searched as if there were no sieve.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import re2

from workbench.engine.compilation import Bearings
from workbench.engine.triggers import Target
from workbench.rules.load import compile_re2
from workbench.rules.rule import NEAR_LINE_BYTES, Format
from workbench.rules.text import DEFAULT_BEFORE

LINE_REACH = 192
"""How far the sieve looks for the ends of a window in lines, in bytes; where they are further off, the window is taken to
be as long as one may be."""

MOST_REACH = 2048
"""Most bytes of a match for its format to be asked of hits that are no keywords: longer neighbourhoods cost more."""

TELLING_HEAD = 3
"""Bytes that all tokens of a format start with, from which on it is not asked for: the matcher looks for them itself,
and tries the pattern only where they stand."""

LEAST_HITS = 4
"""Hits of one format in a batch from which on asking pays."""

_MOST_COPIED = 4  # a hostile buffer, all keywords, is not copied more often than this: its keywords pass unasked

_BORDER = b"\n\n"  # one newline for the token before it to end at, one for the next to begin after


class _Mesh:
    """One format as the sieve asks for it. A newline stands for a blob's end, and for where a neighbourhood was cut."""

    def __init__(self, fmt: Format) -> None:
        self._format = fmt

    @cached_property
    def program(self) -> re2._Regexp:
        f = self._format
        return compile_re2(f"(?:\\n|{f.before})(?:{f.pattern})(?:\\n|{f.after})")


class Sieve:
    """The sieve of ``formats``, each with its bearings, for triggers with these ``targets`` and ``lengths``."""

    def __init__(self, formats: Sequence[tuple[Format, Bearings]], targets: Sequence[Sequence[Target]],
                 lengths: np.ndarray) -> None:
        self._meshes = [_Mesh(fmt) for fmt, _ in formats]
        asked = [[_neighbourhood(*formats[t.format], t, int(length)) for t in row]
                 for row, length in zip(targets, lengths, strict=True)]
        self._are_keywords = np.array([all(t.is_keyword for t in row) for row in targets], bool)
        self._is_asked = np.array([None not in row for row in asked], bool)
        columns = max((len(row) for row in asked if None not in row), default=0)
        # Format (-1: none), bytes before and after the hit's end, newlines that the window ends at.
        self._asked = np.full((4, len(targets), columns), -1, np.int64)
        for trigger, row in enumerate(asked):
            if self._is_asked[trigger]:
                self._asked[:, trigger, : len(row)] = np.array([(t.format, *n) for t, n in
                                                                zip(targets[trigger], row, strict=True) if n]).T
        self._lengths = lengths

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """How far before and after a hit's end the sieve looks, by trigger, in bytes; 0 where it does not ask."""
        _, before, after, newlines = self._asked
        margin = np.where(newlines > 0, NEAR_LINE_BYTES, 0)
        none = np.zeros((len(before), 1), np.int64)
        far = [np.concatenate([side + margin, none], axis=1).max(axis=1) for side in (before, after)]
        return far[0], far[1]

    def passes(self, values: np.ndarray, triggers: np.ndarray, ends: np.ndarray, first: np.ndarray,
               last: np.ndarray, *, keywords_only: bool = False) -> np.ndarray:
        """Which hits may mean a candidate (bool): all but those whose formats were asked for, and none stands near.

        ``values`` are the buffer's bytes (uint8); ``first`` and ``last`` the borders of each hit's blob. With
        ``keywords_only`` all other hits pass, for those who count them.
        """
        passed = ~self._is_asked[triggers]
        if keywords_only:
            passed |= ~self._are_keywords[triggers]
        hits = np.flatnonzero(~passed)
        if not len(hits):
            return passed
        which, column = np.nonzero(self._asked[0][triggers[hits]] >= 0)
        hit = hits[which]
        slot, before, after, newlines = self._asked[:, triggers[hit], column]
        is_rare = ~self._are_keywords[triggers[hit]] & (np.bincount(slot)[slot] < LEAST_HITS)
        passed[hit[is_rare]] = True
        reach = np.zeros(len(hit), np.int64)
        in_lines = np.flatnonzero(newlines)
        if len(in_lines):
            asking = hit[in_lines]
            start = ends[asking] - self._lengths[triggers[asking]]
            held = _holds_lines(values, start, ends[asking], first[asking], last[asking], newlines[in_lines])
            reach[in_lines] = np.where(held, LINE_REACH, NEAR_LINE_BYTES)
        low = np.maximum(first[hit], ends[hit] - before - reach)
        high = np.minimum(last[hit], ends[hit] + after + reach)
        left = np.flatnonzero(~passed[hit])
        order = left[np.lexsort((low[left], first[hit[left]], slot[left]))]
        if not len(order):
            return passed
        hit, slot, low, high = hit[order], slot[order], low[order], high[order]
        blob = first[hit]
        is_new = np.ones(len(hit), bool)
        is_new[1:] = (slot[1:] != slot[:-1]) | (blob[1:] != blob[:-1]) | (low[1:] > high[:-1])
        heads = np.flatnonzero(is_new)
        lows, highs = low[heads], np.maximum.reduceat(high, heads)
        if int((highs - lows).sum()) > _MOST_COPIED * len(values):
            passed[hit] = True
            return passed
        found = self._found(values, slot[heads], lows, highs)
        passed[hit[found[np.cumsum(is_new) - 1]]] = True
        return passed

    def _found(self, values: np.ndarray, slots: np.ndarray, lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
        """Which neighbourhoods hold a candidate of their own format; they come sorted by format."""
        view = memoryview(values)
        found = np.zeros(len(slots), bool)
        edges = [0, *(np.flatnonzero(np.diff(slots)) + 1).tolist(), len(slots)]
        for first, last in itertools.pairwise(edges):
            pieces = [view[a:b] for a, b in zip(lows[first:last].tolist(), highs[first:last].tolist(), strict=True)]
            text = _BORDER.join([b"", *pieces, b""])
            starts = None
            for match in self._meshes[int(slots[first])].program.finditer(text):
                if starts is None:
                    sizes = highs[first:last] - lows[first:last] + len(_BORDER)
                    starts = len(_BORDER) + np.concatenate(([0], np.cumsum(sizes)[:-1]))
                # One that runs over a border hides what begins in it: every neighbourhood it touches passes.
                low, high = np.searchsorted(starts, [match.start(), match.end()], "right")
                found[first + max(0, int(low) - 1) : first + int(high)] = True
        return found


def _neighbourhood(fmt: Format, bearings: Bearings, target: Target, length: int) -> tuple[int, int, int] | None:
    """How many bytes before and after a hit's end a candidate of the target may stand in, and the newlines to either
    side that the window ends at, 0 for a window in bytes; None when it is not asked for. What a window in lines takes
    comes on top.

    As the matcher has it: the window round a keyword, the places where a token may start round another trigger.
    """
    if target.is_keyword:
        assert fmt.near is not None
        window = fmt.near.window
        if window.unit == "file":
            return None
        margin = bearings.reach + (window.size if window.unit == "bytes" else 0)
        return length + margin, margin, window.size + 1 if window.unit == "lines" else 0
    is_fixed = fmt.before == DEFAULT_BEFORE and target.back_least == target.back_most
    has_head = fmt.before == DEFAULT_BEFORE and len(bearings.head) >= TELLING_HEAD
    if target.encoded is not None or is_fixed or has_head or bearings.reach > MOST_REACH:
        return None
    return target.back_most + 1, bearings.lead + bearings.reach + 1 - target.back_least, 0


def _holds_lines(values: np.ndarray, start: np.ndarray, end: np.ndarray, first: np.ndarray, last: np.ndarray,
                 newlines: np.ndarray) -> np.ndarray:
    """Whether :data:`LINE_REACH` bytes each way hold the whole window: as many newlines, or the blob's border."""
    held = _has_newlines(values, start - LINE_REACH, start - LINE_REACH <= first, newlines)
    after = np.flatnonzero(held)
    at = end[after] - 1
    held[after] = _has_newlines(values, at, at + LINE_REACH >= last[after], newlines[after])
    return held


def _has_newlines(values: np.ndarray, at: np.ndarray, is_border: np.ndarray, newlines: np.ndarray) -> np.ndarray:
    """Whether the :data:`LINE_REACH` bytes from ``at`` have enough newlines; true without a look at a border."""
    has = is_border.copy()
    inside = np.flatnonzero(~is_border)
    if len(inside):
        stretches = np.lib.stride_tricks.sliding_window_view(values, LINE_REACH)[at[inside]]
        has[inside] = np.count_nonzero(stretches == 10, axis=1) >= newlines[inside]
    return has
