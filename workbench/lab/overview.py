"""An overview: what a corpus holds, and what rules find in it, counted by one thing at a time."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.charts import Picture, bars
from workbench.corpora.languages import LANGUAGES, NONE, OTHER
from workbench.corpora.reader import Corpus
from workbench.errors import UsageError
from workbench.lab.tables import Results, results

By = Literal["repository", "path_class", "language", "source"]
CHOICES: tuple[By, ...] = ("repository", "path_class", "language", "source")


def of_corpus(corpus: Corpus, by: By) -> Results:
    """A row a value of ``by``, the most frequent first: ``blobs`` and ``locations``.

    Reads all locations. Raises UsageError for a column there is not, CorpusError when they cannot be read.
    """
    if by not in CHOICES:
        raise UsageError(f"Expected one of {', '.join(CHOICES)} but got by={by!r}")
    table = corpus.locations()
    column = _languages(table.column("path")) if by == "language" else table.column(by)
    grouped = pa.table({by: column, "blob_id": table.column("blob_id")}).group_by(by).aggregate(
        [("blob_id", "count_distinct"), ("blob_id", "count")])
    named = pa.table({by: grouped.column(by), "blobs": grouped.column("blob_id_count_distinct"),
                      "locations": grouped.column("blob_id_count")})
    return results(named.sort_by([("blobs", "descending"), (by, "ascending")]))


def of_matches(matches: Results, pairs: Results) -> Results:
    """A row a secret type and pair type, the most secrets first: ``secrets`` (distinct), ``matches``,
    ``repositories``."""
    frames = [_counted(matches, "finding"), _counted(pairs, "secrets")]
    frame = Results(pd.concat([f for f in frames if len(f)] or frames[:1]))
    frame = frame.sort_values(["secrets", "type"], ascending=[False, True], ignore_index=True)
    return results(pa.Table.from_pandas(pd.DataFrame(frame), preserve_index=False))


def chart(counts: Results, *, by: str, value: str, most: int = 25) -> Picture:
    """The first ``most`` rows as horizontal bars."""
    shown = pd.DataFrame(counts[[by, value]].head(most)).astype({by: "str", value: "int64"})
    return bars(shown, value=value, label=by, title=f"{value} by {by.replace('_', ' ')}")


def _counted(frame: Results, identity: str) -> pd.DataFrame:
    grouped = pd.DataFrame(frame).groupby("type")
    return pd.DataFrame({"secrets": grouped[identity].nunique(), "matches": grouped.size(),
                         "repositories": grouped["repository"].nunique()}).reset_index().astype(
        {"type": "str", "secrets": "int64", "matches": "int64", "repositories": "int64"})


def _languages(paths: pa.ChunkedArray) -> pa.ChunkedArray:
    """The language of each path, by its extension."""
    encoded = paths.combine_chunks().dictionary_encode()
    names = []
    for path in encoded.dictionary.to_pylist():
        _, dot, extension = path.rpartition("/")[2].lower().rpartition(".")
        names.append(LANGUAGES.get(extension, OTHER) if dot else LANGUAGES.get(extension, NONE))
    return pa.chunked_array([pc.take(pa.array(names, pa.string()), encoded.indices)])
