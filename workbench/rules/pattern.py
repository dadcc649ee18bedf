"""A pattern: what can be known of a regular expression without running it.

Patterns are written in the subset that RE2 and Hyperscan share. Python's own parser turns one into a small tree of
byte classes, from which come its length, its rarest literal (the trigger) and random strings that match it. Python's
parser is used, not a third one written here, because it already knows the syntax; the tree below is all we keep of it.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from functools import lru_cache
from re import _constants as sre  # the parser's node names; stable since 3.11, where ``sre_parse`` moved here
from re import _parser

_POSIX_CLASS = re.compile(
    r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]")

UNBOUNDED = 1 << 30
"""Length of a pattern that has no upper bound, in bytes."""

_ALL = (1 << 256) - 1


class PatternError(ValueError):
    """A pattern that the workbench cannot take; ``position`` is the 0-based character where known."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        self.position = position
        super().__init__(message)


@lru_cache(maxsize=4096)
def _members(mask: int) -> bytes:
    return bytes(b for b in range(256) if mask >> b & 1)


@dataclass(frozen=True, slots=True)
class ByteClass:
    """One byte out of a set; ``mask`` has bit ``b`` set when byte ``b`` belongs."""

    mask: int

    @property
    def size(self) -> int:
        return self.mask.bit_count()

    def members(self) -> bytes:
        return _members(self.mask)


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    item: Node
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A zero-width assertion (``\\A``, ``\\b``, ``$`` …)."""


Node = ByteClass | Sequence | Choice | Repeat | Edge


def _mask(members: bytes | range) -> int:
    mask = 0
    for b in members:
        mask |= 1 << b
    return mask


_DIGIT = _mask(b"0123456789")
_WORD = _mask(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_SPACE = _mask(b"\t\n\v\f\r ")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: _DIGIT,
    sre.CATEGORY_NOT_DIGIT: _ALL & ~_DIGIT,
    sre.CATEGORY_WORD: _WORD,
    sre.CATEGORY_NOT_WORD: _ALL & ~_WORD,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_NOT_SPACE: _ALL & ~_SPACE,
}
_REFUSED = {
    sre.ASSERT: "look-around",
    sre.ASSERT_NOT: "look-around",
    sre.GROUPREF: "a back-reference",
    sre.GROUPREF_EXISTS: "a conditional group",
    sre.ATOMIC_GROUP: "an atomic group",
    sre.POSSESSIVE_REPEAT: "a possessive repeat",
}


def _fold(mask: int) -> int:
    """Add the other case of every ASCII letter in ``mask``."""
    for upper in range(65, 91):
        both = 1 << upper | 1 << (upper + 32)
        if mask & both:
            mask |= both
    return mask


def _char(code: int, caseless: bool) -> ByteClass:
    if code > 127:
        raise PatternError("Expected ASCII but got a character above 127; write bytes as \\xNN inside a class")
    mask = 1 << code
    return ByteClass(_fold(mask) if caseless else mask)


def _class(items: list, caseless: bool) -> ByteClass:
    mask, negate = 0, False
    for op, value in items:
        if op is sre.NEGATE:
            negate = True
        elif op is sre.LITERAL:
            mask |= 1 << min(value, 255)
        elif op is sre.RANGE:
            mask |= _mask(range(value[0], min(value[1], 255) + 1))
        elif op is sre.CATEGORY:
            mask |= _CATEGORIES[value]
    if caseless:
        mask = _fold(mask)
    return ByteClass(_ALL & ~mask if negate else mask)


def _convert(items: object, caseless: bool) -> Node:
    nodes = [_convert_one(op, value, caseless) for op, value in items]  # type: ignore[attr-defined]
    return nodes[0] if len(nodes) == 1 else Sequence(tuple(nodes))


def _convert_one(op: object, value: object, caseless: bool) -> Node:
    if op in _REFUSED:
        raise PatternError(f"Expected the subset RE2 and Hyperscan share but got {_REFUSED[op]}")
    if op is sre.LITERAL:
        return _char(value, caseless)  # type: ignore[arg-type]
    if op is sre.NOT_LITERAL:
        return ByteClass(_ALL & ~_char(value, caseless).mask)  # type: ignore[arg-type]
    if op is sre.IN:
        return _class(value, caseless)  # type: ignore[arg-type]
    if op is sre.ANY:
        return ByteClass(_ALL & ~(1 << 10))
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, item = value  # type: ignore[misc]
        return Repeat(_convert(item, caseless), low, UNBOUNDED if high is sre.MAXREPEAT else high)
    if op is sre.SUBPATTERN:
        _, add, remove, item = value  # type: ignore[misc]
        inner = (caseless or bool(add & sre.SRE_FLAG_IGNORECASE)) and not remove & sre.SRE_FLAG_IGNORECASE
        return _convert(item, inner)
    if op is sre.BRANCH:
        return Choice(tuple(_convert(b, caseless) for b in value[1]))  # type: ignore[index]
    if op is sre.AT:
        return Edge()
    raise PatternError(f"Expected the subset RE2 and Hyperscan share but got {op}")


@lru_cache(maxsize=4096)
def parse(pattern: str) -> Node:
    """The tree of ``pattern``.

    Raises :class:`PatternError` for syntax that Python's parser, or the shared subset, does not have.
    """
    if not pattern.isascii():
        raise PatternError("Expected an ASCII pattern; write other bytes as \\xNN inside a class")
    posix = _POSIX_CLASS.search(pattern)
    if posix is not None:  # to Python it would be a class of its letters
        raise PatternError("Expected no POSIX class but got one", position=posix.start())
    try:
        # RE2 spells the end of the text \z, Python \Z.
        tree = _parser.parse(pattern.replace(r"\z", r"\Z"))
    except (_parser.error, OverflowError, RecursionError) as error:
        raise PatternError(str(error), position=getattr(error, "pos", None)) from None
    if tree.state.flags & (sre.SRE_FLAG_IGNORECASE | sre.SRE_FLAG_MULTILINE | sre.SRE_FLAG_DOTALL):
        raise PatternError("Expected no global option modifiers but got one; write (?i:…) round the part it is for")
    return _convert(tree, False)


def lengths(node: Node) -> tuple[int, int]:
    """Least and greatest length in bytes; the greatest is :data:`UNBOUNDED` where there is none."""
    match node:
        case ByteClass():
            return 1, 1
        case Sequence(items):
            bounds = [lengths(i) for i in items]
            return sum(b[0] for b in bounds), min(UNBOUNDED, sum(b[1] for b in bounds))
        case Choice(branches):
            bounds = [lengths(b) for b in branches]
            return min(b[0] for b in bounds), max(b[1] for b in bounds)
        case Repeat(item, low, high):
            least, most = lengths(item)
            return least * low, min(UNBOUNDED, most * high)
        case _:
            return 0, 0


# ---------------------------------------------------------------------------------------------------------------------
# Random strings


@lru_cache(maxsize=4096)
def _likely(mask: int) -> bytes:
    """The members that a token may be made of: printable ones where there are any. Kept, for a token asks often."""
    members = ByteClass(mask).members()
    return bytes(b for b in members if 33 <= b < 127) or members


def generate(node: Node, rng: random.Random, *, spread: int = 12) -> bytes:
    """A random string that matches ``node``; repeats take at most ``spread`` more than their least count."""
    out = bytearray()
    _generate(node, rng, spread, out)
    return bytes(out)


def _generate(node: Node, rng: random.Random, spread: int, out: bytearray) -> None:
    match node:
        case ByteClass():
            _pick(node.mask, 1, rng, out)
        case Sequence(items):
            for item in items:
                _generate(item, rng, spread, out)
        case Choice(branches):
            _generate(rng.choice(branches), rng, spread, out)
        case Repeat(item, low, high):
            count = rng.randint(low, min(high, low + spread))
            if isinstance(item, ByteClass):
                _pick(item.mask, count, rng, out)
            else:
                for _ in range(count):
                    _generate(item, rng, spread, out)


def _pick(mask: int, count: int, rng: random.Random, out: bytearray) -> None:
    """Append ``count`` bytes of a class, drawn from the bits of ``rng`` as its own `choice` draws them.

    A token is mostly such a run, and a call of `choice` for each of its bytes was most of the time that samples took.
    """
    members = _likely(mask)
    size = len(members)
    bits, draw = size.bit_length(), rng.getrandbits
    for _ in range(count):
        place = draw(bits)
        while place >= size:
            place = draw(bits)
        out.append(members[place])


def literal_prefix(node: Node) -> bytes:
    """The bytes that every match starts with (possibly none)."""
    out = bytearray()
    for item in _flat(node):
        if isinstance(item, Edge):
            continue
        if not isinstance(item, ByteClass) or item.size != 1:
            break
        out += item.members()
    return bytes(out)


def _flat(node: Node) -> list[Node]:
    """The node as a list of items with nested sequences opened up, and repeats as far as they are certain."""
    if isinstance(node, Sequence):
        return [inner for item in node.items for inner in _flat(item)]
    if isinstance(node, Repeat) and node.low == node.high and node.low <= 16:
        return [inner for _ in range(node.low) for inner in _flat(node.item)]
    if isinstance(node, Repeat) and isinstance(node.item, Sequence) and 0 < node.low <= 4:
        certain = [inner for _ in range(node.low) for inner in _flat(node.item)]
        rest = node.high - node.low if node.high < UNBOUNDED else UNBOUNDED
        return [*certain, Repeat(node.item, 0, rest)]
    return [node]


# ---------------------------------------------------------------------------------------------------------------------
# Triggers


@dataclass(frozen=True, slots=True)
class Trigger:
    """The rarest short head that every match of a format holds.

    ``classes`` are the byte classes of its positions. A match that holds it starts between ``back_most`` and
    ``back_least`` bytes before the trigger's end. ``left`` and ``right`` are the classes of the bytes that every match
    also holds directly before and after it, nearest to it last and first: what can be checked without a regular
    expression.
    """

    classes: tuple[ByteClass, ...]
    back_least: int
    back_most: int
    bits: float
    left: tuple[ByteClass, ...] = ()
    right: tuple[ByteClass, ...] = ()

    @property
    def expression(self) -> str:
        """The trigger as a regular expression that Hyperscan takes."""
        return "".join(_spell(c) for c in self.classes)

    @property
    def literal_run(self) -> int:
        """Length of its longest run of fixed characters, either case counting as one."""
        longest = run = 0
        for c in self.classes:
            run = run + 1 if c.size <= 2 else 0
            longest = max(longest, run)
        return longest

    def __len__(self) -> int:
        return len(self.classes)


@lru_cache(maxsize=4096)
def _spell(item: ByteClass) -> str:
    members = item.members()
    if len(members) == 1:
        return f"\\x{members[0]:02x}" if not chr(members[0]).isalnum() else chr(members[0])
    if len(members) == 256:
        return r"[\x00-\xff]"
    parts, start = [], None
    for b in range(257):
        inside = b < 256 and item.mask >> b & 1
        if inside and start is None:
            start = b
        elif not inside and start is not None:
            parts.append(f"\\x{start:02x}" if b - 1 == start else f"\\x{start:02x}-\\x{b - 1:02x}")
            start = None
    return "[" + "".join(parts) + "]"


# Shares of bytes in source text, rounded, per mille: enough to tell a rare literal from a common one. Counted once over
# the public repository histories this project is measured on.
_PER_MILLE = {
    " ": 170, "\n": 30, "e": 62, "t": 48, "a": 40, "r": 40, "i": 38, "n": 38, "o": 38, "s": 38, "l": 26, "c": 24,
    "d": 24, "u": 18, "p": 18, "m": 16, "f": 14, "h": 12, "g": 12, "b": 10, "y": 10, "v": 7, "w": 6, "k": 6, "x": 5,
    "_": 12, "-": 8, ".": 14, ",": 10, "(": 9, ")": 9, "=": 9, '"': 14, "'": 7, "/": 10, ":": 9, ";": 7, "0": 12,
    "1": 9, "2": 7, "3": 5, "4": 5, "5": 4, "6": 4, "7": 3, "8": 4, "9": 3, "\t": 8, "{": 4, "}": 4, "[": 3, "]": 3,
}
_SHARE = [max(_PER_MILLE.get(chr(b), 2.5 if 65 <= b <= 90 else 0.8 if 32 < b < 127 else 0.2), 0.2) / 1000
          for b in range(256)]
# Runs so common that their bytes say next to nothing together.
_COMMON = ("&amp;", "postgres", "ostgres", "stgres", "gresql", "https://", "http://", "://", "www.", ".com", "/api/", "api", "key", "token", "secret", "/v1/",
           ".io/")
_TARGET_BITS, _LONGEST, _CORE = 34.0, 12, 8
_BESIDE = 16  # bytes looked at beside a trigger, each way
_FEWEST_BITS = 15.0
_WIDEST_START = 1024


def _bits(item: ByteClass) -> float:
    return -math.log2(min(1.0, sum(_SHARE[b] for b in item.members())))


@dataclass(frozen=True, slots=True)
class _Place:
    """One item of a linear form with the least and greatest distance of its start from the form's start."""

    item: Node
    least: int
    most: int


