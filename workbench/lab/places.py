"""A place is where a blob occurs: repository, path, and what the path is likely for.

A session asks for the same blobs again and again, after every edit, so what was read once is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.corpora.locations import LOCATION_COLUMNS
from workbench.corpora.reader import Corpus

FIRST = ("repository", "path", "path_class", "places", "url")
"""Columns of :meth:`Places.first`, after ``blob_id``."""


class Places:
    """Locations of a corpus's blobs, read when they are first asked for. Not for two threads at once."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._known: set[str] = set()
        self._table = LOCATION_COLUMNS.empty_table()

    def of(self, blob_ids: Iterable[str]) -> pa.Table:
        """All locations of these blobs: ``schemas.LOCATIONS`` and ``path_class``. Raises CorpusError."""
        wanted = set(blob_ids)
        missing = wanted - self._known
        if missing:
            found = self._corpus.locations(pa.array(sorted(missing), pa.string()))
            self._table = pa.concat_tables([self._table, found])
            self._known |= missing
        if len(wanted) == len(self._known):
            return self._table
        return self._table.filter(pc.is_in(self._table.column("blob_id"), pa.array(sorted(wanted), pa.string())))

    def first(self, blob_ids: Iterable[str]) -> pd.DataFrame:
        """One row a blob that has a location: its first, and ``places``, the number of them; indexed by ``blob_id``."""
        names = ["blob_id", "repository", "path", "path_class", "url"]
        table = self.of(blob_ids).select(names).to_pandas(types_mapper=pd.ArrowDtype)
        counts = table.groupby("blob_id").size().rename("places")
        return table.drop_duplicates("blob_id").set_index("blob_id").join(counts)[list(FIRST)]
