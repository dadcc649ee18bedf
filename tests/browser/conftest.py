"""One browser and one JupyterLab for all tests here; a page for each. `make test-browser` runs them, nothing else
does."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.jupyter import Notebook, Server, Watch

# Without Playwright (the extra `browser`) there is nothing to collect here.
collect_ignore_glob = [] if find_spec("playwright") else ["*.py"]

pytest.register_assert_rewrite("tests.browser.jupyter")

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]
THEMES = ("JupyterLab Light", "JupyterLab Dark")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what stands here, and leave it out unless it was asked for: not everyone has a browser and a minute."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.browser)
    if here and "browser" not in config.option.markexpr:
        items[:] = [item for item in items if item not in here]
        config.hook.pytest_deselected(items=here)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from tests.browser.jupyter import jupyterlab
    from workbench.lab import demo

    folder = tmp_path_factory.mktemp("jupyter")
    with jupyterlab(folder, {"WORKBENCH_KEY": KEY, "LOGNAME": "ann"}, corpus=demo.corpus(folder / "demo")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # milliseconds, as for what a page is asked to do: machines are busy now and then
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("The browser tests need Chromium: install Debian's package chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def watch() -> Watch:
    from tests.browser.jupyter import Watch

    return Watch()


@pytest.fixture
def page(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A page in a fresh profile, of the size of a laptop's screen."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    watch.on(opened)
    yield opened
    context.close()


@pytest.fixture
def open_notebook(page: Page, server: Server, watch: Watch) -> Iterator[Callable[[str], Notebook]]:
    """Opens a notebook of the server's folder; when the test is over, nothing went wrong in the page that nobody
    saw."""
    from tests.browser.jupyter import Notebook

    yield lambda name: Notebook(page, server, name)
    watch.check()
