"""A weakness: a part of a format that loads and runs, and does nothing, or drops what it should find.

Each is found without a corpus and without the engine, from the format and from strings that its pattern makes.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from workbench.rules import checks, pattern
from workbench.rules.judge import compiled, refusal
from workbench.rules.load import search_way, trigger_pattern
from workbench.rules.rule import Format, SecretType

ENTROPY_SAMPLES = 2000
MOST_REJECTED = 0.001
"""Share of random tokens that `min_entropy` may reject."""

_FIRST_LOOK, _FAR = 200, 6.0
"""Tokens after which a limit that lies so many standard deviations below their mean is let be."""

SHADOW_SAMPLES = 20

SAMPLES_WANTED, SAMPLE_TRIES = 5, 400
FEWEST_PASSING = 20
"""One string in so many must be a sample: with fewer, the tries that a run makes for one may all be refused."""

FEWEST_LITERAL_BYTES = 3
"""Shortest run of fixed characters a trigger should hold: shorter ones slow the whole scan down."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """What is weak in format ``index``: ``path`` within the format, then the words of a problem."""

    index: int
    path: tuple[str | int, ...]
    got: str
    expected: str
    do: str
    severity: Literal["error", "warning"] = "error"


def weaknesses(secret: SecretType, *, is_part: bool) -> Iterator[Weakness]:
    """Every weakness of the formats of ``secret``, which loaded. ``is_part``: it is a part of a pair."""
    for index, fmt in enumerate(secret.formats):
        idle = list(_idle_matches(index, fmt))
        yield from idle
        if all(w.severity == "warning" for w in idle):  # else no token passes, and the reason is told
            yield from _rare_samples(index, fmt)
        for look in (_impossible_keywords, _harsh_entropy):
            yield from look(index, fmt)
        yield from _short_triggers(index, fmt, is_part)
    yield from _shadows(secret)


def _idle_matches(index: int, fmt: Format) -> Iterator[Weakness]:
    """Patterns that the literal prefix alone satisfies, whatever follows it."""
    prefix = pattern.literal_prefix(pattern.parse(fmt.pattern))
    if not prefix:
        return
    for k, expression in enumerate(fmt.must_match):
        if _always(expression, prefix):
            yield Weakness(index, ("must_match", k), "a must_match that every token's own prefix satisfies",
                           "one that some strings of the pattern fail", "remove it, or bind it to what follows the prefix",
                           "warning")
    for k, expression in enumerate(fmt.must_not_match):
        if _always(expression, prefix):
            yield Weakness(index, ("must_not_match", k), "a must_not_match that every token's own prefix satisfies",
                           "one that some tokens pass (nothing is found with this one)",
                           "bind it to what follows the prefix")


def _always(expression: str, prefix: bytes) -> bool:
    program = compiled(expression)
    return all(program.search(prefix + rest) for rest in (b"", b"\x00", b"\xff\xff"))


def _rare_samples(index: int, fmt: Format) -> Iterator[Weakness]:
    """A format whose own pattern or checks refuse the samples it makes: no test and no run can start with it."""
    whole = compiled(fmt.pattern)
    refused: Counter[tuple[str | int, ...]] = Counter()
    tried = passed = 0
    for token in _random_tokens(fmt, SAMPLE_TRIES):
        tried += 1
        path = _refusing(fmt, token) if whole.fullmatch(token) else ("sample" if fmt.sample else "pattern",)
        passed += path is None
        refused.update([path] if path is not None else [])
        if passed == SAMPLES_WANTED:
            break
    if not tried:  # the checksum can be put right in none of them
        refused[("checksum",)] = tried = SAMPLE_TRIES
    if passed == SAMPLES_WANTED and tried <= SAMPLES_WANTED * FEWEST_PASSING or not refused:
        return
    path, count = refused.most_common(1)[0]
    field = str(path[0])
    if field == "min_entropy":
        return  # told with the share that it rejects
    source = "sample" if fmt.sample else "pattern"
    expected = "samples that pass (tests and runs start with one)"
    share = f"{count} of {tried} samples made of its {source}"
    if field in ("sample", "pattern"):
        yield Weakness(index, path, f"a {field} whose samples do not match pattern ({count} of {tried} of them)", expected,
                       "correct sample: it must say less than pattern, not other things" if fmt.sample
                       else "remove what must stand elsewhere, such as an end of text in its middle")
    elif field == "placeholders":
        yield Weakness(index, path, f"{share} dropped because they look made up", expected,
                       f"write placeholders: keep, or widen {source}")
    else:
        cure = "narrow sample" if fmt.sample else "give sample: a pattern that makes tokens which pass"
        yield Weakness(index, path, f"a {field} that refuses {share}", expected, f"correct {field}, or {cure}")


def _refusing(fmt: Format, token: bytes) -> tuple[str | int, ...] | None:
    """The path, within the format, of the check that refuses ``token``."""
    stage = refusal(fmt, token)
    if stage == "must_match":
        return stage, next(k for k, p in enumerate(fmt.must_match) if not compiled(p).search(token))
    if stage == "must_not_match":
        return stage, next(k for k, p in enumerate(fmt.must_not_match) if compiled(p).search(token))
    return None if stage is None else ({"placeholder": "placeholders", "entropy": "min_entropy"}.get(stage, stage),)


def _impossible_keywords(index: int, fmt: Format) -> Iterator[Weakness]:
    """Keywords that are longer than the window they must stand in, whole."""
    if fmt.near is None or fmt.near.window.unit != "bytes":
        return
    size = fmt.near.window.size
    for k, word in enumerate(fmt.near.keywords):
        if len(word.encode()) > size:
            yield Weakness(index, ("near", "keywords", k), f"a keyword of {len(word.encode())} bytes",
                           f"at most {size}, the window's size (it can never stand in it)", "widen the window")


def _harsh_entropy(index: int, fmt: Format) -> Iterator[Weakness]:
    if fmt.min_entropy is None:
        return
    low, made = _rejected(fmt, fmt.min_entropy)
    if made and low / made > MOST_REJECTED:
        yield Weakness(index, ("min_entropy",), f"min_entropy={fmt.min_entropy}, which rejects {low} of {made} random tokens",
                       f"at most {MOST_REJECTED:.1%} of them", "lower it")


def _rejected(fmt: Format, limit: float) -> tuple[int, int]:
    """(random tokens under ``limit``, random tokens made) that pass the format's other checks.

    A few tokens tell a limit that lies far below them all; only a near one is tried with many.
    """
    found: list[float] = []
    for token in _random_tokens(fmt, ENTROPY_SAMPLES):
        if refusal(fmt, token, skip=frozenset({"entropy"})) is None:
            found.append(checks.entropy(token))
        if len(found) == _FIRST_LOOK and statistics.mean(found) - limit > _FAR * statistics.stdev(found):
            break
    return sum(value < limit for value in found), len(found)


def _random_tokens(fmt: Format, count: int, *, narrow: bool = True) -> Iterator[bytes]:
    """Strings of the format's shape, the same each time; with ``narrow`` by its `sample`, where it has one."""
    rng = random.Random(fmt.pattern)
    tree = pattern.parse(fmt.sample or fmt.pattern if narrow else fmt.pattern)
    check = checks.CHECKSUMS[fmt.checksum] if fmt.checksum else None
    for _ in range(count):
        token = pattern.generate(tree, rng)
        if check is not None:
            try:
                token = check.repair(token)
            except ValueError:
                continue
        yield token


