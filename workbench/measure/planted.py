"""Measuring on a planted corpus: recall and precision against the ground truth that a synthetic corpus carries.

Every blob is scanned with the one scan there is, and judged against its labels; counts go into rates by type, pair,
place, arrangement and kind of hard negative. Mistakes are kept as a table with masked surroundings, never a token.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.synthetic.truth import LABELS, Label, read_labels, split_why
from workbench.counting import counted
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.measure.rate import Rate
from workbench.measure.verdict import MISTAKES, Known, Verdict, judge
from workbench.model import MASK, mask_token

MISTAKE_ROWS = pa.schema(
    [
        pa.field("blob_id", pa.string(), nullable=False),
        pa.field("path", pa.string()),  # of the first location in the corpus
        pa.field("start", pa.int64(), nullable=False),  # byte offset in the blob, inclusive
        pa.field("end", pa.int64(), nullable=False),  # byte offset in the blob, exclusive
        pa.field("outcome", pa.string(), nullable=False),  # one of verdict.MISTAKES
        pa.field("type", pa.string()),  # secret type or pair type; null for a string that imitates none
        pa.field("why", pa.string(), nullable=False),  # of the label there; empty where there is none
        pa.field("counted", pa.bool_(), nullable=False),  # False in variants the engine does not read yet
        pa.field("context", pa.string(), nullable=False),  # what stands round the span, every token masked
    ]
)

_MOST_MISTAKES = 10_000
_CONTEXT_BYTES = 40


@dataclass(frozen=True, slots=True)
class Line:
    """Recall and precision of one secret type or pair type.

    ``elsewhere`` counts its alerts over tokens that were planted as another type; they are in neither rate.
    """

    name: str
    recall: Rate
    precision: Rate
    elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class PlantedReport:
    """What a measurement found. Overall rates are over the alerts there are: types outside pairs, and whole pairs.

    ``places`` and ``variants`` are recall by where a token stood, ``arrangements`` recall of pairs by how their parts
    stood; ``negatives`` are the shares of strings that rightly gave no alert, by kind, ``halves`` those of lone parts, and
    ``near_misses`` the share of lone parts that were reported as near misses. ``apart`` is recall in variants that are not
    counted anywhere else. ``confusions`` counts (planted type, reported type). ``left_out`` are labelled types and pairs
    that the rules do not have. ``mistakes`` is a table of :data:`MISTAKE_ROWS`, at most 10,000 rows.
    """

    blobs: int
    labels: int
    recall: Rate
    precision: Rate
    types: tuple[Line, ...]
    pairs: tuple[Line, ...]
    places: Mapping[str, Rate]
    variants: Mapping[str, Rate]
    arrangements: Mapping[str, Rate]
    negatives: Mapping[str, Rate]
    halves: Rate
    near_misses: Rate
    apart: Mapping[str, Rate]
    confusions: Mapping[tuple[str, str], int]
    left_out: tuple[str, ...]
    mistakes: pa.Table

    def summary(self) -> list[str]:
        """The overall figures, a line each."""
        lines = [f"{counted(self.blobs, 'file')}, {counted(self.labels, 'label')}",
                 f"recall     {self.recall}", f"precision  {self.precision}",
                 f"lone parts without alert     {self.halves}", f"lone parts told as near miss {self.near_misses}"]
        if self.left_out:
            lines.append(f"left out: labels of {counted(len(self.left_out), 'type')} that these rules do not have")
        return lines


@dataclass(slots=True)
class _Tally:
    """Verdicts counted: (table, name, outcome) to how many."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        v, counts = verdict, self.counts
        kind, arrangement, variant = split_why(v.why)
        if not v.counted:
            counts["apart", variant, v.outcome] += 1
            return
        counts["type", v.type or "", v.outcome] += 1
        if v.outcome in ("found", "missed"):
            counts["place", kind, v.outcome] += 1
            counts["variant", variant or "plain", v.outcome] += 1
        if v.outcome in ("pair_found", "pair_missed"):
            counts["arrangement", arrangement, v.outcome] += 1
        if v.outcome in ("quiet", "alerted"):
            counts["half" if v.is_part else "negative", kind, v.outcome] += 1
        # A part is no alert of its own: overall, its pair stands for it.
        if not v.is_part or v.outcome not in ("found", "missed", "right", "false_alarm"):
            counts["all", "", v.outcome] += 1
        if v.outcome == "other_type":
            self.confusions[v.planted or "", v.type or ""] += 1

    def rate(self, table: str, name: str, good: Sequence[str], bad: Sequence[str]) -> Rate:
        k = sum(self.counts[table, name, o] for o in good)
        return Rate(k, k + sum(self.counts[table, name, o] for o in bad))

    def names(self, table: str) -> list[str]:
        return sorted({name for t, name, _ in self.counts if t == table})

    def rates(self, table: str, good: str, bad: str) -> dict[str, Rate]:
        rates = {name: self.rate(table, name, [good], [bad]) for name in self.names(table)}
        return {name: rate for name, rate in rates.items() if rate.n}


