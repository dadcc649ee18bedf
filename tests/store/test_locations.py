"""Locations: every place of every matched blob, and no file read twice for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from tests.store.scanned import RULES, STATS, batch, begin, blob_id, hashes, match, reading, row, shard_id, token
from workbench.errors import CorpusError
from workbench.schemas import LOCATIONS
from workbench.store.locations import LocationReader
from workbench.store.store import Store


def place(blob: str, path: str = "a.py", *, repository: str = "owner/repo", revision: str = "r1",
          source: str = "content", at: datetime | None = None) -> dict[str, object]:
    return {"blob_id": blob, "source": source, "repository": repository, "revision": revision, "path": path,
            "committed_at": at, "url": None}


class LocationFile:
    """A location file that notes what it was asked for."""

    def __init__(self, *places: dict[str, object]) -> None:
        self.table = pa.Table.from_pylist(list(places), schema=LOCATIONS)
        self.asked: list[set[str]] = []

    def __call__(self, blob_ids: pa.Array) -> pa.Table:
        self.asked.append(set(blob_ids.to_pylist()))
        return self.table


def scan(store: Store, shard: int, *blobs: str) -> str:
    run_id = begin(store)
    rows = [row(blob, match("acme_token", token(blob))) for blob in blobs]
    store.record_shard(run_id, shard_id(shard), hashes(), [batch(*rows)], stats=STATS)
    return run_id


def kept(store: Store) -> set[tuple[str, str]]:
    rows = reading(store).query("SELECT blob_id, path FROM location").to_pylist()
    found = {(r["blob_id"], r["path"]) for r in rows}
    assert len(found) == len(rows)  # never one place twice
    return found


A, B, OTHER = blob_id("a"), blob_id("b"), blob_id("other")


def test_only_places_of_matched_blobs_are_kept(store: Store) -> None:
    run_id = scan(store, 0, A)
    outcome = store.record_locations(run_id, {"f1": LocationFile(place(A), place(A, "b.py"), place(OTHER))})
    assert (outcome.files_read, outcome.locations_added) == (1, 2)
    assert kept(store) == {(A, "a.py"), (A, "b.py")}


def test_a_file_is_not_read_again_for_nothing(store: Store) -> None:
    file = LocationFile(place(A), place(OTHER))
    files: dict[str, LocationReader] = {"f1": file}
    store.record_locations(scan(store, 0, A), files)
    outcome = store.record_locations(scan(store, 0, A), files)
    assert (outcome.files_read, outcome.locations_added, file.asked) == (0, 0, [{A}])


def test_a_blob_without_any_place_is_not_looked_for_for_ever(store: Store) -> None:
    file = LocationFile()
    for _ in range(2):
        store.record_locations(scan(store, 0, A), {"f1": file})
    assert file.asked == [{A}]


def test_a_new_file_is_searched_for_all_matched_blobs(store: Store) -> None:
    old, new = LocationFile(place(A)), LocationFile(place(A, "moved.py"), place(A))
    store.record_locations(scan(store, 0, A), {"f1": old})
    outcome = store.record_locations(begin(store), {"f1": old, "f2": new})
    assert (old.asked, new.asked, outcome.locations_added) == ([{A}], [{A}], 1)  # the place both name is kept once


def test_newly_matched_blobs_are_looked_up_in_every_file(store: Store) -> None:
    first, second = LocationFile(place(A), place(B)), LocationFile(place(B, "c.py"))
    files: dict[str, LocationReader] = {"f1": first, "f2": second}
    store.record_locations(scan(store, 0, A), files)
    store.record_locations(scan(store, 1, B), files)
    assert (first.asked, second.asked) == ([{A}, {B}], [{A}, {B}])
    assert kept(store) == {(A, "a.py"), (B, "a.py"), (B, "c.py")}


def test_shards_recorded_after_a_lookup_of_the_same_run_are_caught_up_with(store: Store) -> None:
    file = LocationFile(place(A), place(B))
    run_id = scan(store, 0, A)
    store.record_locations(run_id, {"f1": file})
    store.record_shard(run_id, shard_id(1), hashes(), [batch(row(B, match("acme_token", token(B))))], stats=STATS)
    store.record_locations(run_id, {"f1": file})
    assert kept(store) == {(A, "a.py"), (B, "a.py")}


def test_two_corpora_do_not_take_each_others_blobs_for_looked_up(store: Store) -> None:
    commits, packages = LocationFile(place(A)), LocationFile(place(A, "index.js", source="npm", repository="left-pad"))
    store.record_locations(scan(store, 0, A), {"commits": commits})
    store.record_locations(scan(store, 1, A), {"packages": packages})
    assert kept(store) == {(A, "a.py"), (A, "index.js")}
    (alert,) = reading(store).alerts().to_pylist()
    assert (alert["locations"], alert["repositories"], alert["blobs"]) == (2, 2, 1)


def test_times_are_kept_as_utc_and_the_oldest_place_comes_first(store: Store) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    east = timezone(timedelta(hours=9))
    file = LocationFile(place(A, "later.py", at=noon + timedelta(days=1)), place(A, "unknown.py"),
                        place(A, "first.py", at=noon.astimezone(east)))
    store.record_locations(scan(store, 0, A), {"f1": file})
    (alert,) = reading(store).alerts().to_pylist()
    assert (alert["path"], alert["committed_at"]) == ("first.py", datetime(2024, 5, 1, 12))


def test_a_source_github_does_not_have_is_left_out_and_counted(store: Store) -> None:
    file = LocationFile(place(A), place(A, "b.py", source="some_source"), place(A, "c.py", source="CONTENT"))
    outcome = store.record_locations(scan(store, 0, A), {"f1": file})
    assert (outcome.locations_added, dict(outcome.left_out)) == (2, {"unknown_source": 1})
    assert kept(store) == {(A, "a.py"), (A, "c.py")}


def test_a_table_of_another_shape_is_refused(store: Store) -> None:
    run_id = scan(store, 0, A)
    with pytest.raises(CorpusError, match="repository"):
        store.record_locations(run_id, {"f1": lambda ids: pa.table({"blob_id": ids})})


def test_an_alert_counts_its_rules_names(store: Store) -> None:
    store.record_locations(scan(store, 0, A), {"f1": LocationFile(place(A))})
    (found,) = reading(store).alert_locations().to_pylist()
    assert (found["alert_type"], found["provider"], found["path"], found["start_line"]) == (
        RULES[0].rule, "Acme", "a.py", 1)
