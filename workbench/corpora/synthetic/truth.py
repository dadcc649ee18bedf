"""Ground truth: what a synthetic corpus says of its files, label by label, in ``labels.parquet`` beside its manifest.

A label is a span with what stands there and what should come of it. Labels of one blob never share bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import CorpusError

LABELS_NAME = "labels.parquet"

LABELS = pa.schema(
    [
        pa.field("blob_id", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),  # byte offset in the blob, inclusive
        pa.field("end", pa.int64(), nullable=False),  # byte offset in the blob, exclusive
        # Secret type that stands there; for a false label the one it imitates, null when it imitates none.
        pa.field("type", pa.string()),
        pa.field("truth", pa.bool_(), nullable=False),  # whether a valid token stands there
        # "<place or kind>[: <arrangement>][, <variant>]", such as "dotenv: crossed, crlf"; see split_why().
        pa.field("why", pa.string(), nullable=False),
        # match: this span alerts with this type. pair: it does, in one pair with all labels of its pair_id. near_miss:
        # no alert, and a near miss of pair_type says so. nothing: no alert, whether or not a token stands there.
        pa.field("expect", pa.string(), nullable=False),
        pa.field("pair_type", pa.string()),  # the pair that the part belongs to, or lacks the rest of
        pa.field("pair_id", pa.int64()),  # the same for all parts of one planted pair; null outside pairs
    ]
)

Expect = Literal["match", "pair", "near_miss", "nothing"]

_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Label:
    """A row of :data:`LABELS` without its blob."""

    start: int
    end: int
    type: str | None
    truth: bool
    why: str
    expect: Expect
    pair_type: str | None = None
    pair_id: int | None = None


def split_why(why: str) -> tuple[str, str, str]:
    """(place or kind, arrangement, variant); empty where there is none."""
    rest, _, variant = why.partition(", ")
    kind, _, arrangement = rest.partition(": ")
    return kind, arrangement, variant


class LabelsWriter:
    """Writes ``labels.parquet`` of a corpus: under a hidden name until :meth:`close`, so that it is there whole or not.

    A context manager; leaving it by an exception drops the file. ``made_by`` is kept in the file's metadata.
    """

    def __init__(self, folder: str | os.PathLike[str], *, made_by: dict[str, str] | None = None) -> None:
        self._path = Path(folder) / LABELS_NAME
        self._partial = self._path.with_name(f".{LABELS_NAME}.partial")
        schema = LABELS.with_metadata(made_by or {})
        self._writer = pq.ParquetWriter(self._partial, schema, compression="zstd")
        self._columns: list[list] = [[] for _ in LABELS]
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()

    def add(self, blob_id: str, labels: Iterable[Label]) -> None:
        """The labels of one blob, in any order; they are written by span."""
        for label in sorted(labels, key=lambda m: (m.start, m.end)):
            row = (blob_id, label.start, label.end, label.type, label.truth, label.why, label.expect, label.pair_type,
                   label.pair_id)
            for column, value in zip(self._columns, row, strict=True):
                column.append(value)
            self.rows += 1
        if len(self._columns[0]) >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Give the file its name."""
        try:
            self._flush()
            self._writer.close()
            os.replace(self._partial, self._path)
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        with suppress(OSError):  # what was wrong is being told already
            self._writer.close()
        with suppress(OSError):
            self._partial.unlink()

    def _flush(self) -> None:
        arrays = [pa.array(column, field.type) for column, field in zip(self._columns, LABELS, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._writer.schema))
        for column in self._columns:
            column.clear()


def read_labels(folder: str | os.PathLike[str]) -> pa.Table:
    """The labels of a corpus: the columns of :data:`LABELS`.

    Raises :class:`~workbench.errors.CorpusError` when the corpus has none, or the file is of another shape.
    """
    path = Path(folder) / LABELS_NAME
    if not path.is_file():
        raise CorpusError(
            f"Corpus {folder}: no {LABELS_NAME} in this folder, so its truth is not known. Make a labelled corpus with "
            "`workbench corpus synthesize`", path=path)
    try:
        return pq.read_table(path).select(LABELS.names).cast(LABELS)
    except (pa.ArrowException, KeyError, ValueError, OSError) as error:
        raise CorpusError(f"{path}: Expected labels with the columns {', '.join(LABELS.names)} but it cannot be read "
                          f"as such: {error}. Make the corpus again", path=path) from error
