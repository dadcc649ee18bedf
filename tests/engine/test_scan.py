"""The scan: what the engine reports for a blob depends on the blob alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import HOUSE_RULES, rules_of, scan_texts, spans
from workbench.engine import triggers
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.engine.trace import Trace
from workbench.rules.samples import make_sample, spoil_checksum
from workbench.rules.testtext import Filled
from workbench.schemas import SCAN_RESULTS

Fill = Callable[..., Filled]


def token(house: CompiledRules, secret_type: str, index: int = 0, seed: int = 0) -> bytes:
    return make_sample(house.rules.secret_types[secret_type], index, seed=seed)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (b"", b"", True),  # the whole blob is the token
        (b"x = '", b"'\n", True),
        (b"\xff\xfe", b"\x00", True),  # bytes that are no text
        ("schlüssel=".encode(), "ü".encode(), True),  # UTF-8 letters are no ASCII letters
        (b"a", b"", False),  # glued to a letter
        (b"", b"Z", False),  # one character too long
        (b"9", b"9", False),
    ],
)
def test_delimiters_decide_at_both_ends(house: CompiledRules, before: bytes, after: bytes, found: bool) -> None:
    secret = token(house, "acme_token")
    rows = scan_texts(house, before + secret + after)
    expected = [(len(before), len(before) + len(secret))] if found else []
    assert (spans(rows[0], "acme_token") if rows else []) == expected


def test_a_token_across_two_blobs_is_no_token(house: CompiledRules) -> None:
    secret = token(house, "acme_token")
    for cut in (1, 4, 5, 20, len(secret) - 1):
        assert scan_texts(house, b"k=" + secret[:cut], secret[cut:] + b"\n") == []


def test_the_blob_before_does_not_glue_to_a_token(house: CompiledRules) -> None:
    """A blob that begins with a token matches although the buffer's byte before it is a letter."""
    rows = scan_texts(house, b"abc", token(house, "acme_token"), b"xyz")
    assert [r["blob_id"] for r in rows] == ["1"]


def test_empty_blobs_and_empty_batches_pass(house: CompiledRules) -> None:
    assert scan_texts(house, b"", b"", token(house, "acme_token"), b"")[0]["blob_id"] == "2"
    assert [len(out) for out in scan_batches([blob_batch([])], house)] == [0]


def test_every_format_is_found_where_lines_and_columns_say(house: CompiledRules) -> None:
    old = token(house, "acme_token", 1)
    (row,) = scan_texts(house, b"a\n\nkey: " + old + b"\nend")
    (match,) = row["matches"]
    assert (match["format"], match["start_line"], match["start_column"], match["end_line"]) == (1, 3, 6, 3)
    assert match["token"] == old and match["alertable"]


def test_wrong_checksums_and_placeholders_are_dropped(house: CompiledRules) -> None:
    wrong = spoil_checksum(house.rules.secret_types["acme_token"], 0, seed=1)
    assert scan_texts(house, wrong, b"acme-old-" + b"0123456789abcdef" * 2, b"acme-old-" + b"a" * 32) == []


def test_keywords_must_stand_near(house: CompiledRules) -> None:
    secret = token(house, "acme_hash")
    near, far = b"AcmeHash:\n" + secret, b"acmehash\n\n" + secret
    after, none = secret + b" # acmehash", secret
    rows = scan_texts(house, near, far, after, none)
    assert [r["blob_id"] for r in rows] == ["0", "2"]


def test_parts_without_a_literal_are_found_only_beside_their_partner(house: CompiledRules, filled: Fill) -> None:
    alone = filled("{acme_secret:a}").content
    beside = filled("{acme_id:a}\n{acme_secret:a}")
    distant = filled("{acme_id:a}" + "\n" * 7 + "{acme_secret:a}").content
    rows = {r["blob_id"]: r for r in scan_texts(house, alone, beside.content, distant)}
    assert "0" not in rows
    assert spans(rows["1"], "acme_secret") == [(s.start, s.end) for s in beside.slots if s.name == "acme_secret"]
    assert spans(rows["2"], "acme_secret") == []


