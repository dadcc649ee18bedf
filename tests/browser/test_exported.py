"""Notebooks exported to HTML, opened as a file by someone who has neither a kernel nor a network."""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Page, expect

from tests.browser.jupyter import Notebook, Server

Open = Callable[[str], Notebook]

CELLS = (
    ("import os\nfrom workbench.lab import Session\nfrom workbench.lab.slider import WindowSlider\n"
     "session = Session(os.environ['WORKBENCH_CORPUS'])\nsweep = session.sweep('aws_access_key')\nsweep"),
    "session.matches('aws_access_key').browse()",
    "WindowSlider(sweep)",
    "from workbench import charts\ncharts.bars(session.overview(), value='blobs', label='path_class')",
)
STRANGER = "<img src='{0}/seen.png'><script src='{0}/seen.js'></script><script>fetch('{0}/seen')</script>"


def from_menu(server: Server, name: str, folder: Path) -> Path:
    """What the menu's Save and Export Notebook As, HTML, downloads."""
    with urllib.request.urlopen(f"{server.url}/nbconvert/html/{name}?download=true&token={server.token}") as answer:
        return write(folder / "menu.html", answer.read())


def from_command(server: Server, name: str, folder: Path) -> Path:
    """Jupyter's own command, as everyone types it: the environment it was installed in has the template."""
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--stdout", str(server.folder / name)]
    return write(folder / "command.html", subprocess.run(command, check=True, capture_output=True, cwd=folder).stdout)


def write(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def opened(browser: Browser, file: Path) -> tuple[Page, list[str], list[str]]:
    """The page, what it asked for besides itself, and the errors of its console."""
    page = browser.new_context(viewport={"width": 1000, "height": 1400}).new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri(), wait_until="networkidle")
    assert requests.pop(0) == file.as_uri()
    return page, [url for url in requests if not url.startswith(("data:", "blob:"))], errors


def test_an_exported_notebook_shows_charts_and_tables_and_asks_for_nothing(
    server: Server, browser: Browser, open_notebook: Open, tmp_path: Path
) -> None:
    server.theme("JupyterLab Light")
    server.notebook("exported.ipynb", *CELLS)
    notebook = open_notebook("exported.ipynb")
    notebook.run_all()
    notebook.save()
    expect(notebook.page.locator(".jp-mod-dirty")).to_have_count(0)
    for export in (from_menu, from_command):
        page, strangers, errors = opened(browser, export(server, "exported.ipynb", tmp_path))
        assert (strangers, errors) == ([], []), export.__name__
        expect(page.locator(".jp-OutputArea-output svg").first).to_be_visible()
        picture = page.locator("img[src^='data:image/svg']")
        expect(picture).to_have_count(1)
        assert picture.evaluate("image => image.naturalWidth") > 300
        expect(page.locator(".dt-container tbody tr").nth(5)).to_be_visible()
        expect(page.get_by_text("WindowSlider(aws_access_key")).to_contain_text("open the notebook there")
        page.screenshot(path=tmp_path / f"{export.__name__}.png", full_page=True)
        page.context.close()


def test_an_output_that_would_fetch_something_cannot(server: Server, browser: Browser, tmp_path: Path) -> None:
    with listener() as (url, asked):
        output = nbformat.v4.new_output("display_data", {"text/html": STRANGER.format(url)})
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("show()", outputs=[output])])
        # One that papermill ran holds the state of its widgets, for which a page would take in their manager.
        made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}
        nbformat.write(made, server.folder / "stranger.ipynb")
        page, strangers, _ = opened(browser, from_menu(server, "stranger.ipynb", tmp_path))
        assert {f"{url}/seen.js", f"{url}/seen.png"} <= set(strangers)  # it tried
        page.context.close()
        assert asked == []
        with urllib.request.urlopen(f"{url}/seen.png"):
            assert asked == ["/seen.png"]  # and would have been heard


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
