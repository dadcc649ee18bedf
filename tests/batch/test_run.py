"""The batch: killed anywhere it ends with the same alerts; what is done is not done again; nothing fails in silence."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import HOUSE_RULES
from workbench.batch.params import BatchParams
from workbench.batch.plan import make_plan
from workbench.batch.run import RunReport, run
from workbench.errors import CanaryMissed, CorpusError, RulesError, StoreLocked, UsageError
from workbench.store import connection
from workbench.store.reader import StoreReader

Add = Callable[..., None]
SMALL_SHARDS = 1 << 20


def params(tmp_path: Path, rules: Path, **more: object) -> BatchParams:
    given = {"corpus": str(tmp_path / "corpus"), "rules": [str(rules)], "store": str(tmp_path / "alerts.duckdb"),
             "progress": False, "shard_bytes": SMALL_SHARDS, "threads": 2}
    return BatchParams.from_mapping(given | more)


def do(tmp_path: Path, rules: Path, **more: object) -> RunReport:
    return run(make_plan(params(tmp_path, rules, **more)))


def alerts(tmp_path: Path) -> list[tuple]:
    table = StoreReader(tmp_path / "alerts.duckdb").alerts()
    columns = ("alert_type", "kind", "state", "blobs", "locations", "path")
    return sorted(tuple(row[c] for c in columns) for row in table.to_pylist())


def test_a_run_finds_what_was_planted_with_its_places(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 6)
    report = do(tmp_path, rules_folder)
    assert report.failures == {} and report.blobs == 6
    assert alerts(tmp_path) == [
        ("acme_hash", "single", "open", 1, 1, "src/5.env"),
        ("acme_pair", "pair", "open", 1, 1, "src/2.env"),
        ("acme_token", "single", "open", 2, 2, "src/0.env"),
    ]
    assert StoreReader(tmp_path / "alerts.duckdb").near_misses().num_rows == 1


def test_a_second_run_does_nothing(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 12)
    first = do(tmp_path, rules_folder)
    before = alerts(tmp_path)
    again = do(tmp_path, rules_folder)
    assert (first.shards_done > 0, again.shards_done, again.blobs) == (True, 0, 0)
    assert alerts(tmp_path) == before


def test_new_files_scan_only_themselves(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 12)
    do(tmp_path, rules_folder)
    add_to(tmp_path / "corpus", 6, first=12)
    assert do(tmp_path, rules_folder).blobs == 6


def test_a_changed_rule_rescans_only_that_rule(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 6)
    do(tmp_path, rules_folder)
    (rules_folder / "acme.yaml").write_text(HOUSE_RULES.replace("[0-9a-f]{32}', near", "[0-9a-f]{31}', near"))
    plan = make_plan(params(tmp_path, rules_folder))
    assert {w.rules for w in plan.work} == {("acme_hash",)}
    run(plan)
    states = {a[0]: a[2] for a in alerts(tmp_path)}
    assert states == {"acme_hash": "closed", "acme_pair": "open", "acme_token": "open"}


def test_a_moved_corpus_is_still_done(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 6)
    do(tmp_path, rules_folder)
    (tmp_path / "corpus").rename(tmp_path / "elsewhere")
    assert make_plan(params(tmp_path, rules_folder, corpus=str(tmp_path / "elsewhere"))).work == ()


def test_an_empty_corpus_is_a_run_with_nothing_in_it(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 0)
    report = do(tmp_path, rules_folder)
    assert (report.shards_done, report.failures) == (0, {})


def test_a_damaged_file_fails_its_shards_and_no_others(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    """Bytes are flipped in one file after the footer was read: its shard fails with a reason, the other is done."""
    add_to(tmp_path / "corpus", 60)
    add_to(tmp_path / "corpus", 60, first=60)
    damaged = min((tmp_path / "corpus" / "blobs").iterdir())
    data = bytearray(damaged.read_bytes())
    for at in range(100, 2_000):
        data[at] ^= 0x5A
    damaged.write_bytes(data)
    report = do(tmp_path, rules_folder)
    assert report.shards_done == 1 and len(report.failures) == 1
    (reason,) = report.failures.values()
    assert "cannot be read" in reason
    runs = StoreReader(tmp_path / "alerts.duckdb").runs().to_pylist()
    assert [r["status"] for r in runs] == ["failed"]
    assert make_plan(params(tmp_path, rules_folder)).work != ()


@pytest.mark.parametrize("damage", ["truncated", "gone", "not parquet"])
def test_a_file_that_is_not_what_the_manifest_says_is_refused(
        tmp_path: Path, rules_folder: Path, add_to: Add, damage: str) -> None:
    add_to(tmp_path / "corpus", 6)
    (file,) = (tmp_path / "corpus" / "blobs").iterdir()
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-50] if damage == "truncated" else b"x" * len(data))
    with pytest.raises(CorpusError, match=file.name):
        make_plan(params(tmp_path, rules_folder))
    assert not (tmp_path / "alerts.duckdb").exists()


def test_a_missed_canary_stops_the_run_before_it_scans(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    """A keyword that must stand whole within one byte can never be there: the rule finds nothing, ever."""
    add_to(tmp_path / "corpus", 6)
    (rules_folder / "blind.yaml").write_text(r"""
