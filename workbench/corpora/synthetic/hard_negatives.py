"""A hard negative: a string that looks like a token, in a place where tokens stand, and is none.

Some imitate a secret type: placeholders, wrong checksums, test fixtures, tokens glued into longer words or cut short,
words that hold the prefix. Others imitate none: commit ids, UUIDs, digests. Each imitation is checked against all
formats of the type it imitates; one that is a token after all is not used.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from workbench.corpora.synthetic.place import Place
from workbench.corpora.synthetic.plant import PLAIN_NAMES, Planter, Snippet, lead
from workbench.corpora.synthetic.truth import Label
from workbench.corpora.synthetic.validity import found_in
from workbench.corpora.synthetic.vocabulary import Vocabulary
from workbench.rules.judge import prefix_length
from workbench.rules.load import searchable
from workbench.rules.rule import SecretType
from workbench.rules.samples import make_placeholder, make_sample, spoil_checksum

_FIXTURE_PIECES = (b"abc123", b"0123456789abcdef", b"deadbeef", b"0", b"1234567890", b"TestTest", b"fake",
                   b"ABCDEF0123",
                   b"foobar", b"xyz")
_ALNUM = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _placeholder(secret: SecretType, index: int, seed: str, draw: Vocabulary) -> bytes | None:
    return make_placeholder(secret, index, seed=seed)


def _wrong_checksum(secret: SecretType, index: int, seed: str, draw: Vocabulary) -> bytes | None:
    if secret.formats[index].checksum is None:
        return None
    return spoil_checksum(secret, index, seed=seed)


def _test_fixture(secret: SecretType, index: int, seed: str, draw: Vocabulary) -> bytes | None:
    """The prefix, and a short piece over and over."""
    fmt = secret.formats[index]
    if not fmt.drop_placeholders:
        return None
    token = make_sample(secret, index, seed=seed)
    keep = prefix_length(fmt)
    piece = draw.pick(_FIXTURE_PIECES)
    body = len(token) - keep
    return token[:keep] + (piece * (body // len(piece) + 1))[:body]


def _glued(secret: SecretType, index: int, seed: str, draw: Vocabulary) -> bytes | None:
    """A token with a letter or digit directly before or after it, as in the middle of something longer."""
    token = make_sample(secret, index, seed=seed)
    extra = bytes(random.Random(seed).choices(_ALNUM, k=1 + draw.below(8)))
    return extra + token if draw.chance(0.5) else token + extra


def _cut_short(secret: SecretType, index: int, seed: str, draw: Vocabulary) -> bytes | None:
    token = make_sample(secret, index, seed=seed)
    return token[: -1 - draw.below(max(1, len(token) // 3))]


def _prefix_word(secret: SecretType, index: int, seed: str, draw: Vocabulary) -> bytes | None:
    """The prefix among ordinary words: in the middle of one, or before a few."""
    fmt = secret.formats[index]
    prefix = make_sample(secret, index, seed=seed)[: prefix_length(fmt)]
    if len(prefix) < 2:
        return None
    words = draw.pick(("-", "_", "")).join([draw.word() for _ in range(1 + draw.below(3))])
    return (draw.word().encode() if draw.chance(0.5) else b"") + prefix + words.encode()


IMITATIONS: dict[str, Callable[[SecretType, int, str, Vocabulary], bytes | None]] = {
    "placeholder": _placeholder,
    "wrong checksum": _wrong_checksum,
    "test fixture": _test_fixture,
    "glued": _glued,
    "cut short": _cut_short,
    "prefix in a word": _prefix_word,
}
"""Kinds of imitations by name: (secret type, format, seed, draw) to a value, or None where the kind does not apply."""

NEUTRAL: dict[str, tuple[Callable[[Vocabulary], str], tuple[str, ...]]] = {
    "git hash": (lambda draw: draw.hex(40), ("commit", "revision", "git_ref", "base_sha")),
    "uuid": (lambda draw: draw.uuid(), ("request_id", "trace_id", "object_id", "build_id")),
    "digest": (lambda draw: draw.hex(draw.pick((32, 64, 128))), ("checksum", "etag", "digest", "file_hash")),
    "integrity hash": (lambda draw: "sha512-" + draw.base64(64), ("integrity", "sri")),
}
"""Strings that imitate no type in particular, by kind, and the names that they go by."""

_STILL_TOKENS = frozenset({"glued", "cut short"})
"""Kinds that may leave a whole token of some wider type, such as a connection string without its last characters."""


class Imitator:
    """Writes hard negatives into places, through a planter and from its source."""

    def __init__(self, planter: Planter) -> None:
        self._planter = planter
        self._rules = planter.rules
        self._draw = planter.draw

    def imitate(self, place: Place, kind: str, secret_type: str, index: int) -> Snippet | None:
        """An imitation (a kind of :data:`IMITATIONS`) of one format; None where kind or place does not suit it."""
        secret = self._rules.secret_types[secret_type]
        if not searchable(secret.formats[index]):
            return None
        value = IMITATIONS[kind](secret, index, self._planter.fresh_seed(), self._draw)
        if not value:
            return None
        types = self._rules.secret_types.values() if kind in _STILL_TOKENS else (secret,)
        return self._written(place, kind, secret, value, types)

    def placeholder(self, place: Place, secret_type: str, index: int) -> Snippet | None:
        """A placeholder in the place of one part of a pair, whether or not it can be searched by itself."""
        secret = self._rules.secret_types[secret_type]
        value = make_placeholder(secret, index, seed=self._planter.fresh_seed())
        return self._written(place, "placeholder", secret, value, (secret,))

    def neutral(self, place: Place, count: int, *, not_of: Iterable[SecretType] = ()) -> list[Snippet]:
        """Up to ``count`` strings of :data:`NEUTRAL` at ``place``, none of them a token of the types ``not_of``."""
        out: list[Snippet] = []
        for _ in range(count):
            kind = self._draw.pick(tuple(NEUTRAL))
            make, names = NEUTRAL[kind]
            value = make(self._draw).encode()
            snippet = self._planter.decoy(place, value, Label(0, len(value), None, False, kind, "nothing"), names)
            if snippet is not None and not any(found_in(t, snippet.text, 0, len(snippet.text)) for t in not_of):
                out.append(snippet)
        return out

    def _written(self, place: Place, kind: str, secret: SecretType, value: bytes,
                 types: Iterable[SecretType]) -> Snippet | None:
        """``value`` at ``place``, unless it is a token of one of ``types`` there."""
        label = Label(0, len(value), secret.type, False, kind, "nothing")
        keywords = [k for f in secret.formats if f.near for k in f.near.keywords if k.replace("_", "").isalnum()]
        snippet = self._planter.decoy(place, value, label, (secret.type, *PLAIN_NAMES[:3], *keywords))
        if snippet is None:
            return None
        text, (made,) = lead(place) + snippet.text, snippet.labels
        shift = len(text) - len(snippet.text)
        if any(found_in(t, text, made.start + shift, made.end + shift) for t in types):
            return None
        return snippet