def test_a_part_alone_is_no_alert_but_a_near_miss(house: CompiledRules, filled: Fill) -> None:
    (row,) = scan_texts(house, filled("id {acme_id:a}\n").content)
    assert [m["alertable"] for m in row["matches"]] == [False] and row["pairs"] == []
    (miss,) = row["near_misses"]
    assert (miss["pair_type"], miss["missing_type"], miss["limit"]) == ("acme_pair", "acme_secret", "absent")


def test_near_misses_name_the_limit_and_by_how_much() -> None:
    compiled = CompiledRules(rules_of(r"""
provider: Acme
secrets:
  - {type: a_id, name: A, formats: [{pattern: 'AAID[A-Z2-7]{16}'}]}
  - {type: b_key, name: B, formats: [{pattern: 'BBKEY[A-Z2-7]{16}'}]}
pairs:
  - {type: ab, name: AB, parts: [a_id, b_key], window: {bytes: 30}, order: as_listed}
"""))
    a, b = token(compiled, "a_id"), token(compiled, "b_key")
    far, wrong_side = a + b"." * 33 + b, b + b" " + a
    taken = a + b" " + b + b" " + token(compiled, "b_key", seed=1)
    rows = scan_texts(compiled, far, wrong_side, taken)
    (first, second) = rows[0]["near_misses"]
    assert (first["limit"], first["gap_bytes"], first["exceeded_by"], first["closest"]) == ("bytes", 33, 3, 1)
    assert (second["limit"], second["exceeded_by"]) == ("bytes", 3)
    assert {m["limit"] for m in rows[1]["near_misses"]} == {"order"}
    assert [(m["part"], m["limit"]) for m in rows[2]["near_misses"]] == [(2, "taken")]
    assert len(rows[2]["pairs"]) == 1


def test_the_triple_wins_the_part_it_shares(house: CompiledRules, filled: Fill) -> None:
    text = filled("{acme_id:p} {acme_secret:t} {acme_temporary_id:t} {acme_session:t}")
    (row,) = scan_texts(house, text.content)
    assert [p["pair_type"] for p in row["pairs"]] == ["acme_triple"]
    lone = [m for m in row["near_misses"] if row["matches"][m["part"]]["secret_type"] == "acme_id"]
    assert [m["limit"] for m in lone] == ["taken"]


def test_pairs_carry_their_parts_in_rule_order(house: CompiledRules, filled: Fill) -> None:
    text = filled("s={acme_secret:a}\nid={acme_id:a}\n")
    (row,) = scan_texts(house, text.content)
    (pair,) = row["pairs"]
    assert [row["matches"][k]["secret_type"] for k in pair["parts"]] == ["acme_id", "acme_secret"]
    assert (pair["gap_bytes"], pair["gap_lines"]) == (4, 1)
    assert all(m["alertable"] for m in row["matches"])


def test_null_and_oversized_content_is_a_counted_skip(house: CompiledRules) -> None:
    secret = token(house, "acme_token")
    batch = pa.record_batch({
        "blob_id": ["a", "b", "c", "d"],
        "content": pa.array([secret, None, secret + b" " * 1000, b"k " + secret], pa.large_binary())})
    (out,) = scan_batches([batch], house, most_blob_bytes=500)
    rows = out.to_pylist()
    assert [(r["blob_id"], r["skipped"]) for r in rows] == [("a", None), ("b", "null_content"), ("c", "too_large"),
                                                            ("d", None)]
    assert rows[2]["size"] == len(secret) + 1000 and rows[2]["matches"] == []
    (viewed,) = scan_batches([_as_views(batch)], house, most_blob_bytes=500)
    assert viewed.equals(out)


def test_sliced_batches_are_scanned_where_they_stand(house: CompiledRules) -> None:
    secret = token(house, "acme_token")
    batch = blob_batch([("a", b"nothing"), ("b", secret), ("c", b"k=" + secret), ("d", b"x")])
    (out,) = scan_batches([batch.slice(1, 2)], house)
    assert [r["blob_id"] for r in out.to_pylist()] == ["b", "c"]
    assert out.schema.equals(SCAN_RESULTS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["token", "pair", "half", "hash", "noise", "empty", "wide"]), min_size=1, max_size=12),
       st.integers(0, 2**32), st.integers(1, 5))
