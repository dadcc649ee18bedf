"""The store: the DuckDB file that holds runs, matches and alerts, and the only thing that writes it.

It is opened with the sealing key, works in short transactions and holds no lock between them, so that a notebook can
read while a batch runs. One process at a time runs a batch: see :meth:`Store.begin_run`.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa

from workbench.counting import counted
from workbench.errors import NoStoreThere, StoreError, UsageError, WrongKey
from workbench.model import RuleHash, RunId, ShardId
from workbench.store import locations, migration, recording, runs, superseding
from workbench.store.connection import Database
from workbench.store.key import load_key
from workbench.store.labels import Labels
from workbench.store.locations import LocationOutcome, LocationReader
from workbench.store.process import this_process
from workbench.store.recording import ShardOutcome, ShardStats
from workbench.store.rows import shard_rows, together
from workbench.store.rulebook import RuleBook, RuleInfo
from workbench.store.runs import EndStatus
from workbench.store.sealing import Sealer
from workbench.store.superseding import BlobFilter, SupersedeOutcome

VERDICTS = ("false_positive", "wont_fix", "revoked", "used_in_tests")
"""Resolutions a person gives; the store itself gives ``pattern_edited`` and ``pattern_deleted``."""

Done = set[tuple[ShardId, str, RuleHash]]


class Store:
    """The writer. A missing file is made, whole or not at all; an older form is brought up to date.

    ``key`` is the 32-byte sealing key, by default :func:`workbench.store.key.load_key`'s. ``wait_s`` is how long an
    operation waits while another process has the file, and ``told`` hears of a wait that lasts. Raises WrongKey before
    anything is written, StoreLocked when the wait is over, NoStoreThere for a file that is no store or newer than this
    workbench, and StoreError for one that cannot be written.
    """

    def __init__(self, path: str | Path, *, key: bytes | None = None, wait_s: float = 30.0,
                 told: Callable[[str], None] | None = None) -> None:
        self.path = Path(path).absolute()
        exists = self.path.exists()
        # A fresh key cannot be that of a store that stands already, so it is not made for one.
        self._sealer = Sealer(load_key(create=not exists) if key is None else key)
        self._me = this_process()
        self._books: dict[RunId, RuleBook] = {}
        if not exists:
            _make(self.path, self._sealer)
        self._database = Database(self.path, wait_s=wait_s, told=told)
        self._check_and_migrate()

    def __repr__(self) -> str:
        return f"Store({self.path.name!r})"

    @property
    def labels(self) -> Labels:
        """People's verdicts on what was found."""
        return Labels(self._database, self._sealer)

    def _check_and_migrate(self) -> None:
        with self._database.session("open the store") as session:
            number = migration.form_of(session, self.path)
            checks = session.rows("SELECT key_check FROM sealing_key")
        if not checks:
            raise NoStoreThere(f"{self.path} is a snapshot, made to be read. Name the store it was taken from.")
        if checks[0][0] != self._sealer.key_check:
            raise WrongKey(
                f"The sealing key is not the one {self.path} was made with. Set WORKBENCH_KEY, or restore the key "
                "file, to that key; nothing was written."
            )
        for pending in migration.known_migrations()[number:]:
            with self._database.session(f"apply migration {pending.name} to") as session:
                # Another process may have been faster.
                if migration.form_of(session, self.path) < pending.number:
                    migration.apply(session, pending)

    def begin_run(self, rules: Iterable[RuleInfo], *, corpus: str, rule_set_hash: str,
                  params: Mapping[str, Any] | None = None, versions: Mapping[str, Any] | None = None) -> RunId:
        """Begin a run with these rules; earlier runs whose process is gone become ``abandoned``.

        ``params`` and ``versions`` are kept as JSON. Raises StoreLocked, naming the process, while another one's run
        is still going, and UsageError for rules that contradict each other.
        """
        book = RuleBook(rules)
        run_id = runs.new_run_id()
        about = {"corpus": corpus, "rule_set_hash": rule_set_hash, "params": params or {}, "versions": versions or {}}
        with self._database.session("begin a run in") as session:
            runs.take_lease(session, self.path, self._me)
            runs.begin(session, run_id, self._me, book, about)
        self._books = {run_id: book}
        return run_id

    def done(self) -> Done:
        """What needs no scan: (shard, rule, hash of the rule) of every done mark."""
        with self._database.session("read the done marks of") as session:
            marks = session.table("SELECT shard_id, rule, rule_hash FROM shard")
        return set(zip(*(column.to_pylist() for column in marks.columns), strict=True))

    def too_large(self, most_blob_bytes: int) -> set[ShardId]:
        """Shards whose last scan left out, as too large, a blob that is within ``most_blob_bytes``."""
        with self._database.session("read the skipped blobs of") as session:
            found = session.rows("SELECT DISTINCT shard_id FROM skipped_blob WHERE reason = 'too_large' "
                                 "AND size_bytes <= ?", [most_blob_bytes])
        return {ShardId(shard_id) for (shard_id,) in found}

    def record_shard(self, run_id: RunId, shard_id: ShardId, rules: Mapping[str, RuleHash],
                     results: Iterable[pa.RecordBatch], *, stats: ShardStats) -> ShardOutcome:
        """As :meth:`record_shards`, for one shard."""
        return self.record_shards(run_id, rules, {shard_id: (results, stats)})

    def record_shards(self, run_id: RunId, rules: Mapping[str, RuleHash],
                      scanned: Mapping[ShardId, tuple[Iterable[pa.RecordBatch], ShardStats]]) -> ShardOutcome:
        """Put what ``rules`` found in these shards into the store and mark them done, in one transaction.

        Each shard comes with its batches of ``schemas.SCAN_RESULTS``. Earlier rows of these rules in these shards are
        replaced; alerts that nothing supports any more are closed as ``pattern_edited``; alerts found again are
        reopened unless a person closed them. Raises UsageError for results or rules that do not fit the run, StoreError
        when the run may no longer write.
        """
        book = self._book(run_id).only(rules)
        rows = together([shard_rows(shard_id, results, book, self._sealer)
                         for shard_id, (results, _) in scanned.items()])
        stats = {shard_id: s for shard_id, (_, s) in scanned.items()}
        which = f"shard {next(iter(scanned))}" if len(scanned) == 1 else counted(len(scanned), "shard")
        with self._database.session(f"record {which} in") as session:
            runs.check_running(session, run_id, self._me)
            return recording.record(session, run_id, book, rows, stats, self._sealer)

    def record_locations(self, run_id: RunId, files: Mapping[str, LocationReader]) -> LocationOutcome:
        """Add the locations of matched blobs from a corpus' location files, in one transaction.

        ``files`` maps each file's content hash to a function from blob ids to their locations. A file is read only
        for blobs that matched since it was read last, and not at all when there are none. Locations that cannot be used
        are left out and counted.
        """
        with self._database.session("see which locations are missing in") as session:
            runs.check_running(session, run_id, self._me)
            missing = locations.wanted(session, files)
        found: dict[str, tuple[locations.Wanted, pa.Table]] = {}
        left_out: Counter[str] = Counter()
        for item in missing:
            table, unusable = locations.look_up(item, files[item.sha256])
            found[item.sha256] = item, table
            left_out += unusable
        if not found:
            return LocationOutcome(0, 0, left_out)
        with self._database.session("record locations in") as session:
            runs.check_running(session, run_id, self._me)
            added = locations.add(session, run_id, found)
        return LocationOutcome(sum(1 for item in missing if len(item.blob_ids)), added, left_out)

    def supersede_shards(self, run_id: RunId, present: Sequence[ShardId], blobs_held: BlobFilter) -> SupersedeOutcome:
        """Drop what the run's rules found in shards that its corpus no longer has, where present shards hold the blob.

        For when every shard of ``present``, all the corpus has, is done with the run's rules. Old shards are those that
        runs over a corpus of the same name recorded. ``blobs_held`` takes blob ids and gives those that the corpus has;
        it is asked only when old shards hold rows. Alerts that no row supports any more are closed as
        ``pattern_edited``; the others stay as they are. Old shards that lose rows lose their done marks.
        """
        book = self._book(run_id)
        with self._database.session("look for superseded shards in") as session:
            runs.check_running(session, run_id, self._me)
            asked = superseding.candidates(session, run_id, book, present)
        held = blobs_held(asked) if len(asked) else asked
        if not len(held):
            return SupersedeOutcome()
        with self._database.session("drop superseded shards from") as session:
            runs.check_running(session, run_id, self._me)
            return superseding.supersede(session, run_id, book, present, held)

    def retire_rules(self, run_id: RunId, rules: Sequence[str]) -> int:
        """Forget what these rules found and close their alerts as ``pattern_deleted``. Returns how many were closed."""
        with self._database.session("retire rules in") as session:
            runs.check_running(session, run_id, self._me)
            recording.start_noting(session)
            recording.forget(session, "list_contains(?, rule)", [list(rules)])
            return recording.settle(session, "pattern_deleted")

    def finish_run(self, run_id: RunId, status: EndStatus, *, counts: Mapping[str, Any] | None = None,
                   failures: Mapping[str, str] | None = None) -> None:
        """End the run. ``failures`` maps shards that could not be done to the reason, a sentence without tokens."""
        if status not in get_args(EndStatus):
            raise UsageError(f"Expected a status among {', '.join(get_args(EndStatus))} but got {status!r}")
        with self._database.session("finish the run in") as session:
            runs.check_running(session, run_id, self._me)
            runs.write_failures(session, run_id, failures or {})
            runs.end(session, run_id, status, counts or {})
        self._books.pop(run_id, None)

    def abandon_run(self, run_id: str) -> None:
        """Mark a running run abandoned by hand: for one whose machine is gone. Its process can write no more."""
        with self._database.session("abandon the run in") as session:
            rows = session.rows("SELECT status FROM run WHERE run_id = ?", [run_id])
            if not rows or rows[0][0] != "running":
                raise UsageError(f"Expected a running run of {self.path} but {run_id} is "
                                 f"{rows[0][0] if rows else 'not one of its runs'}")
            runs.end(session, run_id, "abandoned")

    def resolve_alerts(self, alert_ids: Sequence[str], resolution: str) -> int:
        """Close open alerts with a person's verdict, one of ``VERDICTS``; it outlives rescans. Returns how many."""
        if resolution not in VERDICTS:
            raise UsageError(f"Expected a resolution among {', '.join(VERDICTS)} but got {resolution!r}")
        with self._database.session("resolve alerts in") as session:
            changed = session.rows(
                f"UPDATE alert SET state = 'closed', resolution = ?, closed_at = {recording.NOW} "
                "WHERE state = 'open' AND list_contains(?, alert_id)", [resolution, list(alert_ids)])
        return int(changed[0][0])

    def _book(self, run_id: RunId) -> RuleBook:
        try:
            return self._books[run_id]
        except KeyError:
            raise UsageError(f"Expected a run begun by this store object but got {run_id}") from None


