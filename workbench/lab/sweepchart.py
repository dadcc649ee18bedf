"""A sweep chart: the gaps of a pair's parts, and what each window makes of them, drawn without any network."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.charts import Picture, render
from workbench.rules.rule import Window, WindowUnit

WIDTH = 620
_COLORS = {"pairs": "#3567b0", "distinct": "#7a9cd1", "crossed": "#c0392b", "alone": "#8a8f98"}


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
    import altair as alt

    widest = max(1, int(bins["high"].max()), int(curve["window"].max()))
    axis = alt.Scale(type="symlog", domain=[0, widest], nice=False)
    shares = pd.concat(
        [
            pd.DataFrame(
                {
                    "low": bins["low"],
                    "high": bins["high"],
                    "top": bins["pairs"],
                    "base": bins["crossed"],
                    "gap": "plain",
                }
            ),
            pd.DataFrame(
                {"low": bins["low"], "high": bins["high"], "top": bins["crossed"], "base": 0, "gap": "crossed"}
            ),
        ]
    )
    bars = (
        alt.Chart(shares)
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X("low:Q", scale=axis, title=None),
            x2="high:Q",
            y=alt.Y("top:Q", title="pairs by gap"),
            y2="base:Q",
            color=alt.Color(
                "gap:N",
                scale=alt.Scale(domain=["plain", "crossed"], range=[_COLORS["distinct"], _COLORS["crossed"]]),
                legend=None,
            ),
        )
    )
    names = [n for n in ("pairs", "distinct", "crossed", "alone") if n in curve]
    long = pd.DataFrame(curve[["window", *names]]).astype("int64").melt("window", var_name="what", value_name="count")
    lines = alt.Chart(long).mark_line(interpolate="step-after").encode(
        x=alt.X("window:Q", scale=axis, title=f"window in {unit}"), y=alt.Y("count:Q", title=None),
        color=alt.Color("what:N", title=None, scale=alt.Scale(domain=names, range=[_COLORS[n] for n in names]),
                        legend=alt.Legend(orient="bottom")))
    marks = pd.DataFrame([{"window": widest if w.unit == "file" else w.size, "mark": mark}
                          for mark, w in (("now", now), ("suggested", advised)) if w.unit in ("file", unit)])
    rules = (
        alt.Chart(marks)
        .mark_rule(strokeDash=[4, 3], size=1.5)
        .encode(
            x=alt.X("window:Q", scale=axis),
            strokeDash=alt.StrokeDash("mark:N", title=None, legend=alt.Legend(orient="bottom")),
        )
    )
    upper = bars.properties(width=WIDTH, height=110)
    lower = alt.layer(lines, rules).properties(width=WIDTH, height=170)
    return render(
        alt.vconcat(upper, lower, spacing=6).resolve_scale(color="independent").configure_view(stroke="#d0d7de")
    )
