"""A trigger table: the short expressions that tell where a token may stand, and what a hit of each means.

One Hyperscan call over a whole batch finds them. What must stand beside a trigger is looked up for all hits at once, so
that few of them cost a confirm.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import hyperscan
import numpy as np

from workbench.engine.base64text import EncodedHead
from workbench.errors import RulesError
from workbench.rules import pattern as pat
from workbench.rules.rule import Format
from workbench.rules.text import DEFAULT_BEFORE

ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_NOT_ALNUM = sum(1 << b for b in range(256) if b not in ALNUM)


@dataclass(frozen=True, slots=True)
class Target:
    """What a trigger's hit means: ``format`` may start ``back_least`` to ``back_most`` bytes before the hit's end.

    For a keyword the distances are unused: the format is searched all over the window round it. For an encoded head
    they are unused too: the run of base64 round it is decoded.
    """

    format: int
    back_least: int
    back_most: int
    is_keyword: bool = False
    encoded: EncodedHead | None = None


SHORT_RUN = 4
"""Hyperscan looks at every second or fourth byte only while all its literals are at least this long: 46 shorter ones
slowed 730 others down by half. So a trigger with a shorter run of fixed characters is spelled out, a literal for every
combination of the bytes that follow, sixteen to an expression: 5,300 of them did not slow the scan. (One to an expression
scans as fast and takes three times as long to compile; sixty-four scan at half the rate.)"""

_SPELLINGS_TOGETHER = 16

MOST_SPELLINGS = 4096
"""Triggers that would need more spellings go into a database of their own instead."""


MANY_TRIGGERS, MANY_WORDS = 500, 5000
PACER = -1, r"\x01\x02"
"""Hyperscan looks at every second byte while it has fewer than :data:`MANY_WORDS` literals of three bytes or more. With
more than :data:`MANY_TRIGGERS` triggers that is the slower way (700 scan in 1.39 s of processor time what takes 1.04 s at
every byte, 1,100 in 2.0 s instead of 1.2): so many looked-up bytes fit some of them. One literal of two bytes makes it
look at every byte; it stands for no trigger, and text does not hold it."""


@dataclass(slots=True)
class TriggerTable:
    """Expressions for Hyperscan, one a distinct trigger, with their lengths, targets, and what must stand beside."""

    expressions: list[str] = field(default_factory=list)
    caseless: list[bool] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    spellings: list[list[str]] = field(default_factory=list)
    targets: list[list[Target]] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    _known: dict[tuple[str, bool], int] = field(default_factory=dict)

    def add(self, expression: str, caseless: bool, length: int, target: Target, *, classes: Sequence[bytes] = (),
            allowed: dict[int, int] | None = None) -> None:
        """``classes`` are the bytes possible at each place of the trigger, for one that is no plain word. ``allowed`` maps
        places beside it to masks of the bytes that may stand there; see :class:`Beside`."""
        allowed = allowed or {}
        key = expression, caseless
        if key not in self._known:
            self._known[key] = len(self.expressions)
            self.expressions.append(expression)
            self.caseless.append(caseless)
            self.lengths.append(length)
            self.spellings.append(_spellings(classes) if classes else [expression])
            self.targets.append([])
            self.beside.append(Beside(dict(allowed)))
        else:
            self.beside[self._known[key]].widen(allowed)
        self.targets[self._known[key]].append(target)


@dataclass(slots=True)
class Beside:
    """Bytes that must stand beside a trigger: masks by place, 0 for the first byte after its end, -1 for the last byte
    of the trigger itself. Bit 256 of a mask allows the place to lie outside the blob."""

    allowed: dict[int, int]

    def widen(self, other: dict[int, int]) -> None:
        """Allow also what another format with the same trigger allows."""
        self.allowed = {place: mask | other[place] for place, mask in self.allowed.items() if place in other}


def beside_of(fmt: Format, trigger: pat.Trigger) -> dict[int, int]:
    """What must stand beside ``trigger`` wherever ``fmt`` matches."""
    allowed = {k: c.mask for k, c in enumerate(trigger.right)}
    head = -len(trigger)
    allowed |= {head - k: c.mask for k, c in enumerate(reversed(trigger.left), start=1)}
    if fmt.before == DEFAULT_BEFORE and trigger.back_least == trigger.back_most:
        place = -trigger.back_least - 1
        if place >= head - len(trigger.left) - 1:
            allowed[place] = _NOT_ALNUM | 1 << 256
    return allowed


def spelled(word: str) -> str:
    """A word as an expression of its bytes."""
    return "".join(c if c.isalnum() and c.isascii() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in word)


def lookup(table: TriggerTable) -> tuple[np.ndarray, np.ndarray]:
    """Places that some trigger asks about (int64), and for each trigger, place and byte (256: outside) whether it may be."""
    places = sorted({p for b in table.beside for p in b.allowed}) or [0]
    allowed = np.ones((len(table.beside), len(places), 257), dtype=bool)
    column = {p: k for k, p in enumerate(places)}
    for number, beside in enumerate(table.beside):
        for place, mask in beside.allowed.items():
            bits = np.frombuffer(mask.to_bytes(33, "little"), dtype=np.uint8)
            allowed[number, column[place]] = np.unpackbits(bits, bitorder="little")[:257].astype(bool)
    return np.array(places, dtype=np.int64), allowed


def _spellings(classes: Sequence[bytes]) -> list[str]:
    """Expressions that together match what ``classes`` match, each with a literal of :data:`SHORT_RUN` bytes; one
    expression when it has one anyway, or when there would be too many."""
    narrow = [len(c) <= 2 for c in classes]
    runs = [(sum(1 for _ in itertools.takewhile(bool, narrow[k:])), k) for k in range(len(classes))]
    run, first = max(runs, key=lambda r: (r[0], -r[1]))
    last = min(len(classes), first + max(run, SHORT_RUN))
    first = max(0, min(first, last - SHORT_RUN))
    count = math.prod(len(c) for c in classes[first:last])
    if run >= SHORT_RUN or last - first < SHORT_RUN or count > MOST_SPELLINGS:
        return ["".join(_set(c) for c in classes)]
    head, tail = ("".join(_set(c) for c in part) for part in (classes[:first], classes[last:]))
    words = ["".join(f"\\x{b:02x}" for b in middle) for middle in itertools.product(*classes[first:last])]
    return [f"{head}(?:{'|'.join(words[k : k + _SPELLINGS_TOGETHER])}){tail}"
            for k in range(0, len(words), _SPELLINGS_TOGETHER)]


def _set(members: bytes) -> str:
    """A set of bytes as Hyperscan takes it."""
    if len(members) == 256:
        return r"[\x00-\xff]"
    inside = "".join(f"\\x{b:02x}" for b in members)
    return inside if len(members) == 1 else f"[{inside}]"


def databases(table: TriggerTable) -> list[tuple[np.ndarray, hyperscan.Database]]:
    """The databases to scan with, each with the trigger that every expression of it stands for (-1: for none).

    Raises :class:`RulesError` when Hyperscan refuses a trigger.
    """
    groups: tuple[list[tuple[int, str]], list[tuple[int, str]]] = ([], [])
    for number, spellings in enumerate(table.spellings):
        is_short = len(spellings) == 1 and table.lengths[number] > SHORT_RUN and _is_short(spellings[0])
        groups[is_short].extend((number, s) for s in spellings)
    words = sum(spelling.count("|") + 1 for _, spelling in groups[0])
    if len(table.spellings) > MANY_TRIGGERS and words < MANY_WORDS:
        groups[0].append(PACER)
    return [(np.array([n for n, _ in g], dtype=np.int64), _database(table, g)) for g in groups if g]


def _is_short(expression: str) -> bool:
    """Whether an expression of :func:`_set` places has no run of :data:`SHORT_RUN` fixed characters."""
    places = re.findall(r"\[[^\]]*\]|\\x..|.", expression)
    run = longest = 0
    for place in places:
        run = run + 1 if len(place) <= 10 else 0  # a pair of characters in brackets takes ten
        longest = max(longest, run)
    return longest < SHORT_RUN


def _database(table: TriggerTable, entries: list[tuple[int, str]]) -> hyperscan.Database:
    expressions = [text.encode() for _, text in entries]
    flags = [hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if k >= 0 and table.caseless[k] else 0)
             for k, _ in entries]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions),
                         flags=flags)
    except hyperscan.HyperscanError as error:
        problem = (f"rules: got triggers that Hyperscan refuses ({error}), expected it to compile them, do run workbench "
                   "rules check, which names the format")
        raise RulesError([problem]) from None
    return database
