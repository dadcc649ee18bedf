"""An excerpt is the lines round a match as a person judges them: numbered, cut to a readable length, every token
masked.

A pair's parts may stand far apart; then there is an excerpt for each. What a terminal or a browser would act on instead
of showing it (control characters, marks that turn the direction of writing) is written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.engine.lines import Lines
from workbench.lab.masking import Spans, masked
from workbench.model import MASK, Span, mask_token

MARGIN_LINES = 4
MOST_COLUMNS = 320
"""Bytes shown of a long line; round a match, that many on either side of it are halved between them."""

MOST_MATCH_LINES = 6
"""A match of more lines (a private key) shows its first and its last."""

CUT = "⋯"

_LOOKS_LIKE_NOTHING = [*range(0x09), *range(0x0A, 0x20), *range(0x7F, 0xA0), 0xAD, *range(0x200B, 0x2010),
                       *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
_WRITTEN_OUT = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _LOOKS_LIKE_NOTHING}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``number`` is 1-based (0 for lines left out), ``pieces`` are (text, whether it is the match)."""

    number: int
    pieces: tuple[tuple[str, bool], ...]


Excerpt = tuple[Line, ...]

_LEFT_OUT = Line(0, ((CUT, False),))


def excerpts(blob: bytes, judged: Sequence[Span], hidden: Spans, *, margin: int = MARGIN_LINES) -> list[Excerpt]:
    """The lines round each span of ``judged``, in the order of the blob; excerpts that would touch are one.

    ``hidden`` are the spans of all known tokens of the blob (see :class:`workbench.lab.masking.Masker`).
    """
    lines = Lines(memoryview(blob))
    spans = sorted(judged)
    last_line = lines.line(max(0, len(blob) - 1))
    shown: list[tuple[int, int]] = []
    for span in spans:
        first = max(1, lines.line(span.start) - margin)
        last = min(last_line, lines.line(span.end - 1) + margin)
        if shown and first <= shown[-1][1] + 1:
            first = shown.pop()[0]
        shown.append((first, last))
    every = [*hidden, *((s.start, s.end) for s in spans)]
    return [tuple(_excerpt(blob, lines, first, last, spans, every)) for first, last in shown]


def _excerpt(blob: bytes, lines: Lines, first: int, last: int, judged: Sequence[Span], hidden: Spans) -> list[Line]:
    out: list[Line] = []
    for number in range(first, last + 1):
        start, end = lines.start(number), lines.start(number + 1)
        if _inside_a_long_match(lines, number, judged):
            if out and out[-1] is not _LEFT_OUT:
                out.append(_LEFT_OUT)
            continue
        here = [s for s in judged if s.start < end and s.end > start]
        out.append(Line(number, tuple(_pieces(blob, start, end, here, hidden))))
    return out


def _inside_a_long_match(lines: Lines, number: int, judged: Sequence[Span]) -> bool:
    for span in judged:
        first, last = lines.line(span.start), lines.line(span.end - 1)
        if last - first >= MOST_MATCH_LINES and first < number < last:
            return True
    return False


def _pieces(blob: bytes, start: int, end: int, judged: Sequence[Span], hidden: Spans) -> list[tuple[str, bool]]:
    """The line ``[start, end)`` in pieces, those of ``judged`` masked and marked."""
    while end > start and blob[end - 1] in b"\r\n":
        end -= 1
    low, high = _between_characters(blob, start, end, *_window(start, end, judged))
    pieces: list[tuple[str, bool]] = [(CUT, False)] if low > start else []
    at = low
    for span in judged:
        if span.end <= at or span.start >= high:
            continue
        if span.start > at:
            pieces.append((_readable(masked(blob, (at, span.start), hidden)), False))
        begins_here = span.start >= start and span.start >= at
        pieces.append((_readable(mask_token(blob[span.start : span.end])) if begins_here else MASK, True))
        at = max(at, min(span.end, high))
    if at < high:
        pieces.append((_readable(masked(blob, (at, high), hidden)), False))
    if high < end:
        pieces.append((CUT, False))
    return pieces


def _window(start: int, end: int, judged: Sequence[Span]) -> tuple[int, int]:
    """Which bytes of a line are shown: all of a short one; of a long one its head, or what stands round the matches."""
    if end - start <= MOST_COLUMNS:
        return start, end
    if not judged:
        return start, start + MOST_COLUMNS
    reach = MOST_COLUMNS // 2
    first, last = max(start, judged[0].start), min(end, judged[-1].end)
    if last - first > 8 * MOST_COLUMNS:  # two parts far apart on one endless line: the first and what follows it
        last = min(end, judged[0].end)
    return max(start, first - reach), min(end, last + reach)


def _between_characters(blob: bytes, start: int, end: int, low: int, high: int) -> tuple[int, int]:
    """The range moved outward so that neither edge cuts a character of UTF-8, which has at most three bytes more."""
    for _ in range(3):
        if low > start and blob[low] & 0xC0 == 0x80:
            low -= 1
        if high < end and blob[high] & 0xC0 == 0x80:
            high += 1
    return low, high


def _readable(text: str) -> str:
    return text.translate(_WRITTEN_OUT)
