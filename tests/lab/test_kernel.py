"""A real kernel: interrupted in the middle of a scan, given a pattern that matches everything, one of two on a store."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.lab.conftest import HOUSE_FILE, write_corpus
from workbench.rules.testtext import Filled
from workbench.store.reader import StoreReader

WAIT_S = 60
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()

OPEN = """from workbench.lab import Session
session = Session({corpus!r}, rules={rules!r}, progress=False)"""

HELD = """
import threading
from workbench.lab.specimens import Specimens
look, stopped = Specimens.look, threading.Event()
def held(self, batch, found):
    print("scanning", flush=True)
    stopped.wait(2)  # so that the interrupt comes while the threads are in the corpus
    return look(self, batch, found)
Specimens.look = held"""


JUDGE = """
import time
while review.view["item"]:
    review._receive(review, {"do": "judge", "key": review.view["item"]["key"], "verdict": "true"}, [])
while review.review.pending:  # the store was the other's just then
    time.sleep(0.2)
    review._try_again()
"""


class Kernel:
    """A kernel as a notebook has it; ``run`` gives what a cell shows."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=str(folder / "k.json"))
        self.manager.ip = str(folder / "ipc")
        self.manager.start_kernel(cwd=str(folder))
        self.client: BlockingKernelClient = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(WAIT_S)

    def run(self, code: str, *, on: str = "", do: Callable[[], object] = lambda: None) -> str:
        """Run a cell to its end; once it has printed ``on``, ``do`` is done."""
        sent, shown = self.client.execute(code), []
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT_S)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                shown.append(content["text"])
                if on and on in content["text"]:
                    do()
                    on = ""
            elif kind == "error":
                shown.append("\n".join(content["traceback"]))
            elif kind in ("execute_result", "display_data"):
                shown.append(content["data"].get("text/plain", ""))
            elif kind == "status" and content["execution_state"] == "idle":
                return "\n".join(shown)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Kernel]]:
    monkeypatch.setenv("WORKBENCH_KEY", KEY)
    started: list[Kernel] = []

    def start() -> Kernel:
        started.append(Kernel(tmp_path_factory.mktemp("k")))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_an_interrupted_scan_is_a_sentence_and_the_next_one_is_right(
    kernel: Callable[[], Kernel], corpus: Path, rules: Path
) -> None:
    notebook = kernel()
    assert notebook.run(OPEN.format(corpus=str(corpus), rules=str(rules)) + HELD) == ""
    said = notebook.run("session.matches('acme_token')", on="scanning", do=notebook.manager.interrupt_kernel)
    assert "Interrupted: The scan was interrupted" in said and "Traceback" not in said
    assert "scanned" not in notebook.run("Specimens.look = look; stopped.set(); session")
    notebook.run("again = Session(session.corpus.folder, rules=session.files.paths)")
    assert notebook.run("session.matches('acme_token').equals(again.matches('acme_token'))") == "True"
    assert notebook.run("len(session.matches('acme_token'))") == "4"
    assert notebook.run("[t for t in threading.enumerate() if t.name.startswith('lab')]") == "[]"


def test_a_pattern_that_matches_everything_ends_by_itself_and_the_kernel_lives(
    kernel: Callable[[], Kernel], tmp_path: Path
) -> None:
    text = b"word " + b" ".join(b"%s%s" % (a, b) for a in (b"wo", b"xo") for b in (b"rd", b"rk")) + b"\n"
    words = write_corpus(tmp_path / "words", {f"{k}.txt": text * 6_000 + b"%d" % k for k in range(12)})
    (tmp_path / "acme.yaml").write_text(HOUSE_FILE)
    notebook = kernel()
    notebook.run(OPEN.format(corpus=str(words), rules=str(tmp_path / "acme.yaml")))
    notebook.run("session.add('loud', provider='Loud', pattern='[a-z]{4}', "
                 "near={'keywords': ['word'], 'window': 'file'}, placeholders='keep')")
    assert "Not all was scanned" in notebook.run("run = session.dry_run('loud'); print(*run.warnings())\nrun")
    assert notebook.run("run.totals['matches'] <= 250_000 and len(run.sample) <= 1_000") == "True"
    assert notebook.run("session.dry_run('acme_token').totals['matches']") == "0"


def test_two_notebooks_label_on_one_store_at_once(
    kernel: Callable[[], Kernel], tmp_path: Path, rules: Path, filled: Callable[..., Filled]
) -> None:
    """Each judges half of the files, at the same time; nothing is lost, and each then sees all."""
    names = ("ann", "ben")
    texts = {f"{name}/{k}.env": filled("T={acme_token:t}\n", seed=k * 2 + n).content for k in range(15)
             for n, name in enumerate(names)}
    corpus, store = write_corpus(tmp_path / "many", texts), tmp_path / "labels.duckdb"
    notebooks = {name: kernel() for name in names}
    for name, notebook in notebooks.items():
        assert notebook.run(OPEN.format(corpus=str(corpus), rules=str(rules)) + (
            "\nfrom workbench.lab.triage import triage\n"
            f"review = triage(session, 'acme_token', store={str(store)!r}, reviewer={name!r})\n"
            f"review._receive(review, {{'do': 'filter', 'text': {name!r}}}, [])")) == ""
    threads = [Thread(target=notebook.run, args=(JUDGE,)) for notebook in notebooks.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for notebook in notebooks.values():
        assert notebook.run("print(review.counts().caption)").strip() == "30 of 30 judged"
    assert sorted(StoreReader(store).labels()["reviewer"].to_pylist()) == ["ann"] * 15 + ["ben"] * 15
