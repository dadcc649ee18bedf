"""A session's answers: right, masked, and of the edited rule alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.lab.conftest import FILES, everything_shown, write_corpus
from workbench.engine.compiled import CompiledRules
from workbench.errors import CorpusError, RulesError, UsageError
from workbench.lab import Session
from workbench.lab.tables import Results
from workbench.rules.testtext import Filled, fill


def test_a_dry_run_has_true_totals_beside_its_sample(session: Session) -> None:
    run = session.dry_run("acme_token")
    assert run.totals | {"scanned_bytes": 0, "matches_per_gb": 0} == {
        "matches": 4, "findings": 3, "alerts": 3, "pairs": 0, "near_misses": 0, "blobs": 3, "repositories": 1,
        "scanned_bytes": 0, "matches_per_gb": 0}
    assert run.totals["scanned_bytes"] == session.corpus.manifest.content_bytes
    assert sorted(run.sample["matches"]) == [1, 1, 2] and set(run.sample["type"]) == {"acme_token"}
    assert dict(zip(run.by_path_class["path_class"], run.by_path_class["findings"], strict=True)) == {
        "test": 2,
        "config": 1,
    }
    assert run.cost["hits"] >= 4 and run.cost["trigger_ns_per_byte"] >= 0


def test_a_dry_run_says_what_became_of_dropped_candidates(tmp_path: Path, rules: Path, house: CompiledRules) -> None:
    owner = house.rules.secret_types["acme_token"]
    text = fill("{wrong_checksum} {wrong_checksum:b} {placeholder} x{secret}", house.rules, owner=owner).content
    dropped = Session(write_corpus(tmp_path / "c", {"a.py": text}), rules=rules).dry_run("acme_token").dropped
    assert dict(zip(dropped["stage"], dropped["candidates"], strict=True)) == {"checksum": 3, "before": 1}
    assert all(dropped["meaning"])


def test_a_dry_run_of_a_pair_counts_pairs_and_halves(session: Session) -> None:
    run = session.dry_run("acme_pair")
    assert (run.totals["pairs"], run.totals["alerts"]) == (1, 1)
    # The file has one, too far away: it is not said that there is none.
    assert all(r.startswith("no acme_secret within 5 lines;") for r in run.near_misses["reason"]) and len(
        run.near_misses
    )
    session.edit("acme_pair", window="9 lines")
    wider = session.dry_run("acme_pair")
    assert (wider.totals["pairs"], wider.edited, run.edited) == (2, True, False)


def test_matches_pairs_and_near_misses_are_arrow_backed_tables(session: Session) -> None:
    frames = session.matches(), session.pairs(), session.near_misses()
    assert [len(f) for f in frames] == [9, 1, 2]  # two of three ids lack a secret in their window
    for frame in frames:
        assert isinstance(frame, pd.DataFrame) and all(isinstance(d, pd.ArrowDtype) for d in frame.dtypes)
    assert len(session.matches("acme_hash")) == 1 and set(session.matches("acme_pair")["type"]) == {
        "acme_id",
        "acme_secret",
    }


def test_only_what_changed_is_scanned_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.scan()
    scanned: list[tuple[str, ...]] = []
    run = Session._run
    monkeypatch.setattr(
        Session, "_run", lambda self, sets, look: scanned.extend(tuple(s.rules) for s in sets) or run(self, sets, look)
    )
    before = session.matches()
    session.edit("acme_hash", near={"keywords": ["acmehash"], "window": {"lines": 0}})
    after = session.matches()
    assert scanned == [("acme_hash",)]
    pd.testing.assert_frame_equal(
        pd.DataFrame(before).sort_values(["blob_id", "start"], ignore_index=True).drop(columns="finding"),
        pd.DataFrame(after).sort_values(["blob_id", "start"], ignore_index=True).drop(columns="finding"),
    )
    assert session.revert() == ["acme.yaml"] and len(session.matches()) == len(before)


def test_nothing_a_notebook_shows_holds_a_token(session: Session, corpus: Path, tokens: Callable[[Path], set[str]],
                                                filled: Callable[..., Filled]) -> None:
    secret = filled(FILES["src/near.py"]).content
    session.edit("acme_pair", window="9 lines")
    things = [
        session.dry_run("acme_token"),
        session.dry_run("acme_pair"),
        session.scan(),
        session.matches(),
        session.pairs(),
        session.near_misses(),
        session.compare(),
        session.sweep("acme_pair"),
        session.why(secret),
        session.explain(session.matches("acme_token").iloc[0]),
        session.explain(session.pairs().iloc[0]),
        session.explain(session.near_misses().iloc[0]),
        session.matches().browse(),
        session.found(),
        session.sweep("acme_pair").rows(),
        session.compare().gained,
        session.compare().differences,
    ]
    shown = "\n".join(everything_shown(t) + (t.to_csv() if isinstance(t, pd.DataFrame) else "") for t in things)
    known = tokens(corpus)
    assert len(known) == 8
    assert not [t for t in known if t in shown or t[4:-4] in shown]


def test_contexts_mask_tokens_of_rules_that_are_not_under_edit(
    tmp_path: Path, rules: Path, house: CompiledRules
) -> None:
    """A neighbour of another type, and a word that only the shipped rules know for a secret."""
    text = (
        fill("a = {acme_token:a}  ID={acme_id:b}", house.rules).content + b"  # postgres://u:" + b"tiger" + b"@h/db\n"
    )
    session = Session(write_corpus(tmp_path / "c", {"a.env": text}), rules=rules)
    sample = session.dry_run("acme_token").sample
    (shown,) = sample["context"]
    assert "ACME…(20)" in shown and "tiger" not in shown and "ID=" in shown


def test_equal_secrets_have_equal_numbers(session: Session) -> None:
    frame = session.matches("acme_token")
    counts = frame.groupby("finding").size()
    assert sorted(counts) == [1, 1, 2]


def test_an_edit_that_cannot_be_used_changes_nothing(session: Session) -> None:
    before = session.matches()
    for fields in (
        {"pattern": "acme_[a"},
        {"pattern": "[a-z]+"},
        {"pattern": "a"},
        {"checksum": "none_such"},
        {"colour": "red"},
        {"window": "5 lines"},
    ):
        with pytest.raises((RulesError, UsageError)):
            session.edit("acme_token", **fields)
        assert session.files.changed() == []
    assert session.matches().equals(before)


@pytest.mark.parametrize("window", ["5 miles", "five lines", "-1 lines", "5", ""])
def test_a_window_that_is_none_is_one_sentence(session: Session, window: str) -> None:
    """And not also what follows from it: that a part has lost its pair."""
    with pytest.raises(UsageError, match="'5 lines'"):
        session.edit("acme_pair", window=window)
    assert session.files.changed() == []


@pytest.mark.parametrize("row", [3, None, "acme_token", {"type": "acme_token"}, ["a"]])
def test_what_is_no_row_cannot_be_explained(session: Session, row: object) -> None:
    with pytest.raises(UsageError, match="a row of matches"):
        session.explain(row)  # type: ignore[arg-type]


def test_names_that_no_rule_has_are_told_with_a_near_one(session: Session) -> None:
    with pytest.raises(UsageError, match="did you mean acme_token"):
        session.dry_run("acme_tokn")
    with pytest.raises(UsageError, match="acme_pair"):
        session.sweep("acme_id")
    with pytest.raises(UsageError, match=r"matches\(\)"):
        session.explain({"what": 1})
    with pytest.raises(UsageError, match="one edited rule"):
        session.compare()


@pytest.mark.parametrize("name", [5, None, ["acme_token"]])
def test_what_is_no_name_is_a_sentence(session: Session, name: object) -> None:
    for ask in (session.dry_run, session.sweep, session.edit, session.scan):
        with pytest.raises(UsageError, match="Expected the name"):
            ask(name)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Expected the name"):
        session.add(name, provider="Acme", pattern="acmf_[a-z]{30}")  # type: ignore[arg-type]


def test_why_takes_a_text_or_a_blob(session: Session, filled: Callable[..., Filled]) -> None:
    far = session.near_misses("acme_pair").query("closest_line.notna()")
    assert len(far) == 0  # the secret of that file is searched in the window only
    session.edit("acme_pair", window="file", order="as_listed")
    text = filled("s = {acme_secret:a}\ni = {acme_id:a}\n").content
    said = session.why(text, "acme_pair")
    assert any("wrong side" in line for line in said.lines())
    (picture,) = said.pictures
    assert picture.startswith("<svg") and "wrong side" in picture and "window file, in the listed order" in picture
    blob_id = session.pairs("acme_pair").iloc[0]["blob_id"]
    assert any(line.startswith("pair acme_pair") for line in session.why(blob_id, "acme_pair").lines())


def test_why_says_where_a_part_outside_the_window_stands(session: Session, filled: Callable[..., Filled]) -> None:
    """A part without a literal is searched only in the window, so the engine finds none; the author sees it is there."""
    far = filled("i = {acme_id:a}\n" + "\n" * 8 + "s = {acme_secret:a}\n").content
    (line,) = session.why(far, "acme_pair").explanation.near_misses
    assert "none within 5 lines; the closest in the file stands at 10:5" in line and "9 lines" in line
    (line,) = session.why(filled("i = {acme_id:a}\n").content, "acme_pair").explanation.near_misses
    assert line.endswith("the text has none")
    session.edit("acme_pair", window="9 lines")
    assert session.why(far, "acme_pair").explanation.near_misses == ()


def test_a_match_is_highlighted_in_its_excerpt(session: Session) -> None:
    html = session.explain(session.matches("acme_token").iloc[0])._repr_html_()
    assert html.count("<mark>") == 1 and "<mark>acme…" in html.replace("&lt;", "")


def test_explain_shows_the_lines_round_a_match(session: Session) -> None:
    row = session.matches("acme_secret").iloc[0]
    said = session.explain(row)
    assert any("SECRET = '" in line for line in said.excerpt) and any("acme_pair" in line for line in said.lines())
    session.edit("acme_token", must_match=["!"])
    rows = session.sweep("acme_pair").rows().iloc[0], session.compare().lost.iloc[0], session.near_misses().iloc[0]
    assert all(session.explain(row).excerpt for row in rows), "every table's rows can be explained"
    lost = session.compare().lost.iloc[0]
    assert lost["reason"] and lost["reason"] in repr(session.explain(lost)).splitlines()[0]


def test_a_corpus_that_goes_away_is_a_sentence(session: Session, corpus: Path) -> None:
    row = session.matches("acme_token").iloc[0]
    corpus.rename(corpus.with_name("moved"))
    for ask in (
        lambda: session.dry_run("acme_token"),
        lambda: session.explain(row),
        lambda: session.sweep("acme_pair"),
        lambda: session.overview("language"),
    ):
        with pytest.raises(CorpusError, match="not any more") as caught:
            ask()
        assert "Traceback" not in "\n".join(caught.value._render_traceback_())
    corpus.with_name("moved").rename(corpus)
    assert session.dry_run("acme_token").totals["matches"] == 4


def test_a_damaged_shard_is_told_and_the_rest_is_scanned(
    tmp_path: Path, rules: Path, filled: Callable[..., Filled]
) -> None:
    folder = write_corpus(tmp_path / "c", {"a.env": filled("{acme_token:a}").content})
    write_corpus(folder, {"b.env": filled("{acme_token:b}").content})
    session = Session(folder, rules=rules)
    damaged = session.corpus.blob_files[1]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    run = session.dry_run("acme_token")
    assert run.totals["matches"] == 1 and "cannot be read" in everything_shown(run)


def test_a_hundred_thousand_results_are_shown_by_their_first(session: Session) -> None:
    row = session.matches("acme_token").iloc[:1]
    many = row.iloc[[0] * 100_000]
    assert isinstance(many, Results)
    page = many._repr_html_()
    assert "20 of 100,000 rows" in page and len(page) < 50_000
    assert len(many.browse()._repr_html_()) < 4_000_000


def test_a_session_on_a_new_or_empty_corpus_answers(tmp_path: Path, rules: Path) -> None:
    session = Session(write_corpus(tmp_path / "c", {"empty.txt": b""}), rules=rules)
    run = session.dry_run("acme_pair")
    assert run.totals["matches"] == 0 and "no rows" in run._repr_html_()
    assert len(session.matches()) == len(session.pairs()) == len(session.near_misses()) == 0
    sweep = session.sweep("acme_pair")
    assert sweep.at("file")["pairs"] == 0 and len(sweep.rows()) == 0 and "svg" not in sweep._repr_html_()
    for thing in (session, run, sweep):
        everything_shown(thing)
