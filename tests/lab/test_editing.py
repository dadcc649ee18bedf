"""Edits of rules files: what was not edited survives to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from workbench.errors import RulesError, UsageError
from workbench.lab.editing import FORMAT_FIELDS, appended, edited, new_entry, new_file
from workbench.rules.load import check_sources
from workbench.rules.rule import Window
from workbench.shipped import rules_folder

TEXT = """\
# yaml-language-server: $schema=./schema.json
provider: Acme   # the parent company
secrets:

  # The current one.
  - type: acme_token
    name: "Acme Token"
    formats:
      - pattern: acme_[a-z]{30}   # issued since 2021

      # before that
      - {label: old, pattern: 'old-[0-9a-f]{32}'}  # no more
      - pattern: >-
          acme9_
          [0-9]{9,}
        must_match:
          - '[0-9]'   # says the manual
          # and nothing else

    references: [https://example.org/a, https://example.org/b]
    tests:
      match:
        - |
          one
          # two {secret}

  # The id.
  - {type: acme_id, name: Acme Id, formats: [{pattern: 'ACME[A-Z2-7]{16}'}]}
# about pairs
pairs:
  - type: acme_pair
    name: Acme Pair
    parts: [acme_id,
            acme_token]

    # never tested
"""


def plain(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(("name", "fields", "format", "gone", "come"), [
    # A value in place; the comment behind it stays.
    ("acme_token", {"pattern": "acme_[a-z]{40}"}, None, ["      - pattern: acme_[a-z]{30}   # issued since 2021"],
     ["      - pattern: acme_[a-z]{40}   # issued since 2021"]),
    # A field that was not there goes where the shipped rules have it, before the comment of what follows.
    ("acme_token", {"min_entropy": 3.5}, 0, [], ["        min_entropy: 3.5"]),
    # A format on one line, by its label.
    ("acme_token", {"pattern": "old-[0-9a-f]{40}", "checksum": "crc32_hex_whole"}, "old",
     ["      - {label: old, pattern: 'old-[0-9a-f]{32}'}  # no more"],
     ["      - {label: old, pattern: 'old-[0-9a-f]{40}', checksum: crc32_hex_whole}  # no more"]),
    # A folded pattern becomes one line, a block list too.
    ("acme_token", {"pattern": "acme9_[0-9]{10}", "must_match": ["[0-9]", "[5-9]"]}, "v1",
     ["      - pattern: >-", "          acme9_", "          [0-9]{9,}", "        must_match:",
      "          - '[0-9]'   # says the manual"],
     ["      - pattern: acme9_[0-9]{10}", "        must_match: ['[0-9]', '[5-9]']   # says the manual"]),
    # Taking away.
    ("acme_token", {"must_match": None}, "v1", ["        must_match:", "          - '[0-9]'   # says the manual"], []),
    ("acme_token", {"label": None}, "old", ["      - {label: old, pattern: 'old-[0-9a-f]{32}'}  # no more"],
     ["      - {pattern: 'old-[0-9a-f]{32}'}  # no more"]),
    # A field of the type, not of a format.
    ("acme_token", {"name": "Acme API Token"}, None, ['    name: "Acme Token"'], ["    name: Acme API Token"]),
    # Windows in every spelling.
    ("acme_pair", {"window": "5 lines"}, None, [], ["    window: {lines: 5}"]),
    ("acme_pair", {"window": Window("bytes", 200)}, None, [], ["    window: {bytes: 200}"]),
    ("acme_pair", {"window": "file", "order": "as_listed"}, None, [], ["    window: file", "    order: as_listed"]),
])
def test_an_edit_changes_its_own_lines(
    name: str, fields: dict, format: object, gone: list[str], come: list[str]
) -> None:
    after = edited(TEXT, name, fields, format=format)  # type: ignore[arg-type]
    assert changed_lines(TEXT, after) == (gone, come)
    plain(after)


def test_crlf_files_stay_crlf() -> None:
    text = TEXT.replace("\n", "\r\n")
    after = edited(text, "acme_token", {"pattern": "acme_[a-z]{40}"})
    assert after.replace("{40}", "{30}") == text


@pytest.mark.parametrize(("name", "fields", "format", "words"), [
    ("acme_token", {"window": "5 lines"}, None, "belongs to the pair"),
    ("acme_pair", {"pattern": "x"}, None, "edited at its own type"),
    ("acme_token", {"patern": "x"}, None, "patern"),
    ("acme_token", {"pattern": "acme_[a-z]{40}"}, "new", "old"),  # an unknown label names the known ones
    ("acme_token", {"pattern": "acme_[a-z]{40}"}, 7, "format=7"),
    ("acme_tokn", {"pattern": "acme_[a-z]{40}"}, None, "acme_tokn"),
    ("acme_pair", {"name": None, "parts": None}, None, "parts"),
])
def test_what_cannot_be_edited_is_a_sentence(name: str, fields: dict, format: object, words: str) -> None:
    try:
        after = edited(TEXT, name, fields, format=format)  # type: ignore[arg-type]
    except UsageError as error:
        assert words in str(error)
    else:
        assert any(words in str(p) for p in check_sources([("acme.yaml", after)]).problems)


@pytest.mark.parametrize(("pattern", "caret"), [
    ("acme_[a-z", 5),  # an open class
    ("acme_(ab", 5),
    ("acme_a**", 7),
    ("acme_(?=x)", 5),  # look-ahead
    ("acme_(?<!x)", 5),
    ("acme_[a-z]{1,5000}", 10),  # refused by RE2 alone, which names the piece
])
def test_a_pattern_that_does_not_compile_says_where(pattern: str, caret: int) -> None:
    with pytest.raises(RulesError) as caught:
        edited(TEXT, "acme_token", {"pattern": pattern})
    lines = str(caught.value).splitlines()
    assert lines[-2].strip() == pattern and lines[-1].index("^") - 4 == caret
    shown = "\n".join(caught.value._render_traceback_())
    assert "acme_token" in shown and "File " not in shown and "Traceback" not in shown


def test_a_pattern_of_two_lines_is_shown_on_one_so_that_the_caret_points_into_it() -> None:
    with pytest.raises(RulesError) as caught:
        edited(TEXT, "acme_token", {"pattern": "ac\nme_(x"})
    *_, shown, caret = str(caught.value).splitlines()
    assert shown[caret.index("^")] == "("


@pytest.mark.parametrize(("field", "value"), [("pattern", 5), ("pattern", b"acme_"), ("must_match", 5), ("must_match", [5])])
def test_what_is_no_pattern_is_a_sentence(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"Expected {field} as text"):
        edited(TEXT, "acme_token", {field: value})


def test_entries_are_added_where_their_section_ends() -> None:
    section, entry = new_entry("acme_key", {"pattern": "ak_[a-z]{30}", "must_match": ["[0-9]"], "partner": True})
    after = appended(TEXT, section, entry)
    assert after.startswith(TEXT[: TEXT.index("# about pairs")]) and after.endswith(TEXT[TEXT.index("# about pairs"):])
    _, pair = new_entry("acme_both", {"parts": ["acme_id", "acme_key"], "window": "3 lines"})
    whole = appended(after, "pairs", pair)
    loaded = check_sources([("acme.yaml", whole)])
    assert [s.type for s in loaded.files[0].text.secrets] == ["acme_token", "acme_id", "acme_key"]
    assert [str(p.window) for p in loaded.files[0].text.pairs][1] == "lines=3"
    fresh = new_file("Other: Inc.", entry)
    assert [p for p in check_sources([("other.yaml", fresh)]).problems if p.severity == "error"] == []


VALUES = st.one_of(
    st.text("ab[]{}:#'\"\\|,& \n%@", min_size=1, max_size=30),
    st.lists(st.text("ab[]:#'\",", min_size=1, max_size=9), min_size=1, max_size=3),
)


@example("label", ":@", 1)  # texts that ruamel writes bare in a flow mapping and cannot read again
@example("label", ": @", 1)
@example("label", "::", 1)
@example("references", [":", ":@"], None)
@example("checksum", "0\n0\n", 2)  # before a comment, which a block of text would swallow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["label", "checksum", "note", "references", "name"]), VALUES, st.sampled_from([0, 1, 2, None]))
def test_any_value_comes_back_as_it_was_given(field: str, value: object, format: int | None) -> None:
    format = format if field in FORMAT_FIELDS else None
    after = plain(edited(TEXT, "acme_token", {field: value}, format=format))
    expected = plain(TEXT)
    rule = expected["secrets"][0]  # type: ignore[index]
    (rule["formats"][format or 0] if field in FORMAT_FIELDS else rule)[field] = value
    assert after == expected


@pytest.mark.parametrize("file", sorted(rules_folder().glob("*.yaml"))[::9], ids=lambda p: p.stem)
def test_every_ninth_shipped_file_keeps_every_other_byte(file: Path) -> None:
    text = file.read_text()
    for rule in plain(text)["secrets"][:3]:  # type: ignore[index]
        after = edited(text, rule["type"], {"note": "an edited note"})
        old, new = changed_lines(text, after)
        assert new == ["    note: an edited note"] and all("note:" in line or "  " in line for line in old)
        expected = plain(text)
        edited_rule = next(r for r in expected["secrets"] if r["type"] == rule["type"])  # type: ignore[index]
        edited_rule["note"] = "an edited note"
        assert plain(after) == expected
