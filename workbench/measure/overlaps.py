"""An overlap: a token of one secret type that the engine also reports as another's.

Found by scanning fresh samples of every type in its own rule's match tests, and alone, with all rules at once. The
matrix of all types holds then what would otherwise reach two partners, or the wrong one; a rule allows a cell of it by
saying why (`overlaps`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.measure.rate import Rate
from workbench.rules import load
from workbench.rules.lint import documented_overlaps
from workbench.rules.problem import Problem
from workbench.rules.rule import RuleSet
from workbench.rules.testtext import Filled, fill
from workbench.rules.text import MatchTest, SecretText

SAMPLES = 2
"""Samples of every format in every text."""

_TEXTS_A_BATCH = 4000
_ALONE = "{secret}\n"


@dataclass(frozen=True, slots=True)
class Overlap:
    """``rate``: texts with tokens of format ``index`` of ``secret_type`` in which ``claimed_by`` has its bytes too."""

    secret_type: str
    index: int
    claimed_by: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class _Text:
    owner: str
    index: int
    filled: Filled

    def spans(self) -> list[tuple[int, int]]:
        return [(s.start, s.end) for s in self.filled.slots if s.name in ("secret", self.owner)]


def find_overlaps(loaded: load.Loaded, rules: CompiledRules, *, samples: int = SAMPLES) -> list[Overlap]:
    """Every overlap of the loaded rules, compiled as ``rules``, sorted by type, format and claimer."""
    texts = list(_texts(loaded, rules.rules, samples))
    scanned = Counter((t.owner, t.index) for t in texts)
    claims: Counter[tuple[str, int, str]] = Counter()
    batches = (blob_batch((str(k), texts[k].filled.content) for k in range(first, min(first + _TEXTS_A_BATCH, len(texts))))
               for first in range(0, len(texts), _TEXTS_A_BATCH))
    for out in scan_batches(batches, rules):
        for row in out.to_pylist():
            text = texts[int(row["blob_id"])]
            for claimer in _claimers(text, row["matches"]):
                claims[text.owner, text.index, claimer] += 1
    return [Overlap(owner, index, claimer, Rate(count, scanned[owner, index]))
            for (owner, index, claimer), count in sorted(claims.items())]


def _texts(loaded: load.Loaded, rules: RuleSet, samples: int) -> Iterator[_Text]:
    for file in loaded.files:
        for _, secret in load.numbered(file.text.secrets):
            owner = rules.secret_types[secret.type]
            for text, label in _match_texts(secret):
                for index, fmt in enumerate(owner.formats):
                    if label in (None, fmt.label):
                        for seed in range(samples):
                            yield _Text(secret.type, index, fill(text, rules, owner=owner, index=index, seed=f"overlap {seed}"))


def _match_texts(secret: SecretText) -> Iterator[tuple[str, str | None]]:
    yield _ALONE, None
    for test in secret.tests.match:
        yield (test.text, test.format) if isinstance(test, MatchTest) else (test, None)


def _claimers(text: _Text, matches: Sequence[dict]) -> set[str]:
    spans = text.spans()
    return {m["secret_type"] for m in matches
            if m["secret_type"] != text.owner and any(m["start"] < end and start < m["end"] for start, end in spans)}


def undocumented(loaded: load.Loaded, overlaps: Sequence[Overlap]) -> list[Problem]:
    """A problem for every overlap that neither of the two types documents, at the format whose tokens are claimed."""
    documented = documented_overlaps(loaded)
    places = {s.type: (f.source, i) for f in loaded.files for i, s in load.numbered(f.text.secrets)}
    problems = []
    for o in overlaps:
        if documented.allows(o.secret_type, o.claimed_by):
            continue
        source, i = places[o.secret_type]
        verb = "shadows it" if o.rate.k == o.rate.n else "claims some of them"
        problems.append(Problem(
            source.name, source.line(("secrets", i, "formats", o.index)), o.secret_type,
            f"tokens that are {o.claimed_by} too, in {o.rate.k} of {o.rate.n} texts ({o.claimed_by} {verb})",
            "tokens that only one type finds", f"narrow one of the two, or say why: overlaps: {{{o.claimed_by}: …}}"))
    return sorted(problems)
