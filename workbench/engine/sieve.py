"""The sieve: which keywords have a candidate of their format near them, asked of all keywords of a batch at once.

A keyword is a common word and few of them stand beside a token, so most would cost a search that finds nothing. For each
format the neighbourhoods of all its keywords are put end to end and searched in one go. It only spares searches: no
keyword is dropped beside which the matcher would find a candidate, and what passes is searched as if there were no sieve.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import re2

from workbench.engine.triggers import Target
from workbench.rules.load import compile_re2
from workbench.rules.rule import Format

LINE_REACH = 1024
"""How far the sieve looks for the ends of a window in lines, in bytes; a keyword with longer lines passes unasked."""

_MOST_COPIED = 4  # a hostile buffer, all keywords, is not copied more often than this: its keywords pass unasked

_BORDER = b"\n\n"  # one newline for the token before it to end at, one for the next to begin after


class _Mesh:
    """One format as the sieve asks for it. A newline stands for the end of a blob, and for where a neighbourhood was cut."""

    def __init__(self, fmt: Format) -> None:
        self._format = fmt

    @cached_property
    def program(self) -> re2._Regexp:
        f = self._format
        return compile_re2(f"(?:\\n|{f.before})(?:{f.pattern})(?:\\n|{f.after})")


class Sieve:
    """The sieve of some formats. ``near`` has (number, format, most bytes of its match with delimiters) of each."""

    def __init__(self, near: Sequence[tuple[int, Format, int]], targets: Sequence[Sequence[Target]],
                 lengths: np.ndarray) -> None:
        near = [(number, fmt, reach) for number, fmt, reach in near if fmt.near and fmt.near.window.unit != "file"]
        self._meshes = [_Mesh(fmt) for _, fmt, _ in near]
        self._lengths = lengths
        slot_of = {number: slot for slot, (number, _, _) in enumerate(near)}
        asked = [[slot_of.get(t.format, -1) if t.is_keyword else -1 for t in row] for row in targets]
        asked = [row if min(row, default=-1) >= 0 else [] for row in asked]
        self._slots = np.full((len(targets), max(map(len, asked), default=0)), -1, np.int64)
        for trigger, row in enumerate(asked):
            self._slots[trigger, : len(row)] = row
        self._is_asked = np.array([bool(row) for row in asked], bool)
        windows = [fmt.near.window for _, fmt, _ in near if fmt.near]
        in_lines = np.array([w.unit == "lines" for w in windows], bool)
        sizes = np.array([w.size for w in windows], np.int64)
        self._newlines = np.where(in_lines, sizes + 1, 0)
        self._margins = np.where(in_lines, LINE_REACH, sizes) + np.array([reach for _, _, reach in near], np.int64)

    def passes(self, values: np.ndarray, triggers: np.ndarray, ends: np.ndarray, first: np.ndarray,
               last: np.ndarray) -> np.ndarray:
        """Which hits may mean a candidate (bool): all that are no keywords, and keywords with one of their formats near.

        ``values`` are the buffer's bytes (uint8); ``first`` and ``last`` the borders of each hit's blob.
        """
        passed = ~self._is_asked[triggers]
        keywords = np.flatnonzero(~passed)
        if not len(keywords):
            return passed
        which, column = np.nonzero(self._slots[triggers[keywords]] >= 0)
        hit = keywords[which]
        slot = self._slots[triggers[hit], column]
        start, end = ends[hit] - self._lengths[triggers[hit]], ends[hit]
        low = np.maximum(first[hit], start - self._margins[slot])
        high = np.minimum(last[hit], end + self._margins[slot])
        unsure = np.flatnonzero(self._newlines[slot])
        if len(unsure):
            held = _holds_lines(values, start[unsure], end[unsure], first[hit[unsure]], last[hit[unsure]],
                                self._newlines[slot[unsure]])
            passed[hit[unsure[~held]]] = True
        order = np.lexsort((low, first[hit], slot))
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


def _holds_lines(values: np.ndarray, start: np.ndarray, end: np.ndarray, first: np.ndarray, last: np.ndarray,
                 newlines: np.ndarray) -> np.ndarray:
    """Whether :data:`LINE_REACH` bytes each way hold the whole window: as many newlines, or the blob's border."""
    return _has_newlines(values, start - LINE_REACH, start - LINE_REACH <= first, newlines) & \
        _has_newlines(values, end - 1, end - 1 + LINE_REACH >= last, newlines)


def _has_newlines(values: np.ndarray, at: np.ndarray, is_border: np.ndarray, newlines: np.ndarray) -> np.ndarray:
    """Whether the :data:`LINE_REACH` bytes from ``at`` have enough newlines; true without a look at a border."""
    has = is_border.copy()
    inside = np.flatnonzero(~is_border)
    if len(inside):
        stretches = np.lib.stride_tricks.sliding_window_view(values, LINE_REACH)[at[inside]]
        has[inside] = np.count_nonzero(stretches == 10, axis=1) >= newlines[inside]
    return has
