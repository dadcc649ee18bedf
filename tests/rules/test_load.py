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
        # a pattern that the engines refuse, in the second format
        ("      - pattern: 'acme(?=x)'\n", 7, "look-around"),
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


def checked(*formats: str, more: str = "") -> list[str]:
    """What lint says of a type with these formats, tests and references apart."""
    head = SOUND[: SOUND.index("      - pattern")]
    text = head + "".join(f"      - {{{f}}}\n" for f in formats) + more
    found = check_loaded(check_sources([("a.yaml", text)]))
    return [str(p) for p in found if "no_match test" not in p.got and "match test" not in p.got and "references" not in p.got]


def test_a_form_error_hides_nothing_else_of_its_type_or_file() -> None:
    found = problems(SOUND + """\
        colour: red
        checksum: sha3
      - pattern: 'acme_(?=x)'
        min_entropy: high
        must_not_match: [7, '[a-']
  - {type: other, name: O, formats: [{pattern: 'othr_[a-z]{30}'}]}
  - {type: other, name: O, formats: [{pattern: 'othr_[a-z]{31}'}]}
pairs:
  - {type: p, name: P, parts: [acme_token, gone], kolour: red}
""")
    for line, words in ((7, "colour"), (8, "checksum="), (9, "look-around"), (10, "min_entropy="), (11, "must_not_match=7"),
                        (11, "an unterminated class"), (13, "a second time"), (15, "unknown part gone"), (15, "kolour")):
        assert any(p.startswith(f"0.yaml:{line}: ") and words in p for p in found), (line, words, found)
    assert len(found) == 9, found


def test_what_was_refused_is_not_called_unknown() -> None:
    """One mistake is one line: a part with a form error is there, and so is one in a file that is no YAML."""
    pair = "pairs:\n  - {type: p, name: P, parts: [acme_token, acme_id]}\n"
    other = "  - {type: acme_id, name: I, kolour: 1, formats: [{pattern: 'ACID[A-Z]{16}'}]}\n"
    assert [p.split(", ")[0] for p in problems(SOUND + other + pair)] == ["0.yaml:7: acme_id: got the unknown field kolour"]
    torn = "provider: B\nsecrets:\n  - type: acme_id\n    name: [\n"
    assert all("unknown part" not in p for p in problems(SOUND + pair, torn))
    assert any("unknown part acme_ib" in p for p in problems(SOUND + pair.replace("acme_id", "acme_ib"), torn))
    text = SOUND + "    tests: {match: ['{secret} {acme_id}']}\n    overlaps: {acme_id: both}\n" + other
    found = [str(p) for p in check_loaded(check_sources([("a.yaml", text)])) if p.severity == "error"]
    assert len(found) == 1 and "kolour" in found[0], found


def test_lint_goes_on_where_loading_found_something_elsewhere() -> None:
    """A weak format of a sound type is told in the same run as another type's form error."""
    text = SOUND + "        must_match: ['[A-Z]']\n  - {type: b, name: B, kolour: 1, formats: [{pattern: 'bbbb_(?=x)'}]}\n"
    found = [str(p) for p in check_loaded(check_sources([("a.yaml", text)])) if p.severity == "error"]
    assert [sum(words in p for p in found) for words in ("a must_match that", "kolour", "with look-around")] == [1, 1, 1], found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        # YAML 1.2 has no yes
        ("    partner: yes\n", "got partner='yes', expected true or false, do write true or false without quotes"),
        ("    partner: 1\n", "got partner=1, expected true or false, do write true or false for partner"),
        ("        near: {keywords: []}\n", "got an empty keywords, expected at least 1 item, do fill keywords in"),
        ("        near: {keywords: [x]}\n", "got an item of keywords of 1 character, expected at least 2 characters, do "),
        ("        near: {keywords: acme}\n", "got keywords='acme', expected a list, do write a list for keywords"),
        ("    references: [docs.acme.test]\n", "got references='docs.acme.test', expected an address that starts with https"),
        ("        min_entropy: 9\n", "got min_entropy=9, expected a number of at most 8, do write one within the limit"),
        ("        placeholders: maybe\n", "got placeholders='maybe', expected drop or keep, do write one of these"),
        ("    overlaps: {Acme-Id: both}\n", "got the name Acme-Id in overlaps, expected a secret type's name, or *, do "),
        ("    tests: {match: [{text: a, formt: v1}]}\n", ("got the unknown field formt, expected a field of the rule language, do "
         "write format")),
        ("    tests: {match: [7]}\n", "got match=7, expected a text"),
        ("pairs:\n  - {type: p, name: P, parts: [acme_token, acme_token]}\n",
         "p: got the part acme_token twice, expected different secret types, do remove or correct one of them"),
        ("pairs:\n  - {type: p, name: P, parts: [acme_token]}\n", "got parts of 1 item, expected at least 2 items, do add to"),
    ],
)
def test_a_form_error_is_one_line_in_plain_words(change: str, told: str) -> None:
    found = problems(SOUND + change)
    assert len(found) == 1 and told in found[0], found


