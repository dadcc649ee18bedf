"""A label: a person's verdict on a finding or a pair, kept in a table that only grows.

A label is keyed by content, the finding's fingerprint, and not by where or by which pattern it was found: so it
survives edited rules, rescans and moved files, and equal secrets are judged once. An undone verdict is taken back by a
later row that names it, which leaves what anyone else said of the same secret as it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa

from workbench.errors import UsageError
from workbench.model import BlobId, Span
from workbench.store.connection import Database, Session
from workbench.store.sealing import Sealer

Verdict = Literal["true", "false", "unsure"]
VERDICTS: tuple[Verdict, ...] = ("true", "false", "unsure")

Kind = Literal["single", "pair"]

_ROWS = pa.schema([
    ("position", pa.int64()), ("label_id", pa.string()), ("kind", pa.string()), ("labelled_type", pa.string()),
    ("fingerprint", pa.string()), ("blob_id", pa.string()), ("start_byte", pa.int64()), ("end_byte", pa.int64()),
    ("verdict", pa.string()), ("retracts", pa.string()), ("note", pa.string()), ("reviewer", pa.string()),
    ("labelled_at", pa.timestamp("us")), ("rule_set_hash", pa.string()), ("sample", pa.string()),
])


@dataclass(frozen=True, slots=True)
class Judged:
    """What a label is about: a match by its finding, or a pair by the id of its alert, and where it was looked at.

    ``fingerprint`` has 32 hex digits (:meth:`Labels.fingerprint`, :meth:`Labels.pair_fingerprint`).
    """

    kind: Kind
    labelled_type: str
    fingerprint: str
    blob_id: BlobId
    span: Span


@dataclass(frozen=True, slots=True)
class Label:
    """One verdict as it was given. ``sample`` names the random sample it belongs to, or is empty.

    Raises UsageError for a verdict that is none, or without a reviewer.
    """

    judged: Judged
    verdict: Verdict | Literal["retracted"]
    reviewer: str
    rule_set_hash: str
    note: str = ""
    sample: str = ""
    retracts: str | None = None
    labelled_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    label_id: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS and not (self.verdict == "retracted" and self.retracts):
            raise UsageError(f"Expected a verdict among {', '.join(VERDICTS)} but got {self.verdict!r}")
        if not self.reviewer.strip():
            raise UsageError("Expected the name of a reviewer but got an empty one. Name who judges.")

    def retraction(self, reviewer: str) -> Label:
        """The row that takes this one back."""
        return Label(self.judged, "retracted", reviewer, self.rule_set_hash, sample=self.sample, retracts=self.label_id)

    def row(self, position: int) -> dict[str, object]:
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "judged"}
        own["labelled_at"] = self.labelled_at.astimezone(UTC).replace(tzinfo=None)
        about = asdict(self.judged)
        span = about.pop("span")
        return {"position": position, **about, "start_byte": span["start"], "end_byte": span["end"], **own}


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in the labels: ``upto`` is the newest row's number; ``table`` has a row a fingerprint.

    Columns: ``fingerprint``, and ``verdict``, ``note``, ``reviewer``, ``labelled_at``, ``label_id`` of the label that holds,
    null where none does any more.
    """

    upto: int
    table: pa.Table


class Labels:
    """The labels of one store (:attr:`workbench.store.store.Store.labels`). Every method is one short transaction.

    All raise StoreLocked when another process keeps the file for too long, StoreError when it cannot be used.
    """

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def fingerprint(self, secret_type: str, token: bytes) -> str:
        """The key of a match's label: its finding, as a batch into this store names it."""
        return self._sealer.fingerprint(secret_type, token)

    def pair_fingerprint(self, pair_type: str, parts: Sequence[str]) -> str:
        """The key of a pair's label, of the fingerprints of its parts in rule order: the id of the alert it makes."""
        return self._sealer.alert_id("pair", pair_type, parts)

    def add(self, labels: Sequence[Label], *, since: int = 0) -> Changes:
        """Append labels, in order, and return what changed after row ``since``, these included.

        A label that stands already (by its ``label_id``) is left out, so whoever is not sure that it arrived sends it
        again.
        """
        rows = pa.Table.from_pylist([label.row(n) for n, label in enumerate(labels)], schema=_ROWS)
        names = ", ".join(name for name in _ROWS.names if name != "position")
        with self._database.session("add labels to") as session:
            with session.incoming(new_labels=rows):
                session.execute(
                    f"INSERT INTO label (label_no, {names}) "
                    "SELECT (SELECT coalesce(max(label_no), 0) FROM label) + row_number() OVER (ORDER BY position), "
                    f"{names} FROM new_labels WHERE label_id NOT IN (SELECT label_id FROM label)")
            return _changes(session, since)

    def changes(self, *, since: int = 0) -> Changes:
        """What anyone's rows after ``since`` changed; with 0 the label of everything that was ever judged."""
        with self._database.session("read the labels of") as session:
            return _changes(session, since)


def _changes(session: Session, since: int) -> Changes:
    (upto,) = session.rows("SELECT coalesce(max(label_no), 0) FROM label")[0]
    changed = session.table(
        "SELECT touched.fingerprint, l.verdict, l.note, l.reviewer, l.labelled_at, l.label_id "
        "FROM (SELECT DISTINCT fingerprint FROM label WHERE label_no > ?) touched "
        "LEFT JOIN labels l ON l.fingerprint = touched.fingerprint ORDER BY touched.fingerprint", [since])
    return Changes(int(upto), changed)
