"""Verdicts and rates on hand-made labels, and the whole way on a small corpus with mistakes put in on purpose."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import rules_of, scan_texts
from workbench.corpora.synthesize import synthesize
from workbench.corpora.synthetic.truth import Label, LabelsWriter, split_why
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.engine.compiled import CompiledRules
from workbench.errors import CorpusError
from workbench.measure.planted import masked_context, measure
from workbench.measure.planted_table import table
from workbench.measure.rate import Rate
from workbench.measure.verdict import Known, judge
from workbench.model import MASK
from workbench.rules.load import load
from workbench.rules.samples import make_sample
from workbench.shipped import rules_folder

KNOWN = Known(frozenset({"tok", "id", "key", "other"}), frozenset({"duo"}), frozenset({"id", "key"}))


def match(kind: str, start: int, end: int, *, alertable: bool = True) -> dict:
    return {"secret_type": kind, "start": start, "end": end, "alertable": alertable}


def row(*matches: dict, pairs: tuple = (), near: tuple = ()) -> dict:
    """A row of scan results; pairs are ``(type, parts)``, near misses ``(type, part)``, both by number of match."""
    return {"matches": list(matches), "pairs": [{"pair_type": t, "parts": p} for t, p in pairs],
            "near_misses": [{"pair_type": t, "part": p} for t, p in near]}


def token(start: int, end: int, why: str = "yaml", kind: str = "tok") -> Label:
    return Label(start, end, kind, True, why, "match")


def part(kind: str, start: int, end: int, expect: str = "pair", pair_id: int | None = 1) -> Label:
    return Label(start, end, kind, True, "yaml: apart", expect, "duo", pair_id)


def decoy(start: int, end: int) -> Label:
    return Label(start, end, None, False, "uuid", "nothing")


@pytest.mark.parametrize(
    ("labels", "result", "outcomes"),
    [
        # The token, its type and its span
        ([token(5, 9)], row(match("tok", 5, 9)), {"found": 1, "right": 1}),
        # Nothing reported
        ([token(5, 9)], None, {"missed": 1}),
        # One byte too many is another span: missed, but it lies over a true label and is no false alarm
        ([token(5, 9)], row(match("tok", 5, 10)), {"missed": 1, "other_span": 1}),
        # The right bytes under the wrong name
        ([token(5, 9)], row(match("other", 5, 9)), {"missed": 1, "other_type": 1}),
        # A wider type that sees the token too is noted, and is nobody's mistake
        ([token(5, 9)], row(match("tok", 5, 9), match("other", 5, 9)), {"found": 1, "right": 1, "other_type": 1}),
        # A match that may not become an alert is no alert
        ([token(5, 9)], row(match("tok", 5, 9, alertable=False)), {"missed": 1}),
        # An alert where no label stands
        ([], row(match("tok", 5, 9)), {"false_alarm": 1}),
        # ... and over a label that says that nothing is there
        ([decoy(4, 12)], row(match("tok", 5, 9)), {"alerted": 1, "false_alarm": 1}),
        ([decoy(4, 12)], row(match("tok", 12, 20)), {"quiet": 1, "false_alarm": 1}),
        ([decoy(4, 12)], None, {"quiet": 1}),
        # A whole pair
        ([part("id", 0, 4), part("key", 10, 14)], row(match("id", 0, 4), match("key", 10, 14), pairs=(("duo", [0, 1]),)),
         {"found": 2, "pair_found": 1, "right": 2, "right_pair": 1}),
        # Both parts found and not paired
        ([part("id", 0, 4), part("key", 10, 14)],
         row(match("id", 0, 4, alertable=False), match("key", 10, 14, alertable=False)), {"found": 2, "pair_missed": 1}),
        # Two pairs with their parts exchanged: four parts found, no pair right
        ([part("id", 0, 4), part("key", 10, 14), part("id", 20, 24, pair_id=2), part("key", 30, 34, pair_id=2)],
         row(match("id", 0, 4), match("key", 10, 14), match("id", 20, 24), match("key", 30, 34),
             pairs=(("duo", [0, 3]), ("duo", [2, 1]))),
         {"found": 4, "pair_missed": 2, "right": 4, "false_pair": 2}),
        # A half alone that stays quiet and is told as a near miss
        ([part("id", 0, 4, "near_miss", None)], row(match("id", 0, 4, alertable=False), near=(("duo", 0),)),
         {"quiet": 1, "told": 1}),
        ([part("id", 0, 4, "near_miss", None)], row(match("id", 0, 4, alertable=False)), {"quiet": 1, "not_told": 1}),
        # A half alone that took a look-alike for its partner: the alert on the half is over a true label, the other is not
        ([part("id", 0, 4, "near_miss", None), decoy(10, 14)],
         row(match("id", 0, 4), match("key", 10, 14), pairs=(("duo", [0, 1]),)),
         {"alerted": 2, "not_told": 1, "right": 1, "false_alarm": 1, "false_pair": 1}),
        # A half that alerts as a token of another type is no half alerted
        ([part("id", 0, 4, "near_miss", None)], row(match("other", 0, 4), match("id", 0, 4, alertable=False),
                                                    near=(("duo", 1),)), {"quiet": 1, "told": 1, "other_type": 1}),
        # A type the rules do not have asks for nothing, and what is reported over it is no false alarm
        ([token(5, 9, kind="gone")], row(match("tok", 5, 9)), {"other_type": 1}),
        ([token(5, 9, kind="gone")], None, {}),
    ],
)
def test_verdicts(labels: list[Label], result: dict | None, outcomes: dict[str, int]) -> None:
    assert Counter(v.outcome for v in judge(labels, result, KNOWN)) == outcomes


def test_what_the_engine_does_not_read_is_judged_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.measure.verdict.NOT_COUNTED", frozenset({"utf-16"}))
    verdicts = judge([token(5, 9, "yaml, utf-16"), token(20, 24, "yaml, crlf")], None, KNOWN)
    assert [(v.outcome, v.counted) for v in verdicts] == [("missed", False), ("missed", True)]


@pytest.mark.parametrize(
    ("why", "parts"),
    [("dotenv", ("dotenv", "", "")), ("dotenv: crossed, crlf", ("dotenv", "crossed", "crlf")),
     ("c++, no newline at the end", ("c++", "", "no newline at the end"))],
)
def test_why_comes_apart(why: str, parts: tuple[str, str, str]) -> None:
    assert split_why(why) == parts


# ---------------------------------------------------------------------------------------------------------------------
# A whole corpus

RULES = r"""
provider: Acme
secrets:
  - type: acme_token
    name: Acme Token
    formats: [{pattern: 'acmt_[A-Za-z0-9]{24}'}]
  - type: acme_key_id
    name: Acme Key Id
    formats: [{pattern: 'ACMK[A-Z0-9]{16}'}]
  - type: acme_key
    name: Acme Key
    formats: [{pattern: 'acmsec-[a-z0-9]{30}'}]
