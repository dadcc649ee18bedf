"""A proposal: a rule guessed from a few sample tokens, for its author to correct.

It says what the samples have in common: the characters they begin with, the alphabet and the length of what follows, the
checksum they all carry. Of the samples themselves nothing is kept but those first characters, and never more of them
than a quarter of a token.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import UsageError
from workbench.rules.checks import CHECKSUMS
from workbench.rules.pattern import triggers

FEWEST_BYTES = 8
MOST_PREFIX = 16
"""Longest prefix that is proposed, in characters: what samples share beyond that is more likely an account's than a format's."""

_ALPHABETS: tuple[tuple[str, str], ...] = (
    ("digits", "[0-9]"), ("lower-case hex", "[0-9a-f]"), ("upper-case hex", "[0-9A-F]"), ("lower-case letters", "[a-z]"),
    ("upper-case letters", "[A-Z]"), ("upper-case base32", "[A-Z2-7]"), ("lower-case base32", "[a-z2-7]"),
    ("lower-case letters and digits", "[0-9a-z]"), ("upper-case letters and digits", "[0-9A-Z]"),
    ("letters", "[A-Za-z]"), ("base62", "[0-9A-Za-z]"), ("base64url", "[0-9A-Za-z_-]"), ("base64", "[0-9A-Za-z+/]"),
    ("base64 of either kind", "[0-9A-Za-z+/_-]"),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the body: characters of one alphabet, ``least`` to ``most`` of them, or one separator."""

    name: str
    expression: str
    least: int
    most: int

    @property
    def pattern(self) -> str:
        if self.least == self.most == 1:
            return self.expression
        count = str(self.least) if self.least == self.most else f"{self.least},{self.most}"
        return f"{self.expression}{{{count}}}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What ``samples`` different tokens have in common. ``checksums`` are those that hold for every one of them."""

    samples: int
    prefix: str
    pieces: tuple[Piece, ...]
    checksums: tuple[str, ...]

    @property
    def pattern(self) -> str:
        return _escaped(self.prefix) + "".join(p.pattern for p in self.pieces)

    @property
    def is_searchable(self) -> bool:
        """Whether the pattern holds something rare enough to search for."""
        return bool(triggers(self.pattern))

    def describe(self) -> list[str]:
        """What was found out, a line each."""
        body = ", ".join(f"{p.least if p.least == p.most else f'{p.least} to {p.most}'} of {p.name}" if p.most > 1 else p.name
                         for p in self.pieces)
        lines = [f"samples   {self.samples} different ones" + (" (one alone says little)" if self.samples == 1 else ""),
                 f"prefix    {self.prefix or 'none in common'}", f"body      {body}",
                 "checksum  " + (", ".join(self.checksums) + " holds for every sample" if self.checksums
                                 else "none of the known ones holds for every sample")]
        if not self.is_searchable:
            lines.append("search    nothing rare in it: keywords must stand near, or a partner in a pair")
        return lines

    def data(self, *, secret_type: str, name: str, provider: str) -> dict[str, Any]:
        """A rules file's data with this one secret type, tests included."""
        fmt: dict[str, Any] = {"pattern": self.pattern}
        # A body that may hold - or _ must not be cut out of a longer one.
        extra = "".join(c for c in "_+/-" if self.pieces and re.fullmatch(self.pieces[-1].expression, c))
        if extra:
            fmt["after"] = rf"\z|[^0-9A-Za-z{extra}]"
        if self.checksums:
            fmt["checksum"] = self.checksums[0]
        keyword = re.sub(r"[^a-z0-9]+", "_", provider.lower()).strip("_")
        if not self.is_searchable:
            fmt["near"] = {"keywords": [keyword]}
        known = f"{keyword.upper()}_TOKEN"
        tests = {"match": [f"{known}={{secret}}", f"{keyword}_token = \"{{secret}}\"",
                           f"{{\"{keyword}_token\": \"{{secret}}\"}}"],
                 "no_match": [f"{known}=x{{secret}}", f"{known}={{secret}}7{'7' * sum(p.most - p.least for p in self.pieces)}",
                              f"{known}={{placeholder}}"]}
        secret = {"type": secret_type, "name": name, "formats": [fmt], "tests": tests}
        return {"provider": provider, "secrets": [secret]}