def _linear_forms(node: Node, limit: int = 64) -> list[list[Node]] | None:
    """The node as alternatives of plain item lists; None when there would be more than ``limit``."""
    forms: list[list[Node]] = [[]]
    for item in _flat(node):
        if isinstance(item, Choice):
            opened = [form for branch in item.branches for form in (_linear_forms(branch, limit) or [[branch]])]
            forms = [f + o for f in forms for o in opened]
        elif isinstance(item, Repeat) and item.high == 1 and not isinstance(item.item, ByteClass):
            opened = [[], *(_linear_forms(item.item, limit) or [[item.item]])]
            forms = [f + o for f in forms for o in opened]
        elif isinstance(item, Repeat) and isinstance(item.item, ByteClass) and item.low == item.high:
            forms = [[*f, item] for f in forms]
        else:
            forms = [[*f, item] for f in forms]
        if len(forms) > limit:
            return None
    return forms


def _places(form: list[Node]) -> list[_Place]:
    """Bytes of a form with their distances; the certain bytes of a repeat stand one by one at its two ends."""
    places: list[_Place] = []
    least = most = 0

    def put(item: Node) -> None:
        nonlocal least, most
        low, high = lengths(item)
        places.append(_Place(item, least, most))
        least, most = least + low, min(UNBOUNDED, most + high)

    for item in form:
        if isinstance(item, Repeat) and isinstance(item.item, ByteClass) and item.low:
            edge = min(item.low, _LONGEST)
            for _ in range(edge):
                put(item.item)
            rest_low, rest_high = item.low - edge, item.high - edge if item.high < UNBOUNDED else UNBOUNDED
            back = min(rest_low, _LONGEST)
            if rest_high > back:
                put(Repeat(item.item, rest_low - back, rest_high - back if rest_high < UNBOUNDED else UNBOUNDED))
            for _ in range(back):
                put(item.item)
        elif not isinstance(item, Edge):
            put(item)
    return places


