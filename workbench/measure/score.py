"""A score: how rules do on other people's test texts, each scanned as a blob of its own through the whole engine.

A positive is *found* when a match of its secret type overlaps the secret; the part of a pair counts once it is matched,
paired or not. It is *made up* when it would be found but for a checksum or the placeholder checks: many published samples
are a random string of the right shape. A negative is *flagged* when a match of its type stands anywhere in it. A text of a
type that the rules do not have is *uncovered* and counts nowhere else.

A part without a literal of its own is searched only round its partner. A text that holds it alone can therefore not be
found by this engine, on purpose: it is *missed*, and counted again as *needs_partner*, so that both readings can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.engine.trace import Fate, Trace
from workbench.measure.examples import Example
from workbench.measure.rate import Rate
from workbench.model import Span
from workbench.rules.rule import RuleSet, build

Outcome = Literal["found", "made_up", "missed", "quiet", "flagged", "uncovered"]

# How far a candidate came, from the first stage to the last: the furthest says why a text was missed.
_STAGES = ("trigger", "before", "pattern", "after", "must_match", "must_not_match", "checksum", "placeholder", "entropy",
           "near", "claimed", "overlap", "match")


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of one example. ``slug`` is the secret type it counts for; ``stage`` the furthest that a candidate of
    its types came over the secret, "" when none began; ``needs_partner`` that its types are searched only round partners
    and none stands in the text."""

    example: Example
    outcome: Outcome
    slug: str
    stage: str = ""
    needs_partner: bool = False


@dataclass(slots=True)
class Tally:
    """Counts of examples: of one secret type, or of all."""

    positives: int = 0
    found: int = 0
    made_up: int = 0
    missed: int = 0
    needs_partner: int = 0
    negatives: int = 0
    flagged: int = 0

    def add(self, scored: Scored) -> None:
        if scored.example.kind == "positive":
            self.positives += 1
            self.needs_partner += scored.needs_partner
            setattr(self, scored.outcome, getattr(self, scored.outcome) + 1)
        else:
            self.negatives += 1
            self.flagged += scored.outcome == "flagged"

    @property
    def found_rate(self) -> Rate:
        """Found among the positives that are not made up."""
        return Rate(self.found, self.positives - self.made_up)

    @property
    def raw_rate(self) -> Rate:
        """Found among all positives."""
        return Rate(self.found, self.positives)

    @property
    def flagged_rate(self) -> Rate:
        """Flagged among the negatives."""
        return Rate(self.flagged, self.negatives)

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Score:
    """Every example with its outcome, and the counts by secret type (sorted) and over all covered examples."""

    scored: tuple[Scored, ...]
    total: Tally
    per_slug: dict[str, Tally] = field(default_factory=dict)

    @property
    def uncovered(self) -> int:
        return sum(s.outcome == "uncovered" for s in self.scored)

    def to_json(self) -> dict[str, Any]:
        """Plain data: counts, rates with their intervals (95 %, Wilson), counts a slug. No text, no token."""
        rates = {"found_of_real": self.total.found_rate, "found_of_all": self.total.raw_rate,
                 "flagged": self.total.flagged_rate}
        return {**self.total.counts(), "uncovered": self.uncovered,
                "rates": {name: _rate_json(rate) for name, rate in rates.items()},
                "per_slug": {slug: tally.counts() for slug, tally in self.per_slug.items()}}


def _rate_json(rate: Rate) -> dict[str, Any]:
    return {"k": rate.k, "n": rate.n, "value": rate.value, "low": rate.low, "high": rate.high}


