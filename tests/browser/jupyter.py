"""A real JupyterLab on loopback, as `workbench lab` starts it, and the pages a browser opens in it."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import ConsoleMessage, Page, expect

from workbench.lab.server import prepare

START_S = 60
CELL_S = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A running JupyterLab whose files stand in ``folder``."""

    url: str
    token: str = field(repr=False)
    folder: Path

    def theme(self, name: str) -> None:
        """Which theme the next page has."""
        path = self.folder / ".jupyter-settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"theme": name}))

    def notebook(self, name: str, *cells: str) -> None:
        """Put a notebook of code cells there."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, self.folder / name)

    def shipped(self, name: str, folder: str) -> str:
        """A folder of its own for a shipped notebook and what it writes; returns the notebook's path in it."""
        (self.folder / folder).mkdir(exist_ok=True)
        shutil.copy(self.folder / name, self.folder / folder / name)
        return f"{folder}/{name}"

    def address(self, notebook: str) -> str:
        return f"{self.url}/lab/tree/{notebook}?reset&token={self.token}"


@contextmanager
def jupyterlab(folder: Path, environment: dict[str, str], *, corpus: Path | None = None) -> Iterator[Server]:
    """JupyterLab on ``folder / "files"``; what else it keeps stands in ``folder`` too, and nothing anywhere else."""
    token, port = secrets.token_hex(16), _free_port()
    launch = prepare(corpus, folder=folder / "files", port=port, browser=False)
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA")}
    own["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="jupyter")  # a short path: kernels' sockets are in it
    command = [*launch.command, f"--IdentityProvider.token={token}", f"--LabApp.workspaces_dir={folder / 'workspaces'}"]
    log = folder / "jupyter.log"
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=launch.folder,
                                   env={**launch.environment, **environment, **own})
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/api/status?token={token}", process, log)
        yield Server(url, token, launch.folder)
    finally:
        process.terminate()  # it shuts its kernels down
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(own["JUPYTER_RUNTIME_DIR"], ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@dataclass(slots=True)
class Watch:
    """What a page must not do: ask anyone but loopback, or write an error to its console."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def on(self, page: Page) -> None:
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket_: self.requests.append(socket_.url))
        page.on("console", lambda message: self._console(message))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def check(self) -> None:
        strangers = [url for url in self.requests if urlsplit(url).scheme not in ("data", "blob")
                     and urlsplit(url).hostname != "127.0.0.1"]
        assert len(self.requests) > 10  # so that an empty list of strangers means something
        assert strangers == []
        assert self.errors == []


class Notebook:
    """A notebook open in a page."""

    def __init__(self, page: Page, server: Server, name: str) -> None:
        self.page = page
        self.file = server.folder / name
        page.goto(server.address(name))
        self._ready()

    def _ready(self) -> None:
        expect(self.page.locator(".jp-NotebookPanel .jp-Notebook-cell").first).to_be_visible(timeout=START_S * 1000)
        # The toolbar's indicator says idle before there is a kernel; the status bar does not.
        expect(self.page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=START_S * 1000)

    def run_all(self) -> None:
        """Run > Run All Cells, and wait for the last one. Fails when a cell raised."""
        self.menu("Run", "Run All Cells")
        self.wait_until_run()

    def run_first(self, count: int) -> None:
        """Run the first cells one by one, with Shift+Enter."""
        self.page.locator(".jp-Notebook-cell").first.locator(".jp-InputPrompt").click()
        for number in range(count):
            self.page.keyboard.press("Shift+Enter")
            prompt = self.page.locator(".jp-Notebook-cell").nth(number).locator(".jp-InputPrompt")
            expect(prompt).to_have_text(f"[{number + 1}]:", timeout=CELL_S * 1000)

    def wait_until_run(self) -> None:
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt")
        expect(prompts.filter(has_text="[ ]:")).to_have_count(0, timeout=CELL_S * 1000)
        expect(prompts.filter(has_text="[*]:")).to_have_count(0, timeout=CELL_S * 1000)
        trouble = self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'], "
                                    ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        assert trouble.all_inner_texts() == []

    def menu(self, name: str, item: str) -> None:
        """Choose an item of the menu bar, as a person does."""
        self.page.locator(".lm-MenuBar-itemLabel").get_by_text(name, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()

    def save(self) -> None:
        """Save, and wait for it: who reloads before has the notebook as it was."""
        before = self.file.stat().st_mtime_ns
        self.menu("File", "Save Notebook")
        until = time.monotonic() + CELL_S
        while self.file.stat().st_mtime_ns == before:
            assert time.monotonic() < until, f"{self.file.name} was not saved"
            self.page.wait_for_timeout(50)

    def reload(self) -> None:
        self.page.reload()
        self._ready()

    def cells(self) -> list[list[str]]:
        """Kind and text of each cell, which a shortcut that got through would change."""
        return self.page.locator(".jp-Notebook-cell").evaluate_all(
            "cells => cells.map(c => [['jp-CodeCell', 'jp-MarkdownCell', 'jp-RawCell'].find(k => "
            "c.classList.contains(k)), "
            "c.querySelector('.cm-content')?.textContent ?? ''])"
        )

    def unreadable(self) -> list[str]:
        """Texts in outputs that hardly stand out from what is behind them, as a style made for the other theme leaves
        them.

        Contrast as the Web Content Accessibility Guidelines count it; 3 is what they ask of large text.
        """
        found = self.page.evaluate(_CONTRASTS)
        assert found["seen"] > 20  # so that finding none means something
        return list(found["poor"])


_CONTRASTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c.length === 3 || c[3] > 0.5) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  let seen = 0;
  for (const node of document.querySelectorAll('.jp-OutputArea-output *')) {
    if (node.closest('svg, style, script, option, [disabled], .disabled')) continue;
    if (![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) continue;
    const style = getComputedStyle(node);
    if (style.visibility === 'hidden' || !node.getClientRects().length) continue;
    seen += 1;
    const [a, b] = [light(parse(style.color)), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const what = `${node.tagName}.${node.className} ${node.textContent.trim().slice(0, 40)}`;
    if (contrast < 3) poor.push(`${contrast.toFixed(1)} ${what}`);
  }
  return { seen, poor };
}"""
