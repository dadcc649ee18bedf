"""The triage widget in a real JupyterLab: judged with the keyboard alone, in both themes, and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import THEMES
from tests.browser.jupyter import Notebook, Server, Watch
from tests.conftest import HOUSE_RULES
from tests.lab.reviewed import make_corpus, scan, tokens
from tests.store.conftest import Child, child  # noqa: F401
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


def test_labels_are_given_with_the_keyboard_and_are_there_after_a_reload(
        server: Server, corpus: Corpus, store: Path, page: Page, open_notebook: Callable[[str], Notebook],
        house: CompiledRules, tmp_path: Path) -> None:
    server.theme(THEMES[0])
    notebook = opened(server, store, open_notebook)
    cells = notebook.cells()
    box = widget(page)
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


def test_the_keyboard_alone_reaches_the_widget_and_leaves_it(server: Server, corpus: Corpus, store: Path, page: Page,
                                                             open_notebook: Callable[[str], Notebook]) -> None:
    server.theme(THEMES[0])
    notebook = opened(server, store, open_notebook)
    cells = notebook.cells()
    box = widget(page)
    page.locator(".jp-Notebook-cell").nth(1).locator(".jp-InputPrompt").click()  # command mode, on the widget's cell
    focused = "document.querySelector('.wbt').contains(document.activeElement)"
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate(focused):
            break
    assert page.evaluate(focused)
    box.focus()
    expect(page.locator(".wbt-hint")).to_be_hidden()
    # Every letter and arrow that is a command of the notebook: none of them may get through.
    for key in [*"abcdhilmpqvwxy0123456", "ArrowUp", "ArrowDown", "Enter", "Delete", "Shift+M", "d", "d", "0", "0"]:
        page.keyboard.press(key)
    counts(page, "0 of 6 judged")
    assert notebook.cells() == cells
    page.keyboard.press("?")
    expect(page.locator(".wbt-help dl")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("more.py")
    page.keyboard.press("Enter")
    expect(page.locator(".wbt-position")).to_have_text("1 / 2")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".wbt-position")).to_have_text("2 / 2")
    page.keyboard.press("f")
    counts(page, "1 of 6 judged: 0 true, 1 false")
    page.keyboard.press("Escape")  # back in the notebook, whose own keys work again
    assert not page.evaluate(focused)
    page.keyboard.press("b")
    expect(page.locator(".jp-Notebook-cell")).to_have_count(len(cells) + 1)


def test_two_notebooks_on_one_store_see_each_other(
    server: Server, corpus: Corpus, store: Path, page: Page, watch: Watch, open_notebook: Callable[[str], Notebook]
) -> None:
    server.theme(THEMES[0])
    opened(server, store, open_notebook)
    other = page.context.new_page()
    watch.on(other)
    opened(server, store, lambda name: Notebook(other, server, name), reviewer="ben")
    widget(page).focus()
    page.keyboard.press("t")
    counts(page, "1 of 6 judged")
    widget(other).focus()
    counts(other, "0 of 6 judged")
    other.keyboard.press("r")
    counts(other, "1 of 6 judged: 1 true")
    expect(other.locator(".wbt-label")).to_contain_text("ann said true")
    other.keyboard.press("f")
    expect(other.locator(".wbt-message")).to_have_text("ann had said true")
    page.keyboard.press("r")
    counts(page, "1 of 6 judged: 0 true, 1 false")
    assert StoreReader(store).labels()["reviewer"].to_pylist() == ["ben"]


def test_verdicts_given_while_the_store_is_held_are_saved_afterwards(server: Server, corpus: Corpus, store: Path,
                                                                     page: Page, child: Child,  # noqa: F811
                                                                     open_notebook: Callable[[str], Notebook]) -> None:
    server.theme(THEMES[1])
    opened(server, store, open_notebook)
    widget(page).focus()
    holder = child("hold", store, 120)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    page.keyboard.press("t")
    counts(page, "1 of 6 judged")
    expect(page.locator(".wbt-saved")).to_have_text("1 not saved yet")
    expect(page.locator(".wbt-message")).to_contain_text(f"held by process {holder.pid}")
    page.keyboard.press("u")
    expect(page.locator(".wbt-saved")).to_have_text("2 not saved yet")
    holder.kill()
    holder.wait()
    expect(page.locator(".wbt-saved")).to_have_text("saved · ann", timeout=15_000)  # by itself
    expect(page.locator(".wbt-message")).to_have_text("Saved what had waited")
    assert verdicts(store) == ["true", "unsure"]


def test_a_busy_kernel_takes_one_key_and_says_so(server: Server, corpus: Corpus, store: Path, page: Page,
                                                 open_notebook: Callable[[str], Notebook]) -> None:
    server.theme(THEMES[0])
    name = f"{store.stem}.ipynb"
    server.notebook(name, SET_UP, SHOW.format(store=store.name, reviewer="ann"), "import time\ntime.sleep(4)")
    notebook = open_notebook(name)
    notebook.run_first(2)
    widget(page)
    page.locator(".jp-Notebook-cell").nth(2).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    widget(page).focus()
    for key in "ttft":
        page.keyboard.press(key)
    expect(page.locator(".wbt-message")).to_contain_text("The kernel is busy")
    counts(page, "1 of 6 judged: 1 true, 0 false")
    assert verdicts(store) == ["true"]
