"""The sieve spares searches and changes no answer: a scan whose sieve lets everything pass finds the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import rules_of
from workbench.engine import sieve
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.engine.trace import Trace
from workbench.rules.rule import NEAR_LINE_BYTES

RULES = r"""
provider: Bee
secrets:
  - type: bee_key
    name: Bee Key
    formats: [{pattern: '[0-9a-f]{32}', placeholders: keep, near: {keywords: [busybee, bzz_], window: {bytes: 40}}}]
  - type: bee_code
    name: Bee Code
    formats:
      - pattern: '[0-9]{4}(?:-[0-9]{4}){2,3}'
        before: '[=:]\s{0,3}'
        after: '\z|[^0-9-]'
        placeholders: keep
        near: {keywords: [busybee], window: {lines: 1}}
  - type: bee_note
    name: Bee Note
    formats:
      - {pattern: '"[^"]{12,60}"', before: '[ =]', placeholders: keep, near: {keywords: [bzz_], window: {bytes: 30}}}
  - type: bee_file
    name: Bee File
    formats: [{pattern: '[a-z]{26}', placeholders: keep, near: {keywords: [honeypot], window: file}}]
  - type: bee_header    # these three have a literal of their own, and their tokens start at several places before it
    name: Bee Header
    formats: [{pattern: '[0-9a-z]{6,12}', before: '(?i:swarm)[ =]{1,3}', placeholders: keep}]
  - type: bee_mail
    name: Bee Mail
    formats: [{pattern: '[a-z]{2,20}@hive[0-9]{2}', placeholders: keep}]
  - type: bee_comb
    name: Bee Comb
    formats: [{pattern: 'hb-[a-z-]{1,12}\.combs[0-9]', must_not_match: ['-x'], placeholders: keep}]
"""


@pytest.fixture(scope="module")
def bees() -> CompiledRules:
    return CompiledRules(rules_of(RULES))


def both(bees: CompiledRules, *blobs: bytes) -> tuple[list, list]:
    """What a scan finds, and what it finds when every keyword passes; the trace of both must be the same too."""
    batch = blob_batch((str(k), blob) for k, blob in enumerate(blobs))
    found, traces = [], []
    for passes in (bees.sieve.passes, lambda _values, triggers, *_, **__: np.ones(len(triggers), bool)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bees.sieve, "passes", passes)
            patch.setattr(sieve, "LEAST_HITS", 1)
            found.append([row for out in scan_batches([batch], bees) for row in out.to_pylist()])
            trace = Trace()
            list(scan_batches([batch], bees, trace=trace))
            traces.append(trace.counts)
    assert traces[0] == traces[1]
    return found[0], found[1]


PIECES = st.sampled_from([
    b"busybee", b"BUSYBEE", b"bzz_", b"honeypot", b"0123456789abcdef" * 2, b"1234-5678-9012", b"= 1234-5678-9012-3456",
    b":1111-2222-3333", b' "quite a long note, in two\nlines"', b'"', b"abcdefghijklmnopqrstuvwxyz", b"\n", b" ", b"=",
    b"0", b"-", b"x" * 39, b" " * 40, b"y" * 1100, b"\n" * 3, b"swarm  =", b"Swarm ", b"abc123", b"ab@hive12",
    b"@hive12", b"hb-a.combs1", b"hb-hb-ab.combs2", b"hb-x.combs3", b".combs4", b"hb-",
])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=9).map(b"".join), min_size=1, max_size=5))
@example([b"0123456789abcdef" * 2, b"busybee", b"0123456789abcdef" * 2])  # near, but in other blobs
@example([b"busybee" + b" " * 1030 + b"=1234-5678-9012"])  # one line, longer than the sieve looks
@example([b"bzz_ " + b"0123456789abcdef" * 2, b'bzz_ "no end', b' bzz_ ="a note that ends here"'])
@example([b"0123456789abcdef" * 2 + b"bzz_", b"bzz_" + b"0123456789abcdef" * 2])
def test_a_scan_finds_what_it_finds_without_the_sieve(bees: CompiledRules, blobs: list[bytes]) -> None:
    sieved, all_searched = both(bees, *blobs)
    assert sieved == all_searched


@pytest.mark.parametrize("lines", [b"", b"\n"])
def test_near_in_lines_reaches_a_kilobyte_at_most(bees: CompiledRules, lines: bytes) -> None:
    near, far = (b"busybee" + lines + b"z" * n + b" =1234-5678-9012 " for n in (NEAR_LINE_BYTES - 40, NEAR_LINE_BYTES))
    sieved, all_searched = both(bees, b"x", near, far)
    assert [(row["blob_id"], len(row["matches"])) for row in sieved] == [("1", 1)] and sieved == all_searched


def test_keywords_without_a_candidate_are_not_searched(bees: CompiledRules, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sieve is for: of ten thousand mentions only the one beside a token costs a search."""
    from workbench.engine.matcher import BlobMatcher

    searched = []
    search = BlobMatcher._search

    def counted(self: BlobMatcher, fmt: object, regions: list, claimed: object = None) -> None:
        searched.extend(regions)
        search(self, fmt, regions, claimed)  # type: ignore[arg-type]

    monkeypatch.setattr(BlobMatcher, "_search", counted)
    mentions = (b"the busybee is mentioned here, and nothing else is.\n" + b"." * 150 + b"\n") * 10_000
    batch = blob_batch([("a", mentions + b"bzz_key: " + b"0123456789abcdef" * 2), ("b", mentions)])
    (out,) = scan_batches([batch], bees)
    assert out.num_rows == 1 and searched and all(low > len(mentions) - 100 for low, _ in searched)


def test_a_buffer_of_nothing_but_keywords_is_not_copied_for_every_format(bees: CompiledRules) -> None:
    sieved, all_searched = both(bees, b"busybee bzz_ " * 5_000 + b"0123456789abcdef" * 2)
    assert sieved == all_searched and len(sieved) == 1