def _narrow(item: Node) -> bool:
    """A byte that is as good as a literal: one character, or both cases of a letter."""
    return isinstance(item, ByteClass) and item.size <= 2


def _window(places: list[_Place], first: int, last: int) -> Trigger:
    bits = sum(_bits(p.item) for p in places[first:last])  # type: ignore[arg-type]
    # Certain bytes to the right cost Hyperscan nothing, and spare a call into Python for each false start.
    reach = last + _BESIDE
    while last < len(places) and last < reach and isinstance(places[last].item, ByteClass):
        last += 1
    classes = tuple(p.item for p in places[first:last])
    length = last - first
    left, right = first, last
    while left > 0 and first - left < _BESIDE and isinstance(places[left - 1].item, ByteClass):
        left -= 1
    while right < len(places) and right - last < _BESIDE and isinstance(places[right].item, ByteClass):
        right += 1
    return Trigger(classes, places[first].least + length, places[first].most + length,
                   bits, tuple(p.item for p in places[left:first]),  # type: ignore[misc]
                   tuple(p.item for p in places[last:right]))  # type: ignore[misc]


def _discount(places: list[_Place], first: int, last: int) -> float:
    """Bits to take off a literal run because it spells something common."""
    text = "".join(chr(p.item.members()[-1]).lower() for p in places[first:last])  # type: ignore[union-attr]
    off = 0.0
    for word in _COMMON:
        at = text.find(word)
        if at >= 0:
            spelled = sum(_bits(places[first + at + k].item) for k in range(len(word)))  # type: ignore[arg-type]
            off = max(off, spelled - 6.0)
    return off


