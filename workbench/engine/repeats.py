"""Repeats: a stretch of content that stands earlier in the same buffer is not searched a second time.

Revisions of a file stand side by side in a corpus, and two thirds of a history's bytes are such repeats. What is left
is copied together (the condensed text) and searched; every hit inside a repeat follows from the one in its source. Hits
are the same, to the byte, as those of the whole buffer: a hit that no repeat holds whole lies whole in a segment.

The work is done by a small compiled part that installing makes where there is a C compiler. Without it, everything is
searched as it stands: slower, with the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

try:
    from workbench.engine import _repeats
except ImportError:  # no C compiler where this was installed
    _repeats = None  # type: ignore[assignment]

IS_COMPILED = _repeats is not None
"""Whether the compiled part is there."""

LEAST_REPEAT = 192
"""Shorter repeats are searched again, in bytes: each costs a copy's margins and a look at its source's hits."""

LEAST_BUFFER = 4096
"""Below this size of a buffer, in bytes, nothing is looked for."""

LEAST_TRIGGERS = 16
"""Rules of fewer triggers are searched as fast as repeats are found (0.14 and 0.17 s for 870 MB)."""

_HIT = np.dtype([("end", "<i8"), ("trigger", "<i8"), ("blob", "<i8"), ("first", "<i8")])
_SEGMENT_BYTES, _REPEAT_BYTES = 16, 24


class Hits(NamedTuple):
    """Triggers that were found, by end, then trigger (int64 each): ``triggers``, their ``ends`` in bytes, and for each the
    number ``firsts`` of the first hit that has the same bytes round it, as far as anything before the confirm looks."""

    triggers: np.ndarray
    ends: np.ndarray
    firsts: np.ndarray


@dataclass(frozen=True, slots=True)
class Context:
    """By trigger, in bytes (int64): its ``lengths``, and how far ``before`` and ``after`` a hit's end anything looks that
    is asked of all hits at once; ``before`` is at least the length."""

    lengths: np.ndarray
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True, slots=True)
class Condensed:
    """A buffer without its repeats. ``text`` is what to search; the rest is the compiled part's own."""

    text: bytes
    segments: bytes
    repeats: bytes

    def __repr__(self) -> str:  # the default would print content
        segments, repeats = len(self.segments) // _SEGMENT_BYTES, len(self.repeats) // _REPEAT_BYTES
        return f"Condensed({len(self.text):,} bytes in {segments} segments, {repeats} repeats)"

    def spread(self, triggers: np.ndarray, ends: np.ndarray, context: Context, starts: np.ndarray,
               stops: np.ndarray) -> Hits:
        """The hits of the whole buffer from those of :attr:`text`, given by end, then trigger.

        ``starts`` and ``stops`` are the borders of the buffer's blobs. Raises ValueError for hits beyond the text.
        """
        columns = (ends, triggers, self.segments, self.repeats, context.lengths, context.before, context.after,
                   starts, stops)
        given = [c if isinstance(c, bytes) else np.ascontiguousarray(c, np.int64) for c in columns]
        found = np.frombuffer(_repeats.spread(*given), _HIT)
        return Hits(*(np.ascontiguousarray(found[name]) for name in ("trigger", "end", "first")))


def condense(buffer: memoryview, longest: int) -> Condensed | None:
    """The buffer without its repeats, for triggers of at most ``longest`` bytes; None where there are too few to pay."""
    if _repeats is None or len(buffer) < LEAST_BUFFER:
        return None
    margin = max(0, longest - 1)
    found = _repeats.condense(buffer, max(LEAST_REPEAT, 2 * margin + 1), margin)
    return None if found is None else Condensed(*found)


def as_they_stand(triggers: np.ndarray, ends: np.ndarray) -> Hits:
    """Hits, given by end, then trigger, of which each is looked at for itself."""
    return Hits(triggers, ends, np.arange(len(triggers)))
