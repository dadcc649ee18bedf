"""What an author is shown after an edit: the lines of the file that changed, lint, and the tests' outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.lab import tables
from workbench.measure.ruletests import Outcome
from workbench.rules.problem import Problem

_MOST_FAILURES = 12


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit, in memory. ``difference`` is a unified diff of the rule's file, empty when nothing changed."""

    name: str
    difference: str
    problems: tuple[Problem, ...]
    outcome: Outcome | None

    @property
    def may_be_saved(self) -> bool:
        """Whether lint has no error and every test passes."""
        return not self.errors and self.outcome is not None and not self.outcome.failures

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")

    def verdict(self) -> str:
        if self.errors:
            return f"{len(self.errors)} errors: it cannot be saved like this"
        if self.outcome is None:
            return "not tested"
        if self.outcome.failures:
            return f"{len(self.outcome.failures)} of {self.outcome.cases} tests fail: it cannot be saved like this"
        if not self.outcome.cases:
            return "it has no tests yet; add some before you save it"
        return f"{self.outcome.cases} tests pass"

    def _notes(self) -> Sequence[str]:
        failures = self.outcome.failures if self.outcome else ()
        return [*map(str, self.problems), *map(str, failures[:_MOST_FAILURES])]

    def __repr__(self) -> str:
        return "\n".join([f"{self.name}: {self.verdict()}", self.difference or "nothing changed", *self._notes()])

    def _repr_html_(self) -> str:
        kind = "note" if self.may_be_saved else "bad"
        parts = [
            tables.note(f"{self.name}: {self.verdict()}", kind=kind),
            tables.difference(self.difference) if self.difference else tables.note("nothing changed"),
        ]
        return tables.page(*parts, *(tables.note(n, kind="warn") for n in self._notes()))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
