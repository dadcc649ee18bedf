"""Before and after: gained, lost and kept by content, with the stage that made the difference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.conftest import write_corpus
from workbench.engine.compiled import CompiledRules
from workbench.errors import UsageError
from workbench.lab import Session
from workbench.rules.testtext import Filled, fill


def outcomes(session: Session, name: str | None = None) -> dict[tuple[str, str], tuple[str, str]]:
    """(type, masked secret) to (gained or lost, stage)."""
    comparison = session.compare(name)
    return {(r["type"], r["secret"]): (side, r["stage"]) for side in ("gained", "lost")
            for r in getattr(comparison, side).to_dict("records")}


@pytest.mark.parametrize(
    ("slug", "fields", "expected"),
    [
        # Every stage that a wider or narrower rule can fail at; three distinct new tokens and no old one stand in the
        # corpus.
        ("acme_token", {"must_match": ["!"]}, {"must_match"}),
        ("acme_token", {"must_not_match": ["acme"]}, {"must_not_match"}),
        ("acme_token", {"checksum": "crc32_hex_whole"}, {"checksum"}),
        ("acme_token", {"min_entropy": 7.9}, {"entropy"}),
        ("acme_token", {"pattern": "acme_[A-Za-z0-9]{37}", "checksum": None}, {"pattern"}),
        ("acme_token", {"pattern": "acme_[A-Za-z0-9]{35}", "checksum": None}, {"after"}),
        ("acme_token", {"before": "[#]"}, {"before", "pattern"}),
        ("acme_token", {"pattern": "acne_[A-Za-z0-9]{36}"}, {"never began"}),
        ("acme_hash", {"near": {"keywords": ["otherhash"], "window": {"lines": 1}}}, {"never began"}),
        # The token is read shorter: that is another token.
        ("acme_token", {"pattern": "acme_[A-Za-z0-9]{30}", "after": "[A-Za-z0-9]", "checksum": None}, {"other span"}),
    ],
)
def test_what_is_lost_names_the_stage_responsible(
    session: Session, slug: str, fields: dict, expected: set[str]
) -> None:
    session.edit(slug, **fields)
    comparison = session.compare(slug)
    lost = comparison.lost[comparison.lost["type"] == slug]
    assert len(lost) == {"acme_token": 3, "acme_hash": 1}[slug] and set(lost["stage"]) <= expected
    assert all(lost["reason"]) and all(lost["context"])
    assert comparison.totals["kept"] == 0


def test_what_is_gained_names_the_stage_that_kept_it_out(tmp_path: Path, rules: Path, house: CompiledRules) -> None:
    owner = house.rules.secret_types["acme_token"]
    text = fill("a {secret} b {wrong_checksum}", house.rules, owner=owner).content
    session = Session(write_corpus(tmp_path / "c", {"a.py": text}), rules=rules)
    session.edit("acme_token", checksum=None)
    comparison = session.compare()
    assert comparison.totals == {"before": 1, "after": 2, "gained": 1, "lost": 0, "kept": 1}
    (row,) = comparison.gained.to_dict("records")
    assert row["stage"] == "checksum" and "crc32_base62_body" in row["reason"]
    assert len(comparison.lost) == 0 and len(comparison.kept) == 1


@pytest.mark.parametrize(("window", "side", "stage", "words"), [
    ("0 lines", "lost", "never began", "partner"),  # a secret that is no longer in any window is not searched for
    ("9 lines", "gained", "never began", "partner"),
    ({"lines": 5}, "", "", ""),  # the same window in other words
])
def test_a_window_gains_and_loses_pairs(session: Session, window: object, side: str, stage: str, words: str) -> None:
    session.edit("acme_pair", window=window)
    comparison = session.compare("acme_pair")
    assert (comparison.totals["gained"] > 0, comparison.totals["lost"] > 0) == (side == "gained", side == "lost")
    if side:
        frame = getattr(comparison, side)
        pair = frame[frame["kind"] == "pair"].to_dict("records")[0]
        assert pair["stage"] == stage and words in pair["reason"] and "⋯" in pair["context"]


def test_a_window_between_two_searchable_parts_names_the_limit(
    tmp_path: Path, house: CompiledRules, corpus: Path
) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "a.yaml").write_text(
        "provider: A\nsecrets:\n  - {type: acme_id, name: I, formats: [{pattern: 'ACME[A-Z2-7]{16}'}]}\n"
        "  - {type: acme_temporary_id, name: K, formats: [{pattern: 'ATMP[A-Z2-7]{16}'}]}\n"
        "pairs:\n  - {type: both, name: B, parts: [acme_id, acme_temporary_id]}\n")
    text = fill("{acme_id:a}\n\n\n{acme_temporary_id:a}\n", house.rules).content
    session = Session(write_corpus(tmp_path / "c", {"a.py": text}), rules=tmp_path / "r")
    session.edit("both", window="1 lines")
    (lost,) = session.compare().lost.to_dict("records")
    assert (lost["stage"], lost["reason"]) == ("window: lines", "its partner stands beyond the window, by 2 lines")


def test_a_secret_that_is_still_found_elsewhere_is_not_lost(
    tmp_path: Path, rules: Path, filled: Callable[..., Filled]
) -> None:
    same = filled("t = {acme_token:a}\n").content
    moved = b"#" * 500 + same
    session = Session(write_corpus(tmp_path / "c", {"a.py": same, "b.py": moved}), rules=rules)
    session.edit("acme_token", before="= ")
    session.edit("acme_token", near={"keywords": ["####"], "window": "file"})
    comparison = session.compare("acme_token")
    assert (comparison.totals["lost"], comparison.totals["kept"]) == (0, 1)
    (kept,) = comparison.kept.to_dict("records")
    assert (kept["matches_before"], kept["matches_after"]) == (2, 1)


def test_a_new_rule_has_nothing_to_be_compared_with(session: Session) -> None:
    session.add("zeta_key", provider="Zeta", pattern="zeta_[0-9a-f]{40}")
    with pytest.raises(UsageError, match="dry_run"):
        session.compare("zeta_key")
    session.edit("zeta_key", pattern="zeta_[0-9a-f]{41}")
    assert session.compare("zeta_key").totals["before"] == 0


def test_the_summary_adds_up(session: Session) -> None:
    session.edit("acme_pair", window="9 lines")
    comparison = session.compare()
    table = comparison.summary
    assert (table["before"] == table["lost"] + table["kept"]).all() and (
        table["after"] == table["gained"] + table["kept"]
    ).all()
    assert int(table["gained"].sum()) == comparison.totals["gained"] == 2  # the pair, and the secret in it
    assert int(comparison.stages["secrets"].sum()) == 2
