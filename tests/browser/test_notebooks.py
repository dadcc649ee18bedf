"""The shipped notebooks as a newcomer runs them: from the menu, in both themes, with nothing asked of the network.

The README's pictures come from here: `WORKBENCH_PICTURES=notebooks/images make test-browser` draws them anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import THEMES
from tests.browser.jupyter import Notebook, Server
from tests.conftest import ROOT
from workbench.rules.load import load
from workbench.store.reader import StoreReader

Open = Callable[[str], Notebook]


@pytest.fixture(params=THEMES)
def place(request: pytest.FixtureRequest, server: Server) -> str:
    """A folder for the notebooks of one theme, and that theme."""
    server.theme(request.param)
    return str(request.param).split()[-1].lower()


def picture(name: str, of: Locator) -> None:
    folder = os.environ.get("WORKBENCH_PICTURES")
    if folder:
        of.screenshot(path=ROOT / folder / name)


def run(server: Server, place: str, name: str, open_notebook: Open) -> Notebook:
    notebook = open_notebook(server.shipped(name, place))
    assert notebook.page.evaluate("document.body.dataset.jpThemeLight") == str(place == "light").lower()
    notebook.run_all()
    return notebook


def test_a_rule_is_authored_and_saved(
    place: str, server: Server, page: Page, open_notebook: Open, tmp_path: Path
) -> None:
    notebook = run(server, place, "02_author_a_rule.ipynb", open_notebook)
    assert "example_cloud_api_key" in load([server.folder / place / "my-rules" / "example_cloud.yaml"]).secret_types
    compared = page.locator(".jp-OutputArea-output").filter(has_text="gained").last
    compared.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "author.png")
    assert notebook.unreadable() == []


def test_a_window_is_tuned_with_the_slider(place: str, server: Server, page: Page, open_notebook: Open,
                                           tmp_path: Path) -> None:
    notebook = run(server, place, "03_tune_a_pair_window.ipynb", open_notebook)
    window, slider, rows = (
        page.locator(".wbs-window"),
        page.locator(".wbs-slider"),
        page.locator(".wbs-table tbody tr:not(.wbs-low)"),
    )
    page.locator(".wbs").scroll_into_view_if_needed()
    expect(page.locator(".wbs-here")).to_have_text("You are there.")  # a later cell set it to the suggested window
    pairs, cursor = page.locator("[data-figure=pairs] b"), page.locator(".wbs-cursor")
    suggested = pairs.text_content(), cursor.get_attribute("x1"), window.text_content()
    slider.focus()
    page.keyboard.press("Home")
    expect(window).to_have_text("window: 0 lines")
    page.keyboard.press("ArrowRight")
    expect(window).to_have_text(re.compile(r"window: [1-9]\d* lines"))
    expect(page.locator(".wbs-stale")).to_have_count(0)  # until then the rows are of the window before
    expect(page.locator(".wbs-caption")).to_have_text(re.compile(r"From file to [1-9]\d* lines: .* go"))
    expect(rows.filter(has_text="leaves").first).to_be_visible()
    assert (pairs.text_content(), cursor.get_attribute("x1")) != suggested[:2]
    page.screenshot(path=tmp_path / "window.png")
    assert notebook.unreadable() == []
    page.locator("[data-jump=suggested]").click()
    expect(window).to_have_text(suggested[2])
    expect(pairs).to_have_text(suggested[0])
    expect(page.locator(".wbs-stale")).to_have_count(0)
    if place == "light":
        slider.focus()
        page.keyboard.press("ArrowLeft")  # where there is more to see
        expect(page.locator(".wbs-stale")).to_have_count(0)
        page.set_viewport_size({"width": 1280, "height": 1200})
        picture("window.png", page.locator(".wbs"))
    rules = load([server.folder / place / "my-rules"])  # with those of the notebook before it, when that was run
    assert rules.pairs["example_cloud_account"].window.unit == "lines"


def test_matches_are_reviewed_and_the_labels_stay(place: str, server: Server, page: Page, open_notebook: Open,
                                                  tmp_path: Path) -> None:
    notebook = run(server, place, "04_review_matches.ipynb", open_notebook)
    counts = page.locator(".wbt-counts")
    page.locator(".wbt").scroll_into_view_if_needed()
    page.locator(".wbt").focus()
    for number, key in enumerate("tftu", start=1):
        page.keyboard.press(key)
        expect(counts).to_contain_text(f"{number} of ")
    page.keyboard.press("z")
    expect(counts).to_contain_text("3 of ")
    expect(counts).to_contain_text("2 true, 1 false, 0 unsure")
    page.screenshot(path=tmp_path / "review.png")
    if place == "dark":
        picture("review.png", page.locator(".wbt"))
    assert notebook.unreadable() == []
    notebook.save()
    notebook.reload()
    page.locator(".wbt").scroll_into_view_if_needed()
    expect(counts).to_contain_text("2 true, 1 false, 0 unsure")
    labels = StoreReader(server.folder / place / "labels.duckdb").labels()
    assert sorted(labels["verdict"].to_pylist()) == ["false", "true", "true"]
