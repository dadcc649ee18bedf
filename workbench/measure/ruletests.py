"""Rule tests: every test text of every rule, run through the whole engine, pairs included.

All texts are scanned together in one batch with the whole rule set, as a corpus would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.rules import load
from workbench.rules.rule import RuleSet
from workbench.rules.testtext import Filled, fill
from workbench.rules.text import MatchTest, PairTest, PairText, SecretText

Kind = Literal["match", "no_match", "pair"]


@dataclass(frozen=True, slots=True)
class Case:
    """One text for one format, with where it was written."""

    file: str
    line: int
    rule: str
    kind: Kind
    format: int
    known_gap: str | None
    filled: Filled
    expected_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that did not do what it says; ``gap`` when it was expected to fail and passed."""

    case: Case
    got: str
    expected: str

    def __str__(self) -> str:
        c = self.case
        return (f"{c.file}:{c.line}: {c.rule}: got {self.got}, expected {self.expected}, "
                f"do run workbench explain on the text (format {c.format}, {c.kind})")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of rule tests found: cases run, failures, and known gaps (expected failures)."""

    cases: int
    rules: int
    failures: tuple[Failure, ...]
    known_gaps: tuple[Case, ...]


def run(loaded: load.Loaded, *, seed: int | str = 0, only: Sequence[str] = ()) -> Outcome:
    """Run the tests of all rules, or of those named in ``only``, with samples made from ``seed``.

    Raises :class:`workbench.errors.RulesError` when the rules do not load.
    """
    rules = load.rule_set(loaded)
    cases = [c for c in _cases(loaded, rules, seed) if not only or c.rule in only]
    compiled = CompiledRules(rules)
    batch = blob_batch((str(k), c.filled.content) for k, c in enumerate(cases))
    results = {int(row["blob_id"]): row for out in scan_batches([batch], compiled) for row in out.to_pylist()}
    empty: dict = {"matches": [], "pairs": []}
    failures, gaps = [], []
    for k, case in enumerate(cases):
        wrong = _judge(case, results.get(k, empty), rules)
        if case.known_gap is None and wrong is not None:
            failures.append(Failure(case, *wrong))
        elif case.known_gap is not None and wrong is None:
            failures.append(Failure(case, "a known gap that is closed", "it to fail still; remove known_gap"))
        elif case.known_gap is not None:
            gaps.append(case)
    return Outcome(len(cases), len({c.rule for c in cases}), tuple(failures), tuple(gaps))


def _cases(loaded: load.Loaded, rules: RuleSet, seed: int | str) -> list[Case]:
    cases: list[Case] = []
    for file in loaded.files:
        for i, secret in enumerate(file.text.secrets):
            cases += _secret_cases(file, i, secret, rules, seed)
        for i, pair in enumerate(file.text.pairs):
            cases += _pair_cases(file, i, pair, rules, seed)
    return cases


def _secret_cases(file: load.LoadedFile, i: int, secret: SecretText, rules: RuleSet, seed: int | str) -> list[Case]:
    cases = []
    owner = rules.secret_types[secret.type]
    kinds: tuple[Kind, ...] = ("match", "no_match")
    for kind in kinds:
        for k, test in enumerate(getattr(secret.tests, kind)):
            test = test if isinstance(test, MatchTest) else MatchTest(text=test)
            line = file.source.line(("secrets", i, "tests", kind, k))
            for index, fmt in enumerate(owner.formats):
                if test.format not in (None, fmt.label) or "{wrong_checksum}" in test.text and fmt.checksum is None:
                    continue
                filled = fill(test.text, rules, owner=owner, index=index, seed=seed)
                cases.append(Case(file.source.name, line, secret.type, kind, index, test.known_gap, filled))
    return cases


def _pair_cases(file: load.LoadedFile, i: int, pair: PairText, rules: RuleSet, seed: int | str) -> list[Case]:
    versions = max(len(rules.secret_types[p].formats) for p in pair.parts)
    cases = []
    for k, test in enumerate(pair.tests):
        line = file.source.line(("pairs", i, "tests", k))
        for index in range(versions):
            cases.append(_pair_case(file.source.name, line, pair.type, test, index, rules, seed))
    return cases


def _pair_case(name: str, line: int, pair: str, test: PairTest, index: int, rules: RuleSet, seed: int | str) -> Case:
    filled = fill(test.text, rules, index=index, seed=seed)
    return Case(name, line, pair, "pair", index, test.known_gap, filled, tuple(test.pairs))


def _judge(case: Case, row: dict, rules: RuleSet) -> tuple[str, str] | None:
    """(got, expected) when the case failed."""
    if case.kind == "pair":
        return _judge_pairs(case, row, rules)
    found = sorted((m["start"], m["end"]) for m in row["matches"] if m["secret_type"] == case.rule)
    if case.kind == "no_match":
        return (f"a match at {_spans(found)}", "none") if found else None
    wanted = sorted((s.start, s.end) for s in case.filled.slots if s.name in ("secret", case.rule))
    if found != wanted:
        return f"matches at {_spans(found)}", _spans(wanted)
    return None


def _judge_pairs(case: Case, row: dict, rules: RuleSet) -> tuple[str, str] | None:
    parts = rules.pairs[case.rule].parts
    wanted = set()
    for tag in case.expected_tags:
        spans = {s.name: (s.start, s.end) for s in case.filled.slots if s.tag == tag}
        wanted.add(tuple(spans.get(p, (-1, -1)) for p in parts))
    found = {tuple((row["matches"][k]["start"], row["matches"][k]["end"]) for k in pair["parts"])
             for pair in row["pairs"] if pair["pair_type"] == case.rule}
    if found == wanted:
        return None
    names = {(s.start, s.end): f"{s.name}:{s.tag}" for s in case.filled.slots}

    def show(pairs: set) -> str:
        named = sorted(" + ".join(names.get(span, _spans([span])) for span in pair) for pair in pairs)
        return "; ".join(named) or "no pair"

    return show(found), show(wanted)


def _spans(spans: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"[{a}, {b})" for a, b in spans) or "nothing"
