"""What a provider is told: the programme's four fields, once for each path, and nobody else's secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.scanned import (
    KEY,
    OTHER_KEY,
    RULES,
    STATS,
    a_shard,
    batch,
    begin,
    blob_id,
    hashes,
    match,
    pair,
    paired,
    row,
    shard_id,
    single,
    token,
)
from workbench.errors import StoreError, WrongKey
from workbench.partners.payload import OBJECTS, Payload, Payloads
from workbench.schemas import LOCATIONS
from workbench.store.rulebook import RuleInfo
from workbench.store.snapshot import snapshot
from workbench.store.store import Store

DAY = datetime(2024, 1, 1, tzinfo=UTC)
A, B = blob_id("a"), blob_id("b")


def place(blob: str, path: str, day: int | None, *, repository: str = "owner/repo", source: str = "content",
          url: str | None = "") -> dict[str, object]:
    url = f"https://example.test/{repository}/{day}/{path}" if url == "" else url
    return {"blob_id": blob, "source": source, "repository": repository, "revision": f"rev-{day}", "path": path,
            "committed_at": None if day is None else DAY + timedelta(days=day), "url": url}


def fill(store: Store, rows: list[dict[str, object]], places: list[dict[str, object]],
         rules: tuple[RuleInfo, ...] = RULES) -> None:
    run_id = begin(store, rules)
    store.record_shard(run_id, shard_id(0), hashes(rules), [batch(*rows)], stats=STATS)
    store.record_locations(run_id, {"f": lambda _: pa.Table.from_pylist(places, schema=LOCATIONS)})
    store.finish_run(run_id, "done")


def payload(store: Store, provider: str = "Acme", **options: bool) -> Payload:
    return Payloads(store.path, key=KEY).of(provider, **options)


def told(store: Store, provider: str = "Acme", **options: bool) -> list[dict[str, str]]:
    return list(payload(store, provider, **options).records())


def test_an_object_has_exactly_the_programmes_four_fields(store: Store) -> None:
    value = token(1)
    fill(store, [row(A, match("acme_token", value))], [place(A, "a.py", 3)])
    assert told(store) == [{"token": value.decode(), "type": "acme_token", "source": "content",
                            "url": "https://example.test/owner/repo/3/a.py"}]
    assert list(told(store)[0]) == ["token", "type", "url", "source"]


def test_each_path_is_told_once_at_its_oldest_place_oldest_first(store: Store) -> None:
    fill(store, [row(A, match("acme_token", token(1))), row(B, match("acme_token", token(1)))],
         [place(A, "late.py", 9), place(B, "late.py", 7), place(A, "early.py", 2), place(A, "early.py", 4),
          place(A, "early.py", 5, repository="fork/repo"), place(B, "undated.py", None)])
    days = [record["url"].removeprefix("https://example.test/") for record in told(store)]
    assert days == ["owner/repo/2/early.py", "fork/repo/5/early.py", "owner/repo/7/late.py", "owner/repo/None/undated.py"]
    assert [r["url"] for r in told(store, first_location_only=True)] == [
        "https://example.test/owner/repo/2/early.py"]


def test_the_parts_of_a_pair_stand_side_by_side_with_one_url(store: Store) -> None:
    left, right = token("l"), token("r")
    fill(store, [row(A, match("duo_secret", right), match("duo_id", left, at=90), pairs=(pair("duo_key", 1, 0),))],
         [place(A, "a.env", 1), place(A, "b.env", 2)])
    records = told(store, "Duo Ltd")
    assert [(r["token"].encode(), r["type"], r["url"][-5:]) for r in records] == [
        (left, "duo_id", "a.env"), (right, "duo_secret", "a.env"),
        (left, "duo_id", "b.env"), (right, "duo_secret", "b.env")]
    assert payload(store, "Duo Ltd").alerts == 1


def test_a_pair_is_told_only_where_both_parts_are(store: Store) -> None:
    left, right = token("l"), token("r")
    fill(store, [row(A, match("duo_id", left), match("duo_secret", right, at=90), pairs=(pair("duo_key", 0, 1),)),
                 row(B, match("duo_id", left, alertable=False))], [place(A, "both.env", 1), place(B, "one.env", 0)])
    assert {r["url"][-8:] for r in told(store, "Duo Ltd")} == {"both.env"}


@pytest.mark.parametrize(("places", "expected"), [
    ([place(A, "index.js", 1, repository="left-pad", source="npm")], [("https://example.test/left-pad/1/index.js", "npm")]),
    ([place(A, "a.py", 1, url=None)], [("", "content")]),  # a url may be empty, a key may not be missing
    ([], [("", "unknown")]),  # a secret whose place is not known is still a leaked secret
])
def test_an_alert_goes_out_whatever_is_known_of_its_place(places: list[dict[str, object]],
                                                          expected: list[tuple[str, str]], store: Store) -> None:
    fill(store, [row(A, match("acme_token", token(1)))], places)
    assert [(r["url"], r["source"]) for r in told(store)] == expected


def test_an_unknown_place_is_not_told_beside_a_known_one(store: Store) -> None:
    fill(store, [row(A, match("acme_token", token(1))), row(B, match("acme_token", token(1)))], [place(A, "a.py", 1)])
    assert len(told(store)) == 1


@pytest.mark.parametrize(("value", "text", "stray"), [
    (b"plain-ascii", "plain-ascii", 0),
    ("schlüssel-鍵".encode(), "schlüssel-鍵", 0),
    (b"caf\xe9-latin", r"caf\xe9-latin", 1),  # not UTF-8: no byte lost, and counted
    (b"nul\x00and\ttab", "nul\x00and\ttab", 0),
])
def test_a_tokens_bytes_become_text_without_loss(value: bytes, text: str, stray: int, store: Store) -> None:
    fill(store, [row(A, match("acme_token", value))], [])
    assert told(store)[0]["token"] == text
    assert payload(store).not_utf8 == stray


def test_closed_alerts_and_user_alerts_do_not_go_out(store: Store) -> None:
    fill(store, [row(A, match("acme_token", token(1)), match("acme_legacy_token", token(2), at=90))], [])
    assert [r["type"] for r in told(store)] == ["acme_token"]
    fill(store, [row(A)], [], (single("acme_token", version=2),))
    assert told(store) == []


def test_a_flag_taken_back_stops_alerts_that_are_open(store: Store) -> None:
    fill(store, [row(A, match("acme_token", token(1)))], [])
    store.finish_run(begin(store, (single("acme_token", partner=False),)), "done")
    assert told(store) == []
    assert "Acme" not in Payloads(store.path, key=KEY).providers


def test_another_key_opens_nothing(filled: Path) -> None:
    with pytest.raises(WrongKey, match="not the one"):
        Payloads(filled, key=OTHER_KEY)


def test_a_snapshot_has_nothing_to_send(filled: Path, tmp_path: Path) -> None:
    copy = snapshot(filled, tmp_path / "copy.duckdb")
    with pytest.raises(StoreError, match="holds no tokens"):
        Payloads(copy, key=KEY)


def test_no_repr_shows_a_token(filled: Path) -> None:
    payloads = Payloads(filled, key=KEY)
    shown = repr(payloads) + "".join(repr(payloads.of(p)) for p in payloads.providers)
    tokens = [r["token"] for p in payloads.providers for r in payloads.of(p).records()]
    assert len(tokens) > 10
    assert not [value for value in tokens if value in shown]


@pytest.mark.parametrize("change", [
    "UPDATE rule_type SET provider = 'Duo Ltd' WHERE slug = 'duo_key'",  # a pair said to be another's
    "UPDATE rule_type SET provider = 'Rival' WHERE slug = 'duo_secret'",  # a part said to be another's
    "DELETE FROM sealed_token",  # tokens gone
    "UPDATE sealed_token SET sealed = (SELECT any_value(sealed) FROM sealed_token)",  # rows swapped
])
def test_a_store_tampered_with_sends_nothing_of_one_provider_to_another(change: str, store: Store) -> None:
    fill(store, [row(A, match("duo_id", token(1)), match("duo_secret", token(2), at=90), pairs=(pair("duo_key", 0, 1),)),
                 row(B, match("acme_token", token(3)))], [], (*RULES[:2], paired("duo_key", ("duo_id", "duo_secret"),
                                                                                 provider="Duo")))
    with duckdb.connect(str(store.path)) as connection:
        connection.execute(change)
    with pytest.raises(StoreError):
        for provider in Payloads(store.path, key=KEY).providers:
            payload(store, provider)


PROVIDERS = ("Acme", "Bolt", "Crate")


@st.composite
def scans(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Blobs in which the secrets of several providers stand next to each other, some tokens in several places."""
    rows = []
    for number in range(draw(st.integers(1, 5))):
        picks = draw(st.lists(st.tuples(st.sampled_from(PROVIDERS), st.integers(0, 2), st.booleans()), max_size=4))
        matches: list[dict[str, object]] = []
        pairs = []
        for position, (provider, which, as_pair) in enumerate(picks):
            slug, at = provider.lower(), 300 * position
            if as_pair:
                pairs.append(pair(f"{slug}_key", len(matches), len(matches) + 1))
                matches += [match(f"{slug}_id", token(provider, "id", which), at=at),
                            match(f"{slug}_secret", token(provider, "secret", which), at=at + 100)]
            else:
                matches.append(match(f"{slug}_token", token(provider, which), at=at))
        rows.append(row(blob_id("p", number), *matches, pairs=tuple(pairs)))
    return rows