def test_results_do_not_depend_on_how_blobs_are_batched(kinds: list[str], seed: int, cut: int) -> None:
    compiled = _HOUSE
    rng = random.Random(seed)
    texts = [_text(compiled, kind, rng) for kind in kinds]
    together = scan_texts(compiled, *texts)
    apart = []
    for first in range(0, len(texts), cut):
        batch = blob_batch((str(k), texts[k]) for k in range(first, min(len(texts), first + cut)))
        apart += [row for out in scan_batches([batch], compiled) for row in out.to_pylist()]
    assert together == apart
    whole = blob_batch((str(k), text) for k, text in enumerate(texts))
    (viewed,) = scan_batches([_as_views(whole).slice(cut - 1)], compiled)
    assert viewed.to_pylist() == [r for r in together if int(r["blob_id"]) >= cut - 1]


def _as_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its content as ``binary_view``, as a corpus' own pages are read: the short stand in the view."""
    at = batch.schema.get_field_index("content")
    return batch.set_column(at, "content", batch.column(at).cast(pa.binary_view()))


_HOUSE = CompiledRules(rules_of(HOUSE_RULES))


def _text(compiled: CompiledRules, kind: str, rng: random.Random) -> bytes:
    def sample(name: str) -> bytes:
        return make_sample(compiled.rules.secret_types[name], 0, seed=rng.getrandbits(32))

    noise = bytes(rng.choice(b"abcACME_ \n=0123") for _ in range(rng.randrange(60)))
    texts = {"token": noise + b" " + sample("acme_token") + b" " + noise, "noise": noise, "empty": b"",
             "pair": sample("acme_id") + b"\n" * rng.randrange(1, 8) + sample("acme_secret"),
             "half": noise + b"\n" + sample("acme_id"),
             "wide": ("x " + sample("acme_token").decode()).encode("utf-16"), "hash": b"acmehash " + sample("acme_hash")}
    return texts[kind]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2**32), st.binary(max_size=300))
def test_spans_point_at_the_token_in_any_bytes(before: bytes, seed: int, after: bytes) -> None:
    secret = make_sample(_HOUSE.rules.secret_types["acme_token"], 0, seed=seed)
    text = before + b"\n" + secret + b"\n" + after
    (row,) = scan_texts(_HOUSE, text)
    assert (len(before) + 1, len(before) + 1 + len(secret)) in spans(row, "acme_token")
    for match in row["matches"]:
        assert text[match["start"] : match["end"]] == match["token"]
        assert text[: match["start"]].count(b"\n") + 1 == match["start_line"]


def test_overlapping_candidates_are_retried() -> None:
    """The worked example of GitHub's custom patterns: a rejected candidate never hides one that overlaps it.

    Spec section 4; its second line shows the delimiter with the token, which the reported span leaves out.
    """
    compiled = CompiledRules(rules_of(r"""
provider: Docs
secrets:
  - type: docs_example
    name: Docs example
    formats:
      - pattern: '[$#%@AA-Za-z0-9]{5,10}'
        after: '[^\.]'
        must_match: ['[A-Z]', '[0-9]', '[$%@!]']
        must_not_match: ['[a-z]{2,}']
        placeholders: keep
        near: {keywords: [anywhere], window: file}
"""))
    expected = {b"a9@AAfT!": b"a9@AAfT", b"ee95GG@ZA942@aa": b"ZA942@a", b"a9@AA!ee9": b"a9@AA", b"a9@AA.!": None,
                b"a@AAAAA": None, b"aa9@AA!ee9": None, b"aAAAe9": None}
    texts = [b"anywhere:\n" + line for line in expected]
    rows = {int(r["blob_id"]): [m["token"] for m in r["matches"]] for r in scan_texts(compiled, *texts)}
    assert {line: rows.get(k) for k, line in enumerate(expected)} == {
        line: [found] if found else None for line, found in expected.items()}


