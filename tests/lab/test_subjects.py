"""Subjects: equal secrets are one, pairs are one, and the order is chance that everybody shares."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.reviewed import make_corpus, scan
from tests.store.scanned import KEY
from workbench.corpora.reader import Corpus
from workbench.engine.compiled import CompiledRules
from workbench.errors import UsageError
from workbench.lab.frames import Flat
from workbench.lab.subjects import Sample, draw
from workbench.rules.testtext import Filled
from workbench.store.labels import Labels
from workbench.store.store import Store


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    return Store(tmp_path_factory.mktemp("store") / "alerts.duckdb", key=KEY).labels


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, filled: Callable[..., Filled]) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("judged") / "corpus", filled)


@pytest.fixture(scope="module")
def found(corpus: Corpus, house: CompiledRules) -> Flat:
    return scan(corpus, house)


def kinds(sample: Sample) -> list[tuple[str, str, int]]:
    return sorted((s.kind, s.type, len(s.places)) for s in sample.subjects)


@pytest.mark.parametrize(("types", "expected"), [
    # What a batch would alert on: one secret stands in two files, and the pair's parts do not count by themselves
    (None, [("pair", "acme_pair", 1), *[("single", "acme_token", 1)] * 4, ("single", "acme_token", 2)]),
    # A part is judged by itself when it is asked for
    (["acme_id"], [("single", "acme_id", 1)]),
    (["acme_pair", "acme_secret"], [("pair", "acme_pair", 1), ("single", "acme_secret", 1)]),
    (["acme_hash"], []),
])
def test_what_is_judged(
    types: list[str] | None, expected: list[tuple[str, str, int]], found: Flat, house: CompiledRules, labels: Labels
) -> None:
    assert kinds(draw(found, house.rules, labels, types=types, size=None)) == expected


def test_a_pairs_place_has_both_spans(found: Flat, house: CompiledRules, labels: Labels, corpus: Corpus) -> None:
    (pair,) = draw(found, house.rules, labels, types=["acme_pair"]).subjects
    (place,) = pair.places
    blob = corpus.blob(place.blob_id)
    assert place.line == 1 and [blob[s.start - 1 : s.start] for s in place.spans] == [b"'", b"'"]
    judged = pair.judged_at(place)
    assert (judged.span.start, judged.span.end) == (place.spans[0].start, place.spans[1].end)


def test_a_sample_is_the_head_of_a_shuffle_that_everyone_shares(
    found: Flat, house: CompiledRules, labels: Labels
) -> None:
    whole = draw(found, house.rules, labels, size=None, seed=3)
    some = draw(found, house.rules, labels, size=2, seed=3)
    assert some.subjects == whole.subjects[:2] and some.population == 6
    assert (some.name, whole.name) == ("2 of 6, seed 3", "6 of 6, seed 3")
    other_orders = {tuple(s.fingerprint for s in draw(found, house.rules, labels, size=None, seed=n).subjects)
                    for n in range(8)}
    assert len(other_orders) > 3


@pytest.mark.parametrize(("wrong", "sentence"), [
    ({"types": ["acme_tokn"]}, r"got acme_tokn.*Did you mean acme_token\?"),
    ({"size": 0}, "sample of 1 or more"),
])
def test_what_cannot_be_drawn_is_refused(wrong: dict, sentence: str, found: Flat, house: CompiledRules,
                                         labels: Labels) -> None:
    with pytest.raises(UsageError, match=sentence):
        draw(found, house.rules, labels, **wrong)


def test_no_repr_holds_a_token(found: Flat, house: CompiledRules, labels: Labels) -> None:
    shown = repr(draw(found, house.rules, labels, size=None))
    assert not [t for t in found.matches["token"].to_pylist() if t.decode() in shown]