PROPERTY_RULES = tuple(
    rule for provider in PROVIDERS for rule in (
        single(f"{provider.lower()}_token", provider=provider),
        paired(f"{provider.lower()}_key", (f"{provider.lower()}_id", f"{provider.lower()}_secret"), provider=provider)))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scans())
def test_a_provider_is_told_all_its_own_tokens_and_no_others(store: Store, rows: list[dict[str, Any]]) -> None:
    run_id = begin(store, PROPERTY_RULES)
    store.record_shard(run_id, shard_id(0), hashes(PROPERTY_RULES), [batch(*rows)], stats=STATS)
    store.finish_run(run_id, "done")
    payloads = Payloads(store.path, key=KEY)
    for provider in PROVIDERS:
        own = {m["token"].decode() for r in rows for m in r["matches"] if m["secret_type"].startswith(provider.lower())}
        assert {record["token"] for record in payloads.of(provider).records()} == own


def test_objects_of_a_whole_batch_are_in_the_same_order_each_time(filled: Path) -> None:
    first, second = (Payloads(filled, key=KEY).of("Acme").objects for _ in range(2))
    assert first.equals(second)
    assert first.schema.equals(OBJECTS)
    distinct = {m["token"] for n in range(2) for b in a_shard(n) for r in b.to_pylist() for m in r["matches"]
                if m["secret_type"] == "acme_token"}
    assert {value.encode() for value in first["token"].to_pylist()} == distinct
