"""Charts: how a picture is drawn without any network.

Altair's own renderers fetch Vega from a CDN, and JupyterLab bundles Vega-Lite 5 at most; so a chart is rendered here,
by vl-convert, to an SVG that stands in the notebook, the report and exported HTML alike. Plain bars need no renderer.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape
from types import ModuleType
from typing import TYPE_CHECKING, Any

from workbench.imports import without_grammar

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

INK = "#768390"
"""Read on white and on black."""

_AXIS = {"labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK, "gridColor": INK,
         "gridOpacity": 0.25, "titleFontWeight": "normal"}
_STYLE: dict[str, Any] = {
    "font": "DejaVu Sans, Verdana, sans-serif", "padding": {"left": 14, "right": 8, "top": 5, "bottom": 5},
    "axis": _AXIS, "legend": {"labelColor": INK, "titleColor": INK}, "title": {"color": INK, "anchor": "start"},
    "view": {"stroke": None},
}
"""No ground of its own, and a grey that is read on white and on black: a picture does not know its reader's theme. The
fonts are of one width, so that labels take the room that was left for them."""


class Picture:
    """A rendered chart; shows itself in a notebook and can be saved. ``svg`` is its text."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Picture({len(self.svg)} characters of SVG)"


@cache
def prepare() -> threading.Thread:
    """Begin, beside what else is done, what the first Altair chart would wait for: its import, and the start of what
    renders it. A program that ends meanwhile waits for it."""
    thread = threading.Thread(target=_begin, name="charts")
    thread.start()
    return thread


def altair() -> ModuleType:
    """Altair, imported when it is asked for: it takes half a second."""
    with without_grammar():
        import altair
    return altair


def _begin() -> None:
    import vl_convert

    altair()
    vl_convert.vegalite_to_svg({"mark": "point", "data": {"values": []}}, allowed_base_urls=[])


def render(chart: alt.TopLevelMixin | dict[str, Any]) -> Picture:
    """An Altair chart, or a Vega-Lite 6 specification, as an SVG, with no address allowed to be fetched."""
    import vl_convert

    given = chart if isinstance(chart, dict) else chart.to_dict(validate=False)
    own = given.get("config", {})
    config = own | {part: {**style, **own.get(part, {})} if isinstance(style, dict) else style
                    for part, style in _STYLE.items()}
    specification = given | {"background": None, "config": config}
    return Picture(vl_convert.vegalite_to_svg(specification, allowed_base_urls=[]))


_STEP, _BAR, _PLOT = 18, 14, 520
"""Pixels: from bar to bar, thickness of a bar, length of the longest."""

_LETTER, _MOST_LABEL = 6.8, 38
"""Pixels a letter takes at this size in a wide font, and the letters of a label that are shown."""

_COLORS = ("#4c78a8",)
_STACKED = ("#b9c4d4", "#4c78a8", "#8b6fb0", "#5f9e8f", "#c98b4a")


def bars(table: pd.DataFrame, *, value: str, label: str, color: str | None = None, title: str = "") -> Picture:
    """Horizontal bars of column ``value``, of whole numbers, for each ``label``, longest first; stacked by ``color``.

    Drawn here: the batch's report has this one chart, and starting a renderer for it took half a second of every run.
    """
    totals = table.groupby(label)[value].sum().sort_values(ascending=False, kind="stable")
    groups = sorted(table[color].unique()) if color else [value]
    palette = _STACKED if color else _COLORS
    shades = {name: palette[k % len(palette)] for k, name in enumerate(groups)}
    pieces: dict[str, list[tuple[str, int]]] = {name: [] for name in totals.index}
    for row in table.sort_values(color or label, kind="stable").to_dict("records"):
        pieces[row[label]].append((row[color] if color else value, int(row[value])))
    left = 14 + _LETTER * min(_MOST_LABEL, max((len(str(name)) for name in pieces), default=0))
    most = max(1, *(int(n) for n in totals)) if len(totals) else 1
    step = _round_step(most)
    scale = _PLOT / (step * math.ceil(most / step))
    drawn = [_heading(title, shades if color else {}, left), *_grid(len(pieces), step, scale, left)]
    for k, (name, parts) in enumerate(pieces.items()):
        drawn += _bar(str(name), parts, shades, (left, _TOP + k * _STEP, scale))
    width, height = left + _PLOT + 60, _TOP + len(pieces) * _STEP + 34
    drawn.append(_text(left + _PLOT / 2, height - 4, value, "middle"))
    return Picture(f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height}" '
                   f'viewBox="0 0 {width:.0f} {height}" font-family="{_STYLE["font"]}" font-size="11">'
                   f"<title>{escape(title)}</title>{''.join(drawn)}</svg>")


_TOP = 46


def _round_step(most: int) -> int:
    """The distance of grid lines: 1, 2 or 5 times a power of ten, for at most eight of them, and never under one."""
    power = 10 ** max(0, len(str(most)) - 2)
    return next(n * power for n in (1, 2, 5, 10, 20, 50) if n * power * 8 >= most)


def _heading(title: str, shades: Mapping[str, str], left: float) -> str:
    drawn = [f'<text x="{left:.0f}" y="14" font-size="13" font-weight="bold" fill="{INK}">{escape(title)}</text>']
    at = left
    for name, shade in shades.items():
        drawn.append(f'<rect x="{at:.0f}" y="24" width="10" height="10" fill="{shade}"/>')
        drawn.append(_text(at + 14, 33, name, "start"))
        at += 30 + _LETTER * len(str(name))
    return "".join(drawn)


def _grid(rows: int, step: int, scale: float, left: float) -> Iterator[str]:
    foot = _TOP + rows * _STEP
    for k in range(round(_PLOT / (step * scale)) + 1):
        x = left + k * step * scale
        yield (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{foot}" stroke="{INK}" stroke-opacity="0.25"/>'
               + _text(x, foot + 13, f"{k * step:,}", "middle"))


def _bar(name: str, parts: Sequence[tuple[str, int]], shades: Mapping[str, str],
         place: tuple[float, float, float]) -> Iterator[str]:
    left, y, scale = place
    shown = name if len(name) <= _MOST_LABEL else f"{name[:_MOST_LABEL - 1]}…"
    yield _text(left - 6, y + 11, shown, "end")
    at = left
    for group, count in parts:
        yield (f'<rect x="{at:.1f}" y="{y}" width="{count * scale:.1f}" height="{_BAR}" fill="{shades[group]}">'
               f"<title>{escape(name)}, {escape(group)}: {count:,}</title></rect>")
        at += count * scale
    yield _text(at + 4, y + 11, f"{sum(count for _, count in parts):,}", "start")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.0f}" text-anchor="{anchor}" fill="{INK}">{escape(str(text))}</text>'
