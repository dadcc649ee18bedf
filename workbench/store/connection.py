"""A connection: the store's DuckDB file, attached for one operation and let go again.

DuckDB locks a file for as long as it is attached: a writer keeps even readers of other processes out. Attaching to a
resident in-memory instance takes under a millisecond (a fresh instance takes 17), so every operation attaches, works
and detaches, waits while another process does the same, and says who holds the file when that takes too long.

The file itself is never opened by other means in this process while it is attached: closing any second handle on it
would drop DuckDB's lock, as POSIX locks belong to the process.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from workbench.errors import NoStoreThere, StoreError, StoreLocked, WorkbenchError
from workbench.store.process import describe_process

FIRST_WAIT_S, LONGEST_WAIT_S = 0.002, 0.1

FIRST_TOLD_S, TOLD_EVERY_S = 3.0, 30.0
"""Waiting is told after so many seconds, and again every so many."""

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Nothing is ever fetched from the network behind an analyst's back.
    "autoinstall_known_extensions": False,
}


class Session:
    """The attached store: statements inside one transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._connection.execute(statement, list(values)).fetchall()

    def script(self, statements: str) -> None:
        """Several statements without values."""
        self._connection.execute(statements).fetchall()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, list(values)).fetchall()

    def table(self, query: str, values: Sequence[Any] = ()) -> pa.Table:
        return self._connection.sql(query, params=list(values) or None).to_arrow_table()

    @contextmanager
    def incoming(self, **tables: pa.Table) -> Iterator[None]:
        """Let statements read these Arrow tables by their names."""
        for name, table in tables.items():
            self._connection.register(name, table)
        try:
            yield
        except BaseException:
            # In a transaction that failed DuckDB refuses to drop a name too, and its refusal would hide the failure.
            with suppress(duckdb.Error):
                self._unregister(tables)
            raise
        self._unregister(tables)

    def _unregister(self, names: Iterable[str]) -> None:
        for name in names:
            self._connection.unregister(name)


