"""Base64 text: tokens that stand encoded, as Kubernetes secrets and CI settings hold them.

The certain bytes of a token, encoded, are one of three strings, by how many bytes of other text lie before them in
their group of three. Those are triggers. The run of base64 characters round a trigger is decoded and the format
confirmed in it; the span reported is that of the characters that hold the token.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_RUN = 65_536
"""How far a run is followed to either side of its trigger, in characters."""

FEWEST_BITS = 20.0
"""What an encoded trigger must weigh, at 6 bits a certain character: three of them stand everywhere in base64."""

_LONGEST = 12
_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_STRANGE = np.ones(256, dtype=bool)
_STRANGE[list(_CHARACTERS)] = False


@dataclass(frozen=True, slots=True)
class EncodedHead:
    """What certain bytes look like in base64 when ``lead`` bytes (0 to 2) stand before them in their group of three.

    ``characters`` are sets of characters, a place each; ``skipped`` characters of the group stand before them. The token
    starts ``distance`` bytes before the certain bytes.
    """

    characters: tuple[bytes, ...]
    lead: int
    skipped: int
    distance: int

    @property
    def expression(self) -> str:
        """As a regular expression for Hyperscan."""
        return "".join("".join(f"\\x{c:02x}" for c in cs) if len(cs) == 1 else
                       "[" + "".join(f"\\x{c:02x}" for c in cs) + "]" for cs in self.characters)

    @property
    def literal_run(self) -> int:
        longest = run = 0
        for cs in self.characters:
            run = run + 1 if len(cs) <= 2 else 0
            longest = max(longest, run)
        return longest


def encoded_heads(classes: Sequence[bytes], distance: int) -> list[EncodedHead]:
    """The encoded forms of bytes of which each is one of a set, rarest part of each; fewer than three where an
    alignment leaves too little to search for."""
    out = []
    for lead in range(3):
        places = _encoded(classes, lead)
        best = max(_windows(places), key=lambda w: w[0], default=None)
        if best is not None and best[0] >= FEWEST_BITS:
            _, first, last = best
            out.append(EncodedHead(tuple(c for _, c in places[first:last]), lead, places[first][0], distance))
    return out


def _encoded(classes: Sequence[bytes], lead: int) -> list[tuple[int, bytes]]:
    """(place in the groups, characters possible there) for every character that the classes decide alone."""
    out = []
    for place in range((lead + len(classes)) * 8 // 6):
        low, high = place * 6 - lead * 8, place * 6 + 6 - lead * 8  # the bits of it, counted from the first class
        if low < 0:
            continue
        one, other = classes[low // 8], classes[(high - 1) // 8]
        shift = 16 - low % 8 - 6
        spans = low // 8 != (high - 1) // 8
        # The two bytes give different bits of the character, so their parts are combined, not the bytes themselves.
        upper, lower = {x << 8 >> shift & 63 for x in one}, {y >> shift & 63 for y in other} if spans else {0}
        values = {x | y for x in upper for y in lower}
        out.append((place, bytes(_CHARACTERS[v] for v in sorted(values))))
    return out


def _windows(places: list[tuple[int, bytes]]) -> list[tuple[float, int, int]]:
    """(bits, first, last) of stretches that begin with at least two narrow places."""
    out = []
    for first in range(len(places) - 1):
        if len(places[first][1]) > 2 or len(places[first + 1][1]) > 2:
            continue
        last = min(len(places), first + _LONGEST)
        out.append((sum(6 - math.log2(len(c)) for _, c in places[first:last]), first, last))
    return out


@dataclass(frozen=True, slots=True)
class Run:
    """A decoded run: its ``text``, and where its first character stands in the blob."""

    text: bytes
    start: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where bytes ``[start, end)`` of the text stand encoded: from the first to past the last character that
        holds a bit of them."""
        return self.start + start * 8 // 6, self.start + -(-end * 8 // 6)

    def __repr__(self) -> str:  # the default would print what was decoded
        return f"Run({len(self.text)} bytes at {self.start})"


def run_round(blob: memoryview, trigger_start: int, head: EncodedHead) -> tuple[Run, int]:
    """The run of base64 round a trigger, decoded on the trigger's own alignment, and where the token starts in it (below
    0 when the run is too short for that)."""
    anchor = trigger_start - head.skipped  # first character of the group that holds the certain bytes
    low, high = max(0, anchor - MOST_RUN), min(len(blob), trigger_start + MOST_RUN)
    strange = np.flatnonzero(_STRANGE[np.frombuffer(blob[low:anchor], np.uint8)]) if anchor > low else ()
    start = low + int(strange[-1]) + 1 if len(strange) else low
    start += (anchor - start) % 4
    strange = np.flatnonzero(_STRANGE[np.frombuffer(blob[trigger_start:high], np.uint8)])
    end = trigger_start + int(strange[0]) if len(strange) else high
    if start > anchor:  # characters that are not base64 stand where the group should begin
        return Run(b"", start), -1
    return Run(_decoded(bytes(blob[start:end])), start), (anchor - start) // 4 * 3 + head.lead - head.distance


def whole_run(blob: memoryview, start: int, end: int) -> Run:
    """The characters ``[start, end)`` decoded from their first one; padding may stand among them at the end."""
    return Run(_decoded(bytes(blob[start:end]).rstrip(b"=")), start)


def _decoded(characters: bytes) -> bytes:
    usable = len(characters) if len(characters) % 4 != 1 else len(characters) - 1
    try:
        return base64.b64decode(characters[:usable] + b"=" * (-usable % 4))
    except binascii.Error:
        return b""