def _best_in(form: list[Node]) -> Trigger | None:
    """The rarest literal run of a form that grows into a trigger."""
    places = _places(form)
    cores: list[tuple[float, int, int]] = []
    at = 0
    while at < len(places):
        if not _narrow(places[at].item):
            at += 1
            continue
        stop = at
        while stop < len(places) and _narrow(places[stop].item):
            stop += 1
        for first in range(at, stop):
            last = min(stop, first + _CORE)
            if places[first].most > _WIDEST_START:
                break
            score = sum(_bits(p.item) for p in places[first:last]) - _discount(places, first, last)
            # An earlier trigger is worth a little: the less lies before it, the less a confirm reads.
            cores.append((score - (places[first].most - places[first].least) / 64, first, last))
            if last == stop:
                break
        at = stop
    for _, first, last in sorted(cores, key=lambda c: (-c[0], c[1])):
        trigger = _grow(places, first, last)
        if trigger is not None:
            return trigger
    return None


def _grow(places: list[_Place], first: int, last: int) -> Trigger | None:
    """Lengthen a literal core with the certain bytes beside it until it is rare enough.

    To the left only with literals: a trigger that begins with a wide class keeps Hyperscan's automaton awake on every
    byte, which cost two thirds of the scan's speed. For the same reason a core is at least two literal bytes.
    """
    if last - first < 2:
        return None
    while last - first < _LONGEST and sum(_bits(p.item) for p in places[first:last]) < _TARGET_BITS:  # type: ignore[arg-type]
        if last < len(places) and isinstance(places[last].item, ByteClass):
            last += 1
        elif first > 0 and _narrow(places[first - 1].item):
            first -= 1
        else:
            break
    trigger = _window(places, first, last)
    if trigger.bits < _FEWEST_BITS or trigger.back_most > _WIDEST_START + _LONGEST + _BESIDE:
        return None
    return trigger


def _either(a: tuple[ByteClass, ...], b: tuple[ByteClass, ...]) -> tuple[ByteClass, ...]:
    """Classes that hold a byte of ``a`` or of ``b``, as far as both go."""
    return tuple(ByteClass(x.mask | y.mask) for x, y in zip(a, b, strict=False))


@lru_cache(maxsize=4096)
def triggers(pattern: str) -> tuple[Trigger, ...]:
    """The triggers of ``pattern``: every match holds at least one of them. Empty when it has no rare literal.

    An alternation gives one trigger a branch. Raises :class:`PatternError` as :func:`parse` does.
    """
    forms = _linear_forms(parse(pattern))
    if forms is None:
        return ()
    found: dict[tuple[ByteClass, ...], Trigger] = {}
    for form in forms:
        trigger = _best_in(form)
        if trigger is None:
            return ()
        known = found.get(trigger.classes)
        if known is not None:
            trigger = Trigger(trigger.classes, min(known.back_least, trigger.back_least),
                              max(known.back_most, trigger.back_most), trigger.bits,
                              tuple(reversed(_either(known.left[::-1], trigger.left[::-1]))),
                              _either(known.right, trigger.right))
        found[trigger.classes] = trigger
    return tuple(found.values())
