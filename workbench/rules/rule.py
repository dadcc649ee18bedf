"""A rule: what one part of the rule set means, validated and hashed.

A rule is the smallest thing that can be scanned alone: a secret type by itself, or pairs together with all the secret
types that are their parts. Its hash covers everything that decides what it finds, and nothing else, so an edited note
or test rescans nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.model import RuleHash
from workbench.rules import text as t
from workbench.rules.pattern import literal_prefix, parse

MEANING = 3
"""Version of what rules mean; raised when the engine finds other things with the same rule text."""

WindowUnit = Literal["file", "lines", "bytes"]


@dataclass(frozen=True, slots=True)
class Window:
    """How far apart two spans may stand: ``size`` lines or bytes, or anywhere in the file."""

    unit: WindowUnit
    size: int = 0

    def __str__(self) -> str:
        return "file" if self.unit == "file" else f"{self.size} {self.unit}"


FILE = Window("file")

NEAR_LINE_BYTES = 1024
"""Most bytes that the window of `near` reaches to either side when it is in lines: a line of minified code, which may
have megabytes, is no neighbourhood."""


@dataclass(frozen=True, slots=True)
class Near:
    keywords: tuple[str, ...]
    window: Window


@dataclass(frozen=True, slots=True)
class Format:
    """One pattern of a secret type; fields as in :class:`workbench.rules.text.FormatText`."""

    pattern: str
    label: str
    before: str
    after: str
    must_match: tuple[str, ...]
    must_not_match: tuple[str, ...]
    checksum: str | None
    min_entropy: float | None
    near: Near | None
    drop_placeholders: bool
    push_protection: bool
    sample: str | None


@dataclass(frozen=True, slots=True)
class SecretType:
    type: str
    name: str
    provider: str
    partner: bool
    user: bool
    push_protection: bool
    base64: bool
    formats: tuple[Format, ...]
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    type: str
    name: str
    provider: str
    parts: tuple[str, ...]
    window: Window
    in_order: bool
    partner: bool
    user: bool
    push_protection: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """The unit of scanning, of hashing and of "done": secret types and the pairs that tie them together."""

    name: str
    provider: str
    secret_types: tuple[str, ...]
    pairs: tuple[str, ...]
    hash: RuleHash


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Secret types, pairs and rules loaded together. Iteration order is by name and never by file order."""

    secret_types: Mapping[str, SecretType]
    pairs: Mapping[str, Pair]
    rules: Mapping[str, Rule]
    hash: str
    providers: frozenset[str] = frozenset()
    heads: frozenset[bytes] = frozenset()
    """``providers`` and ``heads`` are those of the set that this one was cut from: what tokens of the others start with, as
    a prefix does (``glpat-``, ``sk_live_``, ``hvs.``). What a rule finds does not depend on which others are scanned."""

    def subset(self, rules: Iterable[str]) -> RuleSet:
        """The rule set of these rules alone. Raises KeyError for a rule it does not hold."""
        chosen = [self.rules[name] for name in rules]
        types = {name for r in chosen for name in r.secret_types}
        pairs = {name for r in chosen for name in r.pairs}
        return build([s for n, s in self.secret_types.items() if n in types],
                     [p for n, p in self.pairs.items() if n in pairs], among=self)

    def part_types(self) -> frozenset[str]:
        """Secret types that alert only inside a pair."""
        return frozenset(part for pair in self.pairs.values() for part in pair.parts)

    def rule_of(self) -> dict[str, str]:
        """Name of the rule of every secret type and every pair."""
        return {n: r.name for r in self.rules.values() for n in (*r.secret_types, *r.pairs)}


def _digest(meaning: Any) -> str:
    return hashlib.sha256(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def _format_meaning(f: Format) -> list[Any]:
    near = [sorted(k.lower() for k in f.near.keywords), str(f.near.window)] if f.near else None
    return [f.pattern, f.before, f.after, f.must_match, f.must_not_match, f.checksum, f.min_entropy, near,
            f.drop_placeholders]


def _rule_hash(types: list[SecretType], pairs: list[Pair]) -> RuleHash:
    meaning = [
        MEANING,
        [[s.type, s.base64, [_format_meaning(f) for f in s.formats]] for s in types],
        [[p.type, p.parts, str(p.window), p.in_order] for p in pairs],
    ]
    return RuleHash(_digest(meaning))


_SHORTEST_PREFIX = 4


def _prefixes(types: Iterable[SecretType]) -> frozenset[bytes]:
    heads = {literal_prefix(parse(f.pattern)) for s in types for f in s.formats}
    return frozenset(h for h in heads if len(h) >= _SHORTEST_PREFIX and h[-1:] in (b"_", b"-", b"."))


def build(secret_types: Iterable[SecretType], pairs: Iterable[Pair], *, among: RuleSet | None = None) -> RuleSet:
    """A rule set of validated types and pairs; pairs that share a part make one rule together. ``among`` is the set that
    they were cut from."""
    types = {s.type: s for s in sorted(secret_types, key=lambda s: s.type)}
    by_pair = {p.type: p for p in sorted(pairs, key=lambda p: p.type)}
    group: dict[str, str] = {}
    for pair in by_pair.values():
        tied = {group[part] for part in pair.parts if part in group}
        name = min([pair.type, *tied])
        for part, old in list(group.items()):
            if old in tied:
                group[part] = name
        group.update(dict.fromkeys(pair.parts, name))
    members: dict[str, list[SecretType]] = {}
    for s in types.values():
        members.setdefault(group.get(s.type, s.type), []).append(s)
    rules = {}
    for name in sorted(members):
        own = [p for p in by_pair.values() if group[p.parts[0]] == name]
        rules[name] = Rule(name, members[name][0].provider, tuple(s.type for s in members[name]),
                           tuple(p.type for p in own), _rule_hash(members[name], own))
    flags = [[s.type, s.provider, s.partner, s.user] for s in types.values()]
    flags += [[p.type, p.provider, p.partner, p.user] for p in by_pair.values()]
    providers = among.providers if among else frozenset(s.provider for s in types.values())
    heads = among.heads if among else _prefixes(types.values())
    return RuleSet(types, by_pair, rules, _digest([[r.hash for r in rules.values()], flags]), providers, heads)


def _window(text: t.Window) -> Window:
    if isinstance(text, t.LinesText):
        return Window("lines", text.lines)
    if isinstance(text, t.BytesText):
        return Window("bytes", text.bytes)
    return FILE


def _format(text: t.FormatText, index: int, owner: t.SecretText) -> Format:
    near = Near(tuple(text.near.keywords), _window(text.near.window)) if text.near else None
    protected = owner.push_protection if text.push_protection is None else text.push_protection
    return Format(text.pattern, text.label or f"v{len(owner.formats) - index}", text.before, text.after,
                  tuple(text.must_match), tuple(text.must_not_match), text.checksum, text.min_entropy, near,
                  text.placeholders == "drop", protected, text.sample)


def from_text(text: t.SecretText, provider: str) -> SecretType:
    formats = tuple(_format(f, i, text) for i, f in enumerate(text.formats))
    return SecretType(text.type, text.name, provider, text.partner, text.user, text.push_protection, text.base64,
                      formats, tuple(text.references))


def pair_from_text(text: t.PairText, provider: str) -> Pair:
    return Pair(text.type, text.name, provider, tuple(text.parts), _window(text.window), text.order == "as_listed",
                text.partner, text.user, text.push_protection)
