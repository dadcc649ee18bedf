"""A located set remembers which locations a corpus has, so that none is written twice. 12 bytes each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from workbench.corpora.digests import KEPT_BYTES, DigestSet
from workbench.corpora.locations import location_batches
from workbench.corpora.writer import CorpusWriter

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
