"""Compiled rules: a rule set made ready to scan.

Each format is searched in one of three ways. ``trigger``: it holds a rare literal, and the one Hyperscan call over the
whole batch finds that. ``near``: keywords must stand near and are rarer than any literal of its own, so they are searched
instead. ``partner``: it has neither, is a part of a pair, and is looked for only inside the window round its partner's
match.

A compiled rule set is shared by threads; each scan takes a scratch of its own. It does not pickle: a worker compiles
from rule text and compares :attr:`CompiledRules.hash`.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import hyperscan
import numpy as np
import re2

from workbench.engine.base64text import EncodedHead, encoded_heads
from workbench.errors import RulesError
from workbench.rules import pattern as pat
from workbench.rules.load import compile_re2, search_way, trigger_pattern
from workbench.rules.rule import Format, Pair, RuleSet, SecretType, Window
from workbench.rules.judge import prefix_length
from workbench.rules.text import DEFAULT_BEFORE

MOST_TOKEN_BYTES = 65_536
"""Longest token of a format without an upper bound, in bytes: how far a confirm reads beyond its trigger."""

Search = Literal["trigger", "near", "partner"]

_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_NOT_ALNUM = sum(1 << b for b in range(256) if b not in _ALNUM)


@dataclass(frozen=True, slots=True)
class CompiledFormat:
    """One format ready to confirm. ``whole`` finds delimiters and token, with the token as group ``group``; ``here``
    does the same without `before`, for a start that is already known."""

    secret_type: str
    index: int
    format: Format
    search: Search
    whole: re2._Regexp
    here: re2._Regexp
    group: int
    plain_before: bool
    reach: int  # most bytes from the start of `before` to the end of `after`
    lead: int  # most bytes of `before` that the trigger's distances are counted over; 0 when it is a byte at most
    prefix: int
    near: re2._Regexp | None

    @property
    def near_window(self) -> Window:
        assert self.format.near is not None
        return self.format.near.window


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


@dataclass(slots=True)
class _TriggerTable:
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


def _beside(fmt: Format, trigger: pat.Trigger) -> dict[int, int]:
    allowed = {k: c.mask for k, c in enumerate(trigger.right)}
    head = -len(trigger)
    allowed |= {head - k: c.mask for k, c in enumerate(reversed(trigger.left), start=1)}
    if fmt.before == DEFAULT_BEFORE and trigger.back_least == trigger.back_most:
        place = -trigger.back_least - 1
        if place >= head - len(trigger.left) - 1:
            allowed[place] = _NOT_ALNUM | 1 << 256
    return allowed


class CompiledRules:
    """A rule set with its Hyperscan database and RE2 programs."""

    def __init__(self, rules: RuleSet, *, cache: Path | None = None) -> None:
        """Compile ``rules``; with ``cache``, a folder, the database is kept there by content.

        Raises :class:`RulesError` for an empty rule set, or when Hyperscan refuses a trigger.
        """
        if not rules.secret_types:
            raise RulesError(["rules: got no secret type, expected at least one, do load rules (a scan with no rules "
                              "must not report that nothing was found)"])
        self.rules = rules
        self.hash = rules.hash
        self.part_types = rules.part_types()
        self.formats: list[CompiledFormat] = []
        table = _TriggerTable()
        for secret in rules.secret_types.values():
            for index, fmt in enumerate(secret.formats):
                self._add(secret, index, fmt, table)
        self.targets = table.targets
        self.trigger_lengths = np.array(table.lengths, dtype=np.int64)
        self.expressions = tuple(table.expressions)
        self.pairs: tuple[Pair, ...] = tuple(rules.pairs.values())
        self.partner_formats = _by_type(self.formats, "partner")
        self.base64_types = frozenset(s.type for s in rules.secret_types.values() if s.base64)
        self.rule_of = rules.rule_of()
        self.places, self._allowed = _lookup(table)
        self._databases = _databases(table, cache)

    def _add(self, secret: SecretType, index: int, fmt: Format, table: _TriggerTable) -> None:
        search: Search = search_way(fmt, is_part=secret.type in self.part_types) or "partner"
        number = len(self.formats)
        self.formats.append(_compile_format(secret.type, index, fmt, search))
        if search == "trigger":
            for t in pat.triggers(trigger_pattern(fmt)):
                table.add(t.expression, False, len(t), Target(number, t.back_least, t.back_most),
                          classes=[c.members() for c in t.classes], allowed=_beside(fmt, t))
            if secret.base64:
                self._add_encoded(number, fmt, table)
        elif search == "near":
            assert fmt.near is not None
            for word in fmt.near.keywords:
                table.add(_literal(word), True, len(word), Target(number, 0, 0, is_keyword=True))

    def _add_encoded(self, number: int, fmt: Format, table: _TriggerTable) -> None:
        """Triggers of the format's base64-encoded form, from the certain bytes round each of its own triggers."""
        certain: list[tuple[list[bytes], int]] = []
        for trigger in pat.triggers(fmt.pattern):
            if trigger.back_least == trigger.back_most:
                around = (*trigger.left, *trigger.classes, *trigger.right)
                certain.append(([c.members() for c in around], trigger.back_most - len(trigger) - len(trigger.left)))
            else:  # the trigger may stand anywhere: the pattern's own head has to do
                certain.append(([bytes([b]) for b in pat.literal_prefix(pat.parse(fmt.pattern))], 0))
        for classes, distance in certain:
            for head in encoded_heads(classes, distance):
                table.add(head.expression, False, len(head.characters), Target(number, 0, 0, encoded=head),
                          classes=head.characters)

    def scratch(self) -> list[hyperscan.Scratch]:
        """Working memory for one scanning thread."""
        return [hyperscan.Scratch(database) for _, database in self._databases]

    def hits(self, buffer: memoryview, scratch: list[hyperscan.Scratch]) -> tuple[np.ndarray, np.ndarray]:
        """Trigger numbers and end offsets (int64, bytes) of every trigger in ``buffer``, in no particular order."""
        found: list[np.ndarray] = []
        for (numbers, database), room in zip(self._databases, scratch, strict=True):
            pairs: list[int] = []
            add = pairs.append

            def on_hit(trigger: int, _start: int, end: int, _flags: int, _context: object,
                       add: Callable[[int], None] = add) -> None:
                add(end << 16 | trigger)

            database.scan(buffer, match_event_handler=on_hit, scratch=room)
            packed = np.array(pairs, dtype=np.int64)
            found.append(np.stack((numbers[packed & 0xFFFF], packed >> 16)))
        both = np.concatenate(found, axis=1) if len(found) > 1 else found[0]
        return both[0], both[1]

    def plausible(self, values: np.ndarray, triggers: np.ndarray, ends: np.ndarray, first: np.ndarray,
                  last: np.ndarray) -> np.ndarray:
        """Which hits have beside them what every match of their formats has, looked up for all hits at once.

        ``values`` are the buffer's bytes (uint8), ``first`` and ``last`` the borders of each hit's blob. It only spares
        confirms: nothing passes that a confirm would refuse, and nothing is refused that it would take.
        """
        at = ends[:, None] + self.places[None, :]
        outside = (at < first[:, None]) | (at >= last[:, None])
        bytes_there = np.where(outside, 256, values[np.clip(at, 0, len(values) - 1)])
        return self._allowed[triggers[:, None], np.arange(len(self.places))[None, :], bytes_there].all(axis=1)

    def __reduce__(self) -> object:
        raise TypeError("Compiled rules are not pickled: compile them again from the rule set and compare hashes")


