"""``workbench dry-run``, ``compare`` and ``lab``: one library call each, sentences for errors, no token printed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.lab.conftest import HOUSE_FILE, write_corpus
from workbench.cli import app
from workbench.errors import CorpusError, WorkbenchError
from workbench.lab.server import prepare


def workbench(*arguments: object) -> str:
    """What a command prints. Raises what it raises."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_dry_run_prints_totals_and_a_masked_sample(
    corpus: Path, rules: Path, tokens: Callable[[Path], set[str]]
) -> None:
    out = workbench("dry-run", corpus, "acme_token", "--rules", rules)
    assert "4, of 3 distinct secrets in 3 blobs of 1 repository;" in out and "acme…(41)" in out and "deploy/" in out
    assert not [t for t in tokens(corpus) if t in out]
    tried = workbench("dry-run", corpus, "acme_pair", "--rules", rules, "--window", "9 lines", "--rows", 0)
    assert "2 pairs" in tried and "Sample" not in tried
    assert (rules / "acme.yaml").read_text() == HOUSE_FILE, "nothing is saved"


def test_compare_takes_an_edit_or_another_folder(
    corpus: Path, rules: Path, tmp_path: Path, tokens: Callable[[Path], set[str]]
) -> None:
    tried = workbench("compare", corpus, "acme_token", "--rules", rules, "--pattern", "acme_[A-Za-z0-9]{37}")
    assert "3 lost" in tried and "pattern, 3" in tried
    other = tmp_path / "other"
    other.mkdir()
    (other / "acme.yaml").write_text(HOUSE_FILE.replace("{lines: 5}", "{lines: 9}"))
    moved = workbench("compare", corpus, "--rules", rules, "--after", other)
    nothing = write_corpus(tmp_path / "nothing", {"a.txt": b"Nothing to see here.\n"})
    none = workbench("compare", nothing, "acme_token", "--rules", rules, "--pattern", "acme_[A-Za-z0-9]{37}")
    assert "0 gained, 0 lost, 0 kept" in none and "Empty" not in none
    assert "2 gained, 0 lost" in moved and "acme_pair" in moved and "acme_token" not in moved
    assert not [t for t in tokens(corpus) if t in tried + moved]


@pytest.mark.parametrize(("arguments", "words"), [
    (("dry-run", "CORPUS", "acme_tokn"), "did you mean acme_token"),
    (("dry-run", "CORPUS", "acme_token", "--pattern", "acme_["), "mend it here"),
    (("dry-run", "CORPUS", "acme_token", "--format", "v9", "--pattern", "acme_x{20}"), "format='v9'"),
    (("dry-run", "nowhere", "acme_token"), "nowhere"),
    (("compare", "CORPUS", "acme_token"), "--after"),
    (("compare", "CORPUS", "--after", "RULES"), "find the same"),
])
def test_what_cannot_be_done_is_a_sentence_and_exit_code_2(
    corpus: Path, rules: Path, arguments: tuple, words: str
) -> None:
    given = [{"CORPUS": str(corpus), "RULES": str(rules)}.get(a, a) for a in arguments]
    with pytest.raises(WorkbenchError) as raised:
        workbench(*given, "--rules", rules)
    assert words in str(raised.value) and raised.value.exit_code == 2


def test_an_error_ends_the_command_without_a_traceback(corpus: Path, rules: Path) -> None:
    command = [sys.executable, "-m", "workbench", "dry-run", str(corpus), "acme_tokn", "--rules", str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("Error: ") and "Traceback" not in done.stderr


@pytest.mark.parametrize(("runtime", "sockets"), [("/tmp/j", True), ("/home/" + "long" * 20, False)])
def test_kernels_are_spoken_to_through_sockets_where_their_paths_fit(
    runtime: str, sockets: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", runtime)
    assert ("--KernelManager.transport=ipc" in prepare(folder=tmp_path / "work").command) is sockets


def test_lab_becomes_the_server(corpus: Path, tmp_path: Path) -> None:
    """Whoever ends the command ends JupyterLab, and not only what started it."""
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(tmp_path / "r"), "JUPYTER_CONFIG_DIR": str(tmp_path / "c"),
                                "JUPYTER_DATA_DIR": str(tmp_path / "d")}
    command = [
        sys.executable,
        "-m",
        "workbench",
        "lab",
        str(corpus),
        "--folder",
        str(tmp_path / "work"),
        "--no-browser",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        assert any("http://127.0.0.1:" in line for line in process.stderr), "JupyterLab did not start"
        named = tmp_path / "r" / f"jpserver-{process.pid}.json"  # written a moment later
        until = time.monotonic() + 20
        while not named.is_file():
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.05)
    finally:
        process.terminate()
        process.stderr.close()
        process.wait(60)
    assert not list((tmp_path / "r").glob("jpserver-*.json")), "it was shut down in order"


def test_lab_puts_everything_in_place_and_overwrites_nothing(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    launch = prepare(corpus, folder=folder, port=8123, browser=False)
    names = {p.name for p in folder.glob("*.ipynb")}
    assert names == {
        "01_explore_corpus.ipynb",
        "02_author_a_rule.ipynb",
        "03_tune_a_pair_window.ipynb",
        "04_review_matches.ipynb",
    }
    assert launch.environment["WORKBENCH_CORPUS"] == str(corpus) and f"--ServerApp.root_dir={folder}" in launch.command
    assert {"--no-browser", "--ServerApp.port=8123", "--ServerApp.ip=127.0.0.1", "--LabApp.news_url=None"} <= set(
        launch.command
    )
    (folder / "01_explore_corpus.ipynb").write_text("my own work")
    prepare(folder=folder)
    assert (folder / "01_explore_corpus.ipynb").read_text() == "my own work"
    with pytest.raises(CorpusError):
        prepare(tmp_path / "nowhere", folder=folder)
