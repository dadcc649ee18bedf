"""A format: one kind of file in which a payload is exported. Every format holds the same objects in the same order.

=========  ==================  =====================================================================================
json       alerts.json         the array that GitHub posts to a partner
jsonl      alerts.jsonl        one object a line
csv        alerts.csv          for spreadsheets: see :func:`spreadsheet_cell`
parquet    alerts.parquet      four string columns
duckdb     alerts.duckdb       table ``alert``; DuckDB 1.0 and later open it
=========  ==================  =====================================================================================

Files are made with mode 0600 in a folder that only its owner may enter.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow.parquet as pq

from workbench.partners.payload import OBJECTS, Payload, to_json
from workbench.store.connection import CONFIG, quoted
from workbench.store.snapshot import STORAGE_VERSION

# What spreadsheets take for the start of a formula, or skip before one. The last four are the full-width forms that
# some of them read as the plain ones.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ESCAPE = "'"

COLUMN_COMMENTS = {
    "token": "The secret as its provider issued it. Revoke it: it is public.",
    "type": "Slug of the secret type",
    "url": "Public address of the file it was found in; may be empty",
    "source": "Kind of place it was found in",
}


def create(path: Path) -> BinaryIO:
    """A new file that its owner alone may read. Raises FileExistsError rather than write into one that is there."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def spreadsheet_cell(value: str) -> str:
    """The value so that no spreadsheet runs it: an apostrophe goes before what would start a formula.

    Also before an apostrophe, so that dropping one leading apostrophe always gives the value back.
    """
    return ESCAPE + value if value.startswith((*FORMULA_STARTS, ESCAPE)) else value


def write_json(payload: Payload, path: Path) -> None:
    with create(path) as file:
        separator = b"[\n"
        for record in payload.records():
            file.write(separator + to_json(record).encode())
            separator = b",\n"
        file.write(b"\n]\n" if separator == b",\n" else b"[]\n")


def write_jsonl(payload: Payload, path: Path) -> None:
    with create(path) as file:
        for record in payload.records():
            file.write(to_json(record).encode() + b"\n")


def write_csv(payload: Payload, path: Path) -> None:
    with TextIOWrapper(create(path), encoding="utf-8", newline="") as file:
        # Every cell is quoted: a separator or line break inside one starts no other.
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        rows.writerow(OBJECTS.names)
        for record in payload.records():
            rows.writerow([spreadsheet_cell(record[name]) for name in OBJECTS.names])


def write_parquet(payload: Payload, path: Path) -> None:
    with create(path) as file:
        pq.write_table(payload.objects, file, compression="zstd")


def write_duckdb(payload: Payload, path: Path) -> None:
    connection = duckdb.connect(":memory:", config=CONFIG)
    try:
        # Tokens must not spill into the working folder.
        connection.execute(f"SET temp_directory = {quoted(f'{path}.tmp')}").fetchall()
        connection.execute(
            f"ATTACH {quoted(str(path))} AS out (TYPE duckdb, STORAGE_VERSION '{STORAGE_VERSION}')").fetchall()
        columns = ", ".join(f"{name} VARCHAR NOT NULL" for name in OBJECTS.names)
        connection.execute("BEGIN").fetchall()  # one transaction reaches the disk once, seven do seven times
        connection.execute(f"CREATE TABLE out.alert ({columns})").fetchall()
        connection.execute("COMMENT ON TABLE out.alert IS 'Secrets found in public places, a row each place'").fetchall()
        for name, comment in COLUMN_COMMENTS.items():
            connection.execute(f"COMMENT ON COLUMN out.alert.{name} IS {quoted(comment)}").fetchall()
        connection.register("objects", payload.objects)
        connection.execute("INSERT INTO out.alert FROM objects").fetchall()
        connection.execute("COMMIT").fetchall()
        connection.execute("DETACH out").fetchall()
    finally:
        connection.close()
    os.chmod(path, 0o600)


Writer = Callable[[Payload, Path], None]

FORMATS: Mapping[str, tuple[str, Writer]] = {
    "json": ("alerts.json", write_json),
    "jsonl": ("alerts.jsonl", write_jsonl),
    "csv": ("alerts.csv", write_csv),
    "parquet": ("alerts.parquet", write_parquet),
    "duckdb": ("alerts.duckdb", write_duckdb),
}
"""Name of each format, its file, and what writes it."""
