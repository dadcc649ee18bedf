"""Triage is the widget in which a person judges matches: one at a time, with the keyboard, saved as they go.

The page gets what it shows and nothing else: masked lines, counts, sentences. It sends what a key means; the review
decides. While verdicts wait for a store that is in use, they are tried again every few seconds.
"""

from __future__ import annotations

import asyncio
import atexit
import getpass
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import pyarrow as pa
import traitlets

from workbench.errors import UsageError, WorkbenchError
from workbench.lab.exhibit import Exhibits
from workbench.lab.review import Review
from workbench.lab.route import Filter
from workbench.lab.session import Session
from workbench.lab.subjects import draw
from workbench.lab.tables import Results, results
from workbench.store.labels import VERDICTS
from workbench.store.store import Store

STATIC = Path(__file__).parent / "static"

WAIT_S = 1.0
"""How long a key waits for a store that another process has, in seconds; longer, and the verdict stays pending."""

RETRY_S = 3.0
"""How often pending verdicts are tried again, in seconds."""

_LONGEST_NOTE = 2_000

_COUNTS = pa.schema([("type", pa.string()), *((name, pa.int64()) for name in ("drawn", "judged", *VERDICTS))])


class Triage(anywidget.AnyWidget):
    """The widget round a review. Show it as the last line of a cell; ``review`` is the state behind it."""

    _esm = STATIC / "triage.js"
    _css = STATIC / "triage.css"
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, review: Review, exhibits: Exhibits) -> None:
        self.review = review
        self._exhibits = exhibits
        self._sent = 0
        self._retry: asyncio.TimerHandle | None = None
        super().__init__()
        self.on_msg(self._receive)
        atexit.register(
            _last_try, weakref.ref(self)
        )  # a kernel that is shut down in an orderly way takes nothing with it
        self._send_view()

    def __repr__(self) -> str:
        counts = self.review.route.progress()
        said = ", ".join(f"{counts[name]} {name}" for name in ("true", "false", "unsure"))
        return f"Triage({counts['judged']} of {counts['total']} judged: {said})"

    def counts(self) -> Results:
        """What was said so far, by anyone, a row a secret type or pair: how many were ``drawn``, ``judged``, and given
        each verdict."""
        self.review.exchange()
        self._send_view()
        progress = self.review.route.progress()
        waiting = f"; {self.review.pending} not saved yet" if self.review.pending else ""
        caption = f"{progress['judged']:,} of {progress['total']:,} judged{waiting}"
        return results(self.review.route.by_type(), schema=_COUNTS, caption=caption)

    def _receive(self, _widget: object, content: Any, _buffers: object) -> None:
        """Do what the page asks for, and answer with the new view, whatever came of it."""
        try:
            message = content if isinstance(content, dict) else {}
            act = self._acts().get(_text(message, "do"))
            if act is not None:
                act(message)
        except WorkbenchError as error:
            self.review.message = str(error)
        finally:
            self._send_view()
        self._plan_retry()

    def _acts(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        review = self.review
        return {
            "judge": lambda m: review.judge(_text(m, "key"), m.get("verdict"), _note(m)),  # type: ignore[arg-type]
            "note": lambda m: review.note(_text(m, "key"), _note(m) or ""),
            "undo": lambda m: review.undo(),
            "skip": lambda m: review.skip(_text(m, "key")),
            "step": lambda m: review.step(1 if m.get("by") == 1 else -1),
            "place": lambda m: review.next_place(_text(m, "key")),
            "filter": lambda m: review.choose(Filter(m.get("show", "open"), _text(m, "type"), _text(m, "path_class"),
                                                     _text(m, "text"))),
            "refresh": lambda m: review.refresh(),
        }

    def _send_view(self) -> None:
        current = self.review.current
        exhibit = None if current is None else self._exhibits.show(current, self.review.place)
        self._sent += 1
        self.view = {"sent": self._sent, "item": exhibit, **self.review.state()}

    def _plan_retry(self) -> None:
        if not self.review.pending or self._retry is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no kernel: the next act sends what waits
        self._retry = loop.call_later(RETRY_S, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        if not self.review.pending:
            return
        if self.review.exchange():
            self.review.message = "Saved what had waited"
        self._send_view()
        self._plan_retry()


def _last_try(widget: weakref.ref[Triage]) -> None:
    """Send what still waits when the process ends."""
    left = widget()
    if left is not None and left.review.pending:
        left.review.exchange()


def triage(session: Session, *names: str, store: str | Path, sample: int | None = 200, seed: int = 0,
           reviewer: str | None = None) -> Triage:
    """The widget that judges what the rules of ``session`` find in its corpus, and keeps the labels in ``store``.

    ``names`` are secret types or pairs; without any, all that may alert is judged. ``sample`` secrets are drawn (None:
    all), ``seed`` draws others. ``reviewer`` is by default the user's login name. A store that is not there is made.
    Raises UsageError for unknown names or a nameless reviewer, StoreError, StoreLocked or WrongKey when the store
    cannot be opened, and what :meth:`Session.found` raises.
    """
    found, rules = session.found(*names), session.rules
    labels = Store(store, wait_s=WAIT_S).labels
    drawn = draw(found, rules, labels, types=names or None, size=sample, seed=seed)
    exhibits = Exhibits(session.corpus, session.masker(), rules, session.places)
    review = Review(drawn, labels, reviewer=_login() if reviewer is None else reviewer, rule_set_hash=rules.hash,
                    where=exhibits.path_classes(drawn.subjects))
    return Triage(review, exhibits)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise UsageError(
            "Expected a login name to sign labels with, but this system has none. Give reviewer=..."
        ) from None


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""


def _note(message: dict[str, Any]) -> str | None:
    value = message.get("note")
    return value[:_LONGEST_NOTE] if isinstance(value, str) else None
