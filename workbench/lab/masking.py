"""A context is what stands round a match, short and on one line, with every token in it masked.

Not only the match itself: a neighbour may hold a token of another type, one that a draft pattern cuts short, or one
that no rule knows. So a context hides what any of the given rules finds in the whole blob, and besides that every run
of characters that looks random, passwords in addresses, and values given to names like ``password``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.model import MASK, mask_token
from workbench.rules.checks import entropy

Spans = Sequence[tuple[int, int]]

OPEN, CLOSE = "⟪", "⟫"
"""Stand round the match itself in a context; tables draw them as a highlight."""

CONTEXT_BYTES = 60
_STRETCH_BYTES = 4096
_LOOK_BYTES = 600
"""How far beyond a stretch a run is followed: a token that is cut by an edge must not pass for a short word."""

_RUN = re.compile(rb"[A-Za-z0-9+/_~.-]{16,}={0,2}")
_PIECE = re.compile(rb"[A-Za-z0-9]+")
_UUID = re.compile(rb"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_PASSWORD_IN_ADDRESS = re.compile(rb"://[^\s/:@\"'<>]{0,100}:([^\s/@\"'<>]{3,200})@")
_VALUE = re.compile(
    rb"(?i:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|credential)[A-Za-z0-9_-]{0,20}[\"']?"
    rb"\s{0,3}(?:[:=]|=>)\s{0,3}"
    rb"[\"']([^\"'\s]{6,200})[\"']"
)
_WORDS = re.compile(rb"[A-Z]?[a-z]{2,}")
_LETTERS_A_WORD = 4
_SHORTEST_PIECE, _SHORTEST_LETTERS, _SHORTEST_MIXED = 16, 20, 28
_RANDOM_BITS = 4.2


class Masker:
    """Knows which spans of a blob hold tokens, by every rule set it is given."""

    def __init__(self, compiled: Iterable[CompiledRules]) -> None:
        self._compiled = tuple(compiled)

    def without(self, scanned: CompiledRules) -> Masker:
        """One that leaves out rules whose matches its user has anyway."""
        return Masker(c for c in self._compiled if c is not scanned)

    def spans(self, blobs: Sequence[tuple[str, bytes]]) -> dict[str, list[tuple[int, int]]]:
        """Spans of every match in (blob id, content) pairs, alertable or not, by blob id."""
        found: dict[str, list[tuple[int, int]]] = {blob_id: [] for blob_id, _ in blobs}
        if not blobs:
            return found
        batch = blob_batch(blobs)
        for compiled in self._compiled:
            for out in scan_batches([batch], compiled):
                for row in out.to_pylist():
                    found[row["blob_id"]] += [(m["start"], m["end"]) for m in row["matches"]]
        return found


class Blinds:
    """What of one blob may not be shown: the given spans of known tokens, and whatever looks like one.

    Made once a blob and asked for many contexts: what looks like a token is sought in a stretch when it is first shown.
    """

    def __init__(self, blob: bytes | memoryview, spans: Spans) -> None:
        self._blob = blob
        self._known = _Overlaps(spans)
        self._seen: dict[int, _Overlaps] = {}

    def context(self, match: tuple[int, int], *, reach: int = CONTEXT_BYTES) -> str:
        """What stands ``reach`` bytes on either side of the span ``match``, on one line, all tokens masked.

        The match stands between :data:`OPEN` and :data:`CLOSE`.
        """
        start, end = match
        low, high = _whole(self._blob, max(0, start - reach), start), _whole(self._blob, end + reach, len(self._blob))
        text = self.text((low, start), besides=match), self.text((end, high), besides=match)
        before, after = (t.replace(OPEN, "<<").replace(CLOSE, ">>") for t in text)
        return " ".join(f"{before}{OPEN}{_mask(self._blob[start:end])}{CLOSE}{after}".split())

    def text(self, shown: tuple[int, int], *, besides: tuple[int, int] | None = None) -> str:
        """The text in the range ``shown``, masked. A token that reaches out of the range is only said to be there."""
        low, high = shown
        hidden = [*self._known.over(low, high), *self._random(low, high)]
        if besides is not None and besides[0] < high and besides[1] > low:
            hidden.append(besides)
        out, at = [], low
        for start, end in sorted(hidden, key=lambda s: (s[0], -s[1])):
            if end <= at:
                continue
            if start > at:
                out.append(_shown(self._blob[at:start]))
            # What an earlier span has begun to hide, or the range cuts, shows nothing of its own.
            if start >= at and start >= low and end <= high:
                out.append(_mask(self._blob[start:end]))
            elif not out or out[-1] != MASK:
                out.append(MASK)
            at = min(end, high)
        out.append(_shown(self._blob[at:high]))
        return "".join(out)

    def _random(self, low: int, high: int) -> Spans:
        """Spans between ``low`` and ``high`` that look like tokens."""
        found: list[tuple[int, int]] = []
        for number in range(low // _STRETCH_BYTES, max(low, high - 1) // _STRETCH_BYTES + 1):
            if number not in self._seen:
                first = max(0, number * _STRETCH_BYTES - _LOOK_BYTES)
                near = bytes(self._blob[first : (number + 1) * _STRETCH_BYTES + _LOOK_BYTES])
                self._seen[number] = _Overlaps([(a + first, b + first) for a, b in opaque(near)])
            found += self._seen[number].over(low, high)
        return found


def _whole(blob: bytes | memoryview, at: int, most: int) -> int:
    """The first offset from ``at`` on that is not inside a character of UTF-8; ``most`` at most."""
    at = min(at, most)
    for near in range(at, min(at + 3, most)):
        if blob[near] & 0xC0 != 0x80:
            return near
    return min(at + 3, most)


class _Overlaps:
    """Spans, asked for those that overlap a range."""

    def __init__(self, spans: Spans) -> None:
        self._spans = sorted(set(spans))
        self._starts = [s for s, _ in self._spans]
        self._reach = list(accumulate((e for _, e in self._spans), max))

    def over(self, low: int, high: int) -> Spans:
        first, last = bisect_right(self._reach, low), bisect_left(self._starts, high)
        return [s for s in self._spans[first:last] if s[1] > low]


def context(blob: bytes | memoryview, match: tuple[int, int], spans: Spans, *, reach: int = CONTEXT_BYTES) -> str:
    """One context; see :meth:`Blinds.context`. ``spans`` are those of known tokens in the blob."""
    return Blinds(blob, spans).context(match, reach=reach)


def masked(blob: bytes | memoryview, shown: tuple[int, int], spans: Spans) -> str:
    """The text of ``blob`` in the range ``shown``; see :meth:`Blinds.text`."""
    return Blinds(blob, spans).text(shown)


def opaque(text: bytes) -> list[tuple[int, int]]:
    """Spans of ``text`` that no one but their owner should read, whatever the rules say. UTF-16 is read through."""
    if text.count(0) * 4 > len(text):
        kept = [k for k, b in enumerate(text) if b]
        return [(kept[a], kept[b - 1] + 1) for a, b in opaque(bytes(text[k] for k in kept))]
    found = [m.span() for m in _RUN.finditer(text) if _is_random(m.group())]
    found += [m.span() for m in _UUID.finditer(text)]
    found += [m.span(1) for m in _PASSWORD_IN_ADDRESS.finditer(text)]
    found += [m.span(1) for m in _VALUE.finditer(text)]
    return found


def _is_random(run: bytes) -> bool:
    """Whether a run looks made by a machine: a long piece of letters and digits, or of letters in no word's case."""
    longest = max(_PIECE.findall(run), key=len, default=b"")
    digits = sum(48 <= b <= 57 for b in longest)
    if len(longest) >= _SHORTEST_PIECE and digits:
        return True
    if len(longest) >= _SHORTEST_LETTERS and not _is_name(longest):
        changes = sum((a < 91) != (b < 91) for a, b in pairwise(longest))
        if changes > 0.3 * len(longest):
            return True
    return len(run) >= _SHORTEST_MIXED and any(48 <= b <= 57 for b in run) and entropy(run) >= _RANDOM_BITS