def measure(corpus_folder: str | os.PathLike[str], compiled: CompiledRules, *, progress: bool = False) -> PlantedReport:
    """Scan the corpus with ``compiled`` and judge every result against its labels.

    Labels of types that ``compiled`` does not have are left out of recall, and are still no false alarms. ``progress``
    draws a bar on standard error. Raises :class:`~workbench.errors.CorpusError` for a folder that is no corpus or has no
    labels, and ShardError when a file of it cannot be read.
    """
    corpus = Corpus.open(corpus_folder)
    labels = _BlobLabels(read_labels(corpus_folder))
    known = Known(frozenset(compiled.rules.secret_types), frozenset(compiled.rules.pairs), compiled.part_types)
    tally, mistakes, blobs = _Tally(), _Mistakes(), 0
    for batch in _batches(corpus, progress):
        rows = {r["blob_id"]: r for out in scan_batches([batch], compiled) for r in out.to_pylist()}
        ids = batch.column("blob_id").to_pylist()
        of_blob = labels.of(ids)
        blobs += len(ids)
        for k, blob_id in enumerate(ids):
            own, row = of_blob.get(blob_id, ()), rows.get(blob_id)
            if not own and row is None:
                continue
            verdicts = judge(own, row, known)
            for verdict in verdicts:
                tally.add(verdict)
            mistakes.add(blob_id, [v for v in verdicts if v.outcome in MISTAKES], own, row, batch.column("content")[k])
    return _report(blobs, labels, tally, mistakes.table(corpus), known)


def _batches(corpus: Corpus, progress: bool) -> Iterator[pa.RecordBatch]:
    from tqdm import tqdm

    bar = tqdm(total=corpus.manifest.content_bytes, unit="B", unit_scale=True, leave=False, disable=not progress,
               file=sys.stderr, desc="measure")
    with bar:
        for shard in corpus.shards():
            for batch in read_batches(shard):
                yield batch
                bar.update(batch.column("content").nbytes)


