"""Compiled rules: a rule set made ready to scan.

Each format is searched in one of three ways. ``trigger``: it holds a rare literal, and the one Hyperscan call over the
whole batch finds that. ``near``: keywords must stand near and are rarer than any literal of its own, so they are searched
instead. ``partner``: it has neither, is a part of a pair, and is looked for only inside the window round its partner's
match.

A compiled rule set is shared by threads; each scan takes a scratch of its own. It does not pickle: a worker compiles
from rule text and compares :attr:`CompiledRules.hash`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import hyperscan
import numpy as np
import re2

from workbench.engine import kept
from workbench.engine.compilation import MOST_TOKEN_BYTES, Bearings, Search, compile_rules
from workbench.engine.names import Names
from workbench.engine.repeats import LEAST_TRIGGERS, Context, Hits, as_they_stand, condense
from workbench.engine.sieve import Sieve
from workbench.engine.triggers import ALNUM, Target, spelled
from workbench.errors import RulesError
from workbench.rules.judge import refusal
from workbench.rules.load import compile_re2
from workbench.rules.rule import Format, Pair, RuleSet, Window
from workbench.rules.text import DEFAULT_BEFORE

__all__ = ["MOST_TOKEN_BYTES", "CompiledFormat", "CompiledRules", "Search", "Target", "starts_plain"]


_UNKNOWN = "unknown"
_MOST_REMEMBERED = 256  # answers of a format; the longest token has 64 KiB


@dataclass(frozen=True)
class CompiledFormat:
    """One format ready to confirm; its RE2 programs are made at their first use, which few of a scan's formats see."""

    secret_type: str
    index: int
    format: Format
    bearings: Bearings

    @cached_property
    def search(self) -> Search:
        return self.bearings.search

    @cached_property
    def group(self) -> int:
        """The token's group in :attr:`whole`."""
        return self.bearings.group

    @cached_property
    def reach(self) -> int:
        """Most bytes from the start of `before` to the end of `after`."""
        return self.bearings.reach

    @cached_property
    def lead(self) -> int:
        """Most bytes of `before` that the trigger's distances are counted over; 0 when it is a byte at most."""
        return self.bearings.lead

    @cached_property
    def prefix(self) -> int:
        """Bytes that every token starts with."""
        return self.bearings.prefix

    @cached_property
    def head(self) -> bytes:
        """The bytes that every token starts with, as far as they are certain; none for many formats."""
        return self.bearings.head

    @cached_property
    def plain_before(self) -> bool:
        """Whether `before` is GitHub's default."""
        return self.format.before == DEFAULT_BEFORE

    @cached_property
    def whole(self) -> re2._Regexp:
        """Finds delimiters and token, with the token as group :attr:`group`."""
        f = self.format
        return compile_re2(f"(?:{f.before})({f.pattern})(?:{f.after})")

    @cached_property
    def here(self) -> re2._Regexp:
        """As :attr:`whole` but without `before`, for a start that is already known; the token is group 1."""
        return compile_re2(f"({self.format.pattern})(?:{self.format.after})")

    @cached_property
    def near(self) -> re2._Regexp | None:
        """Finds any of the keywords that must stand near; None where none must."""
        if self.format.near is None:
            return None
        return compile_re2("(?i:" + "|".join(spelled(w) for w in self.format.near.keywords) + ")")

    def refusal(self, token: bytes) -> str | None:
        """Which check refuses ``token``, as :func:`workbench.rules.judge.refusal` has it.

        A file's history holds one token in many revisions, and some checks parse what they are given, so answers are
        remembered, a few at a time. They stay in memory as long as the rules do, as the corpus' batches are.
        """
        known = self._refusals
        stage = known.get(token, _UNKNOWN)
        if stage is _UNKNOWN:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            stage = known[token] = refusal(self.format, token)
        return stage

    @cached_property
    def _refusals(self) -> dict[bytes, str | None]:
        return {}

    @property
    def near_window(self) -> Window:
        assert self.format.near is not None
        return self.format.near.window