pairs:
  - {type: acme_pair, name: Acme Pair, parts: [acme_key_id, acme_key], window: {lines: 3}}
"""


@pytest.fixture(scope="module")
def acme() -> CompiledRules:
    return CompiledRules(rules_of(RULES))


def sample(acme: CompiledRules, secret_type: str, seed: int) -> bytes:
    return make_sample(acme.rules.secret_types[secret_type], 0, seed=seed)


def written(folder: Path, files: list[tuple[str, bytes, list[Label]]]) -> Path:
    with CorpusWriter(folder) as writer, LabelsWriter(folder) as labels:
        for path, content, own in files:
            blob_id = blob_id_of(content)
            writer.add_blob(blob_id, content)
            writer.add_location(blob_id, source="content", repository="example-org/a", revision="0" * 40, path=path)
            labels.add(blob_id, own)
    return folder


def test_rates_of_a_corpus_with_one_mistake_of_each_kind(acme: CompiledRules, tmp_path: Path) -> None:
    good, lost, loud = (sample(acme, "acme_token", k) for k in range(3))
    key_id, key = sample(acme, "acme_key_id", 1), sample(acme, "acme_key", 1)
    pair = b"id: %b\nkey: %b\n" % (key_id, key)
    at = pair.index(key)
    far = b"id: %b\n\n\n\n\n\nkey: %b\n" % (key_id, key)  # outside the window, and labelled as if it were inside
    far_at = far.index(key)
    corpus = written(tmp_path / "c", [
        ("good.yml", b"a: %b\n" % good, [token(3, 3 + len(good), "yaml", "acme_token")]),
        # Glued to a digit the token is none to the engine; the label says that it should be
        ("lost.env", b"A=7%b\n" % lost, [token(3, 3 + len(lost), "dotenv", "acme_token")]),
        ("loud.txt", b"sha: %b\n" % loud, [Label(5, 5 + len(loud), None, False, "git hash", "nothing")]),
        ("pair.yml", pair, [Label(4, 24, "acme_key_id", True, "yaml: next lines", "pair", "acme_pair", 1),
                            Label(at, at + len(key), "acme_key", True, "yaml: next lines", "pair", "acme_pair", 1)]),
        ("far.yml", far, [Label(4, 24, "acme_key_id", True, "yaml: apart", "pair", "acme_pair", 2),
                          Label(far_at, far_at + len(key), "acme_key", True, "yaml: apart", "pair", "acme_pair", 2)]),
        ("half.yml", b"k: %b\n" % key_id, [Label(3, 23, "acme_key_id", True, "yaml: alone", "near_miss", "acme_pair")]),
    ])
    report = measure(corpus, acme)
    assert (report.blobs, report.labels) == (6, 8)
    # Two tokens and two pairs to find, of which one each was found; three alerts, one of them false
    assert report.recall == Rate(2, 4)
    assert report.precision == Rate(2, 3)
    types = {x.name: x for x in report.types}
    assert (types["acme_token"].recall, types["acme_token"].precision) == (Rate(1, 2), Rate(1, 2))
    assert types["acme_key_id"].recall == Rate(2, 2)  # found alone or not: the pair is what was missed
    assert [(x.name, x.recall, x.precision) for x in report.pairs] == [("acme_pair", Rate(1, 2), Rate(1, 1))]
    assert report.arrangements == {"apart": Rate(0, 1), "next lines": Rate(1, 1)}
    assert report.places == {"dotenv": Rate(0, 1), "yaml": Rate(5, 5)}
    assert report.negatives == {"git hash": Rate(0, 1)}
    assert (report.halves, report.near_misses) == (Rate(1, 1), Rate(1, 1))
    mistakes = {(m["outcome"], m["path"]) for m in report.mistakes.to_pylist()}
    assert mistakes == {("missed", "lost.env"), ("alerted", "loud.txt"), ("false_alarm", "loud.txt"),
                        ("pair_missed", "far.yml")}


def test_neither_the_mistakes_nor_the_table_hold_a_token(acme: CompiledRules, tmp_path: Path) -> None:
    tokens = [sample(acme, "acme_token", k) for k in range(4)]
    text = b" ".join(tokens)  # each is in the other's surroundings
    labels = [token(k * 30, k * 30 + 28, "log", "acme_token") for k in range(4)]  # every one ends a byte too early
    report = measure(written(tmp_path / "c", [("x.log", text, labels)]), acme)
    assert report.recall == Rate(0, 4)
    shown = "\n".join(table(report, mistakes=100)) + repr(report)
    assert not [t for t in tokens if t[5:].decode() in shown]
    assert "missed acme_token in x.log [0, 28)" in shown


def test_labels_of_types_the_rules_do_not_have_are_said_to_be_left_out(acme: CompiledRules, tmp_path: Path) -> None:
    good = sample(acme, "acme_token", 0)
    corpus = written(tmp_path / "c", [("a.yml", b"a: %b\n" % good, [token(3, 3 + len(good), "yaml", "other_token")])])
    report = measure(corpus, acme)
    assert report.recall == Rate(0, 0)
    assert report.precision == Rate(0, 0)  # the alert lies over a true label
    assert report.left_out == ("other_token",)
    assert report.confusions == {("other_token", "acme_token"): 1}
    assert any("left out" in line for line in report.summary())


def test_a_corpus_without_labels_says_what_to_do(acme: CompiledRules, tmp_path: Path) -> None:
    with CorpusWriter(tmp_path / "c"):
        pass
    with pytest.raises(CorpusError, match="workbench corpus synthesize"):
        measure(tmp_path / "c", acme)


def test_damaged_labels_are_named(acme: CompiledRules, tmp_path: Path) -> None:
    with CorpusWriter(tmp_path / "c"):
        pass
    (tmp_path / "c" / "labels.parquet").write_bytes(b"not Parquet at all")
    with pytest.raises(CorpusError, match=r"labels\.parquet"):
        measure(tmp_path / "c", acme)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=50), st.binary(min_size=12, max_size=60)), min_size=1, max_size=6),
       st.data())
def test_surroundings_show_nothing_of_any_span_but_its_head(pieces: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """Spans are filled with bytes that stand nowhere else, so that any of them in the text is a leak."""
    content, spans = bytearray(), []
    for between, inside in pieces:
        content += bytes(b & 0x3F | 0x40 for b in between)
        spans.append((len(content), len(content) + len(inside)))
        content += b"!" * 4 + b"#" * (len(inside) - 4)  # four bytes may be shown, the rest may not
    start, end = data.draw(st.sampled_from(spans))
    shown = masked_context(bytes(content), start, end, spans)
    assert "#" not in shown
    assert MASK in shown


def test_the_scan_that_is_measured_is_the_scan_there_is(acme: CompiledRules, tmp_path: Path) -> None:
    """What ``measure`` counts as an alert is what ``scan_batches`` reports as one."""
    good = sample(acme, "acme_token", 5)
    text = b"token=%b\n" % good
    (found,) = scan_texts(acme, text)
    report = measure(written(tmp_path / "c", [("a", text, [])]), acme)
    assert [m["alertable"] for m in found["matches"]] == [True]
    assert report.precision == Rate(0, 1)


@pytest.mark.slow
def test_the_shipped_rules_find_what_is_planted_and_little_else(tmp_path: Path) -> None:
    """The bar the project sets itself: recall 0.999 over all types and pairs, precision 0.995."""
    rules = load([rules_folder()])
    synthesize(rules, tmp_path / "c", seed="bar", size_bytes=64_000_000)
    report = measure(tmp_path / "c", CompiledRules(rules))
    shown = "\n".join(table(report, mistakes=50, all_types=False))
    assert not report.left_out
    # Bare parts stand in pairs only; everything else at least once in a round.
    assert [x.name for x in (*report.types, *report.pairs) if not x.recall.n] == [], shown
    assert report.recall.n > 1_000
    assert report.recall.value >= 0.999, shown
    assert report.precision.value >= 0.995, shown
    assert report.halves.value >= 0.995, shown
    assert report.near_misses.value >= 0.995, shown
