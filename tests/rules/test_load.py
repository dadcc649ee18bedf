"""Loading: every problem of every file at once, with its line; hashes that mean what rules find."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import rules_of
from workbench.cli import app
from workbench.errors import RulesError
from workbench.rules.lint import check_loaded
from workbench.rules.load import check_sources, load

SOUND = """\
provider: Acme
secrets:
  - type: acme_token
    name: Acme Token
    formats:
      - pattern: 'acme_[a-z0-9]{30}'
"""


def problems(*texts: str) -> list[str]:
    return [str(p) for p in check_sources([(f"{k}.yaml", t) for k, t in enumerate(texts)]).problems]


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        # an unknown field
        ("    colour: red\n", 7, "the unknown field colour"),
        # a pattern that RE2 refuses, in the second format
        ("      - pattern: 'acme(?=x)'\n", 7, "RE2 refuses"),
        # a checksum nobody knows
        ("        checksum: sha3\n", 7, "checksum='sha3'"),
        # a type that is no slug
        ("  - {type: Acme-Token, name: A, formats: [{pattern: 'acme_[a-z]{30}'}]}\n", 7, "type='Acme-Token'"),
        # the same type twice
        ("  - {type: acme_token, name: A, formats: [{pattern: 'acme_[a-z]{30}'}]}\n", 7, "a second time"),
        # nothing rare to search for
        ("  - {type: acme_hash, name: A, formats: [{pattern: '[0-9a-f]{32}'}]}\n", 7, "no rare literal"),
        # global option modifiers, as GitHub has it
        ("      - pattern: '(?i)acme_[a-z]{30}'\n", 7, "option modifiers"),
        # a delimiter that may be any length
        ("        before: 'x*'\n", 7, "without a bound"),
        # a secret without formats
        ("  - {type: acme_other, name: A, formats: []}\n", 7, "formats"),
        # a pair naming a part that is not there
        ("pairs:\n  - {type: p, name: P, parts: [acme_token, acme_gone]}\n", 8, "the unknown part acme_gone"),
        # a window of the wrong kind is one sentence, not one for each kind there is
        ("pairs:\n  - {type: p, name: P, parts: [acme_token, a], window: {chars: 3}}\n", 8, "file, {lines: n} or {bytes: n}"),
        # YAML that is none
        ("  - [\n", 8, "yaml"),
        # a key twice
        ("        pattern: 'acme_[a-z]{9}'\n", 7, "the key pattern twice"),
    ],
)
def test_a_problem_names_its_line_and_its_cure(change: str, line: int, words: str) -> None:
    found = problems(SOUND + change)
    assert len(found) >= 1
    matching = [p for p in found if words in p]
    assert matching, found
    assert any(p.startswith(f"0.yaml:{line}: ") for p in matching), matching
    assert all(", expected " in p and ", do " in p for p in found)


def test_all_files_are_reported_at_once() -> None:
    found = problems(SOUND + "    colour: red\n", "provider: B\nsecrets: 7\n", "", "x: [")
    assert {p.split(":")[0] for p in found} == {"0.yaml", "1.yaml", "2.yaml", "3.yaml"}


def test_a_broken_secret_does_not_hide_the_next_ones_problems() -> None:
    found = problems(SOUND + "    colour: red\n  - {type: b, name: B, formats: [{pattern: '(', checksum: none}]}\n")
    assert any("colour" in p for p in found) and any("pattern" in p for p in found)


def test_no_rules_are_refused(tmp_path: Path) -> None:
    """A run without rules must not report that nothing was found."""
    with pytest.raises(RulesError, match="no \\*.yaml file"):
        load([tmp_path])
    with pytest.raises(RulesError, match="no such file"):
        load([tmp_path / "gone"])
    (tmp_path / "latin.yaml").write_bytes(b"provider: \xe9\n")
    with pytest.raises(RulesError, match="not UTF-8"):
        load([tmp_path])


def test_the_hash_follows_meaning_and_nothing_else() -> None:
    base = rules_of(SOUND)
    same = rules_of(SOUND.replace("Acme Token", "Another name") + "    note: hello\n    tests: {match: ['{secret}']}\n")
    assert same.rules["acme_token"].hash == base.rules["acme_token"].hash
    for change in (SOUND.replace("{30}", "{31}"), SOUND + "        min_entropy: 3\n",
                   SOUND + "        near: {keywords: [acme]}\n", SOUND + "    base64: true\n"):
        assert rules_of(change).rules["acme_token"].hash != base.rules["acme_token"].hash


def test_a_changed_rule_leaves_the_others_alone() -> None:
    other = "  - {type: zz_token, name: Z, formats: [{pattern: 'zz_[a-z0-9]{30}'}]}\n"
    one, two = rules_of(SOUND + other), rules_of(SOUND.replace("{30}", "{31}") + other)
    assert one.rules["zz_token"].hash == two.rules["zz_token"].hash
    assert one.hash != two.hash


def test_pairs_and_their_parts_are_one_rule_and_file_order_does_not_matter() -> None:
    text = SOUND + """\
  - {type: a_id, name: A, formats: [{pattern: 'AAID[A-Z]{16}'}]}
  - {type: b_id, name: B, formats: [{pattern: 'BBID[A-Z]{16}'}]}
  - {type: key, name: K, formats: [{pattern: '[a-z]{40}'}]}
pairs:
  - {type: p_two, name: P, parts: [b_id, key]}
  - {type: p_one, name: P, parts: [a_id, key]}
"""
    rules = rules_of(text)
    assert set(rules.rules) == {"acme_token", "p_one"}
    assert rules.rules["p_one"].secret_types == ("a_id", "b_id", "key")
    assert rules.subset(["p_one"]).rules["p_one"].hash == rules.rules["p_one"].hash


def test_lint_names_the_engine_that_refuses_and_tests_that_cannot_be_filled() -> None:
    text = SOUND.replace("{30}", "{30,1000}(?:x{900}y{900}z{900}){9,10}") + "    tests: {match: ['{secret} {acme_tokne}']}\n"
    found = [str(p) for p in check_loaded(check_sources([("a.yaml", text)]))]
    assert any("Hyperscan refuses" in p for p in found), found
    assert any("{acme_tokne}" in p for p in found)


def test_check_exits_with_usage_and_prints_every_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOUND + "    colour: red\n    size: 3\n")
    result = CliRunner().invoke(app, ["rules", "check", str(tmp_path)])
    assert result.exit_code == 2
    assert "colour" in result.output and "size" in result.output


def test_the_json_schema_knows_every_field() -> None:
    result = CliRunner().invoke(app, ["rules", "schema"])
    schema = json.loads(result.stdout)
    assert {"provider", "secrets", "pairs"} == set(schema["properties"])
    fields = schema["$defs"]["FormatText"]["properties"]
    assert all("description" in f for f in fields.values()), "every field is explained where an author meets it"
