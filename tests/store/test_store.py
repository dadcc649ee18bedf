"""What a run leaves in the store: matches, alerts that open and close with the rules, and a ledger of what is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.store import scanned
from tests.store.scanned import (
    DUO_PARTS,
    KEY,
    OTHER_KEY,
    RULES,
    SHARDS,
    STATS,
    a_shard,
    batch,
    begin,
    blob_id,
    hashes,
    locate,
    match,
    near_miss,
    pair,
    paired,
    reading,
    row,
    rule_hash,
    run_all,
    shard_id,
    single,
    token,
)
from workbench.errors import StoreError, UsageError, WrongKey
from workbench.store.rulebook import RuleInfo
from workbench.store.store import Store

S0 = shard_id(0)


def record(store: Store, rules: tuple[RuleInfo, ...], *rows: dict[str, object], shard: str = S0) -> Any:
    run_id = begin(store, rules)
    outcome = store.record_shard(run_id, shard, hashes(rules), [batch(*rows)], stats=STATS)
    store.finish_run(run_id, "done")
    return outcome


def alerts(store: Store) -> list[dict[str, Any]]:
    return reading(store).alerts().to_pylist()


def states(store: Store) -> dict[str, tuple[str, str | None]]:
    return {alert["alert_id"]: (alert["state"], alert["resolution"]) for alert in alerts(store)}


def test_a_match_of_a_lone_type_is_an_alert_over_all_its_blobs(store: Store) -> None:
    value = token(1)
    rows = [row(blob_id(n), match("acme_token", value), match("acme_token", value, at=90, line=5)) for n in range(3)]
    assert record(store, RULES, *rows).alerts_opened == 1
    (alert,) = alerts(store)
    assert (alert["kind"], alert["alert_type"], alert["provider"], alert["state"]) == (
        "single", "acme_token", "Acme", "open")
    assert (alert["blobs"], alert["partner_alert"], alert["user_alert"]) == (3, True, True)
    assert reading(store).matches().num_rows == 6


def test_a_complete_pair_is_one_alert_and_its_parts_are_none(store: Store) -> None:
    left, right = token("l"), token("r")
    record(store, RULES, row(blob_id(0), match("duo_secret", right), match("duo_id", left, at=80),
                             pairs=(pair("duo_key", 1, 0),)))
    (alert,) = alerts(store)
    assert (alert["kind"], alert["alert_type"]) == ("pair", "duo_key")
    findings = {m["secret_type"]: m["fingerprint"] for m in reading(store).matches().to_pylist()}
    assert alert["findings"] == [findings["duo_id"], findings["duo_secret"]]  # rule order, not order of appearance


def test_a_part_alone_is_a_match_and_a_near_miss_but_no_alert(store: Store) -> None:
    record(store, RULES, row(blob_id(0), match("duo_id", token(1)), near_misses=(near_miss("duo_key", 0, "duo_secret"),)))
    assert alerts(store) == []
    (miss,) = reading(store).near_misses().to_pylist()
    assert (miss["part_type"], miss["missing_type"], miss["failed_limit"], miss["gap_bytes"]) == (
        "duo_id", "duo_secret", "absent", None)


def test_a_near_miss_says_where_both_parts_stand(store: Store) -> None:
    record(store, RULES, row(blob_id(0), match("duo_id", token(1), at=10, line=2),
                             match("duo_secret", token(2), at=500, line=30),
                             near_misses=(near_miss("duo_key", 0, "duo_secret", limit="lines", closest=1, by=8),)))
    (miss,) = reading(store).near_misses().to_pylist()
    assert (miss["start_byte"], miss["start_line"], miss["closest_start_byte"], miss["closest_start_line"],
            miss["exceeded_by"]) == (10, 2, 500, 30, 8)


@pytest.mark.parametrize("kind", ["single", "pair"])
def test_what_may_not_alert_does_not(kind: str, store: Store) -> None:
    if kind == "single":
        found = row(blob_id(0), match("acme_token", token(1), alertable=False))
    else:  # one placeholder among the parts is enough
        found = row(blob_id(0), match("duo_id", token(1)), match("duo_secret", token(2), at=90, alertable=False),
                    pairs=(pair("duo_key", 0, 1),))
    assert record(store, RULES, found).alerts_opened == 0
    assert alerts(store) == []
    assert reading(store).matches().num_rows == len(found["matches"])  # type: ignore[arg-type]


def test_one_secret_part_can_close_two_pairs(store: Store) -> None:
    user, service, secret = token("user"), token("service"), token("secret")
    one = paired("user_key", ("user_id", "shared_secret"))
    two = paired("service_key", ("service_id", "shared_secret"))
    both = RuleInfo("service_key", rule_hash("both"), tuple({t.slug: t for t in (*one.types, *two.types)}.values()))
    record(store, (both,), row(blob_id(0), match("user_id", user), match("shared_secret", secret, at=60),
                               match("service_id", service, at=120),
                               pairs=(pair("user_key", 0, 1), pair("service_key", 2, 1))))
    assert {a["alert_type"] for a in alerts(store)} == {"user_key", "service_key"}


def test_a_second_run_has_nothing_to_do(store: Store) -> None:
    run_all(store)
    done, before = store.done(), states(store)
    assert len(done) == SHARDS * len(RULES)
    assert {(shard_id(n), rule, value) for n in range(SHARDS) for rule, value in hashes().items()} == done
    run_all(store)
    assert (store.done(), states(store)) == (done, before)


def test_recording_a_shard_again_changes_nothing(store: Store) -> None:
    run_all(store)
    before = {name: getattr(reading(store), name)() for name in ("alerts", "matches", "pairs", "near_misses")}
    run_id = begin(store)
    outcome = store.record_shard(run_id, S0, hashes(), a_shard(0), stats=STATS)
    assert (outcome.alerts_opened, outcome.alerts_reopened, outcome.alerts_closed) == (0, 0, 0)
    for name, table in before.items():
        assert getattr(reading(store), name)().equals(table), name


def test_shards_recorded_together_stand_as_if_one_after_the_other(store: Store, tmp_path: Path) -> None:
    run_all(store)
    other = Store(tmp_path / "together.duckdb", key=KEY)
    run_id = begin(other)
    outcome = other.record_shards(run_id, hashes(), {shard_id(n): (a_shard(n), STATS) for n in range(SHARDS)})
    other.record_locations(run_id, {"f" * 64: locate})
    other.finish_run(run_id, "done")
    assert other.done() == store.done() and states(other) == states(store)
    assert (outcome.alerts_opened, outcome.skipped) == (len(states(store)), SHARDS)
    for table in ("match", "pair", "near_miss", "skipped_blob", "finding", "matched_blob", "location"):
        one, together = (set(map(repr, _rows_of(s, table))) for s in (store, other))
        assert together == one and one, table


def _rows_of(store: Store, table: str) -> list[dict[str, Any]]:
    """Rows of a table without what differs from run to run."""
    rows = reading(store).query(f"FROM {table}").to_pylist()
    return [{k: v for k, v in row.items() if k not in ("first_run", "sequence")} for row in rows]


def test_of_shards_recorded_together_each_loses_only_what_its_own_rules_found(store: Store) -> None:
    """In one of them a type stood under a rule that was cut otherwise; the other never had that rule."""
    cut_otherwise = (single("duo_id"), RULES[0])
    first, second = token("id", 0), token("acme", 1)
    run_id = begin(store, cut_otherwise)
    store.record_shard(run_id, shard_id(0), hashes(cut_otherwise),
                       [batch(row(blob_id(0), match("duo_id", first), match("acme_token", second, at=90)))], stats=STATS)
    store.record_shard(run_id, shard_id(1), hashes(cut_otherwise[1:]),
                       [batch(row(blob_id(1), match("acme_token", second)))], stats=STATS)
    store.finish_run(run_id, "done")
    run_id = begin(store, RULES)
    store.record_shards(run_id, hashes((RULES[2],)), {shard_id(n): ([], STATS) for n in range(2)})
    assert {(r["blob_id"], r["secret_type"]) for r in reading(store).matches().to_pylist()} == {
        (blob_id(0), "acme_token"), (blob_id(1), "acme_token")}
    assert {(shard, rule) for shard, rule, _ in store.done()} == {
        (shard_id(0), "acme_token"), (shard_id(0), "duo_key"), (shard_id(1), "acme_token"), (shard_id(1), "duo_key")}


@pytest.mark.parametrize("together", [1, SHARDS])
def test_what_is_found_in_many_shards_is_named_once(together: int, store: Store) -> None:
    """No index keeps the names apart; whoever records does."""
    for rules in (RULES, (*RULES[:2], paired("duo_key", DUO_PARTS, version=2))):
        run_id = begin(store, rules)
        for first in range(0, SHARDS, together):
            shards = range(first, first + together)
            store.record_shards(run_id, hashes(rules), {shard_id(n): (a_shard(n), STATS) for n in shards})
        store.finish_run(run_id, "done")
    for table, name in {"finding": "fingerprint", "sealed_token": "fingerprint", "alert": "alert_id",
                        "matched_blob": "blob_id"}.items():
        (counts,) = reading(store).query(f"SELECT count(*) AS rows, count(DISTINCT {name}) AS names FROM {table}").to_pylist()
        assert counts["rows"] == counts["names"] > 1


def test_a_changed_rule_is_the_only_one_to_do_again(store: Store) -> None:
    run_all(store)
    changed = (single("acme_token", version=2), *RULES[1:])
    missing = {rule for rule, value in hashes(changed).items() if (S0, rule, value) not in store.done()}
    assert missing == {"acme_token"}
    run_id = begin(store, changed)
    pairs_before = reading(store).pairs()
    store.record_shard(run_id, S0, {"acme_token": rule_hash("acme_token", 2)}, [], stats=STATS)
    assert reading(store).pairs().equals(pairs_before)
    assert (S0, "acme_token", rule_hash("acme_token", 2)) in store.done()
    assert (S0, "acme_token", rule_hash("acme_token")) not in store.done()


def test_an_edited_rule_closes_what_it_finds_no_more_and_reopens_what_it_finds_again(store: Store) -> None:
    kept, lost = token("kept"), token("lost")
    both = (row(blob_id(0), match("acme_token", kept)), row(blob_id(1), match("acme_token", lost)))
    record(store, RULES, *both)
    (lost_id,) = [a["alert_id"] for a in alerts(store) if a["findings"] == [store._sealer.fingerprint("acme_token", lost)]]
    edited = (single("acme_token", version=2), *RULES[1:])
    assert record(store, edited, both[0]).alerts_closed == 1
    assert states(store)[lost_id] == ("closed", "pattern_edited")
    assert sorted(state for state, _ in states(store).values()) == ["closed", "open"]
    outcome = record(store, RULES, *both)
    assert (outcome.alerts_opened, outcome.alerts_reopened, outcome.alerts_closed) == (0, 1, 0)
    assert set(states(store).values()) == {("open", None)}


def test_an_alert_another_shard_still_supports_stays_open(store: Store) -> None:
    same = row(blob_id(0), match("acme_token", token(1)))
    record(store, RULES, same)
    record(store, RULES, same, shard=shard_id(1))
    edited = (single("acme_token", version=2), *RULES[1:])
    assert record(store, edited, row(blob_id(5))).alerts_closed == 0
    assert record(store, edited, row(blob_id(5)), shard=shard_id(1)).alerts_closed == 1


@pytest.mark.parametrize("resolution", ["false_positive", "wont_fix", "revoked", "used_in_tests"])
def test_a_persons_verdict_outlives_a_rescan(resolution: str, store: Store) -> None:
    found = row(blob_id(0), match("acme_token", token(1)))
    record(store, RULES, found)
    assert store.resolve_alerts(list(states(store)), resolution) == 1
    record(store, (single("acme_token", version=2), *RULES[1:]), found)
    assert list(states(store).values()) == [("closed", resolution)]


def test_a_verdict_nobody_knows_is_refused(store: Store) -> None:
    for resolution in ("pattern_edited", "boring"):
        with pytest.raises(UsageError, match="false_positive"):
            store.resolve_alerts([], resolution)


def test_a_retired_rule_closes_its_alerts_and_forgets_what_was_done(store: Store) -> None:
    run_all(store)
    run_id = begin(store)
    closed = store.retire_rules(run_id, ["acme_token"])
    gone = {a["resolution"] for a in alerts(store) if a["alert_type"] == "acme_token"}
    assert closed > 0
    assert gone == {"pattern_deleted"}
    assert {rule for _, rule, _ in store.done()} == {"acme_legacy_token", "duo_key"}
    assert reading(store).matches(secret_type="acme_token").num_rows == 0
    store.finish_run(run_id, "done")
    run_all(store)  # the rule comes back
    assert {a["state"] for a in alerts(store)} == {"open"}


def test_a_type_that_becomes_part_of_a_pair_stops_alerting_alone_and_back(store: Store) -> None:
    lone = tuple(single(part, provider="Duo Ltd") for part in DUO_PARTS)
    tied = (paired("duo_key", DUO_PARTS),)
    matches = (match("duo_id", token("l")), match("duo_secret", token("r"), at=90))
    record(store, lone, row(blob_id(0), *matches))
    assert {a["alert_type"] for a in alerts(store)} == set(DUO_PARTS)
    record(store, tied, row(blob_id(0), *matches, pairs=(pair("duo_key", 0, 1),)))
    assert {a["alert_type"]: a["state"] for a in alerts(store)} == {
        "duo_id": "closed", "duo_secret": "closed", "duo_key": "open"}
    # Back again: the old rules' done marks must not hide that their rows are gone.
    run_id = begin(store, lone)
    assert not {rule for _, rule, _ in store.done()} & set(DUO_PARTS)
    store.finish_run(run_id, "done")
    record(store, lone, row(blob_id(0), *matches))
    assert {a["alert_type"]: a["state"] for a in alerts(store)} == {
        "duo_id": "open", "duo_secret": "open", "duo_key": "closed"}
    assert reading(store).pairs().num_rows == 0


def test_a_changed_flag_or_provider_takes_effect_without_a_rescan(store: Store) -> None:
    record(store, RULES, row(blob_id(0), match("acme_token", token(1))))
    store.finish_run(begin(store, (single("acme_token", provider="Acme Holding", partner=False),)), "done")
    (alert,) = alerts(store)
    assert (alert["provider"], alert["partner_alert"]) == ("Acme Holding", False)


def test_a_blob_in_two_shards_is_one_blob_of_the_alert(store: Store) -> None:
    found = row(blob_id(0), match("acme_token", token(1)))
    record(store, RULES, found)
    record(store, RULES, found, shard=shard_id(1))
    assert [a["blobs"] for a in alerts(store)] == [1]


def test_a_blob_that_comes_twice_in_a_shard_is_counted_once(store: Store) -> None:
    found = row(blob_id(0), match("acme_token", token(1)))
    assert record(store, RULES, found, row(blob_id(1)), found).matches == 1


def test_findings_nothing_names_any_more_are_dropped_with_nothing_left_of_them(store: Store) -> None:
    record(store, RULES, row(blob_id(0), match("duo_id", token(1))))
    record(store, (RULES[0], RULES[1], paired("duo_key", DUO_PARTS, version=2)), row(blob_id(0)))
    assert reading(store).query("SELECT count(*) AS n FROM finding").to_pylist() == [{"n": 0}]


def test_only_tokens_of_alerts_are_kept_at_all(store: Store) -> None:
    record(store, RULES, row(blob_id(0), match("acme_token", token(1)), match("duo_id", token(2), at=90)))
    assert reading(store).query("SELECT count(*) AS n FROM sealed_token").to_pylist() == [{"n": 1}]


def test_skipped_blobs_are_counted_by_reason_and_those_of_the_last_scan(store: Store) -> None:
    record(store, RULES, row(blob_id(0), skipped="binary"), row(blob_id(1), skipped="too large"),
           row(blob_id(2), skipped="binary"))
    assert reading(store).skipped().to_pylist() == [
        {"reason": "binary", "blobs": 2, "size_bytes": 200}, {"reason": "too large", "blobs": 1, "size_bytes": 100}]
    record(store, RULES, row(blob_id(0), skipped="binary"))
    assert reading(store).skipped().to_pylist() == [{"reason": "binary", "blobs": 1, "size_bytes": 100}]


def test_the_ledger_keeps_what_a_run_was_and_did(store: Store) -> None:
    run_id = store.begin_run(RULES, corpus="made", rule_set_hash="feed", params={"threads": 2, "rules": {"b", "a"}},
                             versions={"duckdb": "2"})
    store.finish_run(run_id, "failed", counts={"matches": 3}, failures={S0: "the file ends early"})
    (run,) = reading(store).runs().to_pylist()
    assert (run["run_id"], run["status"], run["corpus"], run["rule_set_hash"], run["failed_shards"]) == (
        run_id, "failed", "made", "feed", 1)
    assert json.loads(run["params"]) == {"threads": 2, "rules": ["a", "b"]}
    assert json.loads(run["counts"]) == {"matches": 3}
    assert run["elapsed_s"] >= 0
    assert reading(store).query("SELECT shard_id, reason FROM shard_failure").to_pylist() == [
        {"shard_id": S0, "reason": "the file ends early"}]


def test_a_finished_run_writes_no_more(store: Store) -> None:
    run_id = begin(store)
    store.finish_run(run_id, "done")
    with pytest.raises(UsageError, match=run_id):
        store.record_shard(run_id, S0, hashes(), [], stats=STATS)
    with pytest.raises(StoreError, match="it is done"):
        store.finish_run(run_id, "done")


@pytest.mark.parametrize(("rows", "rules", "sentence"), [
    # A type the run knows nothing of
    ([row(blob_id(0), match("stray_token", token(1)))], hashes(), "stray_token"),
    # A type of a rule that is not among those recorded
    ([row(blob_id(0), match("duo_id", token(1)))], {"acme_token": rule_hash("acme_token")}, "duo_id"),
    # A pair whose parts are not where it says
    ([row(blob_id(0), match("duo_id", token(1)), pairs=(pair("duo_key", 0, 1),))], hashes(), "1 matches"),
    # A pair in the wrong order
    ([row(blob_id(0), match("duo_id", token(1)), match("duo_secret", token(2), at=90), pairs=(pair("duo_key", 1, 0),))],
     hashes(), "duo_id"),
    # A rule of another version than the run began with
    ([], {"acme_token": rule_hash("acme_token", 7)}, "acme_token"),
    # A rule the run did not begin with
    ([], {"other": rule_hash("other")}, "no such rule"),
])
def test_results_that_do_not_fit_the_run_are_refused_whole(rows: list[dict[str, object]], rules: dict[str, str],
                                                           sentence: str, store: Store) -> None:
    run_id = begin(store)
    with pytest.raises(UsageError, match=sentence) as refused:
        store.record_shard(run_id, S0, rules, [batch(*rows)], stats=STATS)
    assert token(1).decode() not in str(refused.value)
    assert store.done() == set()
    assert reading(store).matches().num_rows == 0


def test_results_of_another_shape_are_refused(store: Store) -> None:
    run_id = begin(store)
    with pytest.raises(UsageError, match="SCAN_RESULTS"):
        store.record_shard(run_id, S0, hashes(), [pa.record_batch({"blob_id": [blob_id(0)]})], stats=STATS)


@pytest.mark.parametrize("rules", [
    (single("a"), single("a")),  # a name twice
    (single("a"), RuleInfo("b", rule_hash("b"), single("a").types)),  # a type in two rules
    (RuleInfo("p", rule_hash("p"), paired("p", ("x", "y")).types[1:]),),  # a pair without one of its parts
    (RuleInfo("p", rule_hash("p"), (*single("x", provider="Other").types, *paired("p", ("x", "y")).types[1:])),),
])
def test_rules_that_contradict_each_other_begin_no_run(rules: tuple[RuleInfo, ...], store: Store) -> None:
    with pytest.raises(UsageError):
        begin(store, rules)
    assert reading(store).runs().num_rows == 0


def test_another_key_is_refused_before_anything_is_written(store: Store) -> None:
    run_all(store)
    before = store.path.read_bytes()
    with pytest.raises(WrongKey, match="not the one"):
        Store(store.path, key=OTHER_KEY)
    assert store.path.read_bytes() == before


def test_no_key_is_made_for_a_store_that_stands(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(WrongKey, match="does not exist"):
        Store(store.path)
    assert not (tmp_path / "config").exists()


def test_two_stores_of_one_key_name_alerts_alike(store: Store, tmp_path: Path) -> None:
    run_all(store)
    other = Store(tmp_path / "other.duckdb", key=KEY)
    for number in reversed(range(scanned.SHARDS)):  # shards in any order
        record(other, RULES, *[r for b in a_shard(number) for r in b.to_pylist()], shard=shard_id(number))
    assert states(other) == states(store)


def test_queries_of_ones_own_are_answered_or_refused_with_duckdbs_reason(store: Store) -> None:
    run_all(store)
    reader = reading(store)
    counted = reader.query("SELECT count(*) AS n FROM alerts WHERE alert_type = ?", ["duo_key"])
    assert counted.to_pylist() == [{"n": SHARDS}]
    with pytest.raises(UsageError, match="nowhere"):
        reader.query("SELECT * FROM nowhere")
    with pytest.raises(UsageError, match="read-only"):
        reader.query("DELETE FROM alert")