def propose(samples: Sequence[bytes]) -> Proposal:
    """A proposal from sample tokens; the same token twice counts once.

    Raises :class:`UsageError`, which never holds a token, for no sample, and for one that is short or no printable ASCII.
    """
    tokens = sorted({s.strip() for s in samples if s.strip()})
    if not tokens:
        raise UsageError("Expected sample tokens, a line each, on standard input but got none")
    for number, token in enumerate(tokens, start=1):
        if len(token) < FEWEST_BYTES or any(not 33 <= b < 127 for b in token):
            raise UsageError(f"Expected tokens of {FEWEST_BYTES} or more printable characters without blanks but sample {number} "
                             f"of {len(tokens)} is {len(token)} bytes of another kind")
    texts = [t.decode("ascii") for t in tokens]
    prefix = _prefix(texts)
    checksums = tuple(name for name, check in sorted(CHECKSUMS.items()) if all(check.verify(t) for t in tokens))
    return Proposal(len(tokens), prefix, tuple(_pieces([t[len(prefix) :] for t in texts])), checksums)


def _prefix(texts: Sequence[str]) -> str:
    """What all tokens begin with, less what they may share by chance or because they are one account's."""
    least = min(len(t) for t in texts)
    common = os.path.commonprefix(list(texts))[: min(MOST_PREFIX, least // 4)]
    cut = max(common.rfind(c) for c in "_-.") + 1
    if len(texts) == 1:
        # One token shares everything with itself: only a word and a separator can be told from the rest.
        head = common[:cut]
        return head if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(?:[_.-][A-Za-z0-9]+)*[_.-]", head) else ""
    # Each further character is shared by chance once in a few dozen, for two tokens; for more hardly ever.
    by_chance = 2 if len(texts) == 2 else 1
    if cut and len(common) - cut <= by_chance:
        return common[:cut]
    return common if len(common) > by_chance else ""


def _pieces(bodies: Sequence[str]) -> list[Piece]:
    """The body as stretches between separators that stand in every sample, or as one stretch."""
    cut = [re.split(r"([^0-9A-Za-z])", b) for b in bodies]
    same = len({tuple(c[1::2]) for c in cut}) == 1 and 1 < len(cut[0]) <= 21 and len(bodies) > 1
    if not same:
        return _tailed(bodies)
    pieces: list[Piece] = []
    for column in zip(*cut, strict=True):
        if column[0] and not column[0].isalnum():
            pieces.append(Piece(f"a {column[0]}", _escaped(column[0]), 1, 1))
        elif any(column):
            pieces.append(_stretch(column))
    return pieces


def _tailed(bodies: Sequence[str]) -> list[Piece]:
    """One stretch, and the padding of base64 after it where there is any."""
    bare = [b.rstrip("=") for b in bodies]
    pads = [len(b) - len(x) for b, x in zip(bodies, bare, strict=True)]
    pieces = [_stretch(bare)]
    if max(pads):
        pieces.append(Piece("=", "=", min(pads), max(pads)))
    return pieces


def _stretch(texts: Sequence[str]) -> Piece:
    used = set("".join(texts))
    lengths = [len(t) for t in texts]
    for name, expression in _ALPHABETS:
        if all(re.fullmatch(expression, c) for c in used):
            return Piece(name, expression, min(lengths), max(lengths))
    symbols = sorted(c for c in used if not c.isalnum())
    spelled = "".join("\\" + c if c in "\\]^-[" else c for c in symbols)
    return Piece(f"base62 and {len(symbols)} symbols", f"[0-9A-Za-z{spelled}]", min(lengths), max(lengths))


def _escaped(text: str) -> str:
    """``text`` as a pattern outside a class, where a hyphen is itself."""
    return re.escape(text).replace(r"\-", "-")
