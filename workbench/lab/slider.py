"""The window slider: a sweep that answers while it is being moved. Chart, figures, table and advice follow the window.

The page has the curves and draws by itself; the kernel is asked only for the pairs that come and go, of which it sends
the first few, masked. ``slider.window`` is what it stands at, to be given to an edit.
"""

from __future__ import annotations

from typing import Any

import anywidget
import pandas as pd
import traitlets

from workbench.errors import UsageError, WorkbenchError
from workbench.lab.gaps import UNITS
from workbench.lab.sweep import Sweep, window_of
from workbench.lab.triage import STATIC
from workbench.rules.rule import FILE, Window, WindowUnit

SHOWN_ROWS = 40
_SHOWN_COLUMNS = (
    "change",
    "secrets",
    "gap_bytes",
    "gap_lines",
    "crossed",
    "right",
    "repository",
    "path",
    "line",
    "context",
)
_LARGEST = 1 << 40
_STILL = "This is the window it is compared with. Move the slider to see which pairs come and go."


class WindowSlider(anywidget.AnyWidget):
    """The slider of one pair's sweep. ``unit`` is bytes or lines; by default the one that the rule, else the advice,
    uses.

    It starts at the rule's own window and compares with it; ``compare with`` on the page chooses another one.
    """

    _esm = STATIC / "slider.js"
    _css = STATIC / "slider.css"
    sweeps = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    since = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)

    def __init__(self, sweep: Sweep, *, unit: WindowUnit | None = None) -> None:
        if unit is not None and unit not in UNITS:
            raise UsageError(f"Expected a unit among {', '.join(UNITS)} but got {unit!r}")
        self.sweep = sweep
        self._now = sweep.pair.window
        self._unit = unit or self._usual_unit()
        super().__init__()
        self.sweeps = {"pair": sweep.pair.type, "parts": list(sweep.pair.parts), "now": self._as_json(self._now),
                       **{name: self._unit_as_json(name) for name in UNITS}}
        self.since = self.chosen = self._as_json(self._now)
        self._give_answer()
        self.observe(self._give_answer, names=["chosen", "since"])

    def __repr__(self) -> str:
        return f"WindowSlider({self.sweep.pair.type}, window {self.window})"

    @property
    def window(self) -> Window:
        """The window the slider stands at. May be set: a Window, ``"file"``, ``"5 lines"`` or ``"200 bytes"``."""
        return self._window(self.chosen) or self._now

    @window.setter
    def window(self, given: Window | str) -> None:
        self.chosen = self._as_json(window_of(given, self._unit))

    def _usual_unit(self) -> WindowUnit:
        wanted = (self._now.unit, self.sweep.advice("bytes").window.unit, self.sweep.advice("lines").window.unit)
        return next((unit for unit in wanted if unit != "file"), "bytes")

    def _as_json(self, window: Window) -> dict[str, Any]:
        """``size`` is null for the whole file, which is drawn on either axis."""
        is_file = window.unit == "file"
        return {
            "unit": self._unit if is_file else window.unit,
            "size": None if is_file else window.size,
            "text": str(window),
        }

    def _unit_as_json(self, unit: WindowUnit) -> dict[str, Any]:
        curve, advice = self.sweep.curve(unit), self.sweep.advice(unit)
        figures = {name: _plain(curve[name]) for name in curve.columns if name != "window"}
        bins = self.sweep.histogram(unit)
        return {"sizes": _plain(curve["window"]), "figures": figures,
                "bins": [[int(v) for v in row] for row in bins.itertuples(index=False, name=None)],
                "advice": {**self._as_json(advice.window), "reason": advice.reason}}

    def _window(self, given: Any) -> Window | None:
        """What a page says is a window, or None."""
        unit, size = (given.get("unit"), given.get("size")) if isinstance(given, dict) else (None, None)
        if size is None:
            return FILE
        if unit not in UNITS or isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _LARGEST:
            return None
        return Window(unit, size)

    def _give_answer(self, _change: object = None) -> None:
        """The exact figures at the window, and what came and went since the one it is compared with."""
        chosen, since = self._window(self.chosen), self._window(self.since)
        if chosen is None or since is None:
            return
        told: dict[str, Any] = {"chosen": self.chosen, "since": self.since, "figures": {}, "rows": [], "total": 0,
                                "caption": "", "problem": ""}
        try:
            unit = self.chosen.get("unit") if self.chosen.get("unit") in UNITS else self._unit
            told["figures"] = {name: _number(value) for name, value in self.sweep.at(chosen, unit=unit).items()}
            if {chosen.unit, since.unit} >= set(UNITS):
                since = FILE  # windows of two units cannot be told apart by size; what both have is the file
                told["since"] = {**self.since, "size": None, "text": "file"}
            changes = self.sweep.changes(since, chosen, unit=unit, most=SHOWN_ROWS)
            told |= {"rows": _rows(changes), "caption": changes.caption if chosen != since else _STILL,
                     "total": sum(self.sweep.count_changes(since, chosen, unit=unit))}
        except WorkbenchError as error:
            told["problem"] = str(error)
        self.answer = told


def _plain(column: pd.Series) -> list[Any]:
    return [_number(value) for value in column.tolist()]


def _number(value: Any) -> int | float | None:
    """A JSON number; null for what is not known, which is not the same as 0."""
    if pd.isna(value):
        return None
    return int(value) if float(value).is_integer() and not isinstance(value, float) else float(value)


def _rows(frame: pd.DataFrame) -> list[list[Any]]:
    names = [name for name in _SHOWN_COLUMNS if name in frame.columns]
    return [[None if pd.isna(value) else value for value in row]
            for row in frame[names].astype(object).itertuples(index=False, name=None)]
