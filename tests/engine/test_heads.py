"""Tokens that all start with the same bytes are found where those stand, and nowhere else than by a search."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import rules_of, scan_texts
from workbench.engine.compiled import CompiledRules
from workbench.engine.matcher import BlobMatcher

RULES = r"""
provider: Bee
secrets:
  - type: bee_comb
    name: Bee Comb
    formats: [{pattern: 'hb-[a-z-]{1,12}\.combs[0-9](?:\.[a-z]{1,3})?', must_not_match: ['-x'], placeholders: keep}]
"""

PIECES = st.sampled_from([b"hb-", b"hb-a.combs1", b"hb-hb-ab.combs2", b"hb-x.combs3", b".combs4", b"a", b"-x", b"-",
                          b".", b" ", b"hb", b"-hb-", b".ab", b"hb-b.combs5.abc"])


@pytest.fixture(scope="module")
def bees() -> CompiledRules:
    return CompiledRules(rules_of(RULES))


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map(b"".join))
def test_trying_heads_finds_what_a_search_finds(bees: CompiledRules, blob: bytes) -> None:
    tried = scan_texts(bees, blob)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlobMatcher, "_try_heads", lambda self, fmt, first, latest: self._sweep(
            fmt, first, min(len(blob), latest + fmt.reach + 1), latest))
        searched = scan_texts(bees, blob)
    assert tried == searched
