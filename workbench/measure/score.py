"""A score: how rules do on other people's test texts, each scanned as a blob of its own through the whole engine.

A positive is *found* when a match of its secret type overlaps the secret; the part of a pair counts once it is matched,
paired or not. It is *made up* when it would be found but for a checksum or the placeholder checks: many published samples
are a random string of the right shape. A negative is *flagged* when a match of its type stands anywhere in it. A text of a
type that the rules do not have is *uncovered* and counts nowhere else.

A part without a literal of its own is searched only round its partner. A text that holds it alone can therefore not be
found by this engine, on purpose: it is *missed*, and counted again as *needs_partner*, so that both readings can be had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.engine.trace import Fate, Trace
from workbench.measure.examples import Example
from workbench.measure.rate import Rate
from workbench.model import Span
from workbench.rules.judge import refusal
from workbench.rules.rule import RuleSet, build

Outcome = Literal["found", "made_up", "missed", "quiet", "flagged", "uncovered"]

# How far a candidate came, from the first stage to the last: the furthest says why a text was missed.
_STAGES = ("trigger", "before", "pattern", "after", "must_match", "must_not_match", "checksum", "placeholder", "entropy",
           "near", "foreign", "claimed", "overlap", "match")


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of one example. ``slug`` is the secret type it counts for; ``stage`` the furthest that a candidate of
    its types came over the secret, "" when none began; ``needs_partner`` that the secret would be a token of its type if
    its partner stood in the text."""

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

    def lines(self, *, all_types: bool = False) -> Iterator[str]:
        """What people read: found and missed a secret type (with ``all_types`` also where nothing went wrong), and rates."""
        yield f"{'secret type':<50} {'found':>6} {'made up':>8} {'missed':>7} {'of':>4}   {'flagged':>7} {'of':>4}"
        for slug, t in self.per_slug.items():
            if all_types or t.missed or t.flagged:
                yield f"{slug:<50} {t.found:>6} {t.made_up:>8} {t.missed:>7} {t.positives:>4}   {t.flagged:>7} {t.negatives:>4}"
        t = self.total
        yield ""
        yield f"found of those not made up  {t.found_rate}"
        yield f"found of all                {t.raw_rate}"
        yield f"flagged of negatives        {t.flagged_rate}"
        yield (f"made up {t.made_up}, missed {t.missed} ({t.needs_partner} of them parts that stand without their partner), "
               f"uncovered {self.uncovered}")

    def to_json(self) -> dict[str, Any]:
        """Plain data: counts, rates with their intervals (95 %, Wilson), counts a slug. No text, no token."""
        rates = {"found_of_real": self.total.found_rate, "found_of_all": self.total.raw_rate,
                 "flagged": self.total.flagged_rate}
        return {**self.total.counts(), "uncovered": self.uncovered,
                "rates": {name: _rate_json(rate) for name, rate in rates.items()},
                "per_slug": {slug: tally.counts() for slug, tally in self.per_slug.items()}}


def _rate_json(rate: Rate) -> dict[str, Any]:
    return {"k": rate.k, "n": rate.n, "value": rate.value, "low": rate.low, "high": rate.high}


def score(examples: Sequence[Example], rules: RuleSet, *, cache: Path | None = None) -> Score:
    """Score ``rules`` on ``examples``. ``cache`` is a folder for compiled rules, as :class:`CompiledRules` takes it."""
    covered = [e for e in examples if any(s in rules.secret_types for s in e.slugs)]
    compiled = CompiledRules(rules, cache=cache)
    plain = list(_scan(covered, compiled))
    open_ones = [k for k, (rows, _) in enumerate(plain)
                 if covered[k].kind == "positive" and not _matching(covered[k], rows)]
    lenient = CompiledRules(without_made_up_checks(rules), cache=cache)
    again = {k: rows for k, (rows, _) in zip(open_ones, _scan([covered[k] for k in open_ones], lenient), strict=True)}
    outcomes = {id(e): _judge(e, rows, fates, again.get(k, []), compiled)
                for k, (e, (rows, fates)) in enumerate(zip(covered, plain, strict=True))}
    scored = tuple(outcomes.get(id(e)) or Scored(e, "uncovered", e.slugs[0]) for e in examples)
    return _counted(scored)


def _counted(scored: tuple[Scored, ...]) -> Score:
    total = Tally()
    per_slug: dict[str, Tally] = {}
    for s in scored:
        if s.outcome != "uncovered":
            total.add(s)
            per_slug.setdefault(s.slug, Tally()).add(s)
    return Score(scored, total, dict(sorted(per_slug.items())))


def without_made_up_checks(rules: RuleSet) -> RuleSet:
    """The rules without checksums and placeholder checks: what they find beyond ``rules`` failed nothing else."""
    types = [replace(s, formats=tuple(replace(f, checksum=None, drop_placeholders=False) for f in s.formats))
             for s in rules.secret_types.values()]
    return build(types, rules.pairs.values(), among=rules)


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
    return Scored(example, "missed", slug, _furthest(example, fates), _needs_partner(example, compiled))


def _furthest(example: Example, fates: Sequence[Fate]) -> str:
    spans = example.spans()
    stages = [f.stage for f in fates if f.secret_type in example.slugs and f.start < f.end
              and any(Span(f.start, f.end).overlaps(s) for s in spans)]
    return max(stages, key=_STAGES.index, default="")


def _needs_partner(example: Example, compiled: CompiledRules) -> bool:
    """Whether the secret passes as a token of a format that is searched only round its partner."""
    spans = example.spans()
    for fmt in compiled.formats:
        if fmt.search == "partner" and fmt.secret_type in example.slugs:
            at = 0
            while found := fmt.whole.search(example.text, at, len(example.text)):
                start, end = found.span(fmt.group)
                if any(Span(start, end).overlaps(s) for s in spans) and refusal(fmt.format, example.text[start:end]) is None:
                    return True
                at = found.start() + 1
    return False
