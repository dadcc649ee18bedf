"""Labels: what people said stays, is keyed by content, and can be taken back without touching what others said."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store import scanned
from tests.store.conftest import Child
from tests.store.scanned import KEY, blob_id, run_all, token
from workbench.errors import StoreError, StoreLocked, UsageError
from workbench.model import BlobId, Span
from workbench.store.connection import Database
from workbench.store.labels import Judged, Label, Labels
from workbench.store.reader import StoreReader
from workbench.store.snapshot import snapshot
from workbench.store.store import Store

RULES_HASH = "0123456789abcdef"


def about(store: Store, what: object, *, blob: object = "blob", kind: str = "acme_token") -> Judged:
    return Judged("single", kind, store.labels.fingerprint(kind, token(what)), BlobId(blob_id(blob)), Span(10, 46))


def verdict(store: Store, what: object, said: str, *, who: str = "ann", at: datetime | None = None) -> Label:
    when = {} if at is None else {"labelled_at": at}
    return Label(about(store, what), said, who, RULES_HASH, **when)  # type: ignore[arg-type]


def held(store: Store) -> dict[str, str]:
    rows = StoreReader(store.path).labels().to_pylist()
    return {row["fingerprint"]: row["verdict"] for row in rows}


def test_a_label_is_read_back_whole(store: Store) -> None:
    given_at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    label = Label(about(store, 1), "false", "ann", RULES_HASH, note="a test's own", sample="2 of 9, seed 0",
                  labelled_at=given_at)
    store.labels.add([label])
    (row,) = StoreReader(store.path).labels().to_pylist()
    assert {name: row[name] for name in ("kind", "labelled_type", "verdict", "note", "reviewer", "labelled_at", "blob_id",
                                         "start_byte", "end_byte", "rule_set_hash", "sample")} == {
        "kind": "single", "labelled_type": "acme_token", "verdict": "false", "note": "a test's own", "reviewer": "ann",
        "labelled_at": given_at.replace(tzinfo=None), "blob_id": blob_id("blob"), "start_byte": 10, "end_byte": 46,
        "rule_set_hash": RULES_HASH, "sample": "2 of 9, seed 0"}


def test_a_label_has_the_fingerprint_of_the_batch_so_that_it_survives_a_rescan(store: Store) -> None:
    run_all(store)
    finding = store.labels.fingerprint("acme_token", token("acme", 0))
    store.labels.add([Label(Judged("single", "acme_token", finding, BlobId(blob_id("elsewhere")), Span(0, 4)), "true", "ann",
                            RULES_HASH)])
    joined = "SELECT count(*) AS n FROM labels JOIN matches USING (fingerprint)"
    before = StoreReader(store.path).query(joined)["n"][0].as_py()
    assert before > 1  # the one verdict stands for every place of that secret
    run_all(store, (scanned.single("acme_token", version=2), *scanned.RULES[1:]))
    assert StoreReader(store.path).query(joined)["n"][0].as_py() == before


def test_a_pairs_label_joins_with_its_alert(store: Store) -> None:
    run_all(store)
    parts = [store.labels.fingerprint(kind, token(what, 0)) for kind, what in (("duo_id", "id"), ("duo_secret", "secret"))]
    alert_id = store.labels.pair_fingerprint("duo_key", parts)
    assert alert_id in StoreReader(store.path).alerts()["alert_id"].to_pylist()


@pytest.mark.parametrize(("said", "holds"), [
    # The newest row of a key holds, whoever wrote it
    ([("ann", "true"), ("ben", "false")], "false"),
    # An undone verdict leaves nothing
    ([("ann", "true"), ("ann", None)], None),
    # ... or what was said before it
    ([("ann", "true"), ("ann", "unsure"), ("ann", None)], "true"),
    # ... and leaves what someone else said meanwhile
    ([("ann", "true"), ("ben", "false"), ("ann", None)], "false"),
    # After an undo a verdict holds again
    ([("ann", "true"), ("ann", None), ("ann", "false")], "false"),
])
def test_which_verdict_holds(said: list[tuple[str, str | None]], holds: str | None, store: Store) -> None:
    last: dict[str, Label] = {}
    rows = []
    for who, word in said:
        label = last[who].retraction(who) if word is None else verdict(store, "x", word, who=who)
        last[who] = label
        rows.append(label)
    store.labels.add(rows)
    assert list(held(store).values()) == ([] if holds is None else [holds])
    everything = StoreReader(store.path).query("SELECT count(*) AS n FROM label")
    assert everything["n"][0].as_py() == len(said)  # nothing was ever changed or removed


def test_a_verdict_that_had_to_wait_does_not_outdo_one_given_later(store: Store) -> None:
    now = datetime.now(UTC)
    store.labels.add([verdict(store, "x", "false", who="ben", at=now)])
    store.labels.add([verdict(store, "x", "true", who="ann", at=now - timedelta(minutes=5))])
    assert list(held(store).values()) == ["false"]


def test_a_label_sent_twice_is_kept_once(store: Store) -> None:
    first, second = verdict(store, 1, "true"), verdict(store, 2, "false")
    store.labels.add([first])
    store.labels.add([first, second])
    numbers = StoreReader(store.path).query("SELECT label_no, verdict FROM label ORDER BY label_no").to_pylist()
    assert numbers == [{"label_no": 1, "verdict": "true"}, {"label_no": 2, "verdict": "false"}]


def test_changes_tell_what_others_did_since(store: Store) -> None:
    mine = verdict(store, 1, "true")
    seen = store.labels.add([mine])
    assert seen.table["verdict"].to_pylist() == ["true"]
    others = Store(store.path, key=KEY)
    others.labels.add([verdict(others, 2, "false", who="ben"), mine.retraction("ben")])
    changed = store.labels.changes(since=seen.upto)
    assert changed.upto == seen.upto + 2
    assert dict(zip(changed.table["fingerprint"].to_pylist(), changed.table["verdict"].to_pylist(), strict=True)) == {
        about(store, 1).fingerprint: None, about(store, 2).fingerprint: "false"}
    assert store.labels.changes(since=changed.upto).table.num_rows == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["true", "false", "unsure", "undo"])), max_size=12))
def test_the_view_is_the_history_replayed(steps: list[tuple[int, str]], fresh: Path, tmp_path: Path) -> None:
    path = tmp_path / "replayed.duckdb"
    shutil.copy(fresh, path)
    store = Store(path, key=KEY)
    stacks: dict[int, list[Label]] = {0: [], 1: [], 2: []}
    rows = []
    for what, word in steps:
        if word == "undo":
            if stacks[what]:
                rows.append(stacks[what].pop().retraction("ann"))
        else:
            stacks[what].append(verdict(store, what, word))
            rows.append(stacks[what][-1])
    store.labels.add(rows)
    assert held(store) == {about(store, k).fingerprint: s[-1].verdict for k, s in stacks.items() if s}


def test_labels_go_into_a_snapshot(store: Store, tmp_path: Path) -> None:
    store.labels.add([verdict(store, 1, "true")])
    copy = snapshot(store.path, tmp_path / "copy.duckdb")
    assert StoreReader(copy).labels(labelled_type="acme_token").equals(StoreReader(store.path).labels())
    assert StoreReader(copy).labels(labelled_type="another").num_rows == 0


def test_a_held_store_is_named_and_the_label_arrives_afterwards(store: Store, child: Child) -> None:
    impatient = Labels(Database(store.path, wait_s=0.1), store._sealer)
    label = verdict(store, 1, "true")
    holder = child("hold", store.path, 60)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(StoreLocked, match=rf"add labels to .*held by process {holder.pid}"):
        impatient.add([label])
    holder.kill()
    holder.wait()
    assert impatient.add([label]).table["verdict"].to_pylist() == ["true"]


def test_no_byte_of_a_judged_token_reaches_the_files(store: Store) -> None:
    store.labels.add([verdict(store, n, "true") for n in range(20)])
    content = b"".join(p.read_bytes() for p in store.path.parent.iterdir() if p.is_file())
    assert about(store, 3).fingerprint.encode() in content  # so that looking for tokens in it means something
    assert not [n for n in range(20) if token(n)[3:15] in content]


@pytest.mark.parametrize(("word", "who"), [("perhaps", "ann"), ("retracted", "ann"), ("true", " ")])
def test_what_is_no_verdict_is_refused(word: str, who: str, store: Store) -> None:
    with pytest.raises(UsageError, match="Expected"):
        verdict(store, 1, word, who=who)


H = "a" * 32
ROW = {"label_no": 1, "label_id": f"'{H}'", "kind": "'single'", "labelled_type": "'t'", "fingerprint": f"'{H}'",
       "blob_id": f"'{blob_id()}'", "start_byte": 0, "end_byte": 4, "verdict": "'true'", "retracts": "NULL", "note": "''",
       "reviewer": "'ann'", "labelled_at": "TIMESTAMP '2026-01-01'", "rule_set_hash": "'h'", "sample": "''"}


@pytest.mark.parametrize("wrong", [
    {"end_byte": 0},  # an empty span
    {"verdict": "'maybe'"},
    {"verdict": "'retracted'"},  # takes back nothing
    {"retracts": f"'{H}'"},  # a verdict and a retraction at once
    {"reviewer": "''"},
    {"fingerprint": "'abc'"},
])
def test_the_database_itself_refuses_what_is_no_label(wrong: dict[str, object], store: Store) -> None:
    database = Database(store.path)

    def insert(row: dict[str, object]) -> None:
        with database.session("insert") as session:
            session.execute(f"INSERT INTO label ({', '.join(row)}) VALUES ({', '.join(map(str, row.values()))})")

    with pytest.raises(StoreError, match="Constraint"):
        insert(ROW | wrong)
    insert(ROW)
