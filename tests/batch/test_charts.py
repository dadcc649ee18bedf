"""The report's chart: what stands in it is what was counted, and any name may stand beside a bar."""

from __future__ import annotations

from xml.etree import ElementTree

import pandas as pd
import pytest

from workbench import charts

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*rows: tuple[str, str, int]) -> tuple[list[str], list[tuple[str, float]]]:
    """The texts of a chart, and of each bar what it says of itself and its length."""
    table = pd.DataFrame(rows, columns=["provider", "to", "alerts"])
    picture = charts.bars(table, value="alerts", label="provider", color="to", title="Open alerts")
    root = ElementTree.fromstring(picture._repr_svg_())
    bars = [(str(r.findtext(f"{SVG}title")), float(r.attrib["width"])) for r in root.iter(f"{SVG}rect") if len(r)]
    return [t.text or "" for t in root.iter(f"{SVG}text")], bars


def test_bars_are_as_long_as_their_counts_and_the_longest_comes_first() -> None:
    texts, bars = drawn(
        ("Slack", "partner", 1), ("Acme", "partner", 30), ("Acme", "owner only", 10), ("Duo", "partner", 8))
    assert [name for name, _ in bars] == [
        "Acme, owner only: 10", "Acme, partner: 30", "Duo, partner: 8", "Slack, partner: 1"]
    (_, ten), (_, thirty), (_, eight), _ = bars
    assert thirty == pytest.approx(3 * ten, abs=0.3) and eight == pytest.approx(0.8 * ten, abs=0.3)
    assert {"40", "8", "1", "Open alerts", "owner only", "partner"} <= set(texts)


@pytest.mark.parametrize("name", ["Tom & <Jerry>", "A" * 300, "Ä \"quoted\" 'name'", "x"])
def test_any_name_makes_a_sound_picture(name: str) -> None:
    texts, bars = drawn((name, "partner", 123_456_789))
    assert bars[0][0] == f"{name}, partner: 123,456,789"
    assert max(map(len, texts)) <= 40


def test_nothing_to_draw_is_an_empty_chart_not_an_error() -> None:
    assert drawn() == (["Open alerts", "0", "1", "alerts"], [])
