"""Saving rules: what fails is refused, what others changed is not overwritten, and nothing is written by halves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.conftest import HOUSE_FILE
from workbench.errors import RulesError, UsageError
from workbench.lab import Session
from workbench.lab.rulefiles import RuleFiles
from workbench.rules.load import load


def test_saved_rules_keep_their_comments_and_load(session: Session, rules: Path) -> None:
    edit = session.edit("acme_token", format="old", pattern="acme-old-[0-9a-f]{40}")
    assert edit.may_be_saved and "6 tests pass" in repr(edit) or edit.outcome.cases == 12
    session.edit("acme_pair", window="3 lines")
    assert (rules / "acme.yaml").read_text() == HOUSE_FILE, "edits are in memory until they are saved"
    assert session.save() == [rules / "acme.yaml"]
    text = (rules / "acme.yaml").read_text()
    assert text == HOUSE_FILE.replace("acme-old-[0-9a-f]{32}", "acme-old-[0-9a-f]{40}").replace(
        "{lines: 5}", "{lines: 3}"
    )
    assert session.files.changed() == [] and session.save() == []
    assert "nothing was edited" in repr(session.save())
    assert load([rules]).hash == session.rules.hash


@pytest.mark.parametrize(("slug", "fields", "words"), [
    # A test that fails: nothing of the shape is found any more where the test says so.
    ("acme_token", {"after": "[?]"}, "expected"),
    # Lint: no sample of such a token can be made.
    ("acme_token", {"must_match": ["!"]}, "must_match"),
])
def test_a_rule_that_fails_is_not_saved(session: Session, rules: Path, slug: str, fields: dict, words: str) -> None:
    edit = session.edit(slug, **fields)
    assert not edit.may_be_saved and "cannot be saved" in repr(edit)
    with pytest.raises(RulesError, match="nothing was saved") as caught:
        session.save()
    assert words in str(caught.value) and "acme.yaml:" in str(caught.value)
    assert (rules / "acme.yaml").read_text() == HOUSE_FILE
    assert session.files.changed_files() == [rules / "acme.yaml"], "the edit is still there to be mended"


def test_a_file_that_someone_else_saved_is_not_overwritten(session: Session, rules: Path, corpus: Path) -> None:
    """Two notebooks on one rule set."""
    other = Session(corpus, rules=rules)
    session.edit("acme_pair", window="3 lines")
    other.edit("acme_pair", window="4 lines")
    other.save()
    with pytest.raises(UsageError, match="changed by another program"):
        session.save()
    assert "{lines: 4}" in (rules / "acme.yaml").read_text()
    session.save(to=rules / "mine")
    assert "{lines: 3}" in (rules / "mine" / "acme.yaml").read_text()


def test_a_new_rule_gets_a_file_of_its_provider(session: Session, rules: Path) -> None:
    edit = session.add("zeta_key", provider="Zeta Cloud", pattern="zeta_[0-9a-f]{40}", partner=True,
                       references=["https://example.org"])
    assert edit.may_be_saved and edit.outcome.cases == 6
    session.add("zeta_id", provider="Zeta Cloud", pattern="ZT[0-9]{12}Z")
    session.add("zeta_pair", provider="Zeta Cloud", parts=["zeta_id", "zeta_key"], window="3 lines",
                tests=[{"text": "{zeta_id:a}\n{zeta_key:a}\n", "pairs": ["a"]}])
    assert session.rules.pairs["zeta_pair"].parts == ("zeta_id", "zeta_key")
    assert session.save() == [rules / "zeta_cloud.yaml"]
    assert {"zeta_key", "zeta_id", "acme_token"} <= set(load([rules]).secret_types)
    with pytest.raises(UsageError, match=r"change it with edit\('zeta_key'"):
        session.add("zeta_key", provider="Zeta Cloud", pattern="zeta_[0-9a-f]{41}")


def test_a_draft_is_replaced_when_its_cell_is_run_again(session: Session, rules: Path) -> None:
    """Whatever is run again in whatever order, the file is as if only the last had been."""
    def key(pattern: str) -> None:
        session.add("zeta_key", provider="Zeta", pattern=pattern)

    def account() -> None:
        session.add("zeta_secret", provider="Zeta", pattern="[a-z0-9]{50}", pair="zeta_account", pair_with="zeta_id")

    key("zeta_[0-9a-f]{40}")
    session.add("zeta_id", provider="Zeta", pattern="ZT[0-9]{12}Z")
    account()
    file = rules / "zeta.yaml"
    first = session.files._texts[file]
    session.edit("zeta_account", window="2 lines")
    account()
    assert session.files._texts[file] == first, "what was edited since goes with the draft"
    key("zeta_[0-9a-f]{41}")
    assert session.rules.secret_types["zeta_key"].formats[0].pattern == "zeta_[0-9a-f]{41}"
    assert session.compare("zeta_key").totals["before"] == 0, "it is compared with the first draft"
    with pytest.raises(RulesError, match="zeta_id"):  # the pair would lose its part
        session.add("zeta_id", provider="Zeta", pattern="[a-z]{3}")
    assert session.rules.secret_types["zeta_id"].formats[0].pattern == "ZT[0-9]{12}Z"
    session.save()
    assert set(load([file]).secret_types) == {"zeta_key", "zeta_id", "zeta_secret"} and list(load([file]).pairs) == [
        "zeta_account"
    ]
    with pytest.raises(UsageError, match="change it with edit"):
        key("zeta_[0-9a-f]{42}")


def test_the_only_rule_of_a_draft_file_is_replaced_in_another(session: Session, rules: Path) -> None:
    session.add("zeta_key", provider="Zeta", pattern="zeta_[0-9a-f]{40}")
    session.add("zeta_key", provider="Zeta Cloud", pattern="zeta_[0-9a-f]{40}")
    assert session.save() == [rules / "zeta_cloud.yaml"]


def test_rules_in_the_way_are_not_lost(session: Session, rules: Path, tmp_path: Path, corpus: Path) -> None:
    session.add("zeta_key", provider="Zeta", pattern="zeta_[0-9a-f]{40}")
    (saved,) = session.save(to=tmp_path / "mine")
    session.edit("zeta_key", partner=True)
    session.save(to=tmp_path / "mine")  # its own
    other = Session(corpus, rules=rules)
    other.add("zeta_other", provider="Zeta", pattern="zeto_[0-9a-f]{40}")
    with pytest.raises(UsageError, match="nothing was saved"):
        other.save(to=tmp_path / "mine")
    assert "zeta_key" in saved.read_text()
    assert other.save(to=tmp_path / "mine", replace=True) == [saved]
    assert "zeta_other" in saved.read_text() and "zeta_key" not in saved.read_text()


def test_a_format_with_keywords_gets_tests_that_hold_them(session: Session) -> None:
    edit = session.add("zeta_uuid", provider="Zeta", pattern="[0-9a-f]{8}-[0-9a-f]{24}",
                       near={"keywords": ["zeta_key"], "window": "20 bytes"})
    assert edit.may_be_saved and edit.outcome.cases == 6
    assert session.edit("zeta_uuid", near={"keywords": ["zeta"], "window": "1 lines"}).may_be_saved
    assert str(session.rules.secret_types["zeta_uuid"].formats[0].near.window) == "1 lines"


def test_a_part_without_a_literal_comes_with_its_pair(session: Session, rules: Path) -> None:
    session.add("zeta_id", provider="Zeta", pattern="ZT[0-9]{12}Z")
    with pytest.raises(RulesError, match="no rare literal"):
        session.add("zeta_secret", provider="Zeta", pattern="[a-z0-9]{50}")
    edit = session.add("zeta_secret", provider="Zeta", pattern="[a-z0-9]{50}", pair="zeta_account", pair_with="zeta_id")
    assert edit.may_be_saved and session.files.tests(["zeta_account"]).cases == 2
    session.edit("zeta_account", window="2 lines")
    assert str(session.files.before("zeta_account").pairs["zeta_account"].window) == "file"
    session.save()
    assert load([rules]).pairs["zeta_account"].parts == ("zeta_id", "zeta_secret")


def test_a_rule_whose_tests_fail_may_still_be_edited_on(session: Session) -> None:
    session.edit("acme_token", after="[?]")
    assert session.edit("acme_token", after=None).may_be_saved
    assert session.files.changed() == []


@pytest.mark.parametrize(
    ("write", "words"),
    [
        # Problems of few rules come with opening, all of them.
        (
            ("provider: A\nsecrets:\n  - {type: a, name: A, formats: [{pattern: 'a[b'}]}\n"
            "  - {type: b, name: B, formats: [{pattern: 'x'}]}\n"),
            ["unterminated", "fewer than 4 bytes"],
        ),
        ("", ["empty file"]),
        (None, ["no *.yaml file"]),
    ],
)
def test_rules_that_do_not_load_are_told_when_a_session_opens(tmp_path: Path, corpus: Path, write: str | None,
                                                              words: list[str]) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    if write is not None:
        (folder / "bad.yaml").write_text(write)
    with pytest.raises(RulesError) as caught:
        Session(corpus, rules=folder)
    assert all(w in str(caught.value) for w in words)


def test_a_pair_across_files_is_read_with_both(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "provider: A\nsecrets:\n  - {type: one_id, name: I, formats: [{pattern: 'ONE[A-Z]{16}'}]}\n"
    )
    (tmp_path / "two.yaml").write_text(
        "provider: A\nsecrets:\n  - {type: two_key, name: K, formats: [{pattern: '[a-z0-9]{30}'}]}\n"
        "pairs:\n  - {type: both, name: B, parts: [one_id, two_key]}\n")
    files = RuleFiles([tmp_path])
    for name in ("one_id", "two_key", "both"):
        assert set(files.rule(name).rules) == {"both"} and set(files.rule(name).secret_types) == {"one_id", "two_key"}
    files.edit("one_id", {"pattern": "ONE[A-Z]{17}"})
    assert files.changed() == ["both", "one_id", "two_key"]
    assert files.whole().secret_types["one_id"].formats[0].pattern.endswith("{17}")


def test_a_note_changes_the_file_but_not_what_is_found(session: Session) -> None:
    session.edit("acme_token", note="about it")
    assert session.files.changed() == [] and len(session.files.changed_files()) == 1
    with pytest.raises(UsageError, match="one edited rule"):
        session.compare()