provider: Blind
secrets:
  - {type: blind_token, name: B, formats: [{pattern: 'blind_[a-z]{30}', near: {keywords: [blinded], window: {bytes: 1}}}]}
""")
    with pytest.raises(CanaryMissed, match="blind_token"):
        do(tmp_path, rules_folder)
    reader = StoreReader(tmp_path / "alerts.duckdb")
    assert reader.matches().num_rows == 0
    assert [r["status"] for r in reader.runs().to_pylist()] == ["failed"]


def test_a_second_batch_is_refused_by_name_while_the_first_runs(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 6)
    child = _start(tmp_path, rules_folder, hold_s=20)
    try:
        assert child.stdout is not None and child.stdout.readline().strip() == b"begun"
        with pytest.raises(StoreLocked, match=str(child.pid)):
            do(tmp_path, rules_folder)
    finally:
        child.kill()
        child.wait()
    assert do(tmp_path, rules_folder).failures == {}


def test_a_run_that_has_begun_waits_for_the_store_and_loses_nothing(
        tmp_path: Path, rules_folder: Path, add_to: Add, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody's own DuckDB session keeps the file for longer than the run takes."""
    monkeypatch.setattr(connection, "FIRST_TOLD_S", 0.2)
    add_to(tmp_path / "corpus", 6)
    do(tmp_path, rules_folder)
    add_to(tmp_path / "corpus", 6, first=6)
    plan = make_plan(params(tmp_path, rules_folder))
    hold = ("import duckdb, sys, time; c = duckdb.connect(sys.argv[1], read_only=True); "
            "print('held', flush=True); time.sleep(2)")
    holder = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "alerts.duckdb")], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreLocked, match=str(holder.pid)):
        run(plan, wait_s=0.5)
    report = run(plan)
    holder.wait()
    assert (report.failures, report.blobs) == ({}, 6)
    assert f"waiting for process {holder.pid} (python" in capsys.readouterr().err
    assert len(alerts(tmp_path)) == 6


def test_killed_anywhere_it_goes_on_and_ends_with_the_same_alerts(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    for file in range(25):  # every file is a shard of its own
        add_to(tmp_path / "corpus", 60, first=60 * file)
    do(tmp_path, rules_folder, shard_bytes=SMALL_SHARDS, store=str(tmp_path / "undisturbed.duckdb"))
    (tmp_path / "undisturbed.duckdb").rename(tmp_path / "alerts.duckdb")
    expected = alerts(tmp_path)
    (tmp_path / "alerts.duckdb").unlink()
    rng, killed = random.Random(11), 0
    for recorded in (0, 1, 2, 1, 3, 0):
        child = _start(tmp_path, rules_folder)
        assert child.stdout is not None
        for _ in range(1 + recorded):
            assert child.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.02))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    assert killed
    report = do(tmp_path, rules_folder)
    assert report.failures == {}
    assert alerts(tmp_path) == expected
    assert 0 < report.shards_done < 25 or killed < 6, "no kill came in the middle of the work"
    statuses = [r["status"] for r in StoreReader(tmp_path / "alerts.duckdb").runs().to_pylist()]
    assert statuses[-1] == "done" and set(statuses[:-1]) <= {"abandoned", "done"}


_CHILD = """
import sys, time
from workbench.batch import run as batch
from workbench.batch.params import BatchParams
from workbench.batch.plan import make_plan
batch.MOST_TOGETHER = 1  # so that a kill comes between two commits of so short a run
corpus, rules, store, hold_s = sys.argv[1:]
record = batch._record
def recorded(*args):
    record(*args)
    print("recorded", flush=True)
batch._record = recorded
record_all = batch._record_all
def begun(*args):
    print("begun", flush=True)
    time.sleep(float(hold_s))
    record_all(*args)
batch._record_all = begun
batch.run(make_plan(BatchParams.from_mapping(
    {"corpus": corpus, "rules": [rules], "store": store, "progress": False, "shard_bytes": 1 << 20, "threads": 2})))
"""


def _start(tmp_path: Path, rules: Path, *, hold_s: float = 0.0) -> subprocess.Popen[bytes]:
    arguments = [str(tmp_path / "corpus"), str(rules), str(tmp_path / "alerts.duckdb"), str(hold_s)]
    return subprocess.Popen([sys.executable, "-c", _CHILD, *arguments], stdout=subprocess.PIPE, env=os.environ.copy())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"corpsu": "x"}, "corpsu"),  # a name that is no parameter
        ({}, "corpus"),  # one that has no default is missing
        ({"corpus": "c", "rules": ["r"], "store": "s", "threads": -1}, "threads"),
        ({"corpus": "c", "rules": ["r"], "store": "s", "threads": "2"}, "threads"),
        ({"corpus": "c", "rules": [], "store": "s"}, "rules"),
        ({"corpus": "c", "rules": ["r"], "store": "s", "shard_bytes": 5}, "shard_bytes"),
    ],
)
def test_parameters_are_checked_before_anything_starts(given: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        BatchParams.from_mapping(given)


def test_a_plan_without_rules_or_corpus_is_refused(tmp_path: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 6)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RulesError):
        make_plan(params(tmp_path, tmp_path / "empty"))
    with pytest.raises(CorpusError):
        make_plan(params(tmp_path, tmp_path / "empty", corpus=str(tmp_path / "gone")))
