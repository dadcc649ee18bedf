"""A snapshot: a copy of a store as it stands, for analysts to keep and to query for as long as they like.

It has everything but the sealed tokens, and a form that every DuckDB since 1.1 opens, while the store's own form is
that of the DuckDB that writes it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path

from workbench.errors import StoreError, UsageError
from workbench.store.connection import Database, Session, quoted
from workbench.store.reader import StoreReader

LEFT_OUT = frozenset({"sealed_token", "sealing_key"})
STORAGE_VERSION = "v1.0.0"


def snapshot(path: str | Path, out: str | Path, *, wait_s: float = 30.0) -> Path:
    """Copy a store to the new file ``out`` and return its path; ``wait_s`` is how long to wait while a batch writes.

    The copy is one consistent state, whole or not there. Raises UsageError when ``out`` exists, StoreError when the
    store cannot be read or the copy not be written.
    """
    source, target = Path(path).absolute(), Path(out).absolute()
    if target.exists():
        raise UsageError(f"Expected a new file for the snapshot but {target} exists. Name another, or remove it.")
    if not target.parent.is_dir():
        raise UsageError(f"Expected a folder for the snapshot but {target.parent} is none. Make it first.")
    StoreReader(source, wait_s=wait_s)  # refuses what is no store
    temporary = target.with_name(f".{target.name}.new-{secrets.token_hex(8)}")
    database = Database(source, read_only=True, wait_s=wait_s)
    try:
        with database.session(f"take the snapshot {target} of") as session:
            _copy(session, temporary)
        database.close()
        if Path(f"{temporary}.wal").exists():
            raise StoreError(f"Could not take the snapshot {target}: it could not be written whole. Is the disk full?")
        os.chmod(temporary, 0o440)
        os.replace(temporary, target)
    finally:
        database.close()
        for leftover in (temporary, Path(f"{temporary}.wal")):
            with suppress(OSError):  # the error that matters is the one that led here
                leftover.unlink(missing_ok=True)
    return target


def _copy(session: Session, temporary: Path) -> None:
    """Make the same tables and views in a second attached file and fill them.

    Constraints stay behind: nobody writes a snapshot, and DuckDB 1.0 cannot read a file with the index of a primary key.
    """
    tables = session.rows(f"SELECT table_name, comment FROM duckdb_tables() WHERE {_OURS} ORDER BY table_oid")
    views = session.rows(f"SELECT view_name, comment, sql FROM duckdb_views() WHERE {_OURS}")
    columns = session.rows("SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
                           f"WHERE {_OURS} ORDER BY table_oid, column_index")
    session.script(f"ATTACH {quoted(str(temporary))} AS copy (TYPE duckdb, STORAGE_VERSION '{STORAGE_VERSION}')")
    session.script("USE copy")
    for table, _ in tables:
        typed = ", ".join(f"{column} {kind}" for owner, column, kind, _ in columns if owner == table)
        session.script(f"CREATE TABLE {table} ({typed})")
        if table not in LEFT_OUT:
            session.script(f"INSERT INTO {table} FROM store.main.{table}")
    statements = {name: statement for name, _, statement in views}
    for name in _after_what_they_read(statements):
        session.script(statements[name])
    for kind, named in (("TABLE", tables), ("VIEW", [view[:2] for view in views])):
        for name, comment in named:
            session.script(f"COMMENT ON {kind} {name} IS {quoted(comment)}")
    for owner, column, _, comment in columns:
        session.script(f"COMMENT ON COLUMN {owner}.{column} IS {quoted(comment)}")
    session.script("USE store")


def _after_what_they_read(views: Mapping[str, str]) -> Iterable[str]:
    """Names of the views, each after those it reads. The catalogue keeps no order of making."""
    reads = {name: {other for other in views if other != name and re.search(rf"\b(FROM|JOIN) [(]*{other}\b", statement)}
             for name, statement in views.items()}
    return TopologicalSorter(reads).static_order()


_OURS = "database_name = 'store' AND NOT internal"