def _make(path: Path, sealer: Sealer) -> None:
    """Make a store beside ``path`` and link it there, so that a half-made one never stands under that name."""
    if not path.parent.is_dir():
        raise NoStoreThere(f"Could not make the store {path}: its folder does not exist. Make the folder first.")
    if Path(f"{path}.wal").exists():
        raise StoreError(f"Could not make the store {path}: {path.name}.wal beside it is the log of a store that is gone "
                         "and may hold its last rows. Put that store back, or remove the log.")
    temporary = path.with_name(f".{path.name}.new-{secrets.token_hex(8)}")
    database = Database(temporary, shown=path)
    try:
        with database.session("make the store") as session:
            for pending in migration.known_migrations():
                migration.apply(session, pending)
            session.execute("INSERT INTO sealing_key VALUES (?)", [sealer.key_check])
        if Path(f"{temporary}.wal").exists():
            raise StoreError(f"Could not make the store {path}: it could not be written whole. Is the disk full?")
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process made it meanwhile; the key check that follows tells whether we share it
    except OSError as error:
        raise StoreError(f"Could not make the store {path}: {error.strerror}.") from error
    finally:
        database.close()
        for leftover in (temporary, Path(f"{temporary}.wal")):
            with suppress(OSError):  # the error that matters is the one that led here
                leftover.unlink(missing_ok=True)
