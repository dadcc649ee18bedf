"""The batch notebook, run by papermill in a real kernel, from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from workbench.batch import notebook
from workbench.batch.params import BatchParams
from workbench.batch.run import rule_infos
from workbench.engine.compiled import CompiledRules
from workbench.store.reader import StoreReader
from workbench.store.store import Store


def workbench(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("workbench")  # "python -m" would import from the working folder
    return subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd)


def test_the_executed_notebook_is_the_report_and_holds_no_token(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None]) -> None:
    add_to(tmp_path / "corpus", 12)
    store, report = tmp_path / "alerts.duckdb", tmp_path / "report.ipynb"
    flags = ("batch", tmp_path / "corpus", "--rules", rules_folder, "--store", store)
    planned = workbench(*flags, "--plan")
    assert planned.returncode == 0 and "1 of 1 shard, all " in planned.stdout and not store.exists()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "numpy.py").write_text("raise SystemExit('code of the folder that a batch is called from was run')\n")
    done = workbench(*flags, "--report", report, "--progress", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in elsewhere.iterdir()] == ["numpy.py"], "the folder it was called from is no place for its sockets"
    assert "6 new" in done.stdout and str(report) in done.stdout
    assert "Traceback" not in done.stderr
    page = report.read_text()
    assert "acme_pair" in page and "<svg" in page
    outputs = [o for cell in json.loads(page)["cells"] for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error"]
    tokens = _tokens(tmp_path / "corpus")
    assert len(tokens) >= 8
    for held in (page, done.stdout, done.stderr):
        assert not [t for t in tokens if t in held], "a raw token stands in what people see"
    assert [r["status"] for r in StoreReader(store).runs().to_pylist()] == ["done"]


def _tokens(corpus: Path) -> set[str]:
    """The planted tokens, read from the corpus itself."""
    from tests.conftest import HOUSE_RULES, rules_of
    from workbench.corpora.reader import Corpus, read_batches
    from workbench.engine.compiled import CompiledRules
    from workbench.engine.scan import scan_batches

    compiled = CompiledRules(rules_of(HOUSE_RULES))
    return {m["token"].decode() for shard in Corpus.open(corpus).shards()
            for out in scan_batches(read_batches(shard), compiled) for row in out.to_pylist() for m in row["matches"]}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"--rules": "gone"}, 2, "no such file or folder"),
        ({"CORPUS": "gone"}, 2, "gone"),
        ({"--parameters": "wrong.yaml"}, 2, "corpsu"),
        ({"--threads": "-3"}, 2, "threads"),
        ({"--store": "nowhere/alerts.duckdb"}, 2, "nowhere"),
        ({"--store": "rules"}, 2, "folder"),
        ({"--store": "wrong.yaml"}, 2, "not a DuckDB database"),
        ({"--store": "wrong.yaml/alerts.duckdb"}, 2, "wrong.yaml"),
        ({"--report": "rules"}, 2, "--report"),
    ],
)
def test_wrong_input_is_a_sentence_and_an_exit_code(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None], change: dict, code: int, words: str) -> None:
    add_to(tmp_path / "corpus", 3)
    (tmp_path / "wrong.yaml").write_text("corpsu: x\n")
    given = {"CORPUS": "corpus", "--rules": "rules", "--store": "alerts.duckdb"} | change
    arguments: list[object] = ["batch", tmp_path / given.pop("CORPUS")]
    for name, value in given.items():
        arguments += [name, value if name == "--threads" else tmp_path / value]
    done = workbench(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr


def test_exit_codes_of_a_failed_shard_and_a_missed_canary(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None]) -> None:
    add_to(tmp_path / "corpus", 6)
    (file,) = (tmp_path / "corpus" / "blobs").iterdir()
    data = bytearray(file.read_bytes())
    data[60:200] = bytes(140)
    file.write_bytes(data)
    flags = ["batch", tmp_path / "corpus", "--rules", rules_folder, "--store", tmp_path / "alerts.duckdb"]
    failed = workbench(*flags)
    assert failed.returncode == 3, failed.stderr
    assert "1 failed" in failed.stdout
    (rules_folder / "blind.yaml").write_text(r"""
provider: Blind
secrets:
  - {type: blind_token, name: B, formats: [{pattern: 'blind_[a-z]{30}', near: {keywords: [blinded], window: {bytes: 1}}}]}
""")
    missed = workbench(*flags)
    assert missed.returncode == 4, missed.stderr
    assert "blind_token" in missed.stderr and "Traceback" not in missed.stderr


def test_every_format_that_no_sample_can_be_made_of_is_named_at_once(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None]) -> None:
    """Its author mends all of them and starts once, not once for each."""
    add_to(tmp_path / "corpus", 6)
    (rules_folder / "never.yaml").write_text(r"""
provider: Never
secrets:
  - {type: never_one, name: N, formats: [{pattern: 'never1_[0-9]{30}', must_match: ['[a-z]$']}]}
  - {type: never_two, name: N, formats: [{pattern: 'never2_[0-9]{30}', must_match: ['[a-z]$']}]}
