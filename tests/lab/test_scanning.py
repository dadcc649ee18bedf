"""Scans of a whole corpus: they stop at a bound, end when interrupted, and say what they left out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import rules_of
from tests.lab.conftest import everything_shown, write_corpus
from workbench.corpora.reader import Corpus
from workbench.engine.compiled import CompiledRules
from workbench.lab import Session, scanning
from workbench.lab.metered import MeteredRules
from workbench.lab.scanning import CorpusScan
from workbench.lab.specimens import Draw, Specimens
from workbench.rules.testtext import Filled

EVERYTHING = r"""
provider: Loud
secrets:
  - type: loud
    name: Loud
    formats: [{pattern: '[a-z]{4}', near: {keywords: [word], window: file}, placeholders: keep}]
"""


@pytest.fixture
def words(tmp_path: Path) -> Corpus:
    """Two files of a hundred thousand words."""
    text = b" ".join(b"%s%s" % (a, b) for a in (b"wo", b"xo") for b in (b"rd", b"rk")) + b"\n"
    return Corpus.open(write_corpus(tmp_path / "words", {"a.txt": text * 25_000, "b.txt": text * 25_001}))


def test_a_pattern_that_matches_everything_stops_at_the_bound(words: Corpus) -> None:
    (scan,) = CorpusScan(words, [MeteredRules(rules_of(EVERYTHING))], most_matches=5_000).run()
    assert "5,000 matches" in scan.stopped and "lower bounds" in scan.stopped
    assert scan.stages["loud", 0, "match"] <= 10_010  # each thread stops by itself


def test_a_dry_run_that_stopped_says_so(words: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning.CorpusScan.__init__, "__kwdefaults__",
                        {**scanning.CorpusScan.__init__.__kwdefaults__, "most_matches": 100})
    (tmp_path / "loud.yaml").write_text(EVERYTHING)
    session = Session(words, rules=tmp_path / "loud.yaml")
    shown = everything_shown(session.dry_run("loud"))
    assert "Not all was scanned" in shown and "keywords near it" in shown
    session.scan()
    assert "lower bounds" in everything_shown(session)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell has what it starts in the background ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_ends_the_scan_and_leaves_the_session_as_it_was(
    session: Session, monkeypatch: pytest.MonkeyPatch, interruptible: None
) -> None:
    before = session.matches("acme_token")
    session.edit("acme_token", label="v3")
    look, alive = Specimens.look, threading.active_count()

    def interrupted(self: Specimens, batch: object, found: object) -> None:
        signal.raise_signal(signal.SIGINT)  # as the kernel does, at a moment of its own choosing
        look(self, batch, found)  # type: ignore[arg-type]

    monkeypatch.setattr(Specimens, "look", interrupted)
    for ask in (
        lambda: session.dry_run("acme_token"),
        lambda: session.scan("acme_pair"),
        lambda: session.sweep("acme_pair"),
    ):
        with pytest.raises(KeyboardInterrupt) as caught:
            ask()
        assert len(caught.value._render_traceback_()) == 1, "a notebook shows a sentence"
    monkeypatch.setattr(Specimens, "look", look)
    assert threading.active_count() <= alive + 1
    assert session.matches("acme_token").drop(columns="format").equals(before.drop(columns="format"))
    assert session.dry_run("acme_pair").totals["pairs"] == 1


def test_what_was_scanned_is_counted_and_metered(corpus: Path, house: CompiledRules) -> None:
    rules = MeteredRules(house.rules)
    opened = Corpus.open(corpus)
    first, second = (CorpusScan(opened, [rules], threads=2).run()[0] for _ in range(2))
    for scan in (first, second):
        assert (scan.blobs, scan.content_bytes) == (opened.manifest.blobs, opened.manifest.content_bytes)
        assert scan.hits == first.hits > 0 and scan.trigger_s > 0 and scan.confirm_s > 0 and not scan.stopped


def test_a_sample_is_the_same_whatever_the_order() -> None:
    offered = [(n * 7919 % 1000, (f"b{n % 50}", "t", n, n + 1)) for n in range(2000)]
    kept = []
    for order in (offered, offered[::-1], offered[1000:] + offered[:1000]):
        draw = Draw(30)
        for number, key in order:
            if draw.wants(number, key):
                draw.put(number, key, None)
        kept.append(list(draw.items()))
    assert kept[0] == kept[1] == kept[2] and len(kept[0]) == 30


def test_more_secrets_than_the_sample_holds_are_drawn_once_each(
    tmp_path: Path, rules: Path, filled: Callable[..., Filled]
) -> None:
    texts = {
        f"{k}.env": filled("{acme_token:a} {acme_token:b}", seed=k // 3).content + b"\n# %d" % k for k in range(30)
    }
    session = Session(write_corpus(tmp_path / "c", texts), rules=rules)
    specimens = Specimens(session.masker, most=5)
    scan = CorpusScan(session.corpus, [MeteredRules(session.rules)], look=specimens.look).run()[0]
    assert len(specimens.contexts) == 5 and sum(len(b) for b in scan.results) == 30
    again = Specimens(session.masker, most=5)
    CorpusScan(session.corpus, [MeteredRules(session.rules)], look=again.look, threads=1).run()
    assert again.contexts == specimens.contexts
