"""A compilation: what has to be worked out of a rule set before anything can be scanned with it.

How each format is searched and how far a confirm reads, the trigger table, and the Hyperscan databases. It holds no RE2
program: those are made where they are first used. Working it out takes a second or so for the whole catalogue, so it is
kept (:mod:`workbench.engine.kept`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import hyperscan
import numpy as np

from workbench.engine.base64text import encoded_heads
from workbench.engine.triggers import Target, TriggerTable, beside_of, databases, lookup, spelled
from workbench.rules import pattern as pat
from workbench.rules.judge import compiled, prefix_length
from workbench.rules.load import search_way, trigger_pattern
from workbench.rules.rule import Format, RuleSet

MOST_TOKEN_BYTES = 65_536
"""Longest token of a format without an upper bound, in bytes: how far a confirm reads beyond its trigger."""

Search = Literal["trigger", "near", "partner"]


@dataclass(frozen=True, slots=True)
class Bearings:
    """How one format is searched, and the lengths a confirm goes by, in bytes.

    ``group`` is the token's group in the program that finds delimiters and token; ``reach`` the most bytes from the
    start of `before` to the end of `after`; ``lead`` the most bytes of `before` that the trigger's distances are counted
    over, 0 when it is a byte at most; ``prefix`` the bytes that every token starts with; ``head`` those of them that are
    certain.
    """

    search: Search
    group: int
    reach: int
    lead: int
    prefix: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Compilation:
    """``bearings`` in the order of the rule set's formats; ``expressions``, ``lengths`` and ``targets`` by trigger.

    ``places`` and ``allowed`` are :func:`~workbench.engine.triggers.lookup`'s; each of ``databases`` comes with the trigger
    of every expression in it.
    """

    bearings: list[Bearings]
    expressions: tuple[str, ...]
    lengths: np.ndarray
    targets: list[list[Target]]
    places: np.ndarray
    allowed: np.ndarray
    databases: list[tuple[np.ndarray, hyperscan.Database]]


def compile_rules(rules: RuleSet) -> Compilation:
    """Work out the compilation of ``rules``. Raises :class:`RulesError` when Hyperscan refuses a trigger."""
    parts = rules.part_types()
    table = TriggerTable()
    bearings: list[Bearings] = []
    for secret in rules.secret_types.values():
        for fmt in secret.formats:
            search: Search = search_way(fmt, is_part=secret.type in parts) or "partner"
            _add(len(bearings), fmt, search, secret.base64, table)
            bearings.append(_bearings(fmt, search))
    places, allowed = lookup(table)
    return Compilation(bearings, tuple(table.expressions), np.array(table.lengths, dtype=np.int64), table.targets, places,
                       allowed, databases(table))


def _bearings(fmt: Format, search: Search) -> Bearings:
    high = pat.lengths(pat.parse(fmt.pattern))[1]
    before, after = (pat.lengths(pat.parse(p))[1] for p in (fmt.before, fmt.after))
    return Bearings(search, group=1 + compiled(fmt.before).groups, reach=min(high, MOST_TOKEN_BYTES) + before + after,
                    lead=before if before > 1 else 0, prefix=prefix_length(fmt),
                    head=pat.literal_prefix(pat.parse(fmt.pattern)))


def _add(number: int, fmt: Format, search: Search, is_encoded: bool, table: TriggerTable) -> None:
    if search == "trigger":
        for t in pat.triggers(trigger_pattern(fmt)):
            table.add(t.expression, False, len(t), Target(number, t.back_least, t.back_most),
                      classes=[c.members() for c in t.classes], allowed=beside_of(fmt, t))
        if is_encoded:
            _add_encoded(number, fmt, table)
    elif search == "near":
        assert fmt.near is not None
        for word in fmt.near.keywords:
            table.add(spelled(word), True, len(word.encode()), Target(number, 0, 0, is_keyword=True))


def _add_encoded(number: int, fmt: Format, table: TriggerTable) -> None:
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
