"""Rules that come from gitleaks and GitHub's custom patterns, and that go there: what translates, and what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES, rules_of
from workbench.cli import app
from workbench.errors import UsageError
from workbench.rules.custompattern import export_patterns, import_patterns, to_text
from workbench.rules.gitleaks import import_gitleaks
from workbench.rules.load import check_sources, rule_set
from workbench.rules.rule import Format, RuleSet
from workbench.rules.writing import yaml_text

TAIL = r"""(?:[\x60'"\s;]|\\[nr]|$)"""


def translated(rule: str, head: str = "") -> tuple[dict, list[str]]:
    """The formats of the one rule that came out (none: {}), and the lines that were told."""
    result = import_gitleaks(f"{head}[[rules]]\nid = 'acme-key'\n{rule}\n", provider="Acme")
    secrets = result.data["secrets"]
    if secrets:
        rule_set(check_sources([("a.yaml", yaml_text(result.data))]))  # what comes out loads
    return (secrets[0]["formats"][0] if secrets else {}), list(result.lines)


@pytest.mark.parametrize(
    ("rule", "fmt"),
    [
        # the secret is the first group; \b is the default delimiter
        (rf"regex = '''\b(acme_[a-z0-9]{{32}}){TAIL}'''",
         {"pattern": "acme_[a-z0-9]{32}", "after": r"""(?:[\x60'"\s;]|\\[nr]|\z)"""}),
        # no group: all of it
        (r"regex = '''\bacme_[a-z0-9]{32}\b'''", {"pattern": "acme_[a-z0-9]{32}"}),
        # an option for all of it
        (r"regex = '''(?i)\b(acme_[a-z0-9]{32})\b'''", {"pattern": "(?i:acme_[a-z0-9]{32})"}),
        # an option from the middle of a group on
        (r"regex = '''\b(acme_(?i)[a-z0-9]{32})\b'''", {"pattern": "acme_(?i:[a-z0-9]{32})"}),
        # brackets in classes, and an option that ends with its group
        (r"regex = '''\b((?:acme_(?i)[a-z|)]{4}|acmf_[^]x]{4})[0-9]{20})'''",
         {"pattern": "(?:acme_(?i:[a-z|)]{4})|(?i:acmf_[^]x]{4}))[0-9]{20}"}),
        # the group that is named; what stands before it is short
        (r"regex = '''(key|token)=(acme_[a-z0-9]{32})'''" + "\nsecretGroup = 2",
         {"pattern": "acme_[a-z0-9]{32}", "before": "(key|token)="}),
        # entropy, and a list of allowed values
        (r"regex = '''(acme_[a-z0-9]{32})'''" + "\nentropy = 3.5\n[[rules.allowlists]]\nregexes = ['^acme_0000']\n"
         "stopwords = ['example', 'a.b']",
         {"pattern": "acme_[a-z0-9]{32}", "must_not_match": ["^acme_0000", r"(?i:example|a\.b)"], "min_entropy": 3.5}),
        # classes in Go's words
        (r"regex = '''(acme_[[:alnum:]_]{32})'''", {"pattern": "acme_[0-9A-Za-z_]{32}"}),
        # nothing rare: its keywords must stand near
        (r"regex = '''\b([a-f0-9]{32})\b'''" + "\nkeywords = ['acme']",
         {"pattern": "[a-f0-9]{32}", "near": {"keywords": ["acme"], "window": {"bytes": 60}}}),
    ],
)
def test_a_gitleaks_rule_translates(rule: str, fmt: dict) -> None:
    found, lines = translated(rule)
    assert found == fmt and lines == []


def test_alternatives_become_formats() -> None:
    text = ("[[rules]]\nid = 'a'\nkeywords = ['acme']\n"
            r"regex = '''(?i)acme.{0,20}=([a-z0-9]{24})|\b(ACMT3[a-z0-9]{40})\b'''")
    result = import_gitleaks(text, provider="Acme")
    first, second = result.data["secrets"][0]["formats"]
    assert first == {"pattern": "(?i:[a-z0-9]{24})", "near": {"keywords": ["acme"], "window": {"bytes": 60}}}
    assert second == {"pattern": "(?i:ACMT3[a-z0-9]{40})"}
    assert len(result.lines) == 1 and "before the secret" in result.lines[0]


def test_a_name_and_an_assignment_become_keywords_near() -> None:
    rule = (r"regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})[\s'\"]{0,3}(?:=|:){1,3}[\s'\"]{0,5}([a-z0-9]{32})"
            + TAIL + "'''\nkeywords = ['acme']")
    found, lines = translated(rule)
    assert found["pattern"] == "(?i:[a-z0-9]{32})" and found["near"]["keywords"] == ["acme"]
    assert lines == ["line 2: acme-key: what its regex wants before the secret became keywords near it"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("path = '''\\.pem$'''", "left out: it has no regex"),
        ("regex = '''(acme(?=x))'''", "left out: the workbench refuses its pattern: Expected the subset"),
        ("regex = '''([a-f0-9]{32})'''", "left out: it has neither a literal to search for nor keywords"),
        ("regex = '''(?:x(acme_[a-z]{30}))'''", "inside another group"),
        ("regex = '''(acme_[a-z]{30})'''\nfrobnicate = 3", "frobnicate is not translated"),
        ("regex = '''(acme_[a-z]{30})'''\n[[rules.allowlists]]\npaths = ['test']", "the allow list's paths is lost"),
        ("regex = '''(acme_[a-z]{30})'''\n[[rules.allowlists]]\nregexTarget = 'line'\nregexes = ['x']",
         "an allow list that looks at the line is lost"),
        ("regex = '''(acme_[a-z]{30})'''\n[[rules.allowlists]]\ncondition = 'AND'\npaths = ['a']\nregexes = ['x']",
         "whose conditions must all hold is lost"),
        ("regex = '''(acme_[a-z]{30})'''\n[[rules.allowlists]]\nregexes = ['a(?!b)']", "an allow list's regex is lost"),
    ],
)
def test_what_does_not_translate_is_told_with_its_line(rule: str, words: str) -> None:
    _, lines = translated(rule, head="title = 'x'\n\n")
    assert len(lines) == 1 and lines[0].startswith("line 4: acme-key: ") and words in lines[0], lines


def test_global_parts_and_second_rules_of_a_name_are_told() -> None:
    _, lines = translated("regex = '''(acme_[a-z]{30})'''\n[[rules]]\nid = 'acme_key'\nregex = '''(acmf_[a-z]{30})'''",
                          head="[allowlist]\npaths = ['a']\n")
    assert lines == ["line 1: the global allowlist is not translated",
                     "line 7: acme_key: left out: a rule of this id stands before it"]


@pytest.mark.parametrize("text", ["[[rules", "title = 'x'", "rules = 3"])
def test_toml_of_another_kind_is_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="Expected gitleaks' TOML"):
        import_gitleaks(text, provider="Acme")


