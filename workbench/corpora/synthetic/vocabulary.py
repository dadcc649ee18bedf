"""A vocabulary: the names, numbers and sentences that synthetic files are written in, all drawn from one random source.

Words are everyday ones of programs and offices. None is a provider's name, or files would be full of keywords that
rules look for near a token.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from typing import Literal, TypeVar

T = TypeVar("T")

NameStyle = Literal["upper", "snake", "camel", "pascal", "kebab"]
"""How a language joins words: ``MAX_SIZE``, ``max_size``, ``maxSize``, ``MaxSize``, ``max-size``."""

_WORDS = """
account address amount archive array asset audit author backup badge balance banner basket batch billing binary board
border bottle branch bridge bucket budget buffer builder button cabinet cache calendar camera campaign canvas carrier
catalog category channel chapter chart circle client cluster column comment compare config contact context control
cookie corner counter country course cursor customer dashboard database deadline decoder default degree delivery
device dialog digest dinner directory discount dispatch display distance document domain drawer driver duration editor
element engine entry event exchange export factory feature feed field figure filter folder footer forest format
forward frame gallery garden gateway grid group guest handler harbor header height history holiday image import index
input invoice island item journal kernel kitchen label language layer layout ledger letter level library limit list
loader locale logger machine manager margin marker market matrix measure member memory menu message method mirror
mobile model module monitor morning motor mountain network number object office offset order output owner package page
painter panel parcel parser partner pattern payment period person picture pipeline pixel planet player pointer policy
portal price printer process product profile project queue quota random range rating reader receipt record region
remote render report request reserve resource result review river router runner sample schedule schema screen script
search season section select series server service session shadow shipment shuffle signal size slider socket source
spinner stage station status storage store stream street string student style summer switch symbol system table target
task team template terminal ticket timeout timer toggle tracker traffic transfer travel trigger tunnel update upload
user value vendor version village visitor volume voucher wallet warehouse watcher weather widget width window winter
worker writer zone risk disk desk mask flask
"""
WORDS: tuple[str, ...] = tuple(_WORDS.split())

_OPENERS = ("Check", "Keep", "Load", "Send", "Find", "Skip", "Read", "Store", "Drop", "Merge", "Move", "Count",
            "Wait for",
            "Give up on", "Ask for", "Warn about", "Überprüfe", "Garde", "再試行", "Prüft")
_LINKS = ("before", "after", "unless", "when", "so that", "because of", "together with", "without", "for", "über", "où")
_HOSTS = ("example.com", "example.org", "example.net", "internal.example.com", "staging.example.org", "localhost")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def styled(words: Sequence[str], style: NameStyle) -> str:
    """Words joined as ``style`` joins them."""
    if style == "upper":
        return "_".join(words).upper()
    if style == "snake":
        return "_".join(words).lower()
    if style == "kebab":
        return "-".join(words).lower()
    joined = "".join(w[:1].upper() + w[1:].lower() for w in words)
    return joined if style == "pascal" else joined[:1].lower() + joined[1:]


class Vocabulary:
    """Draws from ``rng``; the same source gives the same text. Not for several threads."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def pick(self, items: Sequence[T]) -> T:
        # A third of the time of rng.choice, and filler asks millions of times.
        return items[int(self.rng.random() * len(items))]

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def below(self, limit: int) -> int:
        """An integer from 0 to ``limit - 1``."""
        return int(self.rng.random() * limit)

    def word(self) -> str:
        return self.pick(WORDS)

    def name(self, style: NameStyle) -> str:
        """An identifier of one to three words."""
        count = 1 + self.below(3)
        return styled([self.pick(WORDS) for _ in range(count)], style)

    def sentence(self) -> str:
        """A short sentence without a full stop; one in ten holds a character beyond ASCII, as comments do."""
        return f"{self.pick(_OPENERS)} the {self.word()} {self.word()} {self.pick(_LINKS)} the {self.word()}"

    def host(self) -> str:
        return f"{self.word()}.{self.pick(_HOSTS)}"

    def version(self) -> str:
        return f"{self.below(9)}.{self.below(30)}.{self.below(20)}"

    def moment(self) -> str:
        """A time such as ``2024-03-09T17:05:41Z``."""
        b = self.below
        return (f"{2018 + b(8)}-{1 + b(12):02d}-{1 + b(28):02d}T{b(24):02d}:{b(60):02d}:{b(60):02d}Z")

    def hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        """A random (version 4) UUID in lower case."""
        h = self.hex(32)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[self.below(4)]}{h[17:20]}-{h[20:]}"

    def base64(self, size_bytes: int) -> str:
        """Base64 of so many random bytes, with its padding."""
        return base64.b64encode(self.rng.randbytes(size_bytes)).decode()

    def base62(self, length: int) -> str:
        return "".join(self.rng.choices(_BASE62, k=length))
