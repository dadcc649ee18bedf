"""Lint: what loads and runs, and still does nothing or drops what it should find."""

from __future__ import annotations

import random

import pytest

from workbench.rules import checks, pattern
from workbench.rules.judge import prefix_length
from workbench.rules.lint import check_loaded
from workbench.rules.load import Loaded, check_sources
from workbench.rules.problem import Problem
from workbench.rules.rule import RuleSet

HEAD = "provider: Acme\nsecrets:\n"


def secret(name: str, *formats: str, more: str = "") -> str:
    return f"  - type: {name}\n    name: A\n    formats:\n" + "".join(f"      - {{{f}}}\n" for f in formats) + more


def problems(*secrets: str) -> list[Problem]:
    found = check_loaded(check_sources([("a.yaml", HEAD + "".join(secrets))]))
    return [p for p in found if "tests" not in p.got and "references" not in p.got]


@pytest.mark.parametrize(
    ("formats", "words", "severity"),
    [
        # an entropy that good tokens miss now and then
        (["pattern: 'acme_[0-9a-f]{32}', min_entropy: 3.6"], "min_entropy=3.6, which rejects", "error"),
        # the prefix has a small letter, so the check says nothing
        (["pattern: 'acme_[0-9A-Za-z]{32}', must_match: ['[0-9]', '[a-z]']"], "a must_match that every token's", "warning"),
        # nothing is ever found
        (["pattern: 'acme_[0-9A-Z]{32}', must_not_match: ['[a-z]']"], "a must_not_match that every token's", "error"),
        # a word of 12 bytes cannot stand within 8
        (["pattern: '[0-9a-f]{32}', near: {keywords: [acme, acme_api_key], window: {bytes: 8}}"], "a keyword of 12 bytes",
         "error"),
        # AC and hexadecimal
        (["pattern: 'AC[0-9a-f]{32}'"], "2 fixed characters in a row", "warning"),
        (["pattern: '[0-9a-f]{32}', near: {keywords: [ac]}"], "a keyword of 2 characters", "warning"),
        # the second format finds what the first does
        (["pattern: 'acme_[0-9a-z]{20,40}'", "pattern: 'acme_[0-9a-f]{30}'"], "all found by format v2", "warning"),
    ],
)
def test_a_weakness_is_told_at_its_line(formats: list[str], words: str, severity: str) -> None:
    found = problems(secret("acme_token", *formats))
    (told,) = [p for p in found if words in p.got]
    assert (told.line, told.severity) == (6 + words.startswith("all found"), severity), told
    assert found == [told], "one line for one cause"


@pytest.mark.parametrize(
    "formats",
    [
        # entropy that nearly every token has
        ["pattern: 'acme_[0-9a-f]{32}', min_entropy: 2.6"],
        # bound to what follows the prefix
        ["pattern: 'acme_[0-9A-Za-z]{32}', must_match: ['[0-9]', '_.*[a-z]']"],
        ["pattern: 'acme_[0-9A-Z]{32}', must_not_match: ['_0000']"],
        # exactly as wide as the word
        ["pattern: '[0-9a-f]{32}', near: {keywords: [acme], window: {bytes: 4}}"],
        # the narrow format blocks pushes, the wide one does not: both say something
        ["pattern: 'acme_[0-9a-f]{30}', push_protection: true", "pattern: 'acme_[0-9a-z]{20,40}'"],
        # the same shape, but only one of them needs a word near
        ["pattern: 'acme_[0-9a-z]{30}', before: ' '", "pattern: 'acme_[0-9a-z]{30}', after: ' '"],
    ],
)
def test_what_says_something_is_let_be(formats: list[str]) -> None:
    assert problems(secret("acme_token", *formats)) == []


def test_two_types_that_say_the_same_must_say_why() -> None:
    same = "pattern: 'acme_[0-9a-z]{30}'"
    found = problems(secret("acme_one", same), secret("acme_two", same))
    assert [(p.rule, "word for word one of acme_one" in p.got) for p in found] == [("acme_two", True)]
    why = "    overlaps: {acme_two: only what it says once decoded tells}\n"
    assert problems(secret("acme_one", same, more=why), secret("acme_two", same)) == [], "either of the two may say it"


def test_an_overlap_names_a_type_that_is_there() -> None:
    found = problems(secret("acme_one", "pattern: 'acme_[0-9a-z]{30}'", more="    overlaps: {acme_tow: a typing error}\n"))
    assert [p.got for p in found] == ["an overlap with the unknown type acme_tow"]


@pytest.mark.slow
def test_the_shipped_rules_have_no_weakness_but_short_triggers(shipped_files: Loaded) -> None:
    """Ids of Twilio and Asana have two fixed characters, and nothing can be done about it."""
    found = check_loaded(shipped_files)
    assert {p.rule for p in found if "fixed characters in a row" in p.got} <= {
        "asana_personal_access_token", "discord_bot_token", "tencent_wechat_api_app_id", "twilio_account_sid",
        "twilio_api_key"}
    assert [str(p) for p in found if "fixed characters in a row" not in p.got] == []


# ---------------------------------------------------------------------------------------------------------------------
# Made-up tokens


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("a1b2c3d4e5f6g7h8", "run"),  # letters and digits in step
        ("zzq87654321kkw", "run"),
        ("q8abcdefghzz", "run"),
        ("abcd1234abcd1234abcd1234ABCD1234", "repeats a piece"),
        ("deadbeefDEADBEEF0", "documentation word (deadbeef)"),
        ("kz9QHelloWorld81aa", "documentation word (helloworld)"),
        ("7x7x7x7x7x7x7x", "repeats a piece"),
        ("MIIE\n  xxxx\n  xxxx\n", "documentation word"),  # white space apart
        ("q0000000w", "repeats one character"),
    ],
)
def test_invented_tokens_are_told(body: str, reason: str) -> None:
    told = checks.made_up(b"acme_" + body.encode(), prefix=5) or ""
    assert reason in told


@pytest.mark.parametrize("body", ["", "x", "short7", "kZ3vQ9"])
def test_what_is_too_short_to_tell_is_let_be(body: str) -> None:
    assert checks.made_up(body.encode()) is None


def invented_share(rules: RuleSet, each: int) -> float:
    made = told = 0
    for s in rules.secret_types.values():
        for k, fmt in enumerate(s.formats):
            if not fmt.drop_placeholders:
                continue
            tree, rng = pattern.parse(fmt.sample or fmt.pattern), random.Random(f"{s.type}:{k}")
            for _ in range(each):
                token = pattern.generate(tree, rng)
                made += 1
                told += checks.made_up(token, prefix=prefix_length(fmt)) is not None
    return told / made


def test_random_tokens_of_the_shipped_formats_are_not_told_invented(shipped: RuleSet) -> None:
    assert invented_share(shipped, 10) < 5e-4, "two of about 5,600"


@pytest.mark.slow
def test_fewer_than_one_random_token_in_ten_thousand_is_told_invented(shipped: RuleSet) -> None:
    assert invented_share(shipped, 100) < 1e-4