def test_hostile_patterns_stay_linear() -> None:
    """``(a+)+$`` over a megabyte of a's: minutes for a backtracking engine, nothing for this one."""
    compiled = CompiledRules(rules_of(r"""
provider: Hostile
secrets:
  - {type: hostile, name: H, formats: [{pattern: 'HOST(?:a+)+b', placeholders: keep}]}
"""))
    assert scan_texts(compiled, b"HOST" + b"a" * 1_000_000 + b"c") == []
    assert scan_texts(compiled, b"HOST" + b"a" * 1_000 + b"b")[0]["matches"][0]["end"] == 1_005


def test_a_blob_made_to_keep_the_scan_busy_is_a_counted_skip() -> None:
    """Every byte of a megabyte begins a candidate of 65,000 bytes that the entropy check refuses."""
    compiled = CompiledRules(rules_of(r"""
provider: Busy
secrets:
  - {type: busy, name: B, formats: [{pattern: '[a-z]{20,}', before: '[a-z ]', min_entropy: 4, placeholders: keep,
     near: {keywords: [busybee], window: file}}]}
"""))
    (row,) = scan_texts(compiled, b"BUSYBEE " + b"ab" * 500_000)
    assert row["skipped"] == "too_many_candidates" and row["matches"] == []
    (row,) = scan_texts(compiled, b"BUSYBEE " + b"ab" * 1_000 + b" abcdefghijklmnopqrstuvwxyz")
    assert row["skipped"] is None and len(row["matches"]) == 1


def test_a_trace_says_which_stage_dropped_a_candidate(house: CompiledRules) -> None:
    secret = token(house, "acme_token")
    wrong = spoil_checksum(house.rules.secret_types["acme_token"], 0, seed=3)
    trace = Trace()
    batch = blob_batch([("a", b"x" + secret), ("b", wrong), ("c", secret), ("d", b"acme-old-" + b"e" * 32),
                        ("e", token(house, "acme_hash") + b"\n\n\n\nacmehash")])
    list(scan_batches([batch], house, trace=trace))
    stages = {(t, s): n for (t, _, s), n in trace.counts.items()}
    assert stages["acme_token", "before"] == 1
    assert stages["acme_token", "checksum"] == 1
    assert stages["acme_token", "match"] == 1
    assert stages["acme_token", "placeholder"] == 1


def test_threads_share_compiled_rules(house: CompiledRules) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = [b"k=" + token(house, "acme_token", seed=k) for k in range(200)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: scan_texts(house, *texts), range(8)))
    assert len(answers[0]) == 200 and all(a == answers[0] for a in answers)


def test_compiled_rules_and_secrets_refuse_to_be_pickled(house: CompiledRules) -> None:
    import pickle

    from workbench.model import Secret

    for thing in (house, Secret(token(house, "acme_token"), "acme_token")):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_a_large_batch_offsets_beyond_its_first_rows(house: CompiledRules) -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(97, 123, 200_000, dtype=np.uint8).tobytes()
    secret = token(house, "acme_token")
    rows = scan_texts(house, *[noise] * 20, b"k=" + secret, *[noise] * 20)
    assert [(r["blob_id"], spans(r, "acme_token")) for r in rows] == [("20", [(2, 2 + len(secret))])]


def test_what_paces_the_scan_is_no_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of many triggers gets a literal that only slows Hyperscan's stride: its hits are nobody's."""
    monkeypatch.setattr(triggers, "MANY_TRIGGERS", 0)
    paced = CompiledRules(rules_of(HOUSE_RULES))
    assert sum(int((numbers < 0).sum()) for numbers, _ in paced._databases) == 1
    secret = token(paced, "acme_token")
    text = b"\x01\x02 " + secret + b" \x01\x02\x01\x02"
    found = paced.hits(memoryview(text), paced.scratch())
    assert len(found.triggers) == len(found.ends) > 0 and (found.triggers >= 0).all()
    assert scan_texts(paced, text) == scan_texts(_HOUSE, text) != []
