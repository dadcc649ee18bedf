"""``workbench store``: what an operator sees of a store from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.store.scanned import KEY, SHARDS, begin, reading, run_all, shard_id
from workbench.cli.store import app
from workbench.store.key import encode_key
from workbench.store.reader import StoreReader
from workbench.store.store import Store


def said(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_runs_and_alerts_are_listed_without_a_token_or_a_key(store: Store) -> None:
    run_all(store)
    run_id = reading(store).runs().to_pylist()[0]["run_id"]
    assert f"{run_id}  done" in said("runs", "--store", store.path)
    lines = said("alerts", "--store", store.path).splitlines()
    assert f"{SHARDS:>8}  open    duo_key  (Duo Ltd), {2 * SHARDS} places" in lines
    assert "tk" + "_" not in "".join(lines)


def test_below_a_run_stands_what_went_wrong_in_it(store: Store) -> None:
    for failures in ({shard_id(1): "page 7 is damaged\nand so on"}, {"run": "the disk is full"}):
        store.finish_run(begin(store), "failed", failures=failures)
    lines = said("runs", "--store", store.path).splitlines()
    assert [line.strip() for line in lines[1::2]] == ["page 7 is damaged and so on", "the disk is full"]
    assert all("  failed " in line for line in lines[::2])


def test_a_snapshot_is_made_and_named(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    assert said("snapshot", "--store", store.path, "--out", copy).strip() == str(copy)
    assert StoreReader(copy).alerts().num_rows == 0


def test_a_run_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = begin(store)
    monkeypatch.setenv("WORKBENCH_KEY", encode_key(KEY))
    assert "is abandoned" in said("abandon", "--store", store.path, run_id)
    assert [run["status"] for run in reading(store).runs().to_pylist()] == ["abandoned"]
