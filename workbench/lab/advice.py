"""Advice: a window suggested from a sweep, with the reason in words.

The file is GitHub's own window and the default. A narrower one is suggested only where something measured speaks for
it: labels, by which fewer wrong pairs cost no right ones, or a wide gap between the distances of nearly all pairs and
the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.lab import tables
from workbench.measure.rate import Rate
from workbench.rules.rule import FILE, Window, WindowUnit

FEWEST_PAIRS = 20
"""Distinct pairs below which no window is suggested: any cut would fit the accident of these few."""

_NEAR_SHARE = 0.9
_CLEAR_RATIO = 4.0
_FLOOR = {"bytes": 32, "lines": 2}


@dataclass(frozen=True, slots=True)
class Advice:
    """``window`` as a rule has it, and ``reason``."""

    window: Window
    reason: str

    def __str__(self) -> str:
        return f"window: {self.window}. {self.reason}"

    def _repr_html_(self) -> str:
        return tables.page(tables.note(str(self)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Labelled pairs at one window: ``right`` of ``standing`` judged ones, of ``total`` that there are."""

    window: Window
    right: int
    standing: int
    total: int

    @property
    def precision(self) -> Rate:
        return Rate(self.right, self.standing)

    @property
    def recall(self) -> Rate:
        return Rate(min(self.right, self.total), self.total)

    @property
    def merit(self) -> float:
        """The harmonic mean of precision and recall; 0 when nothing stands."""
        whole = self.standing + self.total
        return 2 * self.right / whole if whole else 0.0


def from_labels(outcomes: Sequence[Outcome], at_file: Outcome, edges: Sequence[int]) -> Advice:
    """The best window of labelled outcomes (all of one unit, by size); ``edges`` are the sizes at which pairs
    change."""
    if at_file.total + at_file.standing < FEWEST_PAIRS:
        return Advice(FILE, f"Only {at_file.standing} labelled pairs, too few to narrow GitHub's own window.")
    best = max(outcomes, key=lambda o: (round(o.merit, 9), -o.window.size), default=at_file)
    if best.merit <= at_file.merit + 1e-9:
        return Advice(FILE, f"No narrower window does better than the file: precision {at_file.precision}, recall "
                            f"{at_file.recall}.")
    window = Window(best.window.unit, between(best.window.size, _after(best.window.size, edges)))
    return Advice(
        window,
        f"Precision {best.precision} and recall {best.recall}, where the file has {at_file.precision} and "
        f"{at_file.recall}.",
    )


def from_gaps(sizes: np.ndarray, crossed: np.ndarray, unit: WindowUnit) -> Advice:
    """A window from the distances of distinct pairs that stand at the file, without labels.

    ``sizes`` are the windows they need, ``crossed`` whether other parts stand between theirs.
    """
    order = np.argsort(sizes, kind="stable")
    sizes, crossed = sizes[order], crossed[order]
    if len(sizes) < FEWEST_PAIRS:
        return Advice(FILE, f"Only {len(sizes)} distinct pairs, too few to narrow GitHub's own window.")
    first = max(0, math.ceil(_NEAR_SHARE * len(sizes)) - 1)
    low, high = sizes[first:-1] + _FLOOR[unit], sizes[first + 1 :] + _FLOOR[unit]
    ratios = high / low
    if not len(ratios) or ratios.max() < _CLEAR_RATIO:
        return Advice(FILE, _why_not(sizes, unit))
    at = first + int(ratios.argmax())
    window = Window(unit, between(int(sizes[at]), int(sizes[at + 1])))
    beyond = len(sizes) - at - 1
    strange = int(crossed[at + 1 :].sum())
    return Advice(
        window,
        f"{at + 1:,} of {len(sizes):,} distinct pairs need {int(sizes[at]):,} {unit} or fewer; the other "
        f"{beyond:,} need {int(sizes[at + 1]):,} and more, and {strange:,} of those have other parts "
        "between theirs. Look at them before you narrow GitHub's own window.",
    )


def _why_not(sizes: np.ndarray, unit: WindowUnit) -> str:
    """Why sorted distances speak for no window: they have no clear gap, or one with too many beyond it."""
    ratios = (sizes[1:] + _FLOOR[unit]) / (sizes[:-1] + _FLOOR[unit])
    if ratios.max(initial=0) < _CLEAR_RATIO:
        return (
            f"The distances of {len(sizes):,} distinct pairs have no clear gap, so nothing speaks against GitHub's own "
            "window."
        )
    at = int(ratios.argmax())
    return (
        f"{at + 1:,} of {len(sizes):,} distinct pairs need {int(sizes[at]):,} {unit} or fewer, but the other "
        f"{len(sizes) - at - 1:,}, which need {int(sizes[at + 1]):,} and more, are too many to leave out unseen. Judge "
        "some in triage, then sweep again with store=…: the verdicts say which are right."
    )


def _after(size: int, edges: Sequence[int]) -> int:
    later = [e for e in edges if e > size]
    return min(later) if later else max(2 * size, size + 1)


def between(low: int, high: int) -> int:
    """A round number that is at least ``low`` and below ``high``, about as far from both."""
    if high - low <= 1:
        return low
    middle = math.sqrt(max(low, 1) * high)
    for digits in (1, 2, 3):
        scale = 10 ** max(0, math.floor(math.log10(middle)) + 1 - digits)
        rounded = int(round(middle / scale) * scale)
        if low <= rounded < high:
            return rounded
    return low
