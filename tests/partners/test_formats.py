"""Export formats: the same objects in each, and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.partners.formats import FORMATS, FORMULA_STARTS, spreadsheet_cell
from workbench.partners.payload import OBJECTS, Payload

AWKWARD = [
    {"token": "-----BEGIN\nline two\r\n", "type": "acme_key", "url": "", "source": "content"},
    {"token": '=HYPERLINK("https://example.test")', "type": "acme_token", "url": "https://example.test/a,b;=c",
     "source": "npm"},
    {"token": "schlüssel\x00鍵\u2028\\", "type": "acme_token", "url": "https://example.test/'\"", "source": "unknown"},
    {"token": "'=quoted", "type": "acme_token", "url": "@", "source": "gist_content"},
]


def payload(records: list[dict[str, str]]) -> Payload:
    return Payload("Acme", len(records), 0, pa.Table.from_pylist(records, schema=OBJECTS))


def read_csv(path: Path) -> list[dict[str, str]]:
    """A CSV file as the documentation tells a provider to read it: drop one leading apostrophe."""
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: cell.removeprefix("'") for name, cell in row.items()} for row in csv.DictReader(file)]


def read_duckdb(path: Path) -> list[dict[str, str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql("FROM alert").to_arrow_table().to_pylist()


READERS = {
    "json": lambda path: json.loads(path.read_bytes()),
    "jsonl": lambda path: [json.loads(line) for line in path.read_bytes().splitlines()],
    "csv": read_csv,
    "parquet": lambda path: pq.read_table(path).to_pylist(),
    "duckdb": read_duckdb,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("records", [AWKWARD, [], AWKWARD * 600], ids=["awkward", "none", "many"])
def test_every_format_holds_the_same_objects_in_order_for_its_owner_alone(
        name: str, records: list[dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / FORMATS[name][0]
    FORMATS[name][1](payload(records), path)
    assert READERS[name](path) == records
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]  # no log, nothing spilled beside it


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_there_is_not_written_into(name: str, tmp_path: Path) -> None:
    path = tmp_path / FORMATS[name][0]
    path.write_text("precious")
    with pytest.raises((FileExistsError, duckdb.Error)):
        FORMATS[name][1](payload(AWKWARD), path)
    assert path.read_text() == "precious"


def test_json_is_the_array_that_github_posts(tmp_path: Path) -> None:
    FORMATS["json"][1](payload(AWKWARD), tmp_path / "a.json")
    text = (tmp_path / "a.json").read_bytes()
    assert text.isascii()  # so that no transport changes what a signature covers
    assert [list(record) for record in json.loads(text)] == [["token", "type", "url", "source"]] * len(AWKWARD)


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_begins_like_a_formula(start: str, tmp_path: Path) -> None:
    records = [{name: f"{start}1+1" for name in OBJECTS.names}]
    FORMATS["csv"][1](payload(records), tmp_path / "a.csv")
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))[1]
    assert all(cell[0] == "'" for cell in cells)
    assert read_csv(tmp_path / "a.csv") == records


@given(st.text())
def test_dropping_one_apostrophe_gives_every_value_back(value: str) -> None:
    cell = spreadsheet_cell(value)
    assert cell.removeprefix("'") == value
    assert not cell.startswith(FORMULA_STARTS)


def test_the_duckdb_file_opens_in_duckdb_1(tmp_path: Path) -> None:
    path = tmp_path / "alerts.duckdb"
    FORMATS["duckdb"][1](payload(AWKWARD), path)
    with duckdb.connect(str(path), read_only=True) as connection:
        tags = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'alerts'").fetchall()
        silent = connection.execute("SELECT column_name FROM duckdb_columns() "
                                    "WHERE database_name = 'alerts' AND comment IS NULL").fetchall()
    # Bytes 12 to 20 of the file are its storage version; 64 is that of DuckDB 1.0.
    assert int.from_bytes(path.read_bytes()[12:20], "little") == 64
    assert tags[0][0]["storage_version"].startswith("v1.0.0")
    assert silent == []
