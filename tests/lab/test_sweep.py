"""Sweeps: every window from one scan, and each as the engine would have it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.conftest import write_corpus
from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.synthesize import synthesize
from workbench.engine.compiled import CompiledRules
from workbench.engine.pairing import Parts, assign, parts
from workbench.engine.scan import scan_batches
from workbench.errors import UsageError
from workbench.lab import Session, matchings
from workbench.lab.advice import Outcome, between, from_gaps, from_labels
from workbench.lab.frames import Flat, ascending, flatten
from workbench.lab.matchings import NEVER, intervals
from workbench.lab.sweep import Sweep, window_of
from workbench.rules.rule import FILE, RuleSet, Window, build
from workbench.rules.testtext import Filled, fill

PIECES = ("acme_id", "acme_secret", "acme_session", "acme_temporary_id")


def tangled(house: CompiledRules, files: int) -> dict[str, bytes]:
    """Files in which parts of two rival pairs stand in every order and at all kinds of distances."""
    rng = random.Random(11)
    out = {}
    for k in range(files):
        text = []
        for _ in range(rng.randint(1, 9)):
            kinds = PIECES if k % 3 == 0 else PIECES[:2]
            text += [
                "{" + rng.choice(kinds) + f":{rng.randint(0, 99)}}}",
                rng.choice((" ", "\n", "\n\n\n", "x = ", "\n" * 8, "abc " * 20)),
            ]
        out[f"{k}.txt"] = fill("".join(text), house.rules, seed=k).content
    return out


@pytest.fixture
def tangle(tmp_path: Path, rules: Path, house: CompiledRules) -> Session:
    return Session(write_corpus(tmp_path / "tangle", tangled(house, 90)), rules=rules)


def scanned(corpus: Corpus, rules: RuleSet) -> Flat:
    compiled = CompiledRules(rules)
    return flatten(out for shard in corpus.shards() for out in scan_batches(read_batches(shard), compiled))


def pairs_of(flat: Flat, name: str) -> set[tuple]:
    keys = flat.match_keys()
    return {
        tuple((keys[k][0], keys[k][2]) for k in members)
        for members, kind in zip(
            flat.pairs.column("parts").to_pylist(), flat.pairs.column("pair_type").to_pylist(), strict=True
        )
        if kind == name
    }


@pytest.mark.parametrize("name", ["acme_pair", "acme_triple"])
@pytest.mark.parametrize("unit", ["bytes", "lines"])
def test_every_window_is_what_a_scan_with_it_would_give(tangle: Session, name: str, unit: str) -> None:
    sweep = tangle.sweep(name)
    rules = tangle.files.rule(name)
    edges = sweep.edges(unit)  # type: ignore[arg-type]
    for size in [0, *random.Random(3).sample(edges.tolist(), min(6, len(edges))), None]:
        window = FILE if size is None else Window(unit, size)  # type: ignore[arg-type]
        narrowed = build(rules.secret_types.values(),
                         [replace(p, window=window) if p.type == name else p for p in rules.pairs.values()])
        wanted = pairs_of(scanned(tangle.corpus, narrowed), name)
        table = sweep.standing[unit]  # type: ignore[index]
        keys = sweep._flat.match_keys()
        found = {tuple((keys[k][0], keys[k][2]) for k in members) for members in table.members[table.at(size)].tolist()}
        assert found == wanted, f"window {window}"
        assert sweep.at(window)["pairs"] == len(wanted)


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(3, 5)), min_size=1, max_size=5)


def side(drawn: list[tuple[int, int]], base: int) -> Parts:
    rows, at = [], base
    for k, (gap, length) in enumerate(drawn):
        rows.append((at + gap, at + gap + length, (at + gap) // 20 + 1, (at + gap + length - 1) // 20 + 1, k))
        at += gap + length
    return parts(rows)


@settings(max_examples=200, deadline=None)
@given(SPANS, SPANS, st.integers(0, 90), st.booleans(), st.sampled_from(["bytes", "lines"]))
def test_small_blobs_are_assigned_as_the_engine_does_at_every_window(
        one: list, two: list, base: int, in_order: bool, unit: str) -> None:
    a, b = side(one, 0), side(two, base)
    after, before = b.start[None, :] - a.end[:, None], a.start[:, None] - b.end[None, :]
    gap = np.maximum(after, before)
    lines = np.maximum(b.start_line[None, :] - a.end_line[:, None], a.start_line[:, None] - b.end_line[None, :])
    needed = np.where(after >= 0 if in_order else gap >= 0, gap if unit == "bytes" else np.maximum(lines, 0), NEVER)
    found = intervals(needed[None], gap[None])
    for size in [0, *np.unique(needed[needed < NEVER]).tolist(), 10_000]:
        stands = (found.enter <= size) & (found.leave > size)
        mine = sorted(zip(found.first[stands].tolist(), found.second[stands].tolist(), strict=True))
        assert mine == sorted(assign([a, b], Window(unit, size), in_order))  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", [1, 1 << 24])  # numbers of 32 bits, and of 64 where those are too few
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 3), (5, 5), (1, 251), (3, 9)])
def test_many_blobs_at_once_are_each_as_alone(n: int, m: int, unit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their number: they are weighed by blocks, here of two, and some of their parts may never pair."""
    rng = np.random.default_rng(n * 1_000 + m)
    gap = rng.integers(0, 40, (5, n, m)) * unit  # few distances, so that many are equal
    needed = np.where(rng.random(gap.shape) < 0.2, NEVER, gap)
    alone = [intervals(needed[k : k + 1], gap[k : k + 1]) for k in range(len(gap))]
    monkeypatch.setattr(matchings, "_MOST_CELLS", 2 * n * m)
    found = intervals(needed, gap)
    for name in ("first", "second", "enter", "leave"):
        assert getattr(found, name).tolist() == [v for one in alone for v in getattr(one, name).tolist()]
    assert found.row.tolist() == [k for k, one in enumerate(alone) for _ in one.row]
    assert (np.diff(found.row) >= 0).all() and (found.enter < found.leave).all()
    small = intervals(np.where(needed < NEVER, needed // unit, NEVER), gap // unit)
    assert (found.first == small.first).all() and (found.enter == small.enter * unit).all()


@given(st.lists(st.integers(0, 1 << 40)))
def test_numbers_are_put_in_a_stable_order(given_numbers: list[int]) -> None:
    numbers = np.array(given_numbers, np.int64)
    assert ascending(numbers).tolist() == sorted(range(len(numbers)), key=lambda k: given_numbers[k])


def test_the_curve_adds_up(tangle: Session) -> None:
    sweep = tangle.sweep("acme_pair")
    ids, secrets = sweep.parts.counts()
    for unit in ("bytes", "lines"):
        curve = sweep.curve(unit)  # type: ignore[arg-type]
        assert (curve["alone_acme_id"] == ids - curve["pairs"]).all() and (
            curve["alone_acme_secret"] == secrets - curve["pairs"]
        ).all()
        assert (curve["alone"] == curve["alone_acme_id"] + curve["alone_acme_secret"]).all()
        assert curve["pairs"].is_monotonic_increasing and (curve["distinct"] <= curve["pairs"]).all()
        assert (curve["crossed"] <= curve["pairs"]).all() and int(curve["crossed"].iloc[-1]) > 0
        bins = sweep.histogram(unit)  # type: ignore[arg-type]
        assert int(curve["pairs"].iloc[-1]) == sweep.at("file")["pairs"] == int(bins["pairs"].sum())


def test_pairs_that_come_and_go_are_the_difference(tangle: Session) -> None:
    sweep = tangle.sweep("acme_pair")
    for before, after in (("file", "1 lines"), ("0 bytes", "200 bytes"), ("3 lines", "3 lines"), ("file", "file")):
        moved = sweep.changes(before, after)
        comes, goes = ((moved["change"] == what).sum() for what in ("enters", "leaves"))
        assert int(comes - goes) == sweep.at(after)["distinct"] - sweep.at(before)["distinct"]
    taken = sweep.changes("0 lines", "file")
    assert "leaves" in set(taken["change"]) and "enters" in set(taken["change"]), (
        "a wider window also takes partners away"
    )
    assert all(taken["context"]) and "…(40)" in taken["secrets"].iloc[0]
    with pytest.raises(UsageError, match="one unit"):
        sweep.changes("3 lines", "200 bytes")


def test_a_planted_corpus_gives_precision_and_recall(tmp_path: Path, house: CompiledRules, rules: Path) -> None:
    synthesize(house.rules, tmp_path / "planted", blobs=260, seed=4)
    sweep = Session(tmp_path / "planted", rules=rules).sweep("acme_pair")
    now = sweep.at()
    assert sweep.truth is not None and now["right"] + now["wrong"] == now["distinct"] > 5
    assert 0.5 < now["precision"] <= 1 and now["precision_low"] < now["precision"]
    curve = sweep.curve("lines")
    assert curve["recall"].is_monotonic_increasing
    assert "planted" in repr(sweep) and "precision" in repr(sweep)
    whole = sweep.at("file")
    assert whole["wrong"] >= now["wrong"], "the rule's own window is there to keep wrong pairs apart"


def test_the_picture_is_drawn_without_a_network(tangle: Session) -> None:
    svg = tangle.sweep("acme_pair").chart().svg
    assert svg.startswith("<svg") and "window in bytes" in svg and "http" not in svg.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("sizes", "window", "words"),
    [
        # Nearly all within 90 bytes, a few far away: a window in the gap between.
        (
            [*range(10, 90), 40_000, 50_000],
            lambda w: w.unit == "bytes" and 90 <= w.size < 40_000,
            "need 89 bytes or fewer",
        ),
        # No gap anywhere.
        ([k * k for k in range(60)], lambda w: w == FILE, "no clear gap"),
        # The gap must be among the last tenth: half of the pairs far away are pairs too.
        (
            [*range(10, 50), *range(40_000, 40_040)],
            lambda w: w == FILE,
            "the other 40, which need 40,000 and more, are too many",
        ),
        # Too few to say anything.
        ([10, 20, 90_000], lambda w: w == FILE, "too few"),
    ],
)
def test_advice_from_gaps_needs_a_gap(sizes: list[int], window: Callable[[Window], bool], words: str) -> None:
    advice = from_gaps(np.array(sizes), np.zeros(len(sizes), bool), "bytes")
    assert window(advice.window) and words in advice.reason


def test_advice_from_labels_weighs_right_against_wrong() -> None:
    outcomes = [Outcome(Window("lines", w), right, right + wrong, 100) for w, right, wrong in
                ((0, 40, 0), (3, 96, 1), (50, 98, 40), (900, 100, 80))]
    advice = from_labels(outcomes, Outcome(FILE, 100, 180, 100), [0, 3, 50, 900])
    assert advice.window.unit == "lines" and 3 <= advice.window.size < 50 and "(96/97)" in advice.reason
    level = from_labels([Outcome(Window("lines", 9), 50, 50, 50)], Outcome(FILE, 50, 50, 50), [9])
    assert level.window == FILE and "No narrower window" in level.reason


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_a_round_number_stays_between(low: int, more: int) -> None:
    assert low <= between(low, low + more) < low + more or (more == 1 and between(low, low + more) == low)


@pytest.mark.parametrize("given_window", ["five lines", "-3 lines", -1, None, "3 pages", 2.5])
def test_what_is_no_window_is_a_sentence(given_window: object) -> None:
    with pytest.raises(UsageError, match="'5 lines'"):
        window_of(given_window)  # type: ignore[arg-type]


def test_large_blobs_are_swept_by_the_engine(tmp_path: Path, rules: Path, filled: Callable[..., Filled]) -> None:
    """Forty parts in one file: not exact at every window, but right at the file and at those that were looked at."""
    text = "".join(
        f"id {{acme_id:{k}}}\n" + "\n" * (k % 4) + f"key {{acme_secret:{k}}}\n" * (k % 5 > 0) for k in range(40)
    )
    session = Session(write_corpus(tmp_path / "c", {"a.txt": filled(text).content}), rules=rules)
    sweep = session.sweep("acme_pair")
    assert sweep.at("file")["pairs"] == 32
    flat = scanned(session.corpus, session.files.rule("acme_pair"))
    assert sweep.at("5 lines")["pairs"] == len(pairs_of(flat, "acme_pair"))
    assert isinstance(sweep, Sweep)
