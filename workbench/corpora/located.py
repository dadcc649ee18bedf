"""A located set remembers which locations a corpus has, so that none is written twice, in a digest set's memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from workbench.corpora.digests import KEPT_BYTES, DigestSet
from workbench.corpora.locations import location_batches
from workbench.corpora.writer import CorpusWriter
from workbench.schemas import LOCATIONS

Row = tuple[str, str, str, str, str, int | None, str]
"""A location in the making, in the order of ``schemas.LOCATIONS``; its time in microseconds since 1970."""

_URL = re.compile(r"https?://[!-~]{1,2000}")
_KEY_COLUMNS = ("source", "repository", "revision", "path", "blob_id")


class LocatedSet:
    """Locations told apart by source, repository, revision, path and blob."""

    def __init__(self) -> None:
        self._keys = DigestSet()

    @classmethod
    def read(cls, writer: CorpusWriter, *, repositories: Iterable[str] | None = None) -> LocatedSet:
        """The published locations of the corpus of ``writer``, of some repositories or of all. Raises CorpusError."""
        located = cls()
        files = [writer.folder / file.path for file in writer.manifest.location_files]
        for batch in location_batches(files, repositories=repositories):
            located.add_many(*(batch.column(name).to_pylist() for name in _KEY_COLUMNS))
        return located

    def add_many(
        self,
        sources: Iterable[str],
        repositories: Iterable[str],
        revisions: Iterable[str],
        paths: Iterable[str],
        blob_ids: Iterable[str],
    ) -> np.ndarray:
        """Put locations in; for each whether it was new, as a bool array. Of equal ones the first is new."""
        rows = zip(sources, repositories, revisions, paths, blob_ids, strict=True)
        # surrogatepass: a name that is no text is still a name.
        keys = [
            hashlib.blake2b("\0".join(row).encode("utf-8", "surrogatepass"), digest_size=KEPT_BYTES).digest()
            for row in rows
        ]
        return self._keys.add_many(keys)


def checked_url(url: str) -> str:
    """``url`` where it is an address, else nothing: it goes out to partners."""
    return url if _URL.fullmatch(url) else ""


def add_rows(writer: CorpusWriter, located: LocatedSet, rows: list[Row]) -> int:
    """Add those of ``rows`` that the corpus does not have yet. Returns how many."""
    if not rows:
        return 0
    blob_ids, sources, repositories, revisions, paths, _, _ = columns = list(zip(*rows, strict=True))
    is_new = located.add_many(sources, repositories, revisions, paths, blob_ids)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, LOCATIONS, strict=True)]
    batch = pa.record_batch(arrays, schema=LOCATIONS).filter(pa.array(is_new))
    if batch.num_rows:
        writer.add_location_batch(batch)
    return batch.num_rows