# ---------------------------------------------------------------------------------------------------------------------
# GitHub's custom patterns


def test_export_has_githubs_fields_and_tells_every_loss() -> None:
    rules = rules_of(HOUSE_RULES)
    result = export_patterns(rules)
    rows = {row["name"]: row for row in result.data}
    assert rows["Acme Token (old)"] == {"name": "Acme Token (old)", "slug": "acme_token", "pattern": "acme-old-[0-9a-f]{32}"}
    assert set(rows) == {"Acme Token (v2)", "Acme Token (old)", "Acme Id", "Acme Session", "Acme Temporary Id"}
    for line in ("acme_token (v2): the checksum crc32_base62_body is not checked",
                 "acme_id (v1): it alerts without its partner",
                 "acme_secret (v1): left out: it is found only by its partner in a pair, which a custom pattern cannot ask for",
                 "acme_hash (v1): left out: it is found only by keywords near it, which a custom pattern cannot ask for"):
        assert line in result.lines
    with pytest.raises(UsageError, match="got acme_gone"):
        export_patterns(rules, only=["acme_gone"])


def meaning(rules: RuleSet) -> dict[str, list[tuple]]:
    def kept(f: Format) -> tuple:
        return f.pattern, f.before, f.after, f.must_match, f.must_not_match, f.push_protection

    return {s.type: [kept(f) for f in s.formats] for s in rules.secret_types.values()}


def test_what_goes_out_comes_back(shipped: RuleSet) -> None:
    """Every format that GitHub's fields can hold is the same after export and import, by pattern and surroundings."""
    out = export_patterns(shipped)
    back = import_patterns(to_text(out.data), provider="Imported")
    assert back.lines == ()
    again = meaning(rule_set(check_sources([("a.yaml", yaml_text(back.data))])))
    left_out = {line.split(":")[0] for line in out.lines if ": left out: " in line}
    expected = {}
    for s in shipped.secret_types.values():
        formats = [f for f, row in zip(s.formats, meaning(shipped)[s.type], strict=True) if f"{s.type} ({f.label})" not in left_out]
        if formats:
            expected[s.type] = [row for f, row in zip(s.formats, meaning(shipped)[s.type], strict=True) if f in formats]
    assert len(expected) > 300 and again == expected


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"name": "A"}], "pattern 1 (A): left out: it has no pattern"),
        ([{"name": "A", "pattern": "acme(?=x)"}], "pattern 1 (A): left out: the workbench: Expected the subset"),
        ([{"name": "A", "pattern": "acme_[a-z]{30}", "colour": 1}], "pattern 1 (A): colour is not known and was left out"),
    ],
)
def test_a_custom_pattern_that_does_not_translate_is_told(rows: list[dict], words: str) -> None:
    result = import_patterns(json.dumps(rows), provider="Acme")
    assert len(result.lines) == 1 and result.lines[0].startswith(words)


@pytest.mark.parametrize("text", ["{", "3", '{"patterns": 3}', "[1]"])
def test_json_of_another_shape_is_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="Expected a JSON list of custom patterns"):
        import_patterns(text, provider="Acme")


def test_the_commands_print_the_result_and_tell_the_rest_apart(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(HOUSE_RULES)
    out = CliRunner().invoke(app, ["rules", "export", str(tmp_path / "rules.yaml"), "--only", "acme_id"])
    assert [row["slug"] for row in json.loads(out.stdout)["patterns"]] == ["acme_id"]
    assert "acme_id (v1): it alerts without its partner" in out.stderr
    (tmp_path / "theirs.json").write_text(out.stdout)
    back = CliRunner().invoke(app, ["rules", "import", str(tmp_path / "theirs.json"), "--provider", "Acme"])
    assert set(rules_of(back.stdout).secret_types) == {"acme_id"}
    (tmp_path / "theirs.toml").write_text("[[rules]]\nid = 'a'\npath = 'x'\n")
    nothing = CliRunner().invoke(app, ["rules", "import", str(tmp_path / "theirs.toml")])
    assert isinstance(nothing.exception, UsageError) and "line 2: a: left out" in nothing.stderr
    unknown = CliRunner().invoke(app, ["rules", "import", str(tmp_path / "rules.yaml")])
    assert isinstance(unknown.exception, UsageError) and "--from" in str(unknown.exception)
