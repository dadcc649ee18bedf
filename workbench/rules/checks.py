"""Checks: offline tests of a token that a regular expression cannot make.

A checksum is named in a rule and knows how to verify a token and how to repair a made one. Entropy is Shannon's.
:func:`made_up` recognises tokens that people invent for documentation.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE36 = b"0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum by name: ``compute`` gives the tail that the rest of the token must carry.

    ``split`` cuts a token into the bytes the sum is over, and the number of tail bytes that hold it.
    """

    name: str
    source: str
    tail: int
    compute: Callable[[bytes], bytes]

    def verify(self, token: bytes) -> bool:
        """Whether the last ``tail`` bytes of ``token`` are the checksum of what stands before them."""
        return len(token) > self.tail and self.compute(token[: -self.tail]) == token[-self.tail :]

    def repair(self, token: bytes) -> bytes:
        """``token`` with its last ``tail`` bytes set right."""
        return token[: -self.tail] + self.compute(token[: -self.tail])

    def spoil(self, token: bytes) -> bytes:
        """``token`` with a checksum that does not hold, the alphabet and length kept."""
        tail = token[-self.tail :]
        turned = tail[1:] + tail[:1]
        if turned == tail:
            turned = (b"1" if tail[:1] != b"1" else b"2") + tail[1:]
        return token[: -self.tail] + turned


def to_base(number: int, digits: int, alphabet: bytes) -> bytes:
    """``number`` in ``alphabet``, most significant digit first, padded with the alphabet's zero to ``digits``."""
    out = bytearray()
    for _ in range(digits):
        number, rest = divmod(number, len(alphabet))
        out.append(alphabet[rest])
    return bytes(reversed(out))


def _after_prefix(head: bytes) -> bytes:
    """What stands after the last underscore: the random part of ``ghp_…``, ``npm_…`` and their kind."""
    return head[head.rfind(b"_") + 1 :]


_ALL = [
    Checksum(
        "crc32_base62_body",
        "github.blog 2021-04-05 'Behind GitHub's new authentication token formats'; confirmed on public samples",
        6,
        lambda head: to_base(zlib.crc32(_after_prefix(head)), 6, BASE62),
    ),
    Checksum(
        "crc32_base36_whole",
        "docs.gitlab.com routable tokens; confirmed on public samples",
        7,
        lambda head: to_base(zlib.crc32(head), 7, BASE36),
    ),
    Checksum(
        "crc32_hex_upper_whole",
        "Atlassian API tokens; confirmed on public samples",
        8,
        lambda head: b"%08X" % zlib.crc32(head),
    ),
]

CHECKSUMS: dict[str, Checksum] = {c.name: c for c in _ALL}
"""Every checksum a rule may name."""


def entropy(token: bytes) -> float:
    """Shannon entropy of ``token``'s bytes, in bits a byte; 0 for an empty one."""
    if not token:
        return 0.0
    total = len(token)
    counts: dict[int, int] = {}
    for b in token:
        counts[b] = counts.get(b, 0) + 1
    return -sum(n / total * math.log2(n / total) for n in counts.values())


# Words that stand in tokens people make up. Short ones would meet random tokens by chance: each of these is at least
# 7 letters in one case or other, or 4 equal ones, so that a random 40-character base62 token holds one less often than
# once in a million.
_WORDS = re.compile(
    rb"example|EXAMPLE|placeholder|PLACEHOLDER|changeme|CHANGEME|replaceme|yourtoken|your[_-]?(?:api|key|token|secret)"
    rb"|YOUR[_-]?(?:API|KEY|TOKEN|SECRET)|redacted|REDACTED|notareal|fakefake|FAKEFAKE|dummydummy|testtest|sampletoken"
    rb"|secretsecret|xxxxx|XXXXX|\*\*\*|\.\.\.\.|_here\b|(?:key|token|secret)here"
)
_SEQUENCES = b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"9876543210"
_SEQUENCE_RUN = 8
_RUNS = frozenset(
    (line * 2)[i : i + _SEQUENCE_RUN] for line in _SEQUENCES for i in range(len(line))
)


def made_up(token: bytes, *, prefix: int = 0) -> str | None:
    """Why ``token`` looks invented, or None. ``prefix`` bytes at its start are the format's own and not judged.

    Judged are: a word of documentation, one character over and over, an ascending or descending run, a short piece
    repeated, and too few different characters for the length.
    """
    body = token[prefix:]
    word = _WORDS.search(body)
    if word:
        return f"holds a documentation word ({word.group().decode('ascii', 'replace').lower()[:12]})"
    if len(body) < 8:
        return None
    longest_run = 7 if len(body) <= 100 else 12
    if re.search(rb"(.)\1{%d}" % (longest_run - 1), body, re.DOTALL):
        return f"repeats one character {longest_run} times"
    if len(body) <= 100 and any(body[i : i + _SEQUENCE_RUN] in _RUNS for i in range(len(body) - _SEQUENCE_RUN + 1)):
        return "holds an ascending or descending run"
    for period in range(1, min(len(body) // 2, 12) + 1):
        if body[period:] == body[:-period]:
            return f"repeats a piece of {period} characters"
    if len(body) >= 16 and len(set(body)) <= 4:
        return f"has only {len(set(body))} different characters"
    return None
