"""Charts: how a picture is drawn without any network.

Altair's own renderers fetch Vega from a CDN, and JupyterLab bundles Vega-Lite 5 at most; so a chart is rendered here,
by vl-convert, to an SVG that stands in the notebook, the report and exported HTML alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


class Picture:
    """A rendered chart; shows itself in a notebook and can be saved. ``svg`` is its text."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Picture({len(self.svg)} characters of SVG)"


def render(chart: alt.TopLevelMixin) -> Picture:
    """``chart`` as an SVG, with no address allowed to be fetched."""
    import vl_convert

    return Picture(vl_convert.vegalite_to_svg(chart.to_json(validate=False), allowed_base_urls=[]))


def bars(table: pd.DataFrame, *, value: str, label: str, color: str | None = None, title: str = "") -> Picture:
    """Horizontal bars of column ``value`` for each ``label``, longest first, stacked by ``color`` when it is given."""
    import altair as alt

    base = alt.Chart(table, title=title).encode(
        x=alt.X(f"sum({value}):Q", title=value), y=alt.Y(f"{label}:N", title=None, sort="-x"))
    marks = base.mark_bar(color="#4c78a8")
    if color:
        marks = base.mark_bar().encode(color=alt.Color(f"{color}:N", scale=alt.Scale(range=["#b9c4d4", "#4c78a8"])))
    return render(marks.properties(width=520, height=alt.Step(18)).configure_axis(labelLimit=260))
