"""Reviews: what a key does to the store, and what happens when the store is not to be had."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.reviewed import make_corpus, scan, tokens
from tests.store.conftest import Child, child, fresh  # noqa: F401
from tests.store.scanned import KEY
from workbench.corpora.reader import Corpus
from workbench.engine.compiled import CompiledRules
from workbench.errors import UsageError
from workbench.lab.exhibit import Exhibits
from workbench.lab.frames import Flat
from workbench.lab.masking import Masker
from workbench.lab.review import Review
from workbench.lab.route import Filter
from workbench.lab.subjects import Sample, draw
from workbench.rules.testtext import Filled
from workbench.store.reader import StoreReader
from workbench.store.store import Store


class Desk:
    """A store, what was found, and reviews of it."""

    def __init__(self, path: Path, corpus: Corpus, house: CompiledRules) -> None:
        self.path = path
        self.corpus = corpus
        self.house = house
        self.found: Flat = scan(corpus, house)
        self.exhibits = Exhibits(corpus, Masker([house]), house.rules)

    def review(self, reviewer: str = "ann", *, wait_s: float = 5.0, size: int | None = None) -> Review:
        store = Store(self.path, key=KEY, wait_s=wait_s)
        sample = draw(self.found, self.house.rules, store.labels, size=size)
        return Review(sample, store.labels, reviewer=reviewer, rule_set_hash=self.house.rules.hash,
                      where=self.exhibits.path_classes(sample.subjects))

    def rows(self, columns: str = "verdict, note, reviewer") -> list[tuple]:
        table = StoreReader(self.path).query(f"SELECT {columns} FROM label ORDER BY label_no")
        return [tuple(row.values()) for row in table.to_pylist()]

    def held(self) -> list[str]:
        return StoreReader(self.path).labels()["verdict"].to_pylist()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, filled: Callable[..., Filled]) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("judged") / "corpus", filled)


@pytest.fixture
def desk(tmp_path: Path, fresh: Path, corpus: Corpus, house: CompiledRules) -> Desk:  # noqa: F811
    return Desk(Path(shutil.copy(fresh, tmp_path / "alerts.duckdb")), corpus, house)


def key(review: Review) -> str:
    assert review.current is not None
    return review.current.fingerprint


def test_every_verdict_stands_in_the_store_when_the_key_is_up(desk: Desk) -> None:
    review = desk.review()
    for n, verdict in enumerate(["true", "false", "unsure"]):
        review.judge(key(review), verdict)  # type: ignore[arg-type]
        assert [row[0] for row in desk.rows()] == ["true", "false", "unsure"][: n + 1]
    (hash_, sample), *_ = desk.rows("rule_set_hash, sample")
    assert (hash_, sample) == (desk.house.rules.hash, "6 of 6, seed 0")
    assert review.state()["progress"]["judged"] == 3 and review.pending == 0 and review.message == ""


def test_equal_secrets_are_judged_once_and_labels_survive_the_session(desk: Desk) -> None:
    review = desk.review()
    while review.current:
        review.judge(key(review), "true")
    assert len(desk.rows()) == 6  # and not 7, one for each place
    again = desk.review("ben")
    assert again.current is None and again.state()["progress"] == review.state()["progress"]
    assert again.state()["progress"]["places"] == 7


def test_undo_takes_back_one_verdict_after_the_other_and_goes_there(desk: Desk) -> None:
    review = desk.review()
    first = key(review)
    review.judge(first, "true", "looks live")
    second = key(review)
    review.judge(second, "false")
    review.undo()
    assert (key(review), review.held, desk.held()) == (second, None, ["true"])
    review.undo()
    assert (key(review), review.draft, desk.held()) == (first, "looks live", [])
    review.undo()
    assert review.message.startswith("Nothing to undo")
    assert [row[0] for row in desk.rows()] == ["true", "false", "retracted", "retracted"]
    review.judge(first, "unsure")  # the note that was undone with the verdict is there again
    assert desk.rows()[-1] == ("unsure", "looks live", "ann")


def test_undoing_a_changed_mind_brings_back_what_was_said_before(desk: Desk) -> None:
    review = desk.review()
    first = key(review)
    review.judge(first, "true", "at first sight")
    review.choose(Filter("judged"))
    review.judge(first, "false")
    assert desk.held() == ["false"]
    review.undo()
    assert review.held and (review.held.verdict, review.held.note) == ("true", "at first sight")
    assert desk.held() == ["true"]


def test_a_key_meant_for_another_match_does_nothing(desk: Desk) -> None:
    review = desk.review()
    first = key(review)
    review.judge(first, "true")
    review.judge(first, "true")  # pressed twice before the next was on the screen
    review.skip(first)
    review.note(first, "late")
    assert len(desk.rows()) == 1 and review.message.startswith("That key was meant for another")
    with pytest.raises(UsageError, match="Expected a verdict"):
        review.judge(key(review), "maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize(("before", "after", "expected"), [
    ("a test's own", None, [("true", "a test's own", "ann")]),  # written first, kept with the verdict
    (None, "on second thoughts", [("true", "", "ann"), ("true", "on second thoughts", "ann")]),  # added afterwards
    ("same", "same", [("true", "same", "ann")]),  # nothing new, no row
    ("gone", "", [("true", "gone", "ann"), ("true", "", "ann")]),  # taken away
])
def test_notes(before: str | None, after: str | None, expected: list[tuple], desk: Desk) -> None:
    review = desk.review()
    first = key(review)
    if before is not None:
        review.note(first, f"  {before}")
    review.judge(first, "true")
    if after is not None:
        review.choose(Filter("judged"))
        review.note(first, after)
    assert desk.rows() == expected


def test_two_reviews_of_one_store_see_each_other(desk: Desk) -> None:
    ann, ben = desk.review(), desk.review("ben")
    first = key(ann)
    ann.judge(first, "true")
    second = key(ann)
    assert key(ben) == first  # the same order for everyone
    ben.refresh()
    assert ben.state()["label"]["reviewer"] == "ann" and ben.message
    ben.judge(first, "false")
    assert ben.message == "ann had said true"
    assert key(ben) == second
    ann.judge(second, "unsure")  # an exchange as any other: it brings Ben's verdict along
    ann.choose(Filter("false"))
    assert key(ann) == first and ann.held and ann.held.reviewer == "ben"
    ben.undo()
    ann.refresh()
    assert ann.held and (ann.held.verdict, ann.held.reviewer) == ("true", "ann")


def test_a_held_store_is_one_sentence_and_nothing_is_lost(desk: Desk, child: Child) -> None:  # noqa: F811
    review = desk.review(wait_s=0.1)
    keys = [s.fingerprint for s in review.sample.subjects]
    holder = child("hold", desk.path, 60)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    review.judge(key(review), "true")
    review.judge(key(review), "false", "while waiting")
    review.judge(key(review), "unsure")
    review.undo()
    assert review.pending == 4 and key(review) == keys[2]
    assert f"held by process {holder.pid}" in review.message and "\n" not in review.message
    assert "4 not saved yet" in review.message
    holder.kill()
    holder.wait()
    assert review.exchange() and review.pending == 0
    assert [row[0] for row in desk.rows()] == ["true", "false", "unsure", "retracted"]
    assert sorted(desk.held()) == ["false", "true"]


def test_an_interrupt_while_saving_loses_nothing_and_doubles_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = desk.review()
    real = type(review._labels).add

    def interrupted(*values: object, **named: object) -> object:
        real(*values, **named)  # type: ignore[arg-type]
        raise KeyboardInterrupt  # after the commit, before the answer

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(type(review._labels), "add", interrupted)
        review.judge(key(review), "true")
    assert review.pending == 1
    review.refresh()
    assert review.pending == 0 and [row[0] for row in desk.rows()] == ["true"]


@pytest.mark.parametrize("reviewer", ["", "  "])
def test_a_reviewer_has_a_name(reviewer: str, desk: Desk) -> None:
    with pytest.raises(UsageError, match="reviewer"):
        desk.review(reviewer)


# ---------------------------------------------------------------------------------------------------------- exhibits


def exhibits(desk: Desk) -> list[dict]:
    review = desk.review()
    return [desk.exhibits.show(s, n) for s in review.sample.subjects for n in range(len(s.places))]


def test_an_exhibit_says_where_and_shows_the_lines(desk: Desk) -> None:
    shown = {e["path"]: e for e in exhibits(desk)}
    assert shown.keys() == {"config/deploy.yaml", "config/old.yaml", "tests/test_client.py", "README.md", "src/keys.py",
                            "src/more.py"}
    deploy = shown["config/deploy.yaml"]
    assert (deploy["repository"], deploy["path_class"], deploy["line"], deploy["name"]) == (
        "acme/shop", "config", 2, "Acme Token")
    ((first, second, third),) = deploy["excerpts"]
    assert first == {"number": 1, "pieces": [["region: eu", False]]} and third["number"] == 3
    assert second["pieces"][0] == ["token: ", False] and second["pieces"][1] == ["acme…(41)", True]
    assert deploy["facts"][0].startswith("41 bytes, ")
    pair = shown["src/keys.py"]
    assert [f.split(":")[0] for f in pair["facts"][:2]] == ["acme_id", "acme_secret"]
    assert sum(marked for e in pair["excerpts"] for line in e for _, marked in line["pieces"]) == 2


def test_no_exhibit_and_no_state_holds_a_token(desk: Desk) -> None:
    review = desk.review()
    shown = json.dumps([exhibits(desk), review.state()])
    assert "…(41)" in shown or "\\u2026(41)" in shown  # so that looking for tokens means something
    for token in tokens(desk.found):
        text = token.decode()
        assert not [k for k in range(len(text) - 8) if text[k : k + 9] in shown]


def test_the_same_secret_where_no_rule_looks_is_masked_too(tmp_path: Path, filled: Callable[..., Filled],
                                                           house: CompiledRules) -> None:
    corpus = make_corpus(tmp_path / "corpus", filled, {"a.txt": "x {acme_token:a}\nZZ9{acme_token:a}7\n"})
    found = scan(corpus, house)
    labels = Store(tmp_path / "alerts.duckdb").labels
    (subject,) = draw(found, house.rules, labels).subjects
    assert len(subject.places) == 1  # the second stands inside a longer word
    shown = json.dumps(Exhibits(corpus, Masker([house]), house.rules).show(subject, 0), ensure_ascii=False)
    (token,) = tokens(found)
    assert token.decode()[4:14] not in shown and "ZZ9" in shown


def test_a_corpus_that_has_gone_is_a_sentence(desk: Desk) -> None:
    review = desk.review()
    copy = Path(shutil.copytree(desk.corpus.folder, desk.path.parent / "corpus"))
    exhibits = Exhibits(Corpus.open(copy), Masker([desk.house]), desk.house.rules)
    shutil.rmtree(copy)
    assert review.current
    shown = exhibits.show(review.current, 0)
    assert "cannot be read" in shown["problem"] and shown["excerpts"] == []


def test_a_hundred_thousand_subjects(desk: Desk) -> None:
    """Nothing a key does may look at all of them in Python."""
    one = desk.review().sample.subjects[0]
    many = tuple(replace(one, fingerprint=f"{n:032x}") for n in range(100_000))
    review = Review(Sample(many, 100_000, 0), Store(desk.path, key=KEY).labels, reviewer="ann", rule_set_hash="h")
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        review.judge(key(review), "true")
        state = review.state()
    finally:
        sys.setprofile(None)
    assert state["progress"]["judged"] == 1 and state["visible"] == 99_999
    assert calls < 2_000