@pytest.mark.parametrize(
    ("pattern", "got", "do"),
    [
        ("acme_(?=x)[a-z]{30}", "look-around", "before, after, must_match"),
        (r"acme_(a)\\1[a-z]{30}".replace("\\\\", "\\"), "a back-reference", "write out what it stands for"),
        ("acme_[[:alpha:]]{30}", "a POSIX class", "A-Za-z for"),
        ("acme_[a-z", "an unterminated class at position 5", "close it with ]"),
        ("acme_[a-z]*+xyz", "a possessive repeat", "without its last +"),
        ("acme_[a-z]{1001}", "repeats that come to more than RE2's limit of 1000", "two beside each other"),
        (r"acme_[a-z]{5}\z[a-z]", "an end of text that more follows", "leave $"),
    ],
)
def test_a_refused_pattern_is_one_line_with_a_hint_that_fits(pattern: str, got: str, do: str) -> None:
    found = [p for p in checked(f"pattern: '{pattern}'") if "samples do not match" not in p]
    assert len(found) == 1, found
    assert f"a pattern with {got}" in found[0] and do in found[0].split(", do ")[1], found


@pytest.mark.parametrize(
    ("formats", "line", "told"),
    [
        # samples that the pattern does not match
        (["pattern: 'acme_[a-z]{30}'\n       ,sample: 'acme_[0-9]{30}'"], 7, "a sample whose samples do not match pattern (400 of 400"),
        # a must_match that no string of the pattern can meet
        (["pattern: 'acme_[a-z]{30}'\n       ,must_match: ['[a-z]$',\n       '[0-9]']"], 8, "a must_match that refuses 400 of 400"),
        # the second format only, and one in a thousand is not enough to make one when a run starts
        (["pattern: 'acme_[a-z]{30}'", "pattern: 'acmo_[a-z]{30}', must_match: ['_x[aeiou]y']"], 7, "a must_match that refuses"),
        (["pattern: 'acme_[a-z]{30}', sample: 'acme_x{30}'"], 6, "dropped because they look made up"),
    ],
)
def test_a_format_that_no_run_can_make_a_sample_of_is_told(formats: list[str], line: int, told: str) -> None:
    found = [p for p in checked(*formats) if "warning" not in p]
    assert len(found) == 1 and found[0].startswith(f"a.yaml:{line}: ") and told in found[0], found


def test_every_such_format_is_told_not_only_the_first() -> None:
    bad = "pattern: 'ac%s_[a-z]{30}', must_match: ['[0-9]']"
    assert sum("must_match that refuses" in p for p in checked(bad % "ma", bad % "mb", bad % "mc")) == 3


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
    text = SOUND.replace("{30}", r"{30}\z[a-z]") + "    tests: {match: ['{secret} {acme_tokne}']}\n"
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
