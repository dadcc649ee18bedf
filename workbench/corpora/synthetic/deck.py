"""A deck: which files a synthetic corpus has, dealt in rounds.

In every round each format is planted once and imitated once, each pair is played in each arrangement, and noise and
plain files stand between. From round to round everything moves on by one place, so that after as many rounds as there
are places every format has stood in all of them. Base64 is a place of its own, for the types whose rule asks for it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from workbench.corpora.synthetic.arrangements import ARRANGEMENTS
from workbench.corpora.synthetic.config_places import CONFIG_PLACES
from workbench.corpora.synthetic.document import ENCODINGS
from workbench.corpora.synthetic.hard_negatives import IMITATIONS
from workbench.corpora.synthetic.noise import NOISE
from workbench.corpora.synthetic.place import Place
from workbench.corpora.synthetic.source_places import SOURCE_PLACES
from workbench.rules.load import searchable
from workbench.rules.rule import RuleSet

PLACES: tuple[Place, ...] = (*CONFIG_PLACES, *SOURCE_PLACES)

_MOST_TOKENS, _MOST_IMITATIONS = 4, 6
_PLAIN_SHARE = 0.15
_UTF16_EVERY = 10
_FORMATS_A_NOISE = 80
"""Each kind of noise stands once in a round for every so many formats."""


@dataclass(frozen=True, slots=True)
class FormatKey:
    secret_type: str
    format: int


@dataclass(frozen=True, slots=True)
class Card:
    """One file to write. ``place`` is an index into :data:`PLACES` (into ``NOISE`` for noise).

    ``formats`` are what a file of tokens or imitations holds, ``kinds`` the imitations' kinds; ``pair``,
    ``arrangement`` and ``version`` are a pair file's. ``encoding`` is one of ``document.ENCODINGS``, or empty for
    UTF-8.
    """

    kind: Literal["tokens", "pair", "imitations", "noise", "plain"]
    place: int
    formats: tuple[FormatKey, ...] = ()
    kinds: tuple[str, ...] = ()
    pair: str = ""
    arrangement: str = ""
    version: int = 0
    encoding: str = ""


class Deck:
    """The rounds of one rule set and seed."""

    def __init__(self, rules: RuleSet, seed: str) -> None:
        self._rules = rules
        self._seed = seed
        parts = rules.part_types()
        keys = [FormatKey(s.type, i) for s in rules.secret_types.values() for i in range(len(s.formats))]
        random.Random(f"{seed}:deck").shuffle(keys)
        self._planted = [k for k in keys if k.secret_type not in parts]
        self._plain = [k for k, place in enumerate(PLACES) if not place.is_base64]
        self._base64 = [k for k in self._planted if rules.secret_types[k.secret_type].base64]
        self._imitated = [k for k in keys if searchable(rules.secret_types[k.secret_type].formats[k.format])]

    def round(self, number: int) -> list[Card]:
        """The cards of one round, shuffled."""
        rng = random.Random(f"{self._seed}:round:{number}")
        cards = [*self._tokens(number, rng), *self._pairs(number), *self._imitations(number, rng), *self._noise()]
        plain = max(1, int(len(cards) * _PLAIN_SHARE))
        cards += [Card("plain", (number + 7 * k) % len(PLACES)) for k in range(plain)]
        rng.shuffle(cards)
        return cards

    def _tokens(self, number: int, rng: random.Random) -> list[Card]:
        by_place = {k: self._base64 for k, place in enumerate(PLACES) if place.is_base64}
        for k, key in enumerate(self._planted):
            by_place.setdefault(self._plain[(5 * k + number) % len(self._plain)], []).append(key)
        cards = [Card("tokens", place, formats=tuple(group))
                 for place, keys in by_place.items() for group in _grouped(keys, _MOST_TOKENS, rng)]
        # Some once more in UTF-16, so that no format depends on it to be planted at all.
        again = [k for k in range(len(self._planted)) if k % _UTF16_EVERY == number % _UTF16_EVERY]
        cards += [Card("tokens", self._plain[(3 * k + number) % len(self._plain)], formats=(self._planted[k],),
                       encoding=ENCODINGS[n % 2]) for n, k in enumerate(again, start=number)]
        return cards

    def _pairs(self, number: int) -> list[Card]:
        cards = []
        for j, pair in enumerate(self._rules.pairs.values()):
            versions = max(len(self._rules.secret_types[p].formats) for p in pair.parts)
            for k, name in enumerate(ARRANGEMENTS):
                place = (7 * j + 2 * k + number) % len(PLACES)
                card = Card("pair", place, pair=pair.type, arrangement=name, version=(k + number) % versions)
                cards.append(card)
                if (j + k + number) % _UTF16_EVERY == 0:
                    cards.append(replace(card, encoding=ENCODINGS[(k + number) % 2]))
        return cards

    def _imitations(self, number: int, rng: random.Random) -> list[Card]:
        kinds = tuple(IMITATIONS)
        by_place: dict[int, list[tuple[FormatKey, str]]] = {}
        for k, key in enumerate(self._imitated):
            place = self._plain[(2 * k + 4 * number + 1) % len(self._plain)]
            by_place.setdefault(place, []).append((key, kinds[(k + number) % len(kinds)]))
        return [Card("imitations", place,
                     formats=tuple(key for key, _ in group), kinds=tuple(kind for _, kind in group))
                for place, keys in by_place.items() for group in _grouped(keys, _MOST_IMITATIONS, rng)]

    def _noise(self) -> list[Card]:
        times = 1 + len(self._planted) // _FORMATS_A_NOISE
        return [Card("noise", k) for k in range(len(NOISE)) for _ in range(times)]


def _grouped(items: Sequence, most: int, rng: random.Random) -> list[Sequence]:
    """``items`` in order, cut into runs of 1 to ``most``."""
    groups, at = [], 0
    while at < len(items):
        size = rng.randint(1, most)
        groups.append(items[at : at + size])
        at += size
    return groups
