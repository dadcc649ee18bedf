"""Lint: what a rules author should hear before anyone runs the rules.

It collects everything and never stops at the first problem. Loading refuses what cannot work; lint adds what will not
work well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import hyperscan

from workbench.rules import load
from workbench.rules.problem import Problem
from workbench.rules.remembered import Memory
from workbench.rules.rule import SecretType, from_text
from workbench.rules.testtext import OWN, slot_names
from workbench.rules.text import MatchTest, PairText, SecretText
from workbench.rules.weakness import Weakness, twins, weaknesses

FEWEST_TESTS = 3


def check(paths: Sequence[Path | str]) -> list[Problem]:
    """Every problem of the rules in ``paths``, errors and warnings, sorted by file and line.

    Raises :class:`RulesError` only when there is no rules file to read.
    """
    return check_loaded(load.read(paths))


def check_loaded(loaded: load.Loaded, *, memory: Memory | None = None) -> list[Problem]:
    """As :func:`check`, for files already read; ``memory`` spares what it was asked before."""
    memory = memory or Memory()
    problems = list(loaded.problems)
    for file in loaded.files:
        for i, secret in file.secrets():
            problems += _engines(file, i, secret, memory)
            problems += _completeness(file, i, secret)
    sound, parts = _sound(loaded)
    for name, (file, i, secret) in sound.items():
        problems += _weaknesses(file, i, secret, name in parts, memory)
    problems += _twins(loaded, sound)
    names = frozenset(s.type for file in loaded.files for _, s in file.secrets())
    for file in loaded.files:
        problems += _slots(file, names)
        problems += _overlap_names(file, names)
    return sorted(problems)


_Placed = tuple[load.LoadedFile, int, SecretType]


def _sound(loaded: load.Loaded) -> tuple[dict[str, _Placed], frozenset[str]]:
    """The secret types that loading found nothing wrong with, with their places, and the parts of all pairs.

    They are looked at whatever is wrong with others.
    """
    blamed = {p.rule for p in loaded.problems if p.severity == "error"}
    sound = {s.type: (file, i, from_text(s, file.text.provider)) for file in loaded.files
             for i, s in load.numbered(file.text.secrets) if s.type not in blamed}
    return sound, frozenset(part for file in loaded.files for _, pair in file.pairs() for part in pair.parts)


def _engines(file: load.LoadedFile, i: int, secret: SecretText, memory: Memory) -> list[Problem]:
    """A pattern must compile in Hyperscan too: partners take it from there to GitHub's custom patterns."""
    problems = []
    for k, fmt in enumerate(secret.formats):
        if not fmt.pattern or load.refusals(fmt.pattern):
            continue  # said once, where it was loaded
        refusal = memory.ask("hyperscan", fmt.pattern, lambda pattern=fmt.pattern: hyperscan_refusal(pattern))
        if refusal:
            line = file.source.line(("secrets", i, "formats", k, "pattern"))
            got, do = load.cause("Hyperscan", refusal)
            problems.append(Problem(file.source.name, line, file.owner(("secrets", i)),
                                    f"a pattern with {got}, which Hyperscan refuses" if "Hyperscan" not in got
                                    else f"a pattern with {got}", "one that both engines compile", do))
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
        problems.append(Problem(file.source.name, line, file.owner(("secrets", i)), got, expected, do, "warning"))

    if not secret.references and file.holds("secrets", i, "references"):
        warn("no references", "public documentation of the format", "add references:")
    for field in ("match", "no_match"):
        count = len(getattr(secret.tests, field))
        if count < FEWEST_TESTS and file.holds("secrets", i, "tests", field):
            warn(f"{count} {field} {'test' if count == 1 else 'tests'}", f"at least {FEWEST_TESTS}", f"add tests: {field}:")
    return problems


def _weaknesses(file: load.LoadedFile, i: int, secret: SecretType, is_part: bool, memory: Memory) -> list[Problem]:
    rows = memory.ask("weaknesses", repr((secret, is_part)),
                      lambda: [astuple(w) for w in weaknesses(secret, is_part=is_part)])
    found = [Weakness(index, tuple(path), *words) for index, path, *words in rows]
    return [Problem(file.source.name, file.source.line(("secrets", i, "formats", w.index, *w.path)), secret.type, w.got,
                    w.expected, w.do, w.severity) for w in found]


def _twins(loaded: load.Loaded, sound: Mapping[str, _Placed]) -> list[Problem]:
    """Formats that say the same as another type's, unless one of the two types says why."""
    documented = documented_overlaps(loaded)
    problems = []
    for name, index, other in twins({name: sound[name][2] for name in sorted(sound)}):
        if not documented.allows(name, other):
            file, i, _ = sound[name]
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
    return DocumentedOverlaps({(s.type, other): why for f in loaded.files for _, s in f.secrets()
                               for other, why in s.overlaps.items()})


def _overlap_names(file: load.LoadedFile, names: frozenset[str]) -> list[Problem]:
    return [Problem(file.source.name, file.source.line(("secrets", i, "overlaps", other)), secret.type,
                    f"an overlap with the unknown type {other}", "a secret type of the loaded files, or *", "correct the name")
            for i, secret in file.secrets() for other in secret.overlaps
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

    for i, secret in file.secrets():
        for field in ("match", "no_match"):
            for k, test in enumerate(getattr(secret.tests, field)):
                text = test.text if isinstance(test, MatchTest) else test
                labels = [fmt.label or f"v{len(secret.formats) - n}" for n, fmt in enumerate(secret.formats)]
                if isinstance(test, MatchTest) and test.format not in (None, *labels):
                    problems.append(Problem(
                        file.source.name, file.source.line(("secrets", i, "tests", field, k)), secret.type,
                        f"format={test.format!r} in a test", "a label: " + ", ".join(labels), "correct it"))
                look(("secrets", i, "tests", field, k), secret, text, True)
    for i, pair in file.pairs():
        for k, test in enumerate(pair.tests):
            look(("pairs", i, "tests", k), pair, test.text, False)
    return problems
