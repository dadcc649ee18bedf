"""A sweep: what a pair's window does, at every size, from one scan.

The scan finds every part there is, with the window at ``file``; from its gaps (:mod:`workbench.lab.gaps`) everything
here is arithmetic. ``pairs`` counts places, ``distinct`` secrets; ``alone`` are parts without a partner; ``crossed``
pairs have another part between their own. Parts that have no literal of their own are searched only round their
partners, so a narrower window also leaves some of those counted here as alone unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.charts import Picture
from workbench.counting import counted
from workbench.errors import UsageError
from workbench.lab import sweepchart, tables
from workbench.lab.advice import Advice, Outcome, from_gaps, from_labels
from workbench.lab.frames import Flat, ascending, numbered
from workbench.lab.gaps import UNITS, PairParts, Standing
from workbench.lab.matchings import NEVER
from workbench.lab.places import Places
from workbench.lab.scanning import LabScan
from workbench.lab.specimens import MatchKey
from workbench.lab.sweeprows import PairRows, picked
from workbench.lab.tables import Results, results
from workbench.lab.truth import PairTruth
from workbench.measure.rate import Rate
from workbench.rules.rule import FILE, Pair, Window, WindowUnit

MOST_POINTS = 400
"""Sizes of a curve; where more change something, they are drawn evenly from those."""

MOST_ROWS = 1_000
_OFFSET = np.int64(1 << 41)


@dataclass(frozen=True, slots=True)
class _Moved:
    """A move of the window: ``rows`` of the unit's :attr:`Sweep.standing` that it touches, whether each ``enters``, and
    how many distinct pairs ``come`` and are ``gone``."""

    before: Window
    after: Window
    unit: WindowUnit
    rows: np.ndarray
    enters: np.ndarray
    come: int
    gone: int


class Sweep:
    """The sweep of one pair. Windows are given as :class:`~workbench.rules.rule.Window`, ``"file"``, ``"5 lines"`` or
    ``"200 bytes"``."""

    def __init__(self, pair: Pair, scan: LabScan, flat: Flat, contexts: Mapping[MatchKey, str], places: Places, *,
                 truth: PairTruth | None = None) -> None:
        self.pair = pair
        self.scan = scan
        self.truth = truth
        self._flat, self._contexts, self._places = flat, contexts, places
        self.parts = PairParts(flat, scan.rules, pair)

    def __repr__(self) -> str:
        return "\n".join(f"{name:<10} {value}" for name, value in self.facts())

    @property
    def flat(self) -> Flat:
        """What the scan found, raw; never for display."""
        return self._flat

    def with_truth(self, truth: PairTruth) -> Sweep:
        """The same sweep, measured against another truth; see :func:`workbench.lab.judged.judged`."""
        return Sweep(self.pair, self.scan, self._flat, self._contexts, self._places, truth=truth)

    # -- what stands when ----------------------------------------------------------------------------------------------

    @cached_property
    def _recorded(self) -> tuple[dict[WindowUnit, Standing], np.ndarray]:
        """When each pair stands, by unit, and the number of each match's token. numpy and Arrow let threads run."""
        with ThreadPoolExecutor(len(UNITS)) as pool:
            tokens = pool.submit(self._flat.tokens)
            self.parts.prepare()
            standing = dict(zip(UNITS, pool.map(self.parts.standing, UNITS), strict=True))
            return standing, tokens.result()

    @property
    def standing(self) -> dict[WindowUnit, Standing]:
        """When each pair stands, by unit."""
        return self._recorded[0]

    @cached_property
    def _identities(self) -> dict[WindowUnit, np.ndarray]:
        """A number a row of :attr:`standing`, equal for pairs of equal secrets."""
        tokens = self._recorded[1]
        columns = zip(*(self.standing[u].members.T for u in UNITS), strict=True)
        numbers = numbered([tokens[np.concatenate(column)] for column in columns])
        first = len(self.standing["bytes"])
        return {"bytes": numbers[:first], "lines": numbers[first:]}

    @cached_property
    def _segments(self) -> dict[WindowUnit, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(identity, enter, leave), by enter: windows in which each distinct pair stands anywhere, without overlaps."""
        return {u: _union(self._identities[u], self.standing[u].enter, self.standing[u].leave) for u in UNITS}

    @cached_property
    def _runs(self) -> dict[WindowUnit, dict[str, _Runs]]:
        """By unit, what a curve counts."""
        out = {}
        for unit in UNITS:
            table, (_, enter, leave) = self.standing[unit], self._segments[unit]
            out[unit] = {"pairs": _Runs(table.enter, table.leave), "distinct": _Runs(enter, leave),
                         "crossed": _Runs(table.enter[table.crossed], table.leave[table.crossed])}
        return out

    @cached_property
    def _verdicts(self) -> np.ndarray:
        """By identity: 1 right, 0 wrong, -1 not known."""
        count = max((int(i.max(initial=-1)) for i in self._identities.values()), default=-1) + 1
        out = np.full(count, -1, np.int8)
        if self.truth is None:
            return out
        members, numbers = (np.concatenate(c) for c in zip(
            *((self.standing[u].members, self._identities[u]) for u in UNITS), strict=True))
        once = np.unique(numbered(list(members.T)), return_index=True)[1]  # nearly all stand in both units
        keys = self._flat.match_keys()
        for number, rows in zip(numbers[once].tolist(), members[once].tolist(), strict=True):
            known = self.truth.of((keys[rows[0]][0], frozenset([keys[k][1:] for k in rows])))
            if known is not None:
                out[number] = max(out[number], int(known))
        return out

    # -- as functions of the window ------------------------------------------------------------------------------------

    def curve(self, unit: WindowUnit = "bytes") -> Results:
        """A row a window size, up to 400: ``window``, ``pairs``, ``distinct``, ``crossed``, ``alone`` and one
        ``alone_<type>`` for each part; where pairs are labelled also ``right``, ``wrong``, ``precision`` and ``recall``
        with the ends of their intervals. The last row is as wide as any gap: it equals the file.
        """
        sizes = self.edges(unit)
        if len(sizes) > MOST_POINTS:
            sizes = sizes[np.unique(np.linspace(0, len(sizes) - 1, MOST_POINTS).astype(int))]
        return results(self._columns(unit, np.unique(np.append(sizes, 0))))

    def at(self, window: Window | str | int | None = None, *, unit: WindowUnit = "bytes") -> dict[str, float]:
        """The figures of one window (see :meth:`curve`); without one, of the rule's own."""
        chosen = self.pair.window if window is None else window_of(window, unit)
        unit = unit if chosen.unit == "file" else chosen.unit
        size = int(NEVER) - 1 if chosen.unit == "file" else chosen.size
        columns = self._columns(unit, np.array([size]))
        return {name: values[0].as_py() for name, values in columns.items() if name != "window"}

    def edges(self, unit: WindowUnit) -> np.ndarray:
        """Sizes at which some pair comes or goes."""
        return self._runs[unit]["pairs"].edges()

    def _columns(self, unit: WindowUnit, sizes: np.ndarray) -> dict[str, pa.Array]:
        columns = {"window": sizes} | {name: runs.count(sizes) for name, runs in self._runs[unit].items()}
        of_part, pairs = self.parts.counts(), columns["pairs"]
        columns["alone"] = sum(of_part) - len(of_part) * pairs
        columns |= {f"alone_{name}": total - pairs for name, total in zip(self.pair.parts, of_part, strict=True)}
        out = {name: pa.array(np.asarray(values, np.int64)) for name, values in columns.items()}
        if self.truth is None:
            return out
        identity, enter, leave = self._segments[unit]
        right, wrong = (_Runs(enter[known], leave[known]).count(sizes) for known in (
            self._verdicts[identity] == 1, self._verdicts[identity] == 0))
        out |= {"right": pa.array(right), "wrong": pa.array(wrong)}
        total = self.truth.total
        for name, n in (("precision", right + wrong), ("recall", np.full(len(sizes), total))):
            rates = [Rate(min(int(k), int(m)), int(m)) for k, m in zip(right, n, strict=True)]
            out |= {name: pa.array([r.value for r in rates], pa.float64()),
                    f"{name}_low": pa.array([r.low for r in rates]), f"{name}_high": pa.array([r.high for r in rates])}
        return out

    # -- the pairs themselves ------------------------------------------------------------------------------------------

    def rows(self, unit: WindowUnit = "bytes", *, most: int = MOST_ROWS) -> Results:
        """Distinct pairs with the windows between which they stand: ``type``, ``enter``, ``leave`` (null: never taken
        away), gaps, ``crossed``, ``right`` (where labelled), masked secrets, context, first place, spans. At most
        ``most``.
        """
        return self._rows(unit, np.arange(len(self.standing[unit])), most)

    def changes(self, before: Window | str | int, after: Window | str | int, *, unit: WindowUnit = "bytes",
                most: int = MOST_ROWS) -> Results:
        """The pairs that come (``enters``) or go (``leaves``) when the window moves from ``before`` to ``after``.

        At most ``most``; the caption counts all.
        """
        moved = self._moved(window_of(before, unit), window_of(after, unit), unit)
        frame = self._rows(moved.unit, moved.rows, most, change=np.where(moved.enters, "enters", "leaves"))
        come = f"{counted(moved.come, 'distinct pair')} {'comes' if moved.come == 1 else 'come'}"
        frame.caption = f"From {moved.before} to {moved.after}: {come}, {moved.gone:,} go{'es' * (moved.gone == 1)}"
        return frame

    def count_changes(self, before: Window | str | int, after: Window | str | int, *,
                      unit: WindowUnit = "bytes") -> tuple[int, int]:
        """How many distinct pairs come, and how many go."""
        moved = self._moved(window_of(before, unit), window_of(after, unit), unit)
        return moved.come, moved.gone

    def _moved(self, before: Window, after: Window, unit: WindowUnit) -> _Moved:
        used = {w.unit for w in (before, after)} - {"file"}
        if len(used) > 1:
            raise UsageError(f"Expected two windows of one unit but got {before} and {after}")
        unit = used.pop() if used else unit
        table, numbers = self.standing[unit], self._identities[unit]
        was, is_now = (table.at(None if w.unit == "file" else w.size) for w in (before, after))
        stood, stands = np.zeros((2, len(self._verdicts)), bool)
        stood[numbers[was]], stands[numbers[is_now]] = True, True
        come, gone = stands & ~stood, stood & ~stands
        rows = np.flatnonzero((is_now & come[numbers]) | (was & gone[numbers]))
        return _Moved(before, after, unit, rows, is_now[rows], int(come.sum()), int(gone.sum()))

    def _rows(self, unit: WindowUnit, chosen: np.ndarray, most: int, *, change: np.ndarray | None = None) -> Results:
        table, numbers = self.standing[unit], self._identities[unit]
        places = picked(table, numbers, chosen, self._shown, most)
        rows = chosen[places]
        right = [None if n < 0 else bool(n) for n in self._verdicts[numbers[rows]]]
        first = {} if change is None else {"change": pa.array(change[places].tolist(), pa.string())}
        first["type"] = pa.array([self.pair.type] * len(rows), pa.string())
        columns = PairRows(self._flat, self._contexts, self._places).columns(table, rows, right)
        return results(first | columns)

    @cached_property
    def _shown(self) -> np.ndarray:
        """Which matches have a context."""
        blobs = pa.array(sorted({key[0] for key in self._contexts}), pa.string())
        near = np.flatnonzero(pc.is_in(self._flat.matches.column("blob_id"), blobs).to_numpy())
        out = np.zeros(len(self._flat.matches), bool)
        out[near] = [key in self._contexts for key in self._flat.match_keys(near)]
        return out

    # -- advice and pictures -------------------------------------------------------------------------------------------

    def advice(self, unit: WindowUnit = "bytes") -> Advice:
        """A window in this unit, with its reason; the file where nothing measured speaks for a narrower one."""
        identity, enter, leave = self._segments[unit]
        if self.truth is None or not (self._verdicts >= 0).any():
            wide = leave == NEVER
            crossed = np.zeros(len(self._verdicts), bool)
            crossed[self._identities[unit][self.standing[unit].crossed]] = True
            return from_gaps(enter[wide], crossed[identity[wide]], unit)
        curve = self.curve(unit)
        outcomes = [Outcome(Window(unit, int(w)), int(r), int(r + x), self.truth.total)
                    for w, r, x in zip(curve["window"], curve["right"], curve["wrong"], strict=True)]
        whole = self.at("file")
        at_file = Outcome(FILE, int(whole["right"]), int(whole["right"] + whole["wrong"]), self.truth.total)
        return from_labels(outcomes, at_file, self.edges(unit).tolist())

    def histogram(self, unit: WindowUnit = "bytes") -> pd.DataFrame:
        """Gaps of the pairs that stand at the file: ``low``, ``high`` (without), ``pairs``, and of those
        ``crossed``."""
        table = self.standing[unit]
        chosen = table.at(None)
        return sweepchart.histogram(table.enter[chosen], table.crossed[chosen])

    def chart(self, unit: WindowUnit = "bytes") -> Picture:
        """The histogram of gaps over the curve of pairs, with the rule's window and the suggested one."""
        return sweepchart.draw(self.curve(unit), self.histogram(unit), unit=unit, now=self.pair.window,
                               advised=self.advice(unit).window)

    def facts(self) -> list[tuple[str, str]]:
        """The sweep in a few lines: (name, value)."""
        now, whole = self.at(), self.at("file")
        rows = [("pair", f"{self.pair.type}: {' + '.join(self.pair.parts)}"),
                ("scanned", self.scan.told()),
                ("now", f"window {self.pair.window}: {_told(now)}")]
        if self.pair.window.unit != "file":
            rows.append(("file", _told(whole)))
        if self.truth is not None:
            known = int((self._verdicts >= 0).sum())
            rows.append(("labels", f"{known:,} of {len(self._verdicts):,} distinct pairs ({self.truth.source})"))
        return [*rows, ("in bytes", str(self.advice("bytes"))), ("in lines", str(self.advice("lines")))]

    def _repr_html_(self) -> str:
        warnings = [tables.note(f"Not all was scanned: {self.scan.stopped}", kind="bad")] if self.scan.stopped else []
        picture = self.chart().svg if len(self.standing["bytes"]) else ""
        return tables.page(tables.facts(self.facts()), *warnings, picture)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def window_of(given: Window | str | int, unit: WindowUnit = "bytes") -> Window:
    """A window as people write it. Raises UsageError for what is none."""
    if isinstance(given, Window):
        return given
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return Window(unit, given)
    words = given.split() if isinstance(given, str) else []
    if words == ["file"]:
        return FILE
    if len(words) == 2 and words[0].isdigit() and words[1] in UNITS:
        return Window(words[1], int(words[0]))  # type: ignore[arg-type]
    raise UsageError(f"Expected a window ('file', '5 lines', '200 bytes', or a size) but got {given!r}")


def _told(figures: Mapping[str, float]) -> str:
    text = (f"{figures['pairs']:,} pairs of {figures['distinct']:,} distinct secrets, {figures['crossed']:,} crossed, "
            f"{figures['alone']:,} parts alone")
    if "right" in figures:
        text += f"; precision {Rate(int(figures['right']), int(figures['right'] + figures['wrong']))}"
    return text


class _Runs:
    """Runs of windows in which things stand, from ``enter``, which is sorted, up to but without ``leave``."""

    def __init__(self, enter: np.ndarray, leave: np.ndarray) -> None:
        self._enter = enter
        self._gone = np.sort(leave[leave < NEVER])  # few are ever taken away

    def count(self, sizes: np.ndarray) -> np.ndarray:
        """How many stand at each size."""
        return np.searchsorted(self._enter, sizes, "right") - np.searchsorted(self._gone, sizes, "right")

    def edges(self) -> np.ndarray:
        """Sizes at which something begins or ends."""
        both = np.sort(np.concatenate([self._enter, self._gone]), kind="stable")  # two sorted halves, merged
        return both[np.diff(both, prepend=-1) > 0]


def _union(numbers: np.ndarray, enter: np.ndarray, leave: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs, by enter, with those of the same number joined into the first where they overlap or touch."""
    again = np.flatnonzero((np.bincount(numbers) > 1)[numbers])
    if not len(again):
        return numbers, enter, leave
    order = again[ascending(numbers[again])]
    base = numbers[order] * _OFFSET
    reach = np.maximum.accumulate(base + np.minimum(leave[order], _OFFSET - 1))  # never past the next number's
    begins = np.concatenate(([True], (base + enter[order])[1:] > reach[:-1]))
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(order)) - 1
    ends = reach[last] - base[last]
    joined, kept = leave.copy(), np.ones(len(leave), bool)
    joined[order[first]], kept[order[~begins]] = np.where(ends == _OFFSET - 1, NEVER, ends), False
    return numbers[kept], enter[kept], joined[kept]
