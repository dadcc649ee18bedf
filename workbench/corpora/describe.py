"""A description says what a corpus holds: how much of what, from where, and what was left out.

Figures of rows and bytes come from footers and from the columns that are not content, so describing 50 GB takes
seconds. DuckDB does the sums, in memory and out of core.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.corpora.languages import LANGUAGES, NONE, OTHER
from workbench.corpora.locations import LOCATION_COLUMNS, location_batches
from workbench.corpora.reader import Corpus

_MEMORY_LIMIT = "1GB"


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a corpus one value of something has. ``content_bytes`` counts each blob once."""

    name: str
    blobs: int
    locations: int
    content_bytes: int


@dataclass(frozen=True, slots=True)
class FilesDescription:
    """The Parquet files of blobs or of locations."""

    files: int
    rows: int
    bytes: int
    row_groups: int
    codecs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LargeBlob:
    """One of the largest blobs, with one of its locations (empty strings: it has none)."""

    blob_id: str
    size: int
    repository: str
    path: str


@dataclass(frozen=True, slots=True)
class CorpusDescription:
    """What a corpus holds. Shares are sorted by bytes, the largest first."""

    name: str
    made: str
    blobs: FilesDescription
    locations: FilesDescription
    content_bytes: int
    blobs_without_location: int
    repositories: int
    sources: tuple[Share, ...]
    path_classes: tuple[Share, ...]
    languages: tuple[Share, ...]
    largest: tuple[LargeBlob, ...]
    skipped: dict[str, int]

    @property
    def compression(self) -> float | None:
        """Bytes of content a byte of blobs file; None where there are none."""
        return self.content_bytes / self.blobs.bytes if self.blobs.bytes and self.content_bytes else None


def describe(folder: str | os.PathLike[str], *, largest: int = 10) -> CorpusDescription:
    """Describe the corpus in ``folder``, with its ``largest`` largest blobs.

    A blob in several classes or languages counts in each. Raises :class:`~workbench.errors.CorpusError`.
    """
    corpus = Corpus.open(folder)
    with corpus_tables(corpus) as database:
        database.execute(_PLACED)
        languages = pa.table({"extension": list(LANGUAGES), "language": list(LANGUAGES.values())})
        database.register("languages", languages)
        counts = database.execute("SELECT count(*) FILTER (path IS NULL), count(DISTINCT repository) FROM placed")
        lonely, repositories = counts.fetchone()
        rows = database.execute(_LARGEST, [largest]).fetchall()
        return CorpusDescription(
            name=corpus.manifest.name,
            made=corpus.manifest.made,
            blobs=_files(corpus, "blobs"),
            locations=_files(corpus, "locations"),
            content_bytes=corpus.manifest.content_bytes,
            blobs_without_location=lonely,
            repositories=repositories,
            sources=_shares(database, "source"),
            path_classes=_shares(database, "path_class"),
            languages=_shares(database, _LANGUAGE),
            largest=tuple(LargeBlob(*row) for row in rows),
            skipped=dict(corpus.manifest.skipped),
        )


_PLACED = """
CREATE TEMP TABLE placed AS
SELECT b.blob_id, b.size, l.source, l.repository, l.path, l.path_class
FROM blobs AS b LEFT JOIN locations AS l USING (blob_id)
"""

_LARGEST = """
SELECT blob_id, any_value(size), coalesce(min(repository), ''), coalesce(min(path), '')
FROM placed GROUP BY blob_id ORDER BY 2 DESC, 1 LIMIT ?
"""

_SHARES = """
SELECT name, count(*), sum(locations), sum(size) FROM (
    SELECT {name} AS name, blob_id, any_value(size) AS size, count(*) AS locations
    FROM placed LEFT JOIN languages ON languages.extension = {extension}
    WHERE path IS NOT NULL GROUP BY ALL
) GROUP BY name ORDER BY 4 DESC, name
"""

# Of a dotless name the name itself counts (Dockerfile), and a leading dot begins no extension.
_EXTENSION = r"lower(regexp_extract(path, '([^./]+)$', 1))"
_LANGUAGE = f"""
coalesce(language, CASE WHEN regexp_matches(path, '[^/]\\.[^./]+$') THEN '{OTHER}' ELSE '{NONE}' END)
"""


@contextmanager
def corpus_tables(corpus: Corpus) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with views ``blobs`` (blob_id, size) and ``locations`` (all columns, and path_class)."""
    with (
        tempfile.TemporaryDirectory(prefix="workbench-") as spill,
        closing(duckdb.connect(config={"memory_limit": _MEMORY_LIMIT, "temp_directory": spill})) as database,
    ):
        blobs = [glob.escape(str(path)) for path in corpus.blob_files]
        if blobs:
            database.read_parquet(blobs).project("blob_id, size").create_view("blobs")
        else:
            database.execute("CREATE VIEW blobs AS SELECT ''::VARCHAR AS blob_id, 0::BIGINT AS size WHERE false")
        # Through Arrow, because the reader adds the path's class where a file has none.
        batches = location_batches(corpus.location_files)
        locations = pa.RecordBatchReader.from_batches(LOCATION_COLUMNS, batches)
        database.register("locations_read", locations)
        database.execute("CREATE TEMP TABLE locations AS SELECT * FROM locations_read")
        yield database


def _files(corpus: Corpus, folder: str) -> FilesDescription:
    files = [file for file in corpus.manifest.files if file.folder == folder]
    codecs: set[str] = set()
    row_groups = 0
    for file in files:
        footer = pq.read_metadata(corpus.folder / file.path)
        row_groups += footer.num_row_groups
        for group in range(footer.num_row_groups):
            last = footer.row_group(group).num_columns - 1
            codecs.add(footer.row_group(group).column(last).compression)
    return FilesDescription(
        len(files), sum(f.rows for f in files), sum(f.bytes for f in files), row_groups, tuple(sorted(codecs))
    )


def _shares(database: duckdb.DuckDBPyConnection, name: str) -> tuple[Share, ...]:
    rows = database.execute(_SHARES.format(name=name, extension=_EXTENSION)).fetchall()
    return tuple(Share(*row[:3], int(row[3])) for row in rows)