def _short_triggers(index: int, fmt: Format, is_part: bool) -> Iterator[Weakness]:
    way = search_way(fmt, is_part=is_part)
    if way == "trigger":
        runs = [t.literal_run for t in pattern.triggers(trigger_pattern(fmt))]
        if runs and min(runs) < FEWEST_LITERAL_BYTES:
            yield Weakness(index, ("pattern",), f"a trigger with {min(runs)} fixed characters in a row",
                           f"{FEWEST_LITERAL_BYTES} or more (shorter ones slow the scan for every rule)",
                           "name a longer literal of the token, or add near: {keywords: [...]}", "warning")
    elif way == "near" and fmt.near is not None:
        for k, word in enumerate(fmt.near.keywords):
            if len(word) < FEWEST_LITERAL_BYTES:
                yield Weakness(index, ("near", "keywords", k), f"a keyword of {len(word)} characters",
                               f"{FEWEST_LITERAL_BYTES} or more", "lengthen it", "warning")


def _shadows(secret: SecretType) -> Iterator[Weakness]:
    """Formats that find nothing which another format of the type, with the same surroundings, does not find."""
    for index, fmt in enumerate(secret.formats):
        for other_index, other in enumerate(secret.formats):
            if index == other_index or _surroundings(fmt) != _surroundings(other):
                continue
            if _covers(other, fmt) and not (index < other_index and _covers(fmt, other)):
                yield Weakness(index, ("pattern",), f"a format whose tokens are all found by format {other.label}",
                               "formats that each find something", "remove it, or give it what only it can say", "warning")
                break


def _surroundings(fmt: Format) -> tuple:
    return fmt.before, fmt.after, fmt.near, fmt.push_protection


def _covers(wide: Format, narrow: Format) -> bool:
    """Whether every token of ``narrow``, by samples, is one of ``wide``."""
    holds: Callable[[bytes], object] = compiled(wide.pattern).fullmatch
    tokens = [t for t in _random_tokens(narrow, SHADOW_SAMPLES, narrow=False) if refusal(narrow, t) is None]
    return bool(tokens) and all(holds(t) and refusal(wide, t) is None for t in tokens)


def twins(types: Mapping[str, SecretType]) -> Iterator[tuple[str, int, str]]:
    """Formats that say the same, word for word, as a format of another type: (type, format index, the other type)."""
    seen: dict[tuple, str] = {}
    for name, secret in types.items():
        for index, fmt in enumerate(secret.formats):
            near = (tuple(sorted(k.lower() for k in fmt.near.keywords)), fmt.near.window) if fmt.near else None
            meaning = (fmt.pattern, fmt.before, fmt.after, fmt.must_match, fmt.must_not_match, fmt.checksum, near)
            first = seen.setdefault(meaning, name)
            if first != name:
                yield name, index, first