def _compile_format(secret_type: str, index: int, fmt: Format, search: Search) -> CompiledFormat:
    high = pat.lengths(pat.parse(fmt.pattern))[1]
    before, after = (pat.lengths(pat.parse(p))[1] for p in (fmt.before, fmt.after))
    reach = min(high, MOST_TOKEN_BYTES) + before + after
    group = 1 + compile_re2(fmt.before).groups
    near = None
    if fmt.near is not None:
        near = compile_re2("(?i:" + "|".join(_literal(w) for w in fmt.near.keywords) + ")")
    return CompiledFormat(
        secret_type=secret_type, index=index, format=fmt, search=search,
        whole=compile_re2(f"(?:{fmt.before})({fmt.pattern})(?:{fmt.after})"),
        here=compile_re2(f"({fmt.pattern})(?:{fmt.after})"),
        group=group, plain_before=fmt.before == DEFAULT_BEFORE, reach=reach, lead=before if before > 1 else 0, prefix=prefix_length(fmt),
        near=near)


def _literal(word: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in word)


def _by_type(formats: list[CompiledFormat], search: Search) -> dict[str, list[CompiledFormat]]:
    out: dict[str, list[CompiledFormat]] = {}
    for f in formats:
        if f.search == search:
            out.setdefault(f.secret_type, []).append(f)
    return out


