"""A snapshot: a copy of a store as it stands, for analysts to keep and to query for as long as they like.

It has everything but the sealed tokens, and a form that every DuckDB since 1.0 opens, while the store's own form is
that of the DuckDB that writes it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from workbench.errors import StoreError, UsageError
from workbench.store import migration
from workbench.store.connection import Database, Session, quoted
from workbench.store.reader import StoreReader

LEFT_OUT = frozenset({"sealed_token", "sealing_key", "migration"})
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
        with database.session(f"take the snapshot {target}") as session:
            _copy(session, temporary)
        database.close()
        if Path(f"{temporary}.wal").exists():
            raise StoreError(f"Could not take the snapshot {target}: it could not be written whole. Is the disk full?")
        os.chmod(temporary, 0o440)
        os.replace(temporary, target)
    finally:
        database.close()
        for leftover in (temporary, Path(f"{temporary}.wal")):
            leftover.unlink(missing_ok=True)
    return target


def _copy(session: Session, temporary: Path) -> None:
    """Make the same tables and views in a second attached file and fill them."""
    session.script(f"ATTACH {quoted(str(temporary))} AS copy (TYPE duckdb, STORAGE_VERSION '{STORAGE_VERSION}')")
    session.script("USE copy")
    for known in migration.known_migrations():
        migration.apply(session, known)
    tables = session.rows("SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'")
    for (table,) in tables:
        if table not in LEFT_OUT:
            session.script(f"INSERT INTO copy.main.{table} BY NAME FROM store.main.{table}")
    session.script("USE store")
