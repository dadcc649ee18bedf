"""A sweep chart: the gaps of a pair's parts, and what each window makes of them, drawn without any network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.charts import INK, Picture, altair, render
from workbench.rules.rule import Window, WindowUnit

if TYPE_CHECKING:
    import altair as alt

WIDTH = 620
_COLORS = {"pairs": "#3567b0", "distinct": "#86b6f0", "crossed": "#c0392b", "alone": "#8a8f98"}
_WIDTHS = {"pairs": 4, "distinct": 1.5, "crossed": 2, "alone": 1.5}


def histogram(sizes: np.ndarray, crossed: np.ndarray) -> pd.DataFrame:
    """Counts in bins that double: ``low`` (inclusive), ``high`` (exclusive), ``pairs``, and of those ``crossed``."""
    top = int(sizes.max(initial=0)) + 1
    edges = np.unique(np.concatenate(([0, 1], 2 ** np.arange(0, int(np.ceil(np.log2(max(2, top)))) + 1))))
    bins = np.digitize(sizes, edges) - 1
    count = np.bincount(bins, minlength=len(edges) - 1)
    strange = np.bincount(bins[crossed], minlength=len(edges) - 1)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "pairs": count[: len(edges) - 1],
                         "crossed": strange[: len(edges) - 1]})


def draw(curve: pd.DataFrame, bins: pd.DataFrame, *, unit: WindowUnit, now: Window, advised: Window) -> Picture:
    """Both as one picture with a common axis; vertical lines are the rule's window and the suggested one."""
    alt = altair()
    widest = max(1, int(bins["high"].max()), int(curve["window"].max()))
    axis = alt.Scale(type="symlog", domain=[0, widest], nice=False)
    ticks = [0, *(n * 10**k for k in range(len(str(widest))) for n in (1, 2, 5) if n * 10**k <= widest)]
    bars = alt.Chart(_shares(bins)).mark_bar(binSpacing=1).encode(
        x=alt.X("low:Q", scale=axis, title=None, axis=alt.Axis(values=ticks, labels=False)),
        x2="high:Q", y=alt.Y("top:Q", title="pairs by gap", axis=alt.Axis(tickCount=4, tickMinStep=1)), y2="base:Q",
        color=alt.Color("gap:N", scale=alt.Scale(domain=["plain", "crossed"],
                                                 range=[_COLORS["distinct"], _COLORS["crossed"]]), legend=None))
    names = [n for n in ("pairs", "distinct", "crossed", "alone") if n in curve]
    last = curve[["window", *names]].tail(1).assign(window=widest)  # nothing changes beyond the last size
    long = pd.DataFrame(pd.concat([curve[["window", *names]], last])).astype("int64")
    lines = (
        alt.Chart(long.melt("window", var_name="what", value_name="count"))
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X(
                "window:Q",
                scale=axis,
                title=f"window in {unit}",
                axis=alt.Axis(values=ticks, labelOverlap="greedy", labelSeparation=6),
            ),
            y=alt.Y("count:Q", title="places", axis=alt.Axis(tickCount=5, tickMinStep=1)),
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(domain=names, range=[_COLORS[n] for n in names]),
                legend=alt.Legend(orient="bottom", symbolStrokeWidth=3),
            ),
            # Where two lines are one, both are seen.
            strokeWidth=alt.StrokeWidth(
                "what:N", legend=None, scale=alt.Scale(domain=names, range=[_WIDTHS[n] for n in names])
            ),
        )
    )
    upper, lower = bars.properties(width=WIDTH, height=110), alt.layer(lines, *_marks(unit, now, advised, widest, axis))
    return render(
        alt.vconcat(upper, lower.properties(width=WIDTH, height=170), spacing=6).resolve_scale(color="independent")
    )


def _shares(bins: pd.DataFrame) -> pd.DataFrame:
    """A bar of the crossed pairs of each bin, and one of the others on top of it."""
    edges = bins[["low", "high"]]
    return pd.concat([edges.assign(top=bins["pairs"], base=bins["crossed"], gap="plain"),
                      edges.assign(top=bins["crossed"], base=0, gap="crossed")])


def _marks(unit: WindowUnit, now: Window, advised: Window, widest: int, axis: alt.Scale) -> list[alt.Chart]:
    """A vertical line, named, for the rule's window and for the suggested one."""
    alt = altair()
    drawn = [(widest if w.unit == "file" else w.size, f"{name}: {w}", dash) for w, name, dash in
             ((now, "now", [4, 3]), (advised, "suggested", [1, 3])) if w.unit in ("file", unit)]
    if len(drawn) == 2 and now == advised:
        drawn = [(drawn[0][0], f"now and suggested: {now}", [4, 3])]
    out = []
    for row, (size, name, dash) in enumerate(drawn):
        base = alt.Chart(pd.DataFrame([{"window": size, "name": name}])).encode(x=alt.X("window:Q", scale=axis))
        on_right = np.log1p(size) > np.log1p(widest) / 2
        out += [
            base.mark_rule(strokeDash=dash, size=1.5, color=INK),
            base.mark_text(
                align="right" if on_right else "left",
                dx=-4 if on_right else 4,
                dy=8 + 13 * row,
                baseline="top",
                color=INK,
                fontSize=10,
            ).encode(text="name:N", y=alt.value(0)),
        ]
    return out
