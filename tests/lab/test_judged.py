"""Judged pairs: verdicts given in triage give a sweep its precision and recall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import HOUSE_RULES
from tests.lab.reviewed import make_corpus
from tests.lab.swept import FAR, NEAR, files
from workbench.errors import UsageError
from workbench.lab.judged import judged
from workbench.lab.session import Session
from workbench.lab.slider import WindowSlider
from workbench.lab.triage import Triage, triage
from workbench.rules.testtext import Filled


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, filled: Callable[..., Filled]) -> Session:
    folder = tmp_path_factory.mktemp("judged")
    (folder / "rules.yaml").write_text(HOUSE_RULES)
    twice = {f"copy/{path}": text + "# moved\n" for path, text in files().items()}  # every pair stands in two files
    return Session(make_corpus(folder / "corpus", filled, files() | twice), rules=folder / "rules.yaml", threads=1)


def judge_all(widget: Triage, verdict: Callable[[dict], str]) -> None:
    while widget.view["item"]:
        widget._receive(
            widget, {"do": "judge", "key": widget.view["item"]["key"], "verdict": verdict(widget.view["item"])}, []
        )


def test_verdicts_become_precision_and_recall(session: Session, tmp_path: Path) -> None:
    store = tmp_path / "labels.duckdb"
    session.edit("acme_pair", window="file")
    judge_all(triage(session, "acme_pair", store=store, sample=None, reviewer="ann"),
              lambda item: "false" if "dump/" in item["path"] else "true")
    session.revert()  # labels were given under another window, and hold
    sweep = session.sweep("acme_pair", store=store)
    near, whole = sweep.at("5 lines"), sweep.at("file")
    assert (near["right"], near["wrong"], near["precision"], near["recall"]) == (NEAR, 0, 1, 1)
    assert (whole["right"], whole["wrong"]) == (NEAR, FAR) and whole["precision"] == NEAR / (NEAR + FAR)
    assert sweep.advice("lines").window.unit == "lines"
    assert WindowSlider(sweep).sweeps["lines"]["figures"]["precision"][-1] == NEAR / (NEAR + FAR)


def test_unsure_and_taken_back_verdicts_do_not_count(session: Session, tmp_path: Path) -> None:
    store = tmp_path / "labels.duckdb"
    widget = triage(session, "acme_pair", store=store, reviewer="ann")
    for verdict in ("true", "unsure", "false"):
        widget._receive(widget, {"do": "judge", "key": widget.view["item"]["key"], "verdict": verdict}, [])
    widget._receive(widget, {"do": "undo"}, [])
    figures = session.sweep("acme_pair", store=store).at("file")
    assert (figures["right"], figures["wrong"]) == (1, 0)


def test_a_store_without_a_verdict_on_the_pair_is_told(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"acme_pair.*none.*triage\(session, 'acme_pair'"):
        judged(session.sweep("acme_pair"), tmp_path / "labels.duckdb")
