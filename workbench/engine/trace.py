"""A trace: what became of every candidate of a scan, by the stage that dropped it.

Counting is cheap enough to leave on for a whole corpus; spans are kept only for the texts that people ask about.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal[
    "trigger",  # the literal was found: a candidate begins
    "before", "pattern", "after",
    "must_match", "must_not_match", "checksum", "placeholder", "entropy",
    "near",  # no keyword in reach, or the token's own statement names another provider
    "foreign",  # it starts as the tokens of another type do
    "overlap",  # another match of the type has its bytes
    "claimed",  # a surer part of the same rule has its bytes
    "match",
]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one candidate: its format, its span (bytes, end exclusive), and the stage it reached."""

    secret_type: str
    format: int
    start: int
    end: int
    stage: Stage
    detail: str = ""


@dataclass(slots=True)
class Trace:
    """Counts of stages by (secret type, format index), and single fates when ``keep_fates`` is set."""

    keep_fates: bool = False
    counts: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    fates: list[Fate] = field(default_factory=list)

    def add(self, secret_type: str, index: int, stage: Stage, start: int, end: int, detail: str = "") -> None:
        self.counts[secret_type, index, stage] += 1
        if self.keep_fates:
            self.fates.append(Fate(secret_type, index, start, end, stage, detail))
