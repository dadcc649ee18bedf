"""Where a trigger tells the one place at which a token may start, that place is tried, and a search finds no more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import rules_of, scan_texts
from workbench.engine import sieve
from workbench.engine.compiled import CompiledFormat, CompiledRules
from workbench.engine.matcher import BlobMatcher

RULES = r"""
provider: Bee
secrets:
  - type: bee_wax     # a byte of its own before the token, or the start of the blob
    name: Bee Wax
    formats: [{pattern: 'waxy-[a-z]{2,8}', before: '\A|[^0-9A-Za-z-]', must_not_match: [zz], placeholders: keep}]
  - type: bee_hum     # a word before the token, of one length or of several
    name: Bee Hum
    formats:
      - {pattern: '[a-z]{4,9}', before: '(?i:humming) ', placeholders: keep}
      - {pattern: '[0-9]{4,9}', before: '(?i:humming)[ =:]{1,3}', placeholders: keep}
"""

PIECES = st.sampled_from([b"waxy-", b"waxy-ab", b"waxy-azz", b"-", b" ", b"=", b"humming ", b"Humming= ", b"humming", b"abcd",
                          b"1234", b"1", b"z", b"\n", b"hummi"])


@pytest.fixture(scope="module")
def bees() -> CompiledRules:
    return CompiledRules(rules_of(RULES))


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map(b"".join))
def test_trying_the_place_finds_what_a_search_finds(bees: CompiledRules, blob: bytes) -> None:
    def search(self: BlobMatcher, fmt: CompiledFormat, place: int, end: int) -> None:
        latest = place + fmt.lead
        self._sweep(fmt, max(0, place - 1), min(len(blob), latest + fmt.reach + 1), latest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sieve, "LEAST_HITS", 1)
        tried = scan_texts(bees, blob)
        patch.setattr(BlobMatcher, "_try_place", search)
        patch.setattr(sieve, "LEAST_HITS", 1 << 30)
        assert scan_texts(bees, blob) == tried
