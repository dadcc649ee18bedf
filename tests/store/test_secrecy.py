"""No raw token outside an export: not in the database's bytes, not in what is printed, not in what is raised."""

from __future__ import annotations

import signal
import traceback
from pathlib import Path

import pytest

from tests.store.conftest import Child
from tests.store.scanned import KEY, RULES, SHARDS, STATS, a_shard, begin, blob_id, hashes, run_all, shard_id
from workbench.errors import WorkbenchError
from workbench.store.connection import Session
from workbench.store.process import this_process
from workbench.store.reader import StoreReader
from workbench.store.rows import shard_rows
from workbench.store.rulebook import RuleBook
from workbench.store.sealing import Sealer
from workbench.store.snapshot import snapshot
from workbench.store.store import Store


def all_tokens() -> set[bytes]:
    return {m["token"] for n in range(SHARDS) for b in a_shard(n) for row in b.to_pylist() for m in row["matches"]}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_byte_of_a_token_reaches_the_files(store: Store) -> None:
    run_all(store)
    held = bytes_of(store.path.parent)
    assert held
    # Also not in parts: DuckDB may store a string's prefix apart.
    assert not [name for name, content in held.items() for value in all_tokens() if value[3:15] in content]


def test_nor_the_log_that_a_killed_process_leaves(store: Store, child: Child) -> None:
    process = child("commit_and_die", store.path)
    process.wait()
    assert process.returncode == -signal.SIGKILL, process.communicate()[1]
    held = bytes_of(store.path.parent)
    # The log does hold the shard's rows in the clear, so looking for tokens in it means something.
    assert blob_id(0, 0).encode() in held[f"{store.path.name}.wal"]
    assert not [name for name, content in held.items() for value in all_tokens() if value[3:15] in content]


def test_nor_a_snapshot_which_has_not_even_the_sealed_ones(store: Store, tmp_path: Path) -> None:
    run_all(store)
    copy = snapshot(store.path, tmp_path / "copy.duckdb")
    assert StoreReader(copy).query("SELECT count(*) AS n FROM sealed_token").to_pylist() == [{"n": 0}]
    assert StoreReader(store.path).query("SELECT count(*) AS n FROM sealed_token").to_pylist() != [{"n": 0}]
    content = copy.read_bytes()
    assert not [value for value in all_tokens() if value[3:15] in content]


def test_nothing_an_analyst_reads_holds_a_token(store: Store) -> None:
    run_all(store)
    reader = StoreReader(store.path)
    shown = "".join(
        str(table.to_pylist()) + table.to_pandas().to_string()
        for table in (reader.alerts(), reader.matches(), reader.pairs(), reader.near_misses(), reader.runs(),
                      reader.alert_locations(), reader.skipped()))
    assert not [value for value in all_tokens() if value.decode()[3:15] in shown]
    assert "sealed" not in "".join(reader.alerts().schema.names + reader.matches().schema.names)


def test_reprs_do_not_show_tokens_or_keys(store: Store) -> None:
    rows = shard_rows(shard_id(0), a_shard(0), RuleBook(RULES), Sealer(KEY))
    shown = repr(rows) + repr(store) + repr(StoreReader(store.path)) + repr(store._sealer) + repr(this_process())
    assert not [value for value in all_tokens() if value.decode()[3:15] in shown]
    assert KEY.hex() not in shown


@pytest.mark.parametrize("where", ["execute", "rows"])
def test_an_accident_while_recording_raises_no_token(where: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = begin(store)
    real = getattr(Session, where)

    def trips(self: Session, statement: str, values: object = ()) -> object:
        if "INSERT INTO match " in statement or "ANTI JOIN sealed_token" in statement:
            return real(self, statement.replace("new_rows", "rows_that_are_not_there"), values)
        return real(self, statement, values)

    monkeypatch.setattr(Session, where, trips)
    with pytest.raises(WorkbenchError) as raised:
        store.record_shard(run_id, shard_id(0), hashes(), a_shard(0), stats=STATS)
    text = "".join(traceback.format_exception(raised.value))
    assert not [value for value in all_tokens() if value.decode()[3:15] in text]


def test_duckdb_is_never_handed_a_token(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The strongest form: no statement's values and no registered table ever holds one."""
    seen: list[str] = []
    real = Session.incoming

    def watched(self: Session, **tables: object) -> object:
        seen.extend(str(table.to_pylist()) for table in tables.values())  # type: ignore[attr-defined]
        return real(self, **tables)

    monkeypatch.setattr(Session, "incoming", watched)
    run_id = begin(store)
    store.record_shard(run_id, shard_id(0), hashes(), a_shard(0), stats=STATS)
    assert any(blob_id(0, 0) in text for text in seen)
    assert not [value for value in all_tokens() for text in seen if value.decode() in text]
