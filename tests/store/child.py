"""What another process does with the store in a test: ``child.py <what> <store> [<number>]``, key from the environment."""

from __future__ import annotations

import os
import signal
import sys
import time

import duckdb

from tests.store import scanned
from workbench.store import connection, recording
from workbench.store.store import Store


def say(word: str) -> None:
    print(word, flush=True)


def die_at(statement: int) -> None:
    """Kill this process with SIGKILL before its so-many-th statement, COMMIT and DETACH among them."""
    count = 0
    real = duckdb.connect

    class Counted:
        def __init__(self, inner: duckdb.DuckDBPyConnection) -> None:
            self._inner = inner

        def execute(self, *values: object) -> duckdb.DuckDBPyConnection:
            nonlocal count
            count += 1
            if count == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            return self._inner.execute(*values)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

    connection.duckdb.connect = lambda *values, **named: Counted(real(*values, **named))


def die_after_recording() -> None:
    """Kill this process when its first shard is committed and the file not yet let go: the rows stand in the log."""
    record, detach = recording.record, connection.Database._detach
    recorded = []

    def noted(*values: object) -> object:
        recorded.append(True)
        return record(*values)

    def dies(self: connection.Database) -> None:
        if recorded:
            os.kill(os.getpid(), signal.SIGKILL)
        detach(self)

    recording.record, connection.Database._detach = noted, dies


def main(what: str, path: str, number: str = "0") -> None:
    if what == "batch":
        die_at(int(number))
        scanned.run_all(Store(path))
    elif what == "slow_batch":
        scanned.run_all(Store(path))
    elif what == "hold":
        held = duckdb.connect(path)
        say("held")
        time.sleep(float(number))
        held.close()
    elif what == "lease":
        scanned.begin(Store(path))
        say("leased")
        time.sleep(float(number))
    elif what == "commit_and_die":
        die_after_recording()
        scanned.run_all(Store(path))
    else:
        raise SystemExit(f"unknown: {what}")


if __name__ == "__main__":
    main(*sys.argv[1:])
