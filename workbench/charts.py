"""Charts: how a picture is drawn without any network.

Altair's own renderers fetch Vega from a CDN, and JupyterLab bundles Vega-Lite 5 at most; so a chart is rendered here,
by vl-convert, to an SVG that stands in the notebook, the report and exported HTML alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def render(chart: alt.TopLevelMixin | dict[str, Any]) -> Picture:
    """An Altair chart, or a Vega-Lite 6 specification, as an SVG, with no address allowed to be fetched."""
    import vl_convert

    given = chart if isinstance(chart, dict) else chart.to_dict(validate=False)
    own = given.get("config", {})
    config = own | {part: {**style, **own.get(part, {})} if isinstance(style, dict) else style
                    for part, style in _STYLE.items()}
    specification = given | {"background": None, "config": config}
    return Picture(vl_convert.vegalite_to_svg(specification, allowed_base_urls=[]))


def bars(table: pd.DataFrame, *, value: str, label: str, color: str | None = None, title: str = "") -> Picture:
    """Horizontal bars of column ``value`` for each ``label``, longest first, stacked by ``color`` when it is given.

    Written as Vega-Lite: the batch's report has this one chart, and importing Altair for it took over a second.
    """
    encoding: dict[str, Any] = {
        "x": {"aggregate": "sum", "field": value, "type": "quantitative", "title": value},
        "y": {"field": label, "type": "nominal", "title": None, "sort": "-x"},
    }
    if color:
        encoding["color"] = {"field": color, "type": "nominal", "scale": {"range": ["#b9c4d4", "#4c78a8"]}}
    return render({
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": title, "width": 520, "height": {"step": 18},
        "data": {"values": table.to_dict("records")},
        "mark": {"type": "bar", "color": "#4c78a8"}, "encoding": encoding, "config": {"axis": {"labelLimit": 260}},
    })
