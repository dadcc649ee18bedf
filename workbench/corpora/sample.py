"""A sample is a small corpus drawn from a large one, for authoring at the speed of thought.

Blobs are drawn by stratum, a repository's files of one path class, so that a repository of a million generated files
does not crowd out the others' configuration. The same corpus, seed and size give the same sample on every machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.corpora.describe import corpus_tables
from workbench.corpora.locations import location_batches
from workbench.corpora.manifest import MANIFEST_NAME, Manifest
from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.writer import CorpusWriter
from workbench.errors import UsageError

SampleProgress = Callable[[int, int], None]
"""Called with (bytes of content looked at, bytes in all)."""

# A blob belongs to the first stratum of its locations by name; blobs without a location make a stratum of their own.
_STRATA = """
CREATE TEMP TABLE strata AS
SELECT blob_id, place.repository, place.path_class FROM (
    SELECT blob_id, coalesce(min(struct_pack(repository, path_class)), struct_pack(repository := '', path_class := ''))
        AS place
    FROM (SELECT DISTINCT blob_id FROM blobs) LEFT JOIN locations USING (blob_id)
    GROUP BY blob_id
)
"""

_SIZES = "SELECT repository, path_class, count(*) FROM strata GROUP BY ALL ORDER BY ALL"

_DRAWN = """
SELECT blob_id FROM (
    SELECT *, row_number() OVER (PARTITION BY repository, path_class ORDER BY md5(? || blob_id), blob_id) AS turn
    FROM strata
) JOIN quotas USING (repository, path_class)
WHERE turn <= quota
"""


def sample(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    blobs: int,
    seed: int = 0,
    progress: SampleProgress | None = None,
) -> Manifest:
    """Draw ``blobs`` blobs of the corpus ``source``, with all their locations, into a new corpus ``target``.

    Each stratum gives in proportion to the square root of its blobs, and at least one while there are enough to give
    (:func:`share_out`); the new manifest's ``sample`` lists every stratum's size and share, so that counts can be
    weighted back. A corpus of fewer blobs is taken whole. Raises UsageError when ``target`` holds a corpus, and
    CorpusError.
    """
    if blobs < 1:
        raise UsageError(f"Expected at least 1 blob but got blobs={blobs}")
    if (Path(target) / MANIFEST_NAME).exists():
        raise UsageError(f"Expected a new folder but got {target}, which holds a corpus. Choose another")
    corpus = Corpus.open(source)
    with corpus_tables(corpus) as database:
        database.execute(_STRATA)
        strata = database.sql(_SIZES).to_arrow_table().rename_columns(["repository", "path_class", "blobs"])
        quotas = share_out(strata.column("blobs").to_numpy(), blobs)
        strata = strata.append_column("quota", pa.array(quotas, pa.int64()))
        database.register("quotas", strata)
        wanted = database.sql(_DRAWN, params=[str(seed)]).to_arrow_table().column(0).combine_chunks()
    old = corpus.manifest
    made = f"{len(wanted)} of {old.blobs} blobs of {old.name}, drawn by repository and path class, {seed=}"
    with CorpusWriter(target, made=made) as writer:
        for key, value in old.extra.items():
            writer.set_extra(key, value)
        drawn = strata.rename_columns(["repository", "path_class", "blobs", "drawn"])
        writer.set_extra("sample", {"of": old.name, "seed": seed, "strata": drawn.to_pylist()})
        _copy(corpus, writer, wanted, progress)
    return writer.manifest


def share_out(sizes: np.ndarray, total: int) -> np.ndarray:
    """How much each of some strata gives to a sample of ``total``, in proportion to the root of its size.

    None gives more than it has, and each gives one before any gives two; where there are fewer than one each, the
    largest give.
    """
    sizes = np.asarray(sizes, np.int64)
    quotas = np.zeros(len(sizes), np.int64)
    left = min(total, int(sizes.sum()))
    first = np.argsort(-sizes, kind="stable")[:left]
    quotas[first] = 1
    left -= len(first)
    while left > 0:
        weights = np.where(quotas < sizes, np.sqrt(sizes), 0.0)
        shares = left * weights / weights.sum()
        given = np.minimum(shares.astype(np.int64), sizes - quotas)
        if not given.any():  # less than one each: the largest shares are rounded up
            given[np.argsort(-shares, kind="stable")[:left]] = 1
            given = np.minimum(given, sizes - quotas)
        quotas += given
        left -= int(given.sum())
    return quotas


def _copy(corpus: Corpus, writer: CorpusWriter, wanted: pa.Array, progress: SampleProgress | None) -> None:
    done = 0
    for shard in corpus.shards():
        for batch in read_batches(shard):
            drawn = batch.filter(pc.is_in(batch.column("blob_id"), value_set=wanted))
            for blob_id, content in zip(drawn.column("blob_id").to_pylist(), drawn.column("content"), strict=True):
                if content.is_valid:
                    writer.add_blob(blob_id, content.as_py())
        done += shard.content_bytes
        if progress:
            progress(done, corpus.manifest.content_bytes)
    for batch in location_batches(corpus.location_files, blob_ids=wanted):
        writer.add_location_batch(batch)