def score(examples: Sequence[Example], rules: RuleSet, *, compile: Callable[[RuleSet], CompiledRules] = CompiledRules) -> Score:
    """Score ``rules`` on ``examples``. ``compile`` makes rules ready, for callers that keep compiled rules."""
    covered = [e for e in examples if any(s in rules.secret_types for s in e.slugs)]
    compiled = compile(rules)
    plain = list(_scan(covered, compiled))
    open_ones = [k for k, (rows, _) in enumerate(plain)
                 if covered[k].kind == "positive" and not _matching(covered[k], rows)]
    lenient = compile(without_made_up_checks(rules))
    again = {k: rows for k, (rows, _) in zip(open_ones, _scan([covered[k] for k in open_ones], lenient), strict=True)}
    outcomes = {id(e): _judge(e, rows, fates, again.get(k, []), compiled)
                for k, (e, (rows, fates)) in enumerate(zip(covered, plain, strict=True))}
    scored = tuple(outcomes.get(id(e)) or Scored(e, "uncovered", e.slugs[0]) for e in examples)
    return _counted(scored)


def _counted(scored: tuple[Scored, ...]) -> Score:
    total, per_slug = Tally(), {}
    for s in scored:
        if s.outcome != "uncovered":
            total.add(s)
            per_slug.setdefault(s.slug, Tally()).add(s)
    return Score(scored, total, dict(sorted(per_slug.items())))


def without_made_up_checks(rules: RuleSet) -> RuleSet:
    """The rules without checksums and placeholder checks: what they find beyond ``rules`` failed nothing else."""
    types = [replace(s, formats=tuple(replace(f, checksum=None, drop_placeholders=False) for f in s.formats))
             for s in rules.secret_types.values()]
    return build(types, rules.pairs.values())


def _scan(examples: Sequence[Example], compiled: CompiledRules) -> Iterator[tuple[list[dict], list[Fate]]]:
    """Matches and candidates' fates of each text. One text a batch, so that a fate is known to be of its text."""
    trace = Trace(keep_fates=True)
    batches = (blob_batch([(str(e.line), e.text)]) for e in examples)
    for out in scan_batches(batches, compiled, trace=trace):
        matches = [m for row in out.to_pylist() for m in row["matches"]]
        yield matches, list(trace.fates)
        trace.fates.clear()


def _matching(example: Example, matches: Sequence[dict]) -> list[dict]:
    """Matches of the example's types: over a secret of a positive, anywhere in a negative."""
    own = [m for m in matches if m["secret_type"] in example.slugs]
    if example.kind == "negative":
        return own
    spans = example.spans()
    return [m for m in own if any(Span(m["start"], m["end"]).overlaps(s) for s in spans)]


def _judge(example: Example, matches: Sequence[dict], fates: Sequence[Fate], lenient: Sequence[dict],
           compiled: CompiledRules) -> Scored:
    own = _matching(example, matches)
    known = next(s for s in example.slugs if s in compiled.rules.secret_types)
    slug = own[0]["secret_type"] if own else known
    if example.kind == "negative":
        return Scored(example, "flagged" if own else "quiet", slug, "match" if own else "")
    if own:
        return Scored(example, "found", slug, "match")
    anyway = _matching(example, lenient)
    if anyway:
        return Scored(example, "made_up", anyway[0]["secret_type"], _furthest(example, fates))
    return Scored(example, "missed", slug, _furthest(example, fates), _needs_partner(example, matches, compiled))


def _furthest(example: Example, fates: Sequence[Fate]) -> str:
    spans = example.spans()
    stages = [f.stage for f in fates if f.secret_type in example.slugs and f.start < f.end
              and any(Span(f.start, f.end).overlaps(s) for s in spans)]
    return max(stages, key=_STAGES.index, default="")


def _needs_partner(example: Example, matches: Sequence[dict], compiled: CompiledRules) -> bool:
    """Whether all formats of the example's types are searched only round partners, of which the text has none."""
    ways = {f.search for f in compiled.formats if f.secret_type in example.slugs}
    partners = {part for pair in compiled.pairs if set(pair.parts) & set(example.slugs) for part in pair.parts}
    return ways == {"partner"} and not any(m["secret_type"] in partners for m in matches)
