"""Lint: what a rules author should hear before anyone runs the rules.

It collects everything and never stops at the first problem. Loading refuses what cannot work; lint adds what will not
work well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hyperscan

from workbench.errors import RulesError
from workbench.rules import load
from workbench.rules.problem import Problem
from workbench.rules.rule import RuleSet, SecretType
from workbench.rules.samples import make_sample
from workbench.rules.testtext import OWN, slot_names
from workbench.rules.text import MatchTest, PairText, SecretText
from workbench.rules.weakness import twins, weaknesses

SAMPLES_TRIED = 5
FEWEST_TESTS = 3


def check(paths: Sequence[Path | str]) -> list[Problem]:
    """Every problem of the rules in ``paths``, errors and warnings, sorted by file and line.

    Raises :class:`RulesError` only when there is no rules file to read.
    """
    return check_loaded(load.read(paths))


def check_loaded(loaded: load.Loaded) -> list[Problem]:
    """As :func:`check`, for files already read."""
    problems = list(loaded.problems)
    for file in loaded.files:
        for i, secret in load.numbered(file.text.secrets):
            problems += _engines(file, i, secret)
            problems += _completeness(file, i, secret)
    if not any(p.severity == "error" for p in loaded.problems):
        rules = load.rule_set(loaded)
        parts = rules.part_types()
        for file in loaded.files:
            for i, secret in load.numbered(file.text.secrets):
                problems += _samples(file, i, rules.secret_types[secret.type])
                problems += _weaknesses(file, i, rules.secret_types[secret.type], secret.type in parts)
        problems += _twins(loaded, rules)
    names = frozenset(s.type for file in loaded.files for _, s in load.numbered(file.text.secrets))
    for file in loaded.files:
        problems += _slots(file, names)
        problems += _overlap_names(file, names)
    return sorted(problems)


def _engines(file: load.LoadedFile, i: int, secret: SecretText) -> list[Problem]:
    """A pattern must compile in Hyperscan too: partners take it from there to GitHub's custom patterns."""
    problems = []
    for k, fmt in enumerate(secret.formats):
        refusal = hyperscan_refusal(fmt.pattern)
        if refusal:
            line = file.source.line(("secrets", i, "formats", k, "pattern"))
            problems.append(Problem(file.source.name, line, secret.type, f"a pattern that Hyperscan refuses ({refusal})",
                                    "one that both engines compile", "shorten or simplify its repeats"))
    return problems


def hyperscan_refusal(pattern: str) -> str | None:
    """Hyperscan's reason to refuse ``pattern``, or None."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(expressions=[pattern.encode()], ids=[0], elements=1, flags=[hyperscan.HS_FLAG_ALLOWEMPTY])
    except hyperscan.HyperscanError as error:
        return str(error)
    return None


def _completeness(file: load.LoadedFile, i: int, secret: SecretText) -> list[Problem]:
    problems = []
    line = file.source.line(("secrets", i, "type"))

    def warn(got: str, expected: str, do: str) -> None:
        problems.append(Problem(file.source.name, line, secret.type, got, expected, do, "warning"))

    if not secret.references:
        warn("no references", "public documentation of the format", "add references:")
    for field in ("match", "no_match"):
        count = len(getattr(secret.tests, field))
        if count < FEWEST_TESTS:
            warn(f"{count} {field} tests", f"at least {FEWEST_TESTS}", f"add tests: {field}:")
    return problems


def _samples(file: load.LoadedFile, i: int, secret: SecretType) -> list[Problem]:
    problems = []
    for k in range(len(secret.formats)):
        try:
            for seed in range(SAMPLES_TRIED):
                make_sample(secret, k, seed=seed)
        except RulesError as error:
            line = file.source.line(("secrets", i, "formats", k, "pattern"))
            got = error.problems[0].split("got ", 1)[-1].split(", expected", 1)[0]
            problems.append(Problem(file.source.name, line, secret.type, got, "checks that pass what the pattern makes",
                                    "narrow the pattern, or give sample: a pattern to make samples from"))
    return problems


def _weaknesses(file: load.LoadedFile, i: int, secret: SecretType, is_part: bool) -> list[Problem]:
    return [Problem(file.source.name, file.source.line(("secrets", i, "formats", w.index, *w.path)), secret.type, w.got,
                    w.expected, w.do, w.severity) for w in weaknesses(secret, is_part=is_part)]


def _twins(loaded: load.Loaded, rules: RuleSet) -> list[Problem]:
    """Formats that say the same as another type's, unless one of the two types says why."""
    documented = documented_overlaps(loaded)
    problems = []
    for name, index, other in twins(rules.secret_types):
        if not documented.allows(name, other):
            file, i = next((f, i) for f in loaded.files for i, s in load.numbered(f.text.secrets) if s.type == name)
            problems.append(Problem(file.source.name, file.source.line(("secrets", i, "formats", index)), name,
                                    f"a format that is word for word one of {other}", "a token that only one type finds",
                                    f"merge the two, or say why: overlaps: {{{other}: …}}"))
    return problems


@dataclass(frozen=True, slots=True)
class DocumentedOverlaps:
    """Pairs of types that the rules themselves say overlap, with the reasons; ``*`` stands for any type."""

    reasons: Mapping[tuple[str, str], str]

    def allows(self, one: str, other: str) -> bool:
        """Whether either of the two says that they overlap."""
        return any(key in self.reasons for key in ((one, other), (other, one), (one, "*"), (other, "*")))


def documented_overlaps(loaded: load.Loaded) -> DocumentedOverlaps:
    """What the `overlaps` of all types say."""
    return DocumentedOverlaps({(s.type, other): why for f in loaded.files for _, s in load.numbered(f.text.secrets)
                               for other, why in s.overlaps.items()})


def _overlap_names(file: load.LoadedFile, names: frozenset[str]) -> list[Problem]:
    return [Problem(file.source.name, file.source.line(("secrets", i, "overlaps", other)), secret.type,
                    f"an overlap with the unknown type {other}", "a secret type of the loaded files, or *", "correct the name")
            for i, secret in load.numbered(file.text.secrets) for other in secret.overlaps
            if other != "*" and other not in names]


def _slots(file: load.LoadedFile, names: frozenset[str]) -> list[Problem]:
    """Names in braces that no sample can stand for."""
    problems = []

    def look(path: tuple, owner: SecretText | PairText, text: str, own: bool) -> None:
        for name in slot_names(text):
            if not (own and name in OWN) and name not in names:
                problems.append(Problem(file.source.name, file.source.line(path), owner.type,
                                        f"the placeholder {{{name}}} in a test", "{secret} or a secret type's name",
                                        "correct it, or write ${...} for a literal brace"))

    for i, secret in load.numbered(file.text.secrets):
        for field in ("match", "no_match"):
            for k, test in enumerate(getattr(secret.tests, field)):
                text = test.text if isinstance(test, MatchTest) else test
                labels = [fmt.label or f"v{len(secret.formats) - n}" for n, fmt in enumerate(secret.formats)]
                if isinstance(test, MatchTest) and test.format not in (None, *labels):
                    problems.append(Problem(
                        file.source.name, file.source.line(("secrets", i, "tests", field, k)), secret.type,
                        f"format={test.format!r} in a test", "a label: " + ", ".join(labels), "correct it"))
                look(("secrets", i, "tests", field, k), secret, text, True)
    for i, pair in load.numbered(file.text.pairs):
        for k, test in enumerate(pair.tests):
            look(("pairs", i, "tests", k), pair, test.text, False)
    return problems