class _BlobLabels:
    """Labels by blob. Rows of one blob stand together in the file, in the corpus's own order."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._runs: dict[str, tuple[int, int]] = {}
        for k, blob_id in enumerate(table.column("blob_id").to_pylist()):
            first, _ = self._runs.get(blob_id, (k, k))
            self._runs[blob_id] = first, k + 1

    def of(self, blob_ids: Iterable[str]) -> dict[str, list[Label]]:
        """Labels of these blobs, sorted by span."""
        runs = {b: self._runs[b] for b in blob_ids if b in self._runs}
        if not runs:
            return {}
        low = min(first for first, _ in runs.values())
        rows = self.table.slice(low, max(stop for _, stop in runs.values()) - low).to_pylist()
        return {b: [Label(*(r[name] for name in LABELS.names[1:])) for r in rows[first - low : stop - low]]
                for b, (first, stop) in runs.items()}


class _Mistakes:
    """Mistakes with their surroundings, as many as are kept."""

    def __init__(self) -> None:
        self._rows: list[dict] = []

    def add(self, blob_id: str, verdicts: Sequence[Verdict], labels: Sequence[Label], row: Mapping | None,
            content: pa.Scalar) -> None:
        verdicts = verdicts[: _MOST_MISTAKES - len(self._rows)]
        if not verdicts:
            return
        spans = [(m.start, m.end) for m in labels] + [(m["start"], m["end"]) for m in (row["matches"] if row else ())]
        data = content.as_py() or b""
        for v in verdicts:
            self._rows.append({"blob_id": blob_id, "start": v.start, "end": v.end, "outcome": v.outcome, "type": v.type,
                               "why": v.why, "counted": v.counted, "context": masked_context(data, v.start, v.end, spans)})

    def table(self, corpus: Corpus) -> pa.Table:
        paths: dict[str, str] = {}
        if self._rows:
            places = corpus.locations({r["blob_id"] for r in self._rows})
            for blob_id, path in zip(places.column("blob_id").to_pylist(), places.column("path").to_pylist(), strict=True):
                paths.setdefault(blob_id, path)
        return pa.Table.from_pylist([r | {"path": paths.get(r["blob_id"])} for r in self._rows], schema=MISTAKE_ROWS)


def masked_context(content: bytes, start: int, end: int, spans: Iterable[tuple[int, int]]) -> str:
    """What stands 40 bytes round ``[start, end)``, as one line, with that span and all of ``spans`` masked.

    Of a span over 200 bytes (a pair's parts far apart) only the surroundings of its start are shown.
    """
    if end - start > 200:
        end = start + 1
    low, high = max(0, start - _CONTEXT_BYTES), min(len(content), end + _CONTEXT_BYTES)
    out, at = [], low
    for a, b in sorted({(start, end), *spans}, key=lambda s: (s[0], -s[1])):
        if b <= at or a >= high:
            continue
        if a >= at:
            out += [_shown(content[at:a]), mask_token(content[a:b])]
        else:  # begins before what is shown, or inside another span: nothing of it may be
            out.append(MASK)
        at = b
    out.append(_shown(content[at:high]))
    return " ".join("".join(out).split())


def _shown(text: bytes) -> str:
    return text.decode("utf-8", errors="replace").replace("\0", "")


def _report(blobs: int, labels: _BlobLabels, tally: _Tally, mistakes: pa.Table, known: Known) -> PlantedReport:
    def line(name: str, found: str, missed: str, right: str, wrong: str) -> Line:
        return Line(name, tally.rate("type", name, [found], [missed]), tally.rate("type", name, [right], [wrong]),
                    tally.counts["type", name, "other_type"])

    labelled = {t for c in ("type", "pair_type") for t in labels.table.column(c).unique().to_pylist() if t}
    apart = {name: tally.rate("apart", name, ["found"], ["missed"]) for name in tally.names("apart")}
    return PlantedReport(
        blobs=blobs,
        labels=labels.table.num_rows,
        recall=tally.rate("all", "", ["found", "pair_found"], ["missed", "pair_missed"]),
        precision=tally.rate("all", "", ["right", "right_pair"], ["false_alarm", "false_pair"]),
        types=tuple(line(n, "found", "missed", "right", "false_alarm") for n in sorted(known.types)),
        pairs=tuple(line(n, "pair_found", "pair_missed", "right_pair", "false_pair") for n in sorted(known.pairs)),
        places=tally.rates("place", "found", "missed"),
        variants=tally.rates("variant", "found", "missed"),
        arrangements=tally.rates("arrangement", "pair_found", "pair_missed"),
        negatives=tally.rates("negative", "quiet", "alerted"),
        halves=sum((tally.rate("half", n, ["quiet"], ["alerted"]) for n in tally.names("half")), Rate(0, 0)),
        near_misses=tally.rate("all", "", ["told"], ["not_told"]),
        apart={name: rate for name, rate in apart.items() if rate.n},
        confusions=dict(tally.confusions.most_common()),
        left_out=tuple(sorted(labelled - known.types - known.pairs)),
        mistakes=mistakes,
    )
