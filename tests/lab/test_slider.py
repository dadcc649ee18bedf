"""The window slider's half in Python: what a page asks is answered exactly, and nothing raw is sent."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import HOUSE_RULES
from tests.lab.reviewed import make_corpus
from tests.lab.swept import FAR, NEAR, files
from workbench.errors import UsageError
from workbench.lab.session import Session
from workbench.lab.slider import SHOWN_ROWS, WindowSlider
from workbench.lab.triage import STATIC
from workbench.rules.rule import Window
from workbench.rules.testtext import Filled


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, filled: Callable[..., Filled]) -> Session:
    folder = tmp_path_factory.mktemp("swept")
    (folder / "rules.yaml").write_text(HOUSE_RULES)
    return Session(make_corpus(folder / "corpus", filled, files()), rules=folder / "rules.yaml", threads=1)


@pytest.fixture
def slider(session: Session) -> WindowSlider:
    return WindowSlider(session.sweep("acme_pair"))


def ask(slider: WindowSlider, size: int | None, unit: str = "lines") -> dict:
    """What the page sends when the slider stands there, and what it gets."""
    slider.set_state({"chosen": {"unit": unit, "size": size, "text": "file" if size is None else f"{size} {unit}"}})
    return slider.answer


def test_it_starts_at_the_rules_own_window(slider: WindowSlider) -> None:
    assert slider.window == Window("lines", 5) and repr(slider) == "WindowSlider(acme_pair, window 5 lines)"
    assert (slider.answer["total"], slider.answer["figures"]["pairs"]) == (0, NEAR)
    assert "Move the slider" in slider.answer["caption"]
    assert slider.sweeps["lines"]["advice"]["size"] is not None  # the two heaps of gaps are told apart


@pytest.mark.parametrize(("size", "pairs", "changes"), [
    (None, NEAR + FAR, {"enters": FAR}),  # the whole file
    (400, NEAR + FAR, {"enters": FAR}),
    (5, NEAR, {}),  # where it is compared from
    (2, 20, {"leaves": 10}),  # only those one or two lines apart
    (0, 0, {"leaves": NEAR}),
])
def test_figures_and_table_follow_the_window(size: int | None, pairs: int, changes: dict, slider: WindowSlider) -> None:
    told = ask(slider, size)
    assert told["figures"]["pairs"] == pairs
    kinds = [row[0] for row in told["rows"]]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == changes
    assert told["chosen"]["size"] == size == (None if slider.window.unit == "file" else slider.window.size)


def test_what_it_is_compared_with_can_be_chosen(slider: WindowSlider) -> None:
    slider.set_state({"since": {"unit": "lines", "size": 1, "text": "1 lines"}})
    told = ask(slider, 3)
    assert told["caption"].startswith("From 1 lines to 3 lines") and {r[0] for r in told["rows"]} == {"enters"}


def test_windows_of_two_units_are_compared_through_the_file(slider: WindowSlider) -> None:
    told = ask(slider, 10_000, unit="bytes")
    assert told["problem"] == "" and told["since"]["text"] == "file"
    assert told["caption"].startswith("From file to 10000 bytes")


@pytest.mark.parametrize("given", ["12 lines", "file", Window("bytes", 300)])
def test_the_window_can_be_set_from_a_cell(given: str | Window, slider: WindowSlider) -> None:
    slider.window = given
    assert str(slider.window) == str(given)
    assert slider.answer["chosen"] == slider.chosen


@pytest.mark.parametrize("nonsense", [
    {"unit": "miles", "size": 3}, {"unit": "lines", "size": -1}, {"unit": "lines", "size": "5"},
    {"unit": "lines", "size": True}, {"unit": "lines", "size": 1 << 60},
])
def test_a_window_that_is_none_changes_nothing(nonsense: dict, slider: WindowSlider) -> None:
    before = slider.answer
    slider.set_state({"chosen": nonsense})
    assert slider.answer == before and slider.window == Window("lines", 5)


def test_a_unit_that_is_none_is_refused(slider: WindowSlider) -> None:
    with pytest.raises(UsageError, match="'miles'"):
        WindowSlider(slider.sweep, unit="miles")  # type: ignore[arg-type]


def test_nothing_sent_to_the_page_holds_a_token(slider: WindowSlider) -> None:
    ask(slider, None)
    sent = json.dumps(slider.get_state(["sweeps", "chosen", "since", "answer"]))
    assert "acme_secret" in sent and len(slider.answer["rows"]) == FAR
    tokens = slider.sweep.flat.matches["token"].to_pylist()
    assert len(tokens) >= 2 * (NEAR + FAR)
    assert not [t for t in tokens for k in range(len(t) - 8) if t[k : k + 9].decode() in sent]


def test_a_long_table_is_cut_and_says_so(slider: WindowSlider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.lab.slider.SHOWN_ROWS", 4)
    told = ask(slider, 0)
    assert (len(told["rows"]), told["total"]) == (4, NEAR) and SHOWN_ROWS > 4


def test_a_corpus_that_has_gone_is_a_sentence(session: Session, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(HOUSE_RULES)
    copy = Path(shutil.copytree(session.corpus.folder, tmp_path / "corpus"))
    slider = WindowSlider(Session(copy, rules=tmp_path / "rules.yaml", threads=1).sweep("acme_pair"))
    shutil.rmtree(copy)
    assert "cannot be read" in ask(slider, None)["problem"]


def test_a_pair_that_is_found_nowhere(session: Session) -> None:
    slider = WindowSlider(session.sweep("acme_triple"))
    assert ask(slider, None)["figures"]["pairs"] == 0
    assert slider.sweeps["bytes"]["sizes"] == [0]


def test_what_the_page_runs_names_no_address_but_svgs_own() -> None:
    text = (STATIC / "slider.js").read_text() + (STATIC / "slider.css").read_text()
    assert re.findall(r"https?://[^\"' ]*", text) == ["http://www.w3.org/2000/svg"]
