"""A corpus in another layout: the same blobs in other shards. Nothing counts twice, and no alert outlives its rule."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.batch.test_run import do, params
from tests.conftest import HOUSE_RULES
from workbench.batch.plan import make_plan
from workbench.corpora.compact import compact
from workbench.store.key import load_key
from workbench.store.reader import StoreReader
from workbench.store.store import Store

Add = Callable[..., None]
NO_HASHES = HOUSE_RULES.replace("[0-9a-f]{32}', near", "[0-9a-f]{31}', near")


def reader(tmp_path: Path) -> StoreReader:
    return StoreReader(tmp_path / "alerts.duckdb")


def stored(tmp_path: Path) -> tuple[int, int, int]:
    """How many matches, pairs and near misses analysts see."""
    seen = reader(tmp_path)
    return seen.matches().num_rows, seen.pairs().num_rows, seen.near_misses().num_rows


def states(tmp_path: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in reader(tmp_path).alerts().to_pylist():
        found.setdefault(row["alert_type"], set()).add(row["state"])
    return found


def add_two_files(add_to: Add, tmp_path: Path) -> None:
    add_to(tmp_path / "corpus", 12)
    add_to(tmp_path / "corpus", 12, first=12)


def test_a_compacted_corpus_counts_once_and_its_alerts_stay_as_they_were(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_two_files(add_to, tmp_path)
    do(tmp_path, rules_folder)
    verdict = reader(tmp_path).alerts().to_pylist()[0]["alert_id"]
    Store(tmp_path / "alerts.duckdb", key=load_key(create=False)).resolve_alerts([verdict], "revoked")
    before, alerts = stored(tmp_path), reader(tmp_path).alerts().to_pylist()
    compact(tmp_path / "corpus")
    report = do(tmp_path, rules_folder)
    assert (report.blobs, report.shards_superseded, report.alerts_opened, report.alerts_closed) == (24, 2, 0, 0)
    assert stored(tmp_path) == before
    assert reader(tmp_path).alerts().to_pylist() == alerts


def test_after_a_compaction_a_changed_rule_closes_what_it_finds_no_more(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_two_files(add_to, tmp_path)
    do(tmp_path, rules_folder)
    compact(tmp_path / "corpus")
    do(tmp_path, rules_folder)
    (rules_folder / "acme.yaml").write_text(NO_HASHES)
    assert do(tmp_path, rules_folder).alerts_closed == 4
    assert states(tmp_path) == {"acme_hash": {"closed"}, "acme_pair": {"open"}, "acme_token": {"open"}}


def test_a_rule_changed_together_with_the_layout_closes_in_one_run(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_two_files(add_to, tmp_path)
    do(tmp_path, rules_folder)
    compact(tmp_path / "corpus")
    (rules_folder / "acme.yaml").write_text(NO_HASHES)
    do(tmp_path, rules_folder)
    assert states(tmp_path) == {"acme_hash": {"closed"}, "acme_pair": {"open"}, "acme_token": {"open"}}


def test_rows_counted_double_by_an_earlier_version_go_though_there_is_nothing_to_scan(
        tmp_path: Path, rules_folder: Path, add_to: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add_two_files(add_to, tmp_path)
    do(tmp_path, rules_folder)
    before = stored(tmp_path)
    compact(tmp_path / "corpus")
    with monkeypatch.context() as earlier:
        earlier.setattr("workbench.batch.run._supersede", lambda *_: None)
        do(tmp_path, rules_folder)
    assert stored(tmp_path) == tuple(2 * n for n in before)
    assert make_plan(params(tmp_path, rules_folder)).work == ()
    do(tmp_path, rules_folder)
    assert stored(tmp_path) == before


def test_the_old_layout_is_scanned_again_when_it_comes_back(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    """Done marks without rows would make a run believe in alerts that are no longer there."""
    add_two_files(add_to, tmp_path)
    shutil.copytree(tmp_path / "corpus", tmp_path / "old" / "corpus")
    do(tmp_path, rules_folder)
    before = stored(tmp_path)
    compact(tmp_path / "corpus")
    do(tmp_path, rules_folder)
    report = do(tmp_path, rules_folder, corpus=str(tmp_path / "old" / "corpus"))
    assert report.blobs == 24
    assert stored(tmp_path) == before
    assert {"closed"} not in states(tmp_path).values()


def test_what_left_the_corpus_keeps_its_rows_and_alerts(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    """What was public stays leaked: a corpus that lost a file is not the word on what the file held."""
    add_to(tmp_path / "corpus", 12)
    do(tmp_path, rules_folder)
    before = stored(tmp_path)
    shutil.rmtree(tmp_path / "corpus")
    add_to(tmp_path / "corpus", 6, first=12)
    assert do(tmp_path, rules_folder).shards_superseded == 0
    (rules_folder / "acme.yaml").write_text(NO_HASHES)
    do(tmp_path, rules_folder)
    assert stored(tmp_path)[1] > before[1]
    assert states(tmp_path)["acme_hash"] == {"open", "closed"}


def test_another_corpus_with_the_same_blobs_keeps_its_own_rows(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 12)
    add_to(tmp_path / "another", 12, row_group_bytes=300)
    do(tmp_path, rules_folder)
    do(tmp_path, rules_folder, corpus=str(tmp_path / "another"))
    assert make_plan(params(tmp_path, rules_folder)).work == ()


def test_while_a_shard_fails_the_old_ones_stay(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_two_files(add_to, tmp_path)
    do(tmp_path, rules_folder)
    before = stored(tmp_path)
    compact(tmp_path / "corpus")
    (file,) = (tmp_path / "corpus" / "blobs").iterdir()
    data = bytearray(file.read_bytes())
    for at in range(100, 2_000):
        data[at] ^= 0x5A
    file.write_bytes(data)
    assert do(tmp_path, rules_folder).failures
    assert stored(tmp_path) == before
