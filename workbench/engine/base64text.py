"""Base64 text: tokens that stand encoded, as Kubernetes secrets and CI settings hold them.

A token's fixed head, encoded, is one of three strings, by how many bytes of other text lie before it in its group of
three. Those are triggers. The run of base64 characters round a trigger is decoded and the format confirmed in it; the
span reported is that of the characters that hold the token.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

MOST_RUN = 65_536
"""How far a run is followed to either side of its trigger, in characters."""

FEWEST_CHARACTERS = 4
"""Encoded heads shorter than this are no triggers: three characters of base64 stand everywhere."""

_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


@dataclass(frozen=True, slots=True)
class EncodedHead:
    """The characters that ``head`` decides when ``lead`` bytes (0 to 2) stand before it in its group; ``skipped``
    characters of the group, which those bytes decide too, stand before them."""

    characters: bytes
    lead: int
    skipped: int


def encoded_heads(head: bytes) -> list[EncodedHead]:
    """The encoded forms of a literal head that are long enough to search for; one for each of three alignments."""
    out = []
    for lead in range(3):
        first = -(-8 * lead // 6)  # first character decided by the head alone
        last = (8 * lead + 8 * len(head)) // 6
        text = base64.b64encode(b"\0" * lead + head + b"\0\0\0")
        if last - first >= FEWEST_CHARACTERS:
            out.append(EncodedHead(text[first:last], lead, first))
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
    """The run of base64 round a trigger, decoded on the trigger's own alignment, and the offset of the head in it."""
    anchor = trigger_start - head.skipped  # first character of the group that holds the head
    start = anchor
    low = max(0, anchor - MOST_RUN)
    while start > low and blob[start - 1] in _ALPHABET:
        start -= 1
    start += (anchor - start) % 4
    end, high = trigger_start, min(len(blob), trigger_start + MOST_RUN)
    while end < high and blob[end] in _ALPHABET:
        end += 1
    return Run(_decoded(bytes(blob[start:end])), start), (anchor - start) // 4 * 3 + head.lead


def whole_run(blob: memoryview, start: int, end: int) -> Run:
    """The characters ``[start, end)`` decoded from their first one; padding may stand among them at the end."""
    return Run(_decoded(bytes(blob[start:end]).rstrip(b"=")), start)


def _decoded(characters: bytes) -> bytes:
    usable = len(characters) if len(characters) % 4 != 1 else len(characters) - 1
    try:
        return base64.b64decode(characters[:usable] + b"=" * (-usable % 4))
    except binascii.Error:
        return b""
