"""Truth: what is known of the pairs of a sweep, from the labels that a planted corpus carries or that people gave.

A pair is known by its content. ``None`` means that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow.compute as pc

from workbench.corpora.reader import Corpus
from workbench.corpora.synthetic.truth import LABELS_NAME, read_labels

PairSpans = tuple[str, frozenset[tuple[str, int, int]]]
"""(blob id, {(secret type, start, end)}) of one occurrence of a pair."""


@dataclass(frozen=True, slots=True)
class PairTruth:
    """``planted`` are the pairs that there are, each with all its parts; in a corpus of which everything is known
    (``complete``) any other pair is wrong. ``judged`` are single verdicts by occurrence."""

    source: str
    planted: frozenset[PairSpans] = frozenset()
    complete: bool = False
    judged: Mapping[PairSpans, bool] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many pairs are known to be true."""
        return len(self.planted) if self.complete else sum(self.judged.values())

    def of(self, pair: PairSpans) -> bool | None:
        """Whether a pair is one that there is; None when nobody knows."""
        if self.complete:
            return pair in self.planted
        return self.judged.get(pair)


def planted_pairs(corpus: Corpus, pair_type: str) -> PairTruth | None:
    """The pairs of a type that a synthetic corpus says it holds; None for a corpus without labels.

    Files in an encoding that hides a part from the engine are as true as the others. Raises CorpusError for labels that
    cannot be read.
    """
    if not (corpus.folder / LABELS_NAME).is_file():
        return None
    labels = read_labels(corpus.folder)
    chosen = labels.filter(
        pc.and_(pc.equal(labels.column("pair_type"), pair_type), pc.equal(labels.column("expect"), "pair"))
    )
    found: dict[tuple[str, int], set[tuple[str, int, int]]] = {}
    for row in chosen.to_pylist():
        found.setdefault((row["blob_id"], row["pair_id"]), set()).add((row["type"], row["start"], row["end"]))
    return PairTruth(
        "planted", frozenset((blob_id, frozenset(parts)) for (blob_id, _), parts in found.items()), complete=True
    )


def judged_pairs(verdicts: Iterable[tuple[PairSpans, bool]], source: str) -> PairTruth | None:
    """Verdicts of people on single pairs; None when there are none."""
    judged = dict(verdicts)
    return PairTruth(source, judged=judged) if judged else None