def _lookup(table: _TriggerTable) -> tuple[np.ndarray, np.ndarray]:
    """Places that some trigger asks about, and for each trigger, place and byte (256: outside) whether it may be."""
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


def _databases(table: _TriggerTable, cache: Path | None) -> list[tuple[np.ndarray, hyperscan.Database]]:
    """The databases to scan with, each with the trigger that every expression of it stands for."""
    groups: tuple[list[tuple[int, str]], list[tuple[int, str]]] = ([], [])
    for number, spellings in enumerate(table.spellings):
        is_short = len(spellings) == 1 and table.lengths[number] > SHORT_RUN and _is_short(spellings[0])
        groups[is_short].extend((number, s) for s in spellings)
    return [(np.array([n for n, _ in g], dtype=np.int64), _database(table, g, cache)) for g in groups if g]


def _is_short(expression: str) -> bool:
    """Whether an expression of :func:`_set` places has no run of :data:`SHORT_RUN` fixed characters."""
    places = re.findall(r"\[[^\]]*\]|\\x..|.", expression)
    run = longest = 0
    for place in places:
        run = run + 1 if len(place) <= 10 else 0  # a pair of characters in brackets takes ten
        longest = max(longest, run)
    return longest < SHORT_RUN


def _database(table: _TriggerTable, entries: list[tuple[int, str]], cache: Path | None) -> hyperscan.Database:
    expressions = [text.encode() for _, text in entries]
    flags = [hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if table.caseless[k] else 0) for k, _ in entries]
    name = hashlib.sha256(repr((expressions, flags, version("hyperscan"))).encode()).hexdigest()[:32]
    file = cache / f"triggers-{name}.hs" if cache else None
    if file is not None and file.is_file():
        try:
            return hyperscan.loadb(bytearray(file.read_bytes()), hyperscan.HS_MODE_BLOCK)
        except hyperscan.HyperscanError:
            pass  # made on another kind of processor, or damaged: it is only a cache
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions),
                         flags=flags)
    except hyperscan.HyperscanError as error:
        raise RulesError([f"rules: got triggers that Hyperscan refuses ({error}), expected it to compile them, do run "
                          "workbench rules check, which names the format"]) from None
    if file is not None:
        _keep(file, hyperscan.dumpb(database))
    return database


def _keep(file: Path, data: bytes) -> None:
    """Write a cache entry whole or not at all; a cache that cannot be written is no reason to stop."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.replace(temporary, file)
    except OSError:
        pass


def starts_plain(blob: memoryview, at: int) -> bool:
    """Whether GitHub's default `before` holds at ``at``: the blob's start, or a byte that is no letter or digit."""
    return at == 0 or blob[at - 1] not in _ALNUM


