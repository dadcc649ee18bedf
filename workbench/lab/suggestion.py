"""A suggestion: the pattern that a handful of sample tokens have in common, as a first draft of a rule.

It reads what all samples share: a literal head, separators at fixed places, the alphabet and the length of what lies
between, and a checksum that holds for every one of them. It is a draft: an alphabet seen in five samples may be wider.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import UsageError
from workbench.model import Secret
from workbench.rules.checks import CHECKSUMS, entropy

FEWEST_SAMPLES = 3
_ENOUGH = 20

_ALPHABETS: tuple[tuple[str, bytes], ...] = (
    ("[0-9]", b"0123456789"),
    ("[0-9a-f]", b"0123456789abcdef"),
    ("[0-9A-F]", b"0123456789ABCDEF"),
    ("[a-z]", b"abcdefghijklmnopqrstuvwxyz"),
    ("[A-Z]", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("[A-Z2-7]", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    ("[0-9a-z]", b"0123456789abcdefghijklmnopqrstuvwxyz"),
    ("[0-9A-Z]", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("[A-Za-z]", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    ("[0-9A-Za-z]", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    ("[0-9A-Za-z_-]", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"),
    ("[0-9A-Za-z+/=]", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/="),
)
_SEPARATORS = b"-_.:~/"
_SPECIAL = frozenset("\\.^$*+?()[]{}|")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A first ``pattern``, a ``checksum`` that all samples pass (None when none does), and ``notes`` to read."""

    pattern: str
    checksum: str | None
    notes: tuple[str, ...]

    @property
    def fields(self) -> dict[str, str]:
        """As fields of a format."""
        return {"pattern": self.pattern} | ({"checksum": self.checksum} if self.checksum else {})

    def __repr__(self) -> str:
        return "\n".join([f"pattern   {self.pattern}", f"checksum  {self.checksum or 'none found'}", *self.notes])


def suggest(samples: Sequence[Secret | bytes | str]) -> Suggestion:
    """A suggestion from at least three samples. Raises UsageError for fewer, or for samples that are not ASCII."""
    if isinstance(samples, str | bytes | Secret):
        raise UsageError(f"Expected a list of at least {FEWEST_SAMPLES} samples but got a single text")
    tokens = sorted({_bytes(s) for s in samples})
    if len(tokens) < FEWEST_SAMPLES:
        raise UsageError(f"Expected at least {FEWEST_SAMPLES} different samples but got {len(tokens)}")
    notes = [
        f"from {len(tokens)} samples" + ("" if len(tokens) >= _ENOUGH else f"; {_ENOUGH} or more make alphabets surer")
    ]
    head = os.path.commonprefix([t.decode() for t in tokens])
    # A body's first character that happens to be the same in few samples is no part of the head.
    if len(tokens) < _ENOUGH and head and not head.endswith(tuple(map(chr, _SEPARATORS))):
        cut = max(head.rfind(chr(s)) for s in _SEPARATORS) + 1
        if cut >= 2 and len(head) - cut <= 2:
            head = head[:cut]
    rests = [t[len(head):] for t in tokens]
    pattern = _escaped(head) + _body(rests)
    if not head:
        notes.append('the samples share no head, so the format needs a word near it, near={"keywords": ["acme"]}, or a '
                     "partner, pair=… with pair_with=…")
    checksum = _checksum(tokens)
    if checksum:
        notes.append(f"every sample passes {checksum}, and changed ones do not")
    notes.append(f"least entropy of a sample: {min(entropy(t) for t in tokens):.2f} bits a byte")
    return Suggestion(pattern, checksum, tuple(notes))


def _bytes(sample: Secret | bytes | str) -> bytes:
    if not isinstance(sample, Secret | bytes | str):
        raise UsageError(f"Expected samples as text, bytes or Secret but got one of type {type(sample).__name__}")
    token = sample.reveal() if isinstance(sample, Secret) else sample.encode() if isinstance(sample, str) else sample
    if not token or not all(32 <= b < 127 for b in token):
        raise UsageError(
            "Expected samples of printable ASCII on one line but got one that is empty or is not; write the "
            "pattern of a longer text by hand"
        )
    return token


def _body(rests: Sequence[bytes]) -> str:
    """The pattern of what follows the head: pieces between separators that every sample has, or one run."""
    separators = [bytes(b for b in r if b in _SEPARATORS) for r in rests]
    if separators[0] and len(set(separators)) == 1 and len(separators[0]) <= 8:
        pieces = [re.split(b"[" + re.escape(_SEPARATORS) + b"]", r) for r in rests]
        columns = list(zip(*pieces, strict=True))
        if all(all(c) for c in columns):
            marks = [_escaped(chr(s)) for s in separators[0]]
            return "".join(_run(c) + m for c, m in zip(columns, [*marks, ""], strict=True))
    return _run(rests)


def _run(pieces: Sequence[bytes]) -> str:
    if len(set(pieces)) == 1:
        return _escaped(pieces[0].decode())
    used = set(b"".join(pieces))
    alphabet = next((name for name, members in _ALPHABETS if used <= set(members)), None)
    if alphabet is None:
        extra = "".join(
            sorted("\\" + chr(b) if chr(b) in "\\]^" else chr(b) for b in used - set(_ALPHABETS[9][1]) if b != 45)
        )
        alphabet = f"[0-9A-Za-z{extra}{'-' if 45 in used else ''}]"
    low, high = min(map(len, pieces)), max(map(len, pieces))
    if low == high:
        return alphabet if low == 1 else f"{alphabet}{{{low}}}"
    return f"{alphabet}{{{low},{high}}}"


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in _SPECIAL else c for c in text)


def _checksum(tokens: Sequence[bytes]) -> str | None:
    """The first checksum that every sample passes and that tells them from samples with two characters exchanged."""
    rng = random.Random(0)
    for name, check in CHECKSUMS.items():
        try:
            if all(check.verify(t) for t in tokens) and not any(check.verify(_disturbed(t, rng)) for t in tokens):
                return name
        except (ValueError, IndexError):
            continue
    return None


def _disturbed(token: bytes, rng: random.Random) -> bytes:
    """The token with one letter or digit in its middle changed to another of its kind."""
    places = [k for k in range(len(token) // 3, len(token)) if chr(token[k]).isalnum()] or [len(token) - 1]
    k = rng.choice(places)
    kind = next(members for _, members in _ALPHABETS if token[k] in members)
    return token[:k] + bytes([rng.choice([b for b in kind if b != token[k]])]) + token[k + 1 :]