class CompiledRules:
    """A rule set with its Hyperscan databases and RE2 programs."""

    def __init__(self, rules: RuleSet, *, cache: Path | None = None) -> None:
        """Compile ``rules``; with ``cache``, a folder, what compiling finds out is kept there, by content.

        Raises :class:`RulesError` for an empty rule set, or when Hyperscan refuses a trigger.
        """
        if not rules.secret_types:
            problem = ("rules: got no secret type, expected at least one, do load rules (a scan with no rules must not "
                       "report that nothing was found)")
            raise RulesError([problem])
        self.rules = rules
        self.hash = rules.hash
        self.part_types = rules.part_types()
        found = kept.read(rules, cache) if cache is not None else None
        if found is None:
            found = compile_rules(rules)
            if cache is not None:
                kept.write(rules, found, cache)
        formats = [(s.type, k, f) for s in rules.secret_types.values() for k, f in enumerate(s.formats)]
        self.formats: list[CompiledFormat] = [CompiledFormat(*f, bearings)
                                              for f, bearings in zip(formats, found.bearings, strict=True)]
        self.targets = found.targets
        self.trigger_lengths = found.lengths
        self.expressions = found.expressions
        self.pairs: tuple[Pair, ...] = tuple(rules.pairs.values())
        self.partner_formats = _by_type(self.formats, "partner")
        self.base64_types = frozenset(s.type for s in rules.secret_types.values() if s.base64)
        self.rule_of = rules.rule_of()
        self.provider_of = {s.type: s.provider for s in rules.secret_types.values()}
        self.names = Names(rules.providers)
        self._heads = _by_length(rules.heads)
        self.places, self._allowed = found.places, found.allowed
        self._has_beside = ~found.allowed.all(axis=(1, 2))
        self._databases = found.databases
        self.sieve = Sieve([(f.format, f.bearings) for f in self.formats], found.targets, found.lengths)

    def is_foreign(self, fmt: CompiledFormat, token: bytes) -> bool:
        """Whether a token that only a name near it tells of starts as the tokens of another type do: a key with that
        type's wrong checksum is nobody's."""
        if fmt.search != "near" or fmt.head:
            return False
        return any(token[:size] in heads for size, heads in self._heads.items())

    def scratch(self) -> list[hyperscan.Scratch]:
        """Working memory for one scanning thread."""
        return [hyperscan.Scratch(database) for _, database in self._databases]

    def hits(self, buffer: memoryview, scratch: list[hyperscan.Scratch], starts: np.ndarray | None = None,
             stops: np.ndarray | None = None) -> Hits:
        """Every trigger in ``buffer``, which has blobs between ``starts`` and ``stops`` and may have bytes between them; all
        of it is one blob where they are not given.

        What repeats in it is searched once (:mod:`workbench.engine.repeats`).
        """
        pays = len(self.expressions) >= LEAST_TRIGGERS
        condensed = condense(buffer, int(self.trigger_lengths.max())) if pays else None
        triggers, ends = self._found(buffer if condensed is None else memoryview(condensed.text), scratch)
        if condensed is None:
            return as_they_stand(triggers, ends)
        if starts is None or stops is None:
            starts, stops = np.array([0]), np.array([len(buffer)])
        return condensed.spread(triggers, ends, self.context, starts, stops)

    def _found(self, text: memoryview, scratch: list[hyperscan.Scratch]) -> tuple[np.ndarray, np.ndarray]:
        """Trigger numbers and end offsets of every trigger in ``text``, by end, then trigger."""
        found: list[np.ndarray] = []
        for (numbers, database), room in zip(self._databases, scratch, strict=True):
            pairs: list[int] = []
            add = pairs.append

            def on_hit(trigger: int, _start: int, end: int, _flags: int, _context: object,
                       add: Callable[[int], None] = add) -> None:
                add(end << 16 | trigger)

            database.scan(text, match_event_handler=on_hit, scratch=room)
            packed = np.array(pairs, dtype=np.int64)
            triggers = numbers[packed & 0xFFFF]
            of_triggers = triggers >= 0  # not of what only paces the scan
            found.append((packed[of_triggers] & ~0xFFFF) | triggers[of_triggers])
        every = np.concatenate(found)
        every.sort()
        return every & 0xFFFF, every >> 16

    @cached_property
    def context(self) -> Context:
        """How far round a hit :meth:`plausible` and the sieve look."""
        before, after = self.sieve.reach()
        looked_at = ~self._allowed.all(axis=2)  # by trigger and place
        for column, place in enumerate(self.places.tolist()):
            asks = looked_at[:, column]
            before = np.where(asks, np.maximum(before, -place), before)
            after = np.where(asks, np.maximum(after, place + 1), after)
        return Context(self.trigger_lengths, np.maximum(before, self.trigger_lengths), after)

    def plausible(self, values: np.ndarray, triggers: np.ndarray, ends: np.ndarray, first: np.ndarray,
                  last: np.ndarray) -> np.ndarray:
        """Which hits have beside them what every match of their formats has, looked up for all hits at once.

        ``values`` are the buffer's bytes (uint8), ``first`` and ``last`` the borders of each hit's blob. It only spares
        confirms: nothing passes that a confirm would refuse, and nothing is refused that it would take.
        """
        good = np.ones(len(triggers), bool)
        asked = np.flatnonzero(self._has_beside[triggers])
        at = ends[asked, None] + self.places[None, :]
        outside = (at < first[asked, None]) | (at >= last[asked, None])
        bytes_there = np.where(outside, 256, values[np.clip(at, 0, len(values) - 1)])
        places = np.arange(len(self.places))[None, :]
        good[asked] = self._allowed[triggers[asked, None], places, bytes_there].all(axis=1)
        return good

    def __reduce__(self) -> object:
        raise TypeError("Compiled rules are not pickled: compile them again from the rule set and compare hashes")


def _by_length(heads: frozenset[bytes]) -> dict[int, frozenset[bytes]]:
    return {size: frozenset(h for h in heads if len(h) == size) for size in sorted({len(h) for h in heads})}


def _by_type(formats: list[CompiledFormat], search: Search) -> dict[str, list[CompiledFormat]]:
    out: dict[str, list[CompiledFormat]] = {}
    for f in formats:
        if f.search == search:
            out.setdefault(f.secret_type, []).append(f)
    return out


def starts_plain(blob: memoryview, at: int) -> bool:
    """Whether GitHub's default `before` holds at ``at``: the blob's start, or a byte that is no letter or digit."""
    return at == 0 or blob[at - 1] not in ALNUM


