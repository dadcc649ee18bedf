"""Validity: whether a format's definition, read from its rule alone, holds at a span of a text.

This is what labels are made and checked by. It asks the definition at one span at a time and knows nothing of triggers,
regions or passes, so that it can tell a miss of the engine from a token that was planted where it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import re2

from workbench.rules.judge import refusal
from workbench.rules.load import compile_re2
from workbench.rules.pattern import lengths, literal_prefix, parse
from workbench.rules.rule import Format, SecretType

_BEYOND_BYTES = 300
"""Bytes after a span that are looked at: room for `after`, and for a pattern that would go on."""


@dataclass(frozen=True, slots=True)
class _Definition:
    """A format ready to be asked: delimiters and pattern as one program with the token as ``group``, the longest
    `before` and token in bytes, the literal every token starts with, and the keywords of `near` in lower case."""

    program: re2._Regexp
    group: int
    reach: int
    longest: int
    prefix: bytes
    keywords: tuple[bytes, ...]


@lru_cache(maxsize=8192)
def _defined(fmt: Format) -> _Definition:
    tree = parse(fmt.pattern)
    return _Definition(
        program=compile_re2(f"(?:{fmt.before})({fmt.pattern})(?:{fmt.after})"),
        group=1 + compile_re2(fmt.before).groups,
        reach=lengths(parse(fmt.before))[1],
        longest=lengths(tree)[1],
        prefix=literal_prefix(tree),
        keywords=tuple(k.lower().encode() for k in fmt.near.keywords) if fmt.near else (),
    )


def holds(fmt: Format, text: bytes, start: int, end: int, *, alone: bool = False) -> bool:
    """Whether ``text[start:end]`` is a token of ``fmt``: delimiters, pattern, checks and keywords.

    With ``alone``, also that no other token of ``fmt`` begins before it and runs into it: of two that share bytes,
    which one is meant cannot be told.
    """
    least = max(0, start - (end - start) - _BEYOND_BYTES) if alone else start
    seen = False
    for first, last in _candidates(fmt, text, least, start + 1, end):
        if last <= start or refusal(fmt, text[first:last]) is not None or not is_near(fmt, text, first, last):
            continue
        if (first, last) != (start, end):
            return False
        seen = True
    return seen


def found_in(secret: SecretType, text: bytes, low: int, high: int) -> tuple[int, int] | None:
    """A span of ``secret`` that shares bytes with ``text[low:high]``, or None."""
    for fmt in secret.formats:
        defined = _defined(fmt)
        # Far cheaper than a search, and nearly always the answer.
        if defined.prefix not in text or (defined.keywords and not _any_in(defined.keywords, text.lower())):
            continue
        longest = min(defined.longest, high - low + _BEYOND_BYTES)
        for start, end in _candidates(fmt, text, max(0, low - longest), high, high):
            if end > low and refusal(fmt, text[start:end]) is None and is_near(fmt, text, start, end):
                return start, end
    return None


def _any_in(words: tuple[bytes, ...], text: bytes) -> bool:
    return any(w in text for w in words)


def _candidates(fmt: Format, text: bytes, first: int, stop: int, end: int) -> Iterator[tuple[int, int]]:
    """Delimited spans that begin in ``[first, stop)``, each start once; ``end`` says how far they may be expected."""
    defined = _defined(fmt)
    position, seen = max(0, first - defined.reach), -1
    while position < stop:
        found = defined.program.search(text, position, min(len(text), end + _BEYOND_BYTES))
        if found is None or found.start() >= stop:
            return
        span = found.span(defined.group)
        if first <= span[0] < stop and span[0] != seen:
            seen = span[0]
            yield span
        position = found.start() + 1


def is_near(fmt: Format, text: bytes, start: int, end: int) -> bool:
    """Whether one of the format's keywords, if it has any, stands in its window before the span or after it."""
    if fmt.near is None:
        return True
    window = fmt.near.window
    if window.unit == "bytes":
        low, high = max(0, start - window.size), end + window.size
    elif window.unit == "lines":
        low, high = start, end
        for _ in range(window.size + 1):
            low = max(0, text.rfind(b"\n", 0, low))
            stop = text.find(b"\n", high)
            high = stop + 1 if stop >= 0 else len(text)
    else:
        low, high = 0, len(text)
    words = _defined(fmt).keywords
    return _any_in(words, text[low:start].lower()) or _any_in(words, text[end:high].lower())
