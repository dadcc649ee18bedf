"""The window slider in a real JupyterLab: chart, figures, table and advice follow it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import THEMES
from tests.browser.jupyter import Notebook, Server
from tests.conftest import HOUSE_RULES
from tests.lab.reviewed import make_corpus
from tests.lab.swept import FAR, NEAR, files
from workbench.rules.testtext import Filled

SET_UP = """from workbench.lab.session import Session
from workbench.lab.slider import WindowSlider
session = Session("swept", rules="rules.yaml")"""


@pytest.fixture(scope="module", autouse=True)
def corpus(server: Server, filled: Callable[..., Filled]) -> None:
    (server.folder / "rules.yaml").write_text(HOUSE_RULES)
    make_corpus(server.folder / "swept", filled, files())


def figure(page: Page, name: str) -> int:
    return int(page.locator(f"[data-figure={name}] b").inner_text().replace(",", ""))


def cursor(page: Page) -> float:
    return float(page.locator(".wbs-cursor").get_attribute("x1") or "nan")


def test_chart_table_and_advice_follow_the_slider(server: Server, page: Page, tmp_path: Path,
                                                  open_notebook: Callable[[str], Notebook]) -> None:
    server.theme(THEMES[1])
    name = "swept.ipynb"
    server.notebook(name, SET_UP, 'slider = WindowSlider(session.sweep("acme_pair"))\nslider', "1 + 1")
    notebook = open_notebook(name)
    notebook.run_all()
    cells = notebook.cells()
    window, rows = page.locator(".wbs-window"), page.locator(".wbs-table tbody tr:not(.wbs-low)")
    expect(window).to_have_text("window: 5 lines")
    assert figure(page, "pairs") == NEAR
    expect(rows).to_have_count(0)
    before = cursor(page)

    page.locator(".wbs-slider").focus()
    page.keyboard.press("End")  # the whole file
    expect(window).to_have_text("window: file")
    expect(rows).to_have_count(FAR)
    expect(rows.first).to_contain_text("enters")
    expect(page.locator(".wbs-here")).to_contain_text(f"+{FAR} distinct pairs")
    assert figure(page, "pairs") == NEAR + FAR and cursor(page) > before

    page.locator(".wbs-slider").focus()
    page.keyboard.press("Home")
    expect(window).to_have_text("window: 0 lines")
    expect(rows).to_have_count(NEAR)
    expect(rows.first).to_contain_text("leaves")
    assert figure(page, "pairs") == 0 and cursor(page) < before
    page.keyboard.press("ArrowRight")
    expect(window).to_have_text("window: 1 lines")
    expect(rows).to_have_count(20)
    page.screenshot(path=tmp_path / "slider.png")

    page.locator("[data-jump=suggested]").click()
    expect(page.locator(".wbs-here")).to_have_text("You are there.")
    page.locator("[data-unit=bytes]").click()
    expect(window).to_have_text(re.compile(r"window: \d+ bytes"))
    box = page.locator(".wbs-chart").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + 150)
    page.mouse.up()
    expect(window).to_have_text("window: file")
    expect(page.locator(".wbs-caption")).to_contain_text("distinct pairs come")
    assert notebook.cells() == cells  # `b` and `c` are keys of the notebook too
    expect(page.locator(".wbs-stale")).to_have_count(0)
