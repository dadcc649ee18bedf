"""A location lookup: the places of matched blobs, read from a corpus' location files no more often than needed.

Every blob gets a sequence number when it first matches, and every location file keeps up to which number it was
searched. So a second run reads nothing, a new file is searched for all matched blobs, and newly matched blobs are
looked up in every file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import CorpusError
from workbench.model import SOURCES, RunId
from workbench.schemas import LOCATIONS
from workbench.store.connection import Session

LocationReader = Callable[[pa.Array], pa.Table]
"""Takes blob ids (string array), gives their locations (``schemas.LOCATIONS``); others are ignored."""

UNKNOWN_SOURCE = "unknown_source"
_NOT_NULL = {"null_source": "source", "null_repository": "repository", "null_revision": "revision", "null_path": "path"}

LEFT_OUT = (*_NOT_NULL, UNKNOWN_SOURCE)
"""Why a location cannot be used: a null where there must be none, or a source that is none of ``model.SOURCES``."""


@dataclass(frozen=True, slots=True)
class LocationOutcome:
    """What a lookup did; ``left_out`` counts locations that cannot be used by reason, one of ``LEFT_OUT``."""

    files_read: int
    locations_added: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one location file is to be searched for: blobs that matched since it was read last."""

    sha256: str
    blob_ids: pa.Array
    up_to: int


def wanted(session: Session, files: Mapping[str, LocationReader]) -> list[Wanted]:
    """For each of the files (by content hash) what it has not been searched for yet."""
    (newest,) = session.rows("SELECT coalesce(max(sequence), 0) FROM matched_blob")[0]
    read = dict(session.rows("SELECT sha256, looked_up_to FROM location_file"))
    found = []
    by_start: dict[int, pa.Array] = {}
    for sha256 in files:
        start = read.get(sha256, -1)
        if start >= newest:
            continue
        if start not in by_start:
            table = session.table("SELECT blob_id FROM matched_blob WHERE sequence > ?", [start])
            by_start[start] = table["blob_id"].combine_chunks().cast(pa.string())
        found.append(Wanted(sha256, by_start[start], int(newest)))
    return found


def look_up(item: Wanted, reader: LocationReader) -> tuple[pa.Table, Counter[str]]:
    """The usable locations of the wanted blobs in one file, and how many of theirs are not, by reason.

    Sources come out in lower case. Raises CorpusError for a table of another shape.
    """
    left_out: Counter[str] = Counter()
    if not len(item.blob_ids):
        return LOCATIONS.empty_table(), left_out
    found = reader(item.blob_ids)
    if not set(LOCATIONS.names) <= set(found.schema.names):
        raise CorpusError(f"Expected locations with the columns {LOCATIONS.names} but got {found.schema.names}",
                          path=item.sha256)
    found = found.select(LOCATIONS.names)
    found = found.filter(pc.is_in(found["blob_id"], value_set=item.blob_ids.cast(found.schema.field("blob_id").type)))
    sources = pc.utf8_lower(found["source"].cast(pa.string()))
    found = found.set_column(found.schema.get_field_index("source"), "source", sources)
    for reason, column in _NOT_NULL.items():
        found = _usable(found, pc.is_valid(found[column]), reason, left_out)
    found = _usable(found, pc.is_in(found["source"], value_set=pa.array(SOURCES, pa.string())), UNKNOWN_SOURCE, left_out)
    # Plain UTC without a zone, as the store keeps all times.
    times = found["committed_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
    return found.set_column(found.schema.get_field_index("committed_at"), "committed_at", times), left_out


def _usable(found: pa.Table, is_usable: pa.ChunkedArray, reason: str, left_out: Counter[str]) -> pa.Table:
    kept = found.filter(is_usable)
    left_out[reason] += found.num_rows - kept.num_rows
    return kept


def add(session: Session, run_id: RunId, found: Mapping[str, tuple[Wanted, pa.Table]]) -> int:
    """Add the locations that are not in the store yet and note how far each file was read. Returns how many."""
    added = 0
    for sha256, (item, table) in found.items():
        if table.num_rows:
            with session.incoming(new_rows=table):
                rows = session.rows(
                    """
                    INSERT INTO location BY NAME
                    SELECT DISTINCT ON (blob_id, source, repository, revision, path) * FROM new_rows
                    ANTI JOIN location USING (blob_id, source, repository, revision, path)
                    """)
            added += int(rows[0][0])
        session.execute(
            "INSERT OR REPLACE INTO location_file VALUES (?, ?, ?, now() AT TIME ZONE 'UTC')",
            [sha256, item.up_to, run_id])
    return added
