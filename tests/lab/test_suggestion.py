"""Suggestions: what sample tokens have in common, as a pattern that the engine takes."""

from __future__ import annotations

import random

import pytest

from tests.conftest import rules_of
from workbench.errors import UsageError
from workbench.lab.suggestion import suggest
from workbench.model import Secret
from workbench.rules.load import compile_re2
from workbench.rules.pattern import generate, parse
from workbench.rules.samples import make_sample


def samples(pattern: str, count: int = 25, checksum: str | None = None) -> list[Secret]:
    fields = f", checksum: {checksum}" if checksum else ""
    rules = rules_of(f"provider: P\nsecrets:\n  - {{type: made_up, name: M, formats: [{{pattern: '{pattern}'{fields}, "
                     "placeholders: keep, near: {keywords: [made]}}]}\n")
    return [Secret(make_sample(rules.secret_types["made_up"], 0, seed=k), "made_up") for k in range(count)]


@pytest.mark.parametrize(("pattern", "checksum", "suggested"), [
    ("ak_live_[0-9a-f]{40}", None, "ak_live_[0-9a-f]{40}"),
    ("gx[A-Z2-7]{26}", None, "gx[A-Z2-7]{26}"),  # base32
    ("tok-[0-9]{6}-[A-Za-z0-9]{24}", None, "tok-[0-9]{6}-[0-9A-Za-z]{24}"),  # pieces between separators
    ("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}", None, "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}"),  # no head at all
    ("zz_[A-Za-z0-9]{36}", "crc32_base62_body", "zz_[0-9A-Za-z]{36}"),
    ("a\\.b\\+c_[a-z]{20}", None, "a\\.b\\+c_[a-z]{20}"),  # a head of special characters
])
def test_a_pattern_is_found_again(pattern: str, checksum: str | None, suggested: str) -> None:
    found = suggest(samples(pattern, checksum=checksum))
    assert (found.pattern, found.checksum) == (suggested, checksum)


def test_every_sample_matches_the_suggestion_whatever_it_is() -> None:
    rng = random.Random(2)
    for pattern in (
        "x{3}[!-~]{10,40}",
        "[A-Za-z0-9+/]{10,50}={0,2}",
        "v1\\.[a-z]{1,9}(?:\\.[0-9]{3}){1,3}",
        "https://h/[a-z]{4}/[0-9]{2,4}",
    ):
        tokens = [generate(parse(pattern), rng) for _ in range(12)]
        compiled = compile_re2(suggest(tokens).pattern)
        assert all(compiled.fullmatch(t) for t in tokens)


def test_few_samples_are_said_to_be_few_and_their_head_is_not_overread() -> None:
    tokens = ["ak_live_x" + tail for tail in ("1a2b3c", "7d8e9f", "5g6h7j")]
    found = suggest(tokens)
    assert found.pattern == "ak_live_[0-9a-z]{7}" and any("20 or more" in n for n in found.notes)


def test_no_sample_is_shown() -> None:
    made = samples("ak_live_[0-9a-f]{40}")
    assert not [s for s in made if s.reveal().decode()[8:] in repr(suggest(made))]


@pytest.mark.parametrize(
    "given", [[], ["a_1234", "a_5678"], ["a_1234"] * 5, ["line\none", "line\ntwo", "line\nsix"], ["ä1", "ä2", "ä3"], "a_1234",
              [1, 2, 3]]
)
def test_what_cannot_be_a_sample_is_a_sentence(given: list[str] | str) -> None:
    with pytest.raises(UsageError, match="Expected"):
        suggest(given)
