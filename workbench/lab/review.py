"""A review is one reviewer's work on a sample: what stands before them, what they said, what is still to be saved.

It knows no widget. Every verdict goes to the store at once; one that the store cannot take just now stays pending, in
order, and goes with the next, so nothing is lost while another process holds the store. Verdicts of others arrive with
every exchange.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.errors import StoreError, UsageError
from workbench.lab.route import Filter, Route
from workbench.lab.subjects import Sample, Subject
from workbench.store.labels import VERDICTS, Changes, Label, Labels, Verdict


@dataclass(frozen=True, slots=True)
class Held:
    """The label of a subject that holds, whoever gave it."""

    verdict: Verdict
    note: str
    reviewer: str
    labelled_at: datetime


class Review:
    """Goes through ``sample``; ``where`` has path class and searchable text of each subject, in order.

    Methods that take a ``key`` (a subject's fingerprint) do nothing unless it is the subject shown: a key pressed
    twice on a slow machine must not judge what has not been seen yet. None raises for a store that is in use or gone;
    ``message`` then says so and ``pending`` counts what waits. Raises UsageError for a reviewer without a name.
    """

    def __init__(self, sample: Sample, labels: Labels, *, reviewer: str, rule_set_hash: str,
                 where: Sequence[tuple[str, str]] | None = None) -> None:
        if not reviewer.strip():
            raise UsageError("Expected the name of a reviewer but got an empty one. Give reviewer=...")
        self.sample = sample
        self.reviewer = reviewer.strip()
        self.message = ""
        self.route = Route(sample.subjects, where or [("", "")] * len(sample.subjects))
        self._labels = labels
        self._rule_set_hash = rule_set_hash
        self._number = {s.fingerprint: n for n, s in enumerate(sample.subjects)}
        self._held: dict[str, Held] = {}
        self._drafts: dict[str, str] = {}
        self._places: dict[str, int] = {}
        self._pending: list[Label] = []
        self._done: list[tuple[Label, Held | None]] = []
        self._seen = 0
        self.exchange()
        self.route.move_on()

    @property
    def current(self) -> Subject | None:
        """The subject shown; None when the filter leaves nothing."""
        return None if self.route.current is None else self.sample.subjects[self.route.current]

    @property
    def place(self) -> int:
        """Which place of the current subject is shown, from 0."""
        return self._places.get(self.current.fingerprint, 0) if self.current else 0

    @property
    def held(self) -> Held | None:
        """The label that the current subject has."""
        return self._held.get(self.current.fingerprint) if self.current else None

    @property
    def draft(self) -> str:
        """The note written for the current subject before it is judged."""
        return self._drafts.get(self.current.fingerprint, "") if self.current else ""

    @property
    def pending(self) -> int:
        """Rows that wait for the store."""
        return len(self._pending)

    @property
    def undoable(self) -> int:
        """Verdicts of this review that can be taken back."""
        return len(self._done)

    def judge(self, key: str, verdict: Verdict, note: str | None = None) -> None:
        """Say what the current subject is, save it, and go on to the next. Without ``note`` its draft, or its old note.

        Raises UsageError for a verdict that is none.
        """
        if verdict not in VERDICTS:
            raise UsageError(f"Expected a verdict among {', '.join(VERDICTS)} but got {verdict!r}")
        subject = self._shown(key)
        if subject is None:
            return
        before = self._held.get(key)
        if note is None:
            own = before.note if before and before.reviewer == self.reviewer else ""
            note = self._drafts.get(key, own)
        self._drafts.pop(key, None)
        self._say(subject, verdict, note.strip())
        if before is not None and before.reviewer != self.reviewer and before.verdict != verdict:
            self.message = self.message or f"{before.reviewer} had said {before.verdict}"
        self._tell_of_skipped(self.route.move_on())

    def note(self, key: str, text: str) -> None:
        """Keep a note for the current subject: with its next verdict, or at once when it has one."""
        subject = self._shown(key)
        if subject is None:
            return
        held = self._held.get(key)
        if held is None:
            self._drafts[key] = text.strip()
        elif text.strip() != held.note:
            self._say(subject, held.verdict, text.strip())

    def undo(self) -> None:
        """Take back the last verdict of this review and show its subject again; what was said before holds again."""
        if not self._done:
            self.message = "Nothing to undo: no verdict was given since this cell ran"
            return
        self.message = ""
        label, before = self._done.pop()
        key = label.judged.fingerprint
        self._pending.append(label.retraction(self.reviewer))
        self._hold(key, before)
        if label.note and before is None:
            self._drafts[key] = label.note
        self.route.reopen(self._number[key])
        self.exchange()
        self.message = self.message or f"Took back “{label.verdict}”"

    def skip(self, key: str) -> None:
        """Leave the current subject for later: it comes again when nothing else is left."""
        if self._shown(key) is not None:
            self._tell_of_skipped(self.route.skip())

    def step(self, by: int) -> None:
        """Go ``by`` subjects on, or back when negative, among those the filter leaves."""
        self.message = ""
        self.route.step(by)

    def next_place(self, key: str) -> None:
        """Show the current subject at its next place, and after the last at its first again."""
        subject = self._shown(key)
        if subject is not None:
            self._places[key] = (self.place + 1) % len(subject.places)

    def choose(self, chosen: Filter) -> None:
        """Filter, and go to the first subject left."""
        self.message = ""
        self.route.choose(chosen)

    def refresh(self) -> None:
        """Fetch what others said, send what waits, and stay at the same subject."""
        self.message = ""
        if self.exchange():
            self.message = "The labels are those of the store now"

    def exchange(self) -> bool:
        """Send what waits and take in what changed; False, with a message, when the store cannot be used now."""
        try:
            if self._pending:
                changes = self._labels.add(self._pending, since=self._seen)
            else:
                changes = self._labels.changes(since=self._seen)
        except StoreError as error:
            waiting = f" {self.pending} not saved yet: kept here and tried again." if self._pending else ""
            self.message = f"{error}{waiting}"
            return False
        # Emptied only now: what an interrupt leaves here is sent again, and the store keeps one of each.
        self._pending.clear()
        self._take_in(changes)
        return True

    def state(self) -> dict[str, Any]:
        """All of it but the exhibit, as JSON."""
        position, visible = self.route.position()
        held = self.held
        return {
            "position": position,
            "visible": visible,
            "progress": self.route.progress(),
            "choices": self.route.choices,
            "filter": asdict(self.route.filter),
            "message": self.message,
            "pending": self.pending,
            "undoable": self.undoable,
            "reviewer": self.reviewer,
            "population": self.sample.population,
            "draft": self.draft,
            "label": None
            if held is None
            else {
                "verdict": held.verdict,
                "note": held.note,
                "reviewer": held.reviewer,
                "at": held.labelled_at.isoformat(timespec="seconds"),
            },
        }

    def _shown(self, key: str) -> Subject | None:
        subject = self.current
        if subject is None or subject.fingerprint != key:
            self.message = "That key was meant for another match and did nothing"
            return None
        self.message = ""
        return subject

    def _say(self, subject: Subject, verdict: Verdict, note: str) -> None:
        key = subject.fingerprint
        place = subject.places[self._places.get(key, 0)]
        label = Label(
            subject.judged_at(place), verdict, self.reviewer, self._rule_set_hash, note=note, sample=self.sample.name
        )
        self._pending.append(label)
        self._done.append((label, self._held.get(key)))
        self._hold(key, Held(verdict, note, self.reviewer, label.labelled_at))
        self.exchange()

    def _hold(self, key: str, held: Held | None) -> None:
        if held is None:
            self._held.pop(key, None)
        else:
            self._held[key] = held
        self.route.mark(self._number[key], held.verdict if held else None)

    def _take_in(self, changes: Changes) -> None:
        self._seen = changes.upto
        for row in changes.table.to_pylist():
            if row["fingerprint"] in self._number:
                held = None if row["verdict"] is None else Held(
                    row["verdict"], row["note"], row["reviewer"], row["labelled_at"].replace(tzinfo=UTC))
                self._hold(row["fingerprint"], held)

    def _tell_of_skipped(self, count: int) -> None:
        if count:
            self.message = self.message or f"Only what you skipped is left ({count})"
