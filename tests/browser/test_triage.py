"""The triage widget in a real JupyterLab: judged with the keyboard alone, in both themes, and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import THEMES
from tests.browser.jupyter import Notebook, Server
from tests.conftest import HOUSE_RULES
from tests.lab.reviewed import make_corpus, scan, tokens
from workbench.corpora.reader import Corpus
from workbench.engine.compiled import CompiledRules
from workbench.rules.testtext import Filled
from workbench.store.reader import StoreReader

SET_UP = """from workbench.lab.session import Session
from workbench.lab.triage import triage
session = Session("judged", rules="rules.yaml")"""
SHOW = 'triage(session, store="{store}", reviewer="{reviewer}")'


@pytest.fixture(scope="module")
def corpus(server: Server, filled: Callable[..., Filled]) -> Corpus:
    (server.folder / "rules.yaml").write_text(HOUSE_RULES)
    return make_corpus(server.folder / "judged", filled)


@pytest.fixture
def store(server: Server, request: pytest.FixtureRequest) -> Path:
    return server.folder / f"labels-{abs(hash(request.node.name)) % 10**8}.duckdb"


def opened(server: Server, store: Path, open_notebook: Callable[[str], Notebook], reviewer: str = "ann") -> Notebook:
    name = f"{store.stem}-{reviewer}.ipynb"
    server.notebook(name, SET_UP, SHOW.format(store=store.name, reviewer=reviewer), "1 + 1", "2 + 2")
    notebook = open_notebook(name)
    notebook.run_all()
    return notebook


def widget(page: Page) -> Locator:
    box = page.locator(".wbt")
    expect(box).to_be_visible()
    return box


def counts(page: Page, text: str) -> None:
    expect(page.locator(".wbt-counts")).to_contain_text(text)


def verdicts(store: Path) -> list[str]:
    return StoreReader(store).query("SELECT verdict FROM label ORDER BY label_no")["verdict"].to_pylist()


@pytest.mark.parametrize("theme", THEMES)
def test_labels_are_given_with_the_keyboard_and_are_there_after_a_reload(
        theme: str, server: Server, corpus: Corpus, store: Path, page: Page, open_notebook: Callable[[str], Notebook],
        house: CompiledRules, tmp_path: Path) -> None:
    server.theme(theme)
    notebook = opened(server, store, open_notebook)
    cells = notebook.cells()
    box = widget(page)
    assert page.evaluate("document.body.dataset.jpThemeLight") == ("true" if "Light" in theme else "false")
    counts(page, "0 of 6 judged")
    box.focus()
    first = page.locator(".wbt-where").inner_text()
    page.keyboard.press("t")
    counts(page, "1 of 6 judged: 1 true")
    page.keyboard.press("f")
    counts(page, "2 of 6 judged: 1 true, 1 false")
    page.keyboard.press("n")
    page.keyboard.type("dd xx looks made up")  # letters that would delete cells
    page.keyboard.press("Enter")
    page.keyboard.press("u")
    counts(page, "3 of 6 judged: 1 true, 1 false, 1 unsure")
    page.keyboard.press("z")
    counts(page, "2 of 6 judged")
    expect(page.locator(".wbt-note")).to_have_value("dd xx looks made up")
    page.keyboard.press("s")
    counts(page, "1 skipped")
    page.screenshot(path=tmp_path / "triage.png")
    assert verdicts(store) == ["true", "false", "unsure", "retracted"]
    assert notebook.cells() == cells

    notebook.save()
    notebook.reload()
    widget(page)
    counts(page, "2 of 6 judged: 1 true, 1 false, 0 unsure, 1 skipped")  # the kernel lives on, and so does the widget
    page.locator(".wbt select").first.select_option("true")
    expect(page.locator(".wbt-where")).to_have_text(first)
    expect(page.locator(".wbt-label")).to_contain_text("ann said true")
    shown = page.content()
    assert "acme…(41)" in shown
    assert not [t for t in tokens(scan(corpus, house)) if t.decode()[4:12] in shown]
