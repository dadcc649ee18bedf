"""The lock: a rule does not change without a version and a line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES
from workbench.cli import app
from workbench.errors import RulesError
from workbench.rules.cached import load
from workbench.rules.lock import check_lock, read_lock, write_lock
from workbench.rules.rule import RuleSet
from workbench.shipped import rules_folder

NEW = "## 1.0\n\n### New rules\n\n- Acme: `acme_token`, `acme_hash`, `acme_pair`\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A locked rules folder."""
    (tmp_path / "acme.yaml").write_text(HOUSE_RULES)
    (tmp_path / "CHANGELOG.md").write_text(NEW)
    write_lock(load([tmp_path]), tmp_path)
    return tmp_path


def change(folder: Path, old: str, new: str) -> None:
    text = (folder / "acme.yaml").read_text()
    assert old in text
    (folder / "acme.yaml").write_text(text.replace(old, new))


def changelog(folder: Path, line: str, section: str = "Rule modifications") -> None:
    (folder / "CHANGELOG.md").write_text(f"## 1.1\n\n### {section}\n\n{line}\n\n{NEW}")


def test_the_shipped_rules_are_locked_and_every_change_has_a_line(shipped: RuleSet) -> None:
    assert check_lock(shipped, rules_folder()) == [], "say the change in CHANGELOG.md, run workbench rules lock"


def test_a_locked_folder_is_quiet_and_locking_again_changes_nothing(folder: Path) -> None:
    before = (folder / "lock.json").read_text()
    assert check_lock(load([folder]), folder) == []
    assert write_lock(load([folder]), folder) == [] and (folder / "lock.json").read_text() == before
    assert {x.version for x in read_lock(folder).values()} == {1}


def test_a_changed_rule_needs_a_line_and_then_a_version(folder: Path) -> None:
    change(folder, "acme-old-[0-9a-f]{32}", "acme-old-[0-9a-f]{40}")
    wrong = check_lock(load([folder]), folder)
    assert len(wrong) == 2 and all("acme_token" in line for line in wrong), wrong
    with pytest.raises(RulesError, match="do add - `acme_token` 2: "):
        write_lock(load([folder]), folder)
    assert read_lock(folder)["acme_token"].version == 1, "nothing is written until it is said"
    changelog(folder, "- `acme_token` 2: the old tokens are longer than was thought")
    assert check_lock(load([folder]), folder) != [], "the line alone is not enough"
    assert write_lock(load([folder]), folder) == ["acme_token 2"]
    assert check_lock(load([folder]), folder) == []
    change(folder, "acme-old-[0-9a-f]{40}", "acme-old-[0-9a-f]{41}")
    assert any("version 3" in line for line in check_lock(load([folder]), folder)), "the old line does not serve again"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        # whom a finding is told
        ("name: Acme Token\n    partner: true", "name: Acme Token\n    partner: false", "acme_token"),
        # a part belongs to its pair's rule
        ("ACMESESSION[A-Za-z0-9]{30}", "ACMESESSION[A-Za-z0-9]{31}", "acme_pair"),
        # a window
        ("window: {lines: 5}", "window: {lines: 6}", "acme_pair"),
        # keywords
        ("keywords: [acmehash]", "keywords: [acmehash, acmesum]", "acme_hash"),
    ],
)
def test_what_counts_as_a_change(folder: Path, old: str, new: str, rule: str) -> None:
    change(folder, old, new)
    assert all(f" {rule}: " in line for line in check_lock(load([folder]), folder)) and check_lock(load([folder]), folder)


@pytest.mark.parametrize(("old", "new"), [
    ("name: Acme Token", "name: Acme Access Token"),
    ("label: old", "label: first"),
    ("[{pattern: 'ACME[A-Z2-7]{16}'}]", "[{pattern: 'ACME[A-Z2-7]{16}', sample: 'ACME[A-Z]{16}'}]"),
])
def test_words_for_people_are_no_change(folder: Path, old: str, new: str) -> None:
    change(folder, old, new)
    assert check_lock(load([folder]), folder) == []


def test_new_and_removed_rules_are_named_too(folder: Path) -> None:
    change(folder, "pairs:\n", "  - {type: acme_more, name: More, formats: [{pattern: 'acmemore_[a-z0-9]{30}'}]}\npairs:\n")
    with pytest.raises(RulesError, match="expected `acme_more` under New rules"):
        write_lock(load([folder]), folder)
    changelog(folder, "- Acme: `acme_more`", "New rules")
    assert write_lock(load([folder]), folder) == ["acme_more 1"]
    change(folder, "  - {type: acme_more, name: More, formats: [{pattern: 'acmemore_[a-z0-9]{30}'}]}\n", "")
    with pytest.raises(RulesError, match="expected `acme_more` under Removed rules"):
        write_lock(load([folder]), folder)


def test_the_command_exits_with_one_and_names_the_rule(folder: Path) -> None:
    check = ["rules", "lock", "--check", "--rules", str(folder)]
    assert CliRunner().invoke(app, check).exit_code == 0
    change(folder, "acme_[A-Za-z0-9]{36}", "acme_[A-Za-z0-9]{37}")
    result = CliRunner().invoke(app, check)
    assert result.exit_code == 1 and "acme_token" in result.output
    (folder / "lock.json").write_text("{")
    damaged = CliRunner().invoke(app, check)
    assert isinstance(damaged.exception, RulesError) and "do restore it" in str(damaged.exception)
