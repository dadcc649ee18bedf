"""A route is the order in which a reviewer comes by the subjects of a sample: what is filtered, what is next, what is
left.

It keeps a state for every subject and knows nothing of stores or labels. Arrays, so that 100,000 subjects cost a
millisecond a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from workbench.errors import UsageError
from workbench.lab.subjects import Subject
from workbench.store.labels import VERDICTS, Verdict

Show = Literal["open", "all", "judged", "true", "false", "unsure", "skipped"]

_OPEN, _SKIPPED = 0, len(VERDICTS) + 1  # what stands between is a verdict: its place among VERDICTS, from 1


@dataclass(frozen=True, slots=True)
class Filter:
    """Which subjects are gone through: by state, type ("" for all), path class ("" for all), words of the path.

    Raises UsageError for a state that is none.
    """

    show: Show = "open"
    type: str = ""
    path_class: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        if self.show not in get_args(Show):
            raise UsageError(f"Expected a state among {', '.join(get_args(Show))} but got {self.show!r}")


class Route:
    """The way through ``subjects``; ``where`` has path class and searchable text (lower case) of each, in order.

    ``current`` is the number of the subject that stands there, None when the filter leaves nothing. ``choices`` are
    the types and path classes of the sample with the number of subjects of each, most frequent first.
    """

    def __init__(self, subjects: Sequence[Subject], where: Sequence[tuple[str, str]]) -> None:
        count = len(subjects)
        self._types = np.array([s.type for s in subjects], dtype=object)
        self._classes = np.array([w[0] for w in where], dtype=object)
        self.choices = {"types": Counter(self._types.tolist()).most_common(),
                        "path_classes": Counter(c for c in self._classes.tolist() if c).most_common()}
        self._texts = [w[1] for w in where]
        self._places = np.array([len(s.places) for s in subjects], np.int64)
        self._state = np.zeros(count, np.int8)
        self._matching = np.ones(count, bool)
        self.filter = Filter()
        self.current: int | None = None

    def mark(self, number: int, verdict: Verdict | None) -> None:
        """Note that a subject has this verdict, or none (any more)."""
        if verdict is not None:
            self._state[number] = VERDICTS.index(verdict) + 1
        elif self._state[number] != _SKIPPED:
            self._state[number] = _OPEN

    def reopen(self, number: int) -> None:
        """Stand at a subject again, whatever the filter says."""
        self.current = number

    def choose(self, chosen: Filter) -> None:
        """Filter, and go to the first subject left."""
        matching = np.ones(len(self._state), bool)
        if chosen.type:
            matching &= self._types == chosen.type
        if chosen.path_class:
            matching &= self._classes == chosen.path_class
        for word in chosen.text.lower().split():
            matching &= np.fromiter((word in t for t in self._texts), bool, len(self._texts))
        self.filter, self._matching, self.current = chosen, matching, None
        self.move_on()

    def skip(self) -> int:
        """Leave the current subject for later and move on. Returns what :meth:`move_on` does."""
        if self.current is not None and self._state[self.current] == _OPEN:
            self._state[self.current] = _SKIPPED
        return self.move_on()

    def move_on(self) -> int:
        """Go to the next subject the filter leaves, after the last to the first.

        When only skipped ones are left to judge, they come again; their number is returned, else 0.
        """
        after = -1 if self.current is None else self.current
        numbers, again = np.flatnonzero(self._visible()), 0
        if not len(numbers) and self.filter.show == "open":
            numbers = np.flatnonzero(self._matching & (self._state == _SKIPPED))
            self._state[numbers] = _OPEN
            again = len(numbers)
        if not len(numbers):
            self.current = None
            return 0
        later = numbers[numbers > after]
        self.current = int(later[0] if len(later) else numbers[0])
        return again

    def step(self, by: int) -> None:
        """Go ``by`` subjects on, or back when negative, among those the filter leaves; not beyond the first and
        last."""
        numbers = np.flatnonzero(self._visible())
        if not len(numbers):
            return
        at = -1 if self.current is None else self.current
        k = (
            int(np.searchsorted(numbers, at, "right")) + by - 1
            if by > 0
            else int(np.searchsorted(numbers, at, "left")) + by
        )
        self.current = int(numbers[min(max(k, 0), len(numbers) - 1)])

    def position(self) -> tuple[int, int]:
        """How many subjects the filter leaves up to and with the current one, and how many in all."""
        visible = self._visible()
        return (0 if self.current is None else int(visible[: self.current + 1].sum())), int(visible.sum())

    def progress(self) -> dict[str, int]:
        """Counts over the whole sample: ``total``, ``judged``, each verdict, ``skipped``, and the ``places`` judged."""
        counts = np.bincount(self._state, minlength=_SKIPPED + 1)
        judged = (self._state > _OPEN) & (self._state < _SKIPPED)
        said = {verdict: int(counts[n + 1]) for n, verdict in enumerate(VERDICTS)}
        return {"total": len(self._state), "judged": int(judged.sum()), **said, "skipped": int(counts[_SKIPPED]),
                "places": int(self._places[judged].sum())}

    def by_type(self) -> list[dict[str, str | int]]:
        """Counts a type, most frequent first: how many were ``drawn``, ``judged``, and given each verdict."""
        out: list[dict[str, str | int]] = []
        for name, drawn in self.choices["types"]:
            counts = np.bincount(self._state[self._types == name], minlength=_SKIPPED + 1)
            said = {verdict: int(counts[n + 1]) for n, verdict in enumerate(VERDICTS)}
            out.append({"type": name, "drawn": drawn, "judged": sum(said.values()), **said})
        return out

    def _visible(self) -> np.ndarray:
        show, state = self.filter.show, self._state
        if show == "all":
            return self._matching
        if show == "judged":
            return self._matching & (state > _OPEN) & (state < _SKIPPED)
        wanted = {"open": _OPEN, "skipped": _SKIPPED}.get(show)
        number = VERDICTS.index(show) + 1 if wanted is None else wanted  # type: ignore[arg-type]
        return self._matching & (state == number)
