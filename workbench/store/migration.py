"""A migration: one numbered SQL file that brings a store from one form to the next.

Files are applied in order, each in one transaction with its record, so a store is always of exactly one form.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from workbench.errors import NoStoreThere, StoreError
from workbench.store.connection import Session


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    statements: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()


def known_migrations() -> tuple[Migration, ...]:
    """The shipped migrations in order. Raises StoreError when the package lacks one."""
    found = []
    for entry in files("workbench.store").joinpath("migrations").iterdir():
        numbered = re.fullmatch(r"(\d{4})_\w+\.sql", entry.name)
        if numbered:
            found.append(Migration(int(numbered.group(1)), entry.name, entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)) or not found:
        raise StoreError(
            f"Expected store migrations numbered from 1 without gaps but got {[m.name for m in found]}. "
            "Install the workbench again."
        )
    return tuple(found)


def form_of(session: Session, path: Path) -> int:
    """The number of the last migration applied to the attached store. Raises StoreError when it is not one of ours."""
    try:
        (number,) = session.rows("SELECT coalesce(max(number), 0) FROM store.main.migration")[0]
        session.rows("SELECT key_check FROM store.main.sealing_key")
    except (duckdb.CatalogException, duckdb.BinderException):
        raise NoStoreThere(f"{path} is a DuckDB database but not an alert store. Name another file.") from None
    newest = known_migrations()[-1].number
    if number > newest:
        raise NoStoreThere(
            f"{path} was written by a newer workbench: expected a store of migration {newest} or older but got "
            f"{number}. Install that workbench, or name another file."
        )
    return int(number)


def apply(session: Session, migration: Migration) -> None:
    """Apply one migration to the attached store; the session's transaction makes it and its record one."""
    session.script(migration.statements)
    session.execute(
        "INSERT INTO migration VALUES (?, ?, ?, now() AT TIME ZONE 'UTC')",
        [migration.number, migration.name, migration.sha256],
    )