class Database:
    """A DuckDB file that is attached only while a session lasts. Threads take turns.

    ``told`` gets a sentence that names the process while a session waits for another one's connection.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False, wait_s: float = 30.0,
                 shown: Path | None = None, told: Callable[[str], None] | None = None) -> None:
        self.path = Path(path).absolute()
        self.shown = shown or self.path  # the name that messages use
        self.read_only = read_only
        self.wait_s = wait_s
        self._told = told
        self._turn = threading.Lock()
        self._resident: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def session(self, doing: str, *, limit_s: float | None = None) -> Iterator[Session]:
        """Attach, run the block in one transaction, commit, detach; roll back when the block raises.

        ``doing`` completes the sentence "Could not ... <path>" and ``limit_s`` stops a query that keeps others waiting.
        Raises StoreLocked when another process holds the file for longer than ``wait_s``, else StoreError.
        """
        with self._turn:
            watch: threading.Timer | None = None
            try:
                connection = self._attach()
                if limit_s is not None:
                    watch = threading.Timer(limit_s, connection.interrupt)
                    watch.daemon = True
                    watch.start()
                connection.execute("BEGIN").fetchall()
                yield Session(connection)
                connection.execute("COMMIT").fetchall()
            except duckdb.Error as error:
                raise self._explain(error, doing, limit_s) from error
            except RuntimeError as error:
                # What DuckDB makes of Ctrl-C.
                if str(error) == "Query interrupted":
                    raise KeyboardInterrupt from None
                raise
            finally:
                if watch is not None:
                    watch.cancel()
                self._detach()

    def close(self) -> None:
        """Drop the resident instance; the next session makes another."""
        resident, self._resident = self._resident, None
        if resident is not None:
            resident.close()

    def _attach(self) -> duckdb.DuckDBPyConnection:
        if self._resident is None:
            # The writer's statements are small, and the cores belong to the scan beside it.
            config = CONFIG if self.read_only else {**CONFIG, "threads": 1}
            self._resident = duckdb.connect(":memory:", config=config)
            # Without a file of its own DuckDB would spill into the working folder.
            self._resident.execute(f"SET temp_directory = {quoted(f'{self.path}.tmp')}").fetchall()
        mode = "READ_ONLY" if self.read_only else "READ_WRITE"
        statement = f"ATTACH {quoted(str(self.path))} AS store (TYPE duckdb, {mode})"
        started, wait, next_told = time.monotonic(), FIRST_WAIT_S, FIRST_TOLD_S
        while True:
            try:
                self._resident.execute(statement).fetchall()
                break
            except duckdb.Error as error:
                waited = time.monotonic() - started
                if not _is_lock(error) or waited >= self.wait_s:
                    raise
                if self._told is not None and waited >= next_told:
                    next_told += TOLD_EVERY_S
                    self._told(f"waiting for {_holder(error)[1]}, which holds {self.shown}: {waited:.0f} s so far, "
                               f"{self.wait_s:g} s at most")
            # Jitter keeps two waiting processes from meeting again and again.
            time.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(2 * wait, LONGEST_WAIT_S)
        self._resident.execute("USE store").fetchall()
        return self._resident

    def _detach(self) -> None:
        """Let the file go, whatever happened. What was committed stays committed, even if tidying up fails."""
        if self._resident is None:
            return
        try:
            self._resident.execute("ROLLBACK").fetchall()
        except duckdb.Error:
            pass  # the usual case: nothing was left open
        try:
            self._resident.execute("USE memory").fetchall()
            self._resident.execute("DETACH DATABASE IF EXISTS store").fetchall()
        except duckdb.Error:
            # A full disk fails the checkpoint, not the commit: the log beside the file holds it, for the next session.
            self.close()

    def _explain(self, error: duckdb.Error, doing: str, limit_s: float | None) -> WorkbenchError:
        """DuckDB's error as one sentence that says what to do."""
        text = str(error).strip().partition("\n")[0].rstrip(".")
        start = f"Could not {doing} {self.shown}"
        if _is_lock(error):
            holder, who = _holder(error)
            return StoreLocked(
                f"{start}: after {self.wait_s:g} s it is still held by {who}. Close its connection, or end it.",
                holder=holder,
            )
        if isinstance(error, duckdb.InterruptException) and limit_s is not None:
            return StoreError(
                f"{start}: the query ran for more than {limit_s:g} s and would keep the batch waiting. "
                "Take a snapshot of the store and query that."
            )
        for kind, signs in ((NoStoreThere, _NO_STORE), (StoreError, _SIGNS)):
            for sign, sentence in signs.items():
                if sign in text:
                    return kind(f"{start}: {sentence}")
        return StoreError(f"{start}: {text}.")


_NO_STORE = {
    "not a valid DuckDB database": "the file is not a DuckDB database. Name another file, or remove this one.",
    "read-only mode: database does not exist": "there is no such file. Run a batch first, or name another file.",
    "No such file or directory": "its folder does not exist. Make the folder first.",
    "Is a directory": "it is a folder. Name a file.",
    "Not a directory": "what stands before it in its path is no folder. Name another file.",
}

_SIGNS = {
    "No space left on device": "the disk is full. Nothing of this step was kept; free some space and run it again.",
    "File too large": "the file may not grow further. Nothing of this step was kept; raise the limit and run it again.",
    "Disk quota exceeded": "the disk quota is used up. Nothing of this step was kept; free some space, run it again.",
    "Read-only file system": "it stands on a read-only file system. Copy it to one that can be written.",
    "Permission denied": "permission denied. Give this user the right to it and to its folder.",
    "WAL does not match": "the .wal file beside it belongs to another database. Put that database back, or remove the log.",
}


def _holder(error: duckdb.Error) -> tuple[int | None, str]:
    """Who has the file, by DuckDB's error: the process id where it is known, and the words for it."""
    found = re.search(r"\(PID (\d+)\)", str(error))
    holder = int(found.group(1)) if found else None
    return holder, describe_process(holder) if found or isinstance(error, duckdb.IOException) else "this process itself"


def _is_lock(error: duckdb.Error) -> bool:
    """Whether waiting may help: another process, or another connection of this one, has the file."""
    if isinstance(error, duckdb.ResourceInUseException):
        return "already attached" in str(error)
    return "Could not set lock" in str(error) or "different configuration" in str(error)


def quoted(text: str) -> str:
    """The text as an SQL literal, for statements that take no values."""
    return "'" + text.replace("'", "''") + "'"