def _is_name(letters: bytes) -> bool:
    """Whether they are words run together, each with a capital: ``TestAwsSecretAccessKey``."""
    words = _WORDS.findall(letters)
    return (sum(map(len, words)) == len(letters) >= _LETTERS_A_WORD * len(words)
            and all(set(w.lower()) & set(b"aeiouy") for w in words))


def _mask(token: bytes | memoryview) -> str:
    """A token as it stands in a blob, masked; the zeros of UTF-16 are no part of what people read."""
    return mask_token(bytes(token).replace(b"\0", b"") or bytes(token))


def _shown(text: bytes | memoryview) -> str:
    return bytes(text).decode("utf-8", errors="replace").replace("\0", "")


_PLAIN = b"-_./+=:~@"
_CLASS = bytes(57 if 48 <= b <= 57 else 65 if 65 <= b <= 90 else 97 if 97 <= b <= 122 else b if b in _PLAIN else 42
               for b in range(256))


def shape(token: bytes, *, longest: int = 32) -> str:
    """The token with every letter as ``a`` or ``A`` and every digit as ``9``: tells a path from a random string.

    Other characters than those of paths and tokens are ``*``; what goes on beyond ``longest`` bytes is left out.
    """
    return token[:longest].translate(_CLASS).decode("ascii") + (MASK if len(token) > longest else "")
