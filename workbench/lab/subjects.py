"""A subject is what one verdict is about: a secret, or the parts of a paired credential, over all places it was found.

Equal secrets are one subject, so they are judged once. Subjects stand in an order that chance and the token alone
decide: the first n of them are a random sample, the same for everyone who uses the store, and most of it stays when a
rule changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

from workbench.errors import UsageError
from workbench.lab.frames import Flat
from workbench.model import BlobId, Span
from workbench.rules.rule import RuleSet
from workbench.store.labels import Judged, Kind, Labels


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject stands in one blob: a span of a match, or one for each part of a pair in rule order."""

    blob_id: BlobId
    spans: tuple[Span, ...]
    line: int  # 1-based, of the span that comes first


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to judge; ``fingerprint`` is its label's key. ``places`` has at least one."""

    kind: Kind
    type: str
    fingerprint: str
    places: tuple[Place, ...]

    def judged_at(self, place: Place) -> Judged:
        """What a verdict given while looking at ``place`` is about."""
        whole = Span(min(s.start for s in place.spans), max(s.end for s in place.spans))
        return Judged(self.kind, self.type, self.fingerprint, place.blob_id, whole)


@dataclass(frozen=True, slots=True)
class Sample:
    """The subjects drawn for judging, in random order, out of ``population``; ``name`` is what their labels keep."""

    subjects: tuple[Subject, ...]
    population: int
    seed: int

    @property
    def name(self) -> str:
        return f"{len(self.subjects)} of {self.population}, seed {self.seed}"


def draw(found: Flat, rules: RuleSet, labels: Labels, *, types: Collection[str] | None = None,
         size: int | None = 200, seed: int = 0) -> Sample:
    """Draw ``size`` subjects (None: all) from what a scan with ``rules`` found.

    ``types`` are slugs of secret types or pair types; by default everything that may alert, as a batch has it:
    matches of types that alert by themselves, and pairs. Raises UsageError for a type that the rules do not have.
    """
    if size is not None and size < 1:
        raise UsageError(f"Expected a sample of 1 or more but got size={size}. Give None for all.")
    unknown = sorted(set(types or ()) - rules.secret_types.keys() - rules.pairs.keys())
    if unknown:
        raise UsageError(f"Expected types of the rule set but got {', '.join(unknown)}. {_nearest(unknown[0], rules)}")
    offered = _Offered(found, labels)
    groups: dict[tuple[Kind, str, str], list[Sequence[int]]] = {}
    for key, rows in chain(offered.singles(rules, types), offered.pairs(types)):
        groups.setdefault(key, []).append(rows)
    ranked = sorted(groups, key=lambda key: _rank(key[2], seed))
    chosen = ranked if size is None else ranked[:size]
    subjects = (Subject(*key, offered.places(groups[key])) for key in chosen)
    return Sample(tuple(subjects), len(groups), seed)


def _rank(fingerprint: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{fingerprint}".encode(), digest_size=16).digest()


def _nearest(name: str, rules: RuleSet) -> str:
    close = get_close_matches(name, [*rules.secret_types, *rules.pairs], n=1)
    return f"Did you mean {close[0]}?" if close else "The rules' YAML files name them."


Keyed = tuple[tuple[Kind, str, str], Sequence[int]]
"""(kind, type, fingerprint) of a subject, and the rows of the matches at one place of it."""


class _Offered:
    """Everything found, a row at a time, with a fingerprint for what is asked for."""

    def __init__(self, found: Flat, labels: Labels) -> None:
        columns = found.matches
        self._labels = labels
        self._pairs = found.pairs
        self._blob_ids: list[BlobId] = columns["blob_id"].to_pylist()
        self._types: list[str] = columns["secret_type"].to_pylist()
        self._tokens: list[bytes] = columns["token"].to_pylist()
        self._starts: list[int] = columns["start"].to_pylist()
        self._ends: list[int] = columns["end"].to_pylist()
        self._lines: list[int] = columns["start_line"].to_pylist()
        self._alertable: list[bool] = columns["alertable"].to_pylist()
        self._known: dict[tuple[str, bytes], str] = {}

    def singles(self, rules: RuleSet, types: Collection[str] | None) -> Iterator[Keyed]:
        parts = rules.part_types()
        for k, name in enumerate(self._types):
            if name in types if types is not None else self._alertable[k] and name not in parts:
                yield ("single", name, self._fingerprint(k)), (k,)

    def pairs(self, types: Collection[str] | None) -> Iterator[Keyed]:
        columns = self._pairs["pair_type"].to_pylist(), self._pairs["parts"].to_pylist()
        for name, own in zip(*columns, strict=True):
            if name in types if types is not None else all(self._alertable[k] for k in own):
                key = self._labels.pair_fingerprint(name, [self._fingerprint(k) for k in own])
                yield ("pair", name, key), own

    def places(self, found: Sequence[Sequence[int]]) -> tuple[Place, ...]:
        """The places at these rows, each once: rules that overlap may find the same twice."""
        return tuple(dict.fromkeys(self._place(own) for own in found))

    def _place(self, own: Sequence[int]) -> Place:
        return Place(self._blob_ids[own[0]], tuple(Span(self._starts[k], self._ends[k]) for k in own),
                     min(self._lines[k] for k in own))

    def _fingerprint(self, k: int) -> str:
        key = self._types[k], self._tokens[k]
        if key not in self._known:
            self._known[key] = self._labels.fingerprint(*key)
        return self._known[key]
