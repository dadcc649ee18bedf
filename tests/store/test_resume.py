"""A killed batch goes on where it was and ends with the alerts of an undisturbed one."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.store.conftest import Child
from tests.store.scanned import KEY, SHARDS, STATS, a_shard, begin, hashes, run_all, shard_id
from workbench.errors import StoreError
from workbench.store import recording
from workbench.store.reader import StoreReader
from workbench.store.store import Store

CONTENT = {
    "alert": "SELECT alert_id, kind, alert_type, findings, state, resolution FROM alert ORDER BY ALL",
    "match": "SELECT * FROM match ORDER BY ALL",
    "pair": "SELECT * FROM pair ORDER BY ALL",
    "near_miss": "SELECT * FROM near_miss ORDER BY ALL",
    "finding": "SELECT fingerprint, secret_type, length_bytes FROM finding ORDER BY ALL",
    "sealed": "SELECT fingerprint FROM sealed_token ORDER BY ALL",
    "location": "SELECT * FROM location ORDER BY ALL",
    "skipped": "SELECT * FROM skipped_blob ORDER BY ALL",
    "done": "SELECT shard_id, rule, rule_hash FROM shard ORDER BY ALL",
}


def content(path: Path) -> dict[str, list[dict[str, object]]]:
    reader = StoreReader(path)
    return {name: reader.query(query).to_pylist() for name, query in CONTENT.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    path = tmp_path_factory.mktemp("undisturbed") / "alerts.duckdb"
    run_all(Store(path, key=KEY))
    found = content(path)
    assert all(found.values())
    return found


def statements_of_a_batch() -> int:
    """About how many statements the child's batch runs, making the store included."""
    return 30 + SHARDS * 25


def test_killed_at_any_statement_a_batch_goes_on(path: Path, child: Child, undisturbed: object) -> None:
    chance = random.Random(20261124)
    shards_done = []
    for _ in range(3):
        process = child("batch", path, chance.randint(15, statements_of_a_batch()))
        process.wait()
        assert process.returncode == -signal.SIGKILL, process.communicate()[1]
        shards_done.append(len({shard for shard, _, _ in Store(path, key=KEY).done()}) if path.exists() else 0)
    assert shards_done == sorted(shards_done)  # what was done once stays done
    run_all(Store(path, key=KEY))
    assert content(path) == undisturbed
    runs = StoreReader(path).runs().to_pylist()
    assert {run["status"] for run in runs[:-1]} <= {"abandoned", "done"}
    assert runs[-1]["status"] == "done"


def test_killed_between_commit_and_detach_a_shard_is_done(path: Path, fresh: Path, child: Child,
                                                          undisturbed: object) -> None:
    shutil.copy(fresh, path)
    process = child("commit_and_die", path)
    process.wait()
    assert process.returncode == -signal.SIGKILL, process.communicate()[1]
    store = Store(path, key=KEY)
    assert {shard for shard, _, _ in store.done()} == {shard_id(0)}
    run_all(store)
    assert content(path) == undisturbed


def test_the_log_of_a_lost_store_is_not_taken_for_a_new_ones(path: Path, fresh: Path, child: Child) -> None:
    shutil.copy(fresh, path)
    child("commit_and_die", path).wait()
    lost = path.rename(path.with_name("lost"))
    with pytest.raises(StoreError, match=r"alerts\.duckdb\.wal beside it is the log of a store that is gone"):
        Store(path, key=KEY)
    assert not path.exists()
    lost.rename(path)
    assert {shard for shard, _, _ in Store(path, key=KEY).done()} == {shard_id(0)}  # put back, its rows are there


@pytest.mark.slow
def test_killed_at_any_moment_a_batch_goes_on(path: Path, child: Child, undisturbed: object) -> None:
    chance = random.Random(7)
    kills = 0
    while kills < 25:
        process = child("slow_batch", path)
        time.sleep(chance.uniform(0.3, 2.0))
        process.kill()
        process.wait()
        kills += 1
    run_all(Store(path, key=KEY))
    assert content(path) == undisturbed


def test_a_half_done_shard_leaves_no_row(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = begin(store)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "_mark_done", broken)
    with pytest.raises(KeyboardInterrupt):
        store.record_shard(run_id, shard_id(0), hashes(), a_shard(0), stats=STATS)
    monkeypatch.undo()
    assert not any(content(store.path)[name] for name in ("match", "alert", "finding", "sealed", "done"))
    assert store.record_shard(run_id, shard_id(0), hashes(), a_shard(0), stats=STATS).alerts_opened > 0
