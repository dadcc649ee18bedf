"""Candidates are the blobs in which a rule's triggers stand. Nothing can be found in any other blob.

An author edits a window, a checksum, a keyword's reach, and the triggers stay. So a scan keeps the candidates' content,
and the next one with the same triggers, or fewer, reads those few blobs instead of the corpus. They are still scanned
by the one scan there is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from workbench.corpora.reader import Corpus
from workbench.engine.compiled import CompiledRules
from workbench.engine.utf16 import is_utf16
from workbench.lab.metered import Heard

MOST_BYTES = 64 << 20
"""Content kept for one set of triggers; a set that stands in more is read from the corpus each time."""

MOST_SETS = 4

Triggers = frozenset[tuple[str, bool]]
"""(expression, whether upper and lower case are the same) of everything that is searched over a corpus."""


def triggers_of(compiled: Sequence[CompiledRules]) -> Triggers:
    """The triggers of several rule sets together."""
    return frozenset((expression, any(t.is_keyword for t in targets)) for c in compiled
                     for expression, targets in zip(c.expressions, c.targets, strict=True))


def candidate_rows(batch: pa.RecordBatch, heard: Heard) -> np.ndarray:
    """Rows of a batch in which a trigger was heard, sorted.

    A search outside the batch's own bytes was of a blob in its UTF-8 form; then every blob in UTF-16 is a candidate.
    """
    content = batch.column("content")
    offsets = np.frombuffer(content.buffers()[1], np.int64, len(content) + 1, content.offset * 8)
    values = content.buffers()[2]
    first = values.address if values is not None else 0
    rows: list[np.ndarray] = []
    for address, length, ends in heard:
        if first <= address and address + length <= first + int(offsets[-1]):
            rows.append(np.searchsorted(offsets, ends + (address - first) - 1, "right") - 1)
        else:
            wide = [k for k in range(len(content)) if is_utf16(content[k].as_buffer().slice(0, 4).to_pybytes()
                                                               if offsets[k + 1] - offsets[k] >= 4 else b"")]
            rows.append(np.array(wide, np.int64))
    return np.unique(np.concatenate(rows)) if rows else np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a scan of the whole corpus leaves for the next: the candidates, and what it measured of the rest.

    ``skipped`` are its results for blobs that were not scanned; ``trigger_s`` is processor time.
    """

    triggers: Triggers
    batches: tuple[pa.RecordBatch, ...]
    skipped: tuple[pa.RecordBatch, ...]
    blobs: int
    content_bytes: int
    all_bytes: int
    trigger_s: float
    files: tuple[tuple[str, int, int], ...]

    def __repr__(self) -> str:
        return f"Kept({sum(b.num_rows for b in self.batches)} candidates of {self.blobs:,} blobs)"


class Candidates:
    """The candidates of the last few sets of triggers, for one corpus. Safe to share between threads."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._kept: list[Kept] = []
        self._lock = threading.Lock()

    def find(self, triggers: Triggers) -> Kept | None:
        """Candidates kept for these triggers or for more, while the corpus's files are those they were read from."""
        with self._lock:
            for kept in self._kept:
                if triggers <= kept.triggers and kept.files == self.files():
                    self._kept.remove(kept)
                    self._kept.insert(0, kept)
                    return kept
        return None

    def keep(self, kept: Kept) -> None:
        with self._lock:
            self._kept = [kept, *(k for k in self._kept if not k.triggers <= kept.triggers)][:MOST_SETS]

    def files(self) -> tuple[tuple[str, int, int], ...]:
        """Path, size and time of change of the corpus's blobs files; () when one of them, or the manifest, is gone."""
        try:
            (self._corpus.folder / "manifest.json").stat()
            found = [(str(f), os.stat(f)) for f in self._corpus.blob_files]
        except OSError:
            return ()
        return tuple((name, s.st_size, s.st_mtime_ns) for name, s in found)


@dataclass(slots=True)
class Gathering:
    """Collects candidates during a scan, up to :data:`MOST_BYTES` of them. Threads share one."""

    files: tuple[tuple[str, int, int], ...]
    whole: bool = True
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, into: list[pa.RecordBatch], batch: pa.RecordBatch, heard: Heard) -> None:
        """Put the candidates of one batch there, or give up when they are too many."""
        if not self.whole or not heard:
            return
        chosen = batch.take(pa.array(candidate_rows(batch, heard)))
        into.append(chosen)
        with self._lock:
            self._bytes += chosen.nbytes
            self.whole = self._bytes <= MOST_BYTES