""")
    done = workbench("batch", tmp_path / "corpus", "--rules", rules_folder, "--store", tmp_path / "alerts.duckdb")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("problem") == 1 and "2 problems" in done.stderr and "never_one" in done.stderr and "never_two" in done.stderr
    assert StoreReader(tmp_path / "alerts.duckdb").matches().num_rows == 0


@pytest.mark.parametrize(("how", "status"), [
    (signal.SIGINT, "interrupted"), (signal.SIGTERM, "interrupted"), (signal.SIGKILL, "abandoned")])
def test_a_stopped_batch_is_told_as_it_ended_and_the_next_one_ends_the_work(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None], how: signal.Signals, status: str) -> None:
    """A terminal interrupts, a scheduler terminates, and a machine out of memory kills."""
    for file in range(40):
        add_to(tmp_path / "corpus", 6, first=6 * file)
    store = Store(tmp_path / "alerts.duckdb")
    flags = ["batch", str(tmp_path / "corpus"), "--rules", str(rules_folder), "--store", str(store.path)]
    batch = subprocess.Popen([sys.executable, "-m", "workbench", *flags], stderr=subprocess.PIPE, text=True)
    reader = StoreReader(store.path)
    held, kernel = _hold_when_begun(store.path, batch)
    batch.send_signal(how)
    if how == signal.SIGKILL:
        os.kill(kernel, how)
    time.sleep(0.5)  # until it has heard: it also wants to say in the store how it ended
    held.close()
    _, said = batch.communicate(timeout=60)
    while how == signal.SIGKILL and Path(f"/proc/{kernel}").exists():
        time.sleep(0.01)
    assert batch.returncode in (128 + how, -how) and "Traceback" not in said, said
    assert [r["status"] for r in reader.runs().to_pylist()] == [status]
    done = workbench(*flags)
    assert done.returncode == 0, done.stderr
    assert reader.alerts(state="open").num_rows == 120


def _hold_when_begun(path: Path, batch: subprocess.Popen) -> tuple[duckdb.DuckDBPyConnection, int]:
    """A connection that keeps the batch from recording anything more than that its run has begun, and the kernel's process."""
    while True:
        assert batch.poll() is None
        time.sleep(0.01)
        try:
            held = duckdb.connect(str(path), read_only=True)
        except duckdb.IOException:  # not there yet, or being written
            continue
        found = held.execute("SELECT process_id FROM run").fetchall()
        if found:
            assert held.execute("SELECT count(*) FROM shard").fetchone() == (0,)
            return held, int(found[0][0])
        held.close()


def test_a_batch_waits_for_a_reader_of_duckdbs_own_and_says_for_whom(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None]) -> None:
    add_to(tmp_path / "corpus", 6)
    store = Store(tmp_path / "alerts.duckdb")
    flags = ["batch", str(tmp_path / "corpus"), "--rules", str(rules_folder), "--store", str(store.path)]
    held = duckdb.connect(str(store.path), read_only=True)
    batch = subprocess.Popen([sys.executable, "-m", "workbench", *flags], stderr=subprocess.PIPE, text=True)
    assert batch.stderr is not None
    said = batch.stderr.readline()
    assert said.startswith(f"waiting for process {os.getpid()} (") and "alerts.duckdb" in said
    held.close()
    _, rest = batch.communicate(timeout=60)
    assert (batch.returncode, rest) == (0, "")
    assert StoreReader(store.path).alerts().num_rows == 3


def test_a_second_writer_is_told_who_writes(tmp_path: Path, rules_folder: Path, add_to: Callable[..., None],
                                            house: CompiledRules) -> None:
    add_to(tmp_path / "corpus", 6)
    store = Store(tmp_path / "alerts.duckdb")
    store.begin_run(rule_infos(house.rules), corpus="other", rule_set_hash=house.rules.hash)
    done = workbench("batch", tmp_path / "corpus", "--rules", rules_folder, "--store", store.path)
    assert done.returncode == 1 and f"{os.getpid()}" in done.stderr and "report cannot be written" not in done.stderr


def test_a_malformed_key_of_a_new_store_is_told(tmp_path: Path, rules_folder: Path, add_to: Callable[..., None],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    add_to(tmp_path / "corpus", 6)
    monkeypatch.setenv("WORKBENCH_KEY", "short")
    done = workbench("batch", tmp_path / "corpus", "--rules", rules_folder, "--store", tmp_path / "alerts.duckdb")
    assert done.returncode == 1 and "WORKBENCH_KEY" in done.stderr and "report" not in done.stderr


def test_a_report_that_is_a_folder_is_refused_before_the_run(tmp_path: Path, rules_folder: Path,
                                                             add_to: Callable[..., None]) -> None:
    add_to(tmp_path / "corpus", 6)
    store = tmp_path / "alerts.duckdb"
    done = workbench("batch", tmp_path / "corpus", "--rules", rules_folder, "--store", store, "--report", tmp_path)
    assert done.returncode == 2 and "--report" in done.stderr and not store.exists()


def test_a_batch_tells_of_its_own_run_whatever_others_do_meanwhile(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None], house: CompiledRules,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process begins and fails between the end of this run and the look at the ledger."""
    add_to(tmp_path / "corpus", 6)
    params = BatchParams(str(tmp_path / "corpus"), (str(rules_folder),), str(tmp_path / "alerts.duckdb"), progress=False)
    tidy = notebook._tidy

    def other_run(report: Path) -> None:
        tidy(report)
        store = Store(params.store)
        run_id = store.begin_run(rule_infos(house.rules), corpus="other", rule_set_hash=house.rules.hash)
        store.finish_run(run_id, "failed", counts={}, failures={"run": "another's trouble"})

    monkeypatch.setattr(notebook, "_tidy", other_run)
    _, run = notebook.execute(params)
    assert (run["status"], run["corpus"]) == ("done", "corpus")
