"""Patterns: the tree agrees with RE2, and every match holds a trigger where the trigger says it does."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.rules.load import compile_re2
from workbench.rules.pattern import UNBOUNDED, PatternError, generate, lengths, literal_prefix, parse, triggers

PATTERNS = [
    r"gh[pousr]_[A-Za-z0-9]{36}",
    r"[0-9]{6,25}-[a-z0-9_]{32}\.apps\.googleusercontent\.com",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
    r"https://hooks\.slack\.com/services/T[A-Z0-9]{8,10}/B[A-Z0-9]{8,10}/[A-Za-z0-9]{24}",
    r"(?:A3T[A-Z0-9]|ABIA|ACCA)[A-Z0-9]{16}",
    r"sk-(?:proj-)?[A-Za-z0-9_-]{20,74}T3BlbkFJ[A-Za-z0-9_-]{20,74}",
    r"(?i:acme_key)[ =:]{1,3}[a-z]{40}",
    r"x{0,3}KEY-\d{4}(?:-[A-F]{2})*Z?",
    r"[^\x00-\x20]{3}MARK[\w.]+",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_generated_strings_match_and_hold_a_trigger(pattern: str) -> None:
    tree, program = parse(pattern), compile_re2(pattern)
    low, high = lengths(tree)
    found = triggers(pattern)
    assert found
    rng = random.Random(pattern)
    for _ in range(200):
        token = generate(tree, rng)
        assert program.fullmatch(token)
        assert low <= len(token) <= high
        assert token.startswith(literal_prefix(tree))
        starts = [(m.end(), t) for t in found
                  for m in re.finditer(b"(?s)(?=(" + t.expression.encode() + b"))", token) for m in [_Shift(m, len(t))]]
        assert any(t.back_least <= end <= t.back_most for end, t in starts), pattern


class _Shift:
    """The end of a look-ahead match, as the trigger scan would report it."""

    def __init__(self, match: re.Match[bytes], length: int) -> None:
        self._end = match.start() + length

    def end(self) -> int:
        return self._end


@pytest.mark.parametrize(
    "pattern",
    ["[A-Za-z0-9/+]{40}", "[0-9a-f]{8}-[0-9a-f]{4}", r"\w+KEY[0-9]{4}", "(?:KEY[0-9]{9}|[a-f]{32})"],
)
def test_patterns_without_a_rare_literal_in_reach_have_no_trigger(pattern: str) -> None:
    assert triggers(pattern) == ()


@pytest.mark.parametrize("pattern", ["a(?=b)", "a(?!b)", r"(a)\1", "(a", "a{2,1}", "(?i)abc", "é", "(?>a)b", "a*+"])
def test_syntax_outside_the_shared_subset_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse(pattern)


@settings(max_examples=150, deadline=None)
@given(st.from_regex(r"[a-c]{1,3}([a-c][*+?]|\[[a-f]{2}\](\{1,3\})?|\((?:[a-c]{1,2}\|){1,2}[a-c]\)){0,4}", fullmatch=True),
       st.integers(0, 2**32))
def test_the_tree_and_re2_agree_on_random_patterns(pattern: str, seed: int) -> None:
    tree, program = parse(pattern), compile_re2(pattern)
    token = generate(tree, random.Random(seed))
    assert program.fullmatch(token)
    low, high = lengths(tree)
    assert low <= len(token) and (high == UNBOUNDED or len(token) <= high)
