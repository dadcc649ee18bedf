"""A lab scan: a whole corpus through the one scan there is, on all cores, with what an author wants to know of it.

It differs from a batch in what it keeps. Nothing goes into a store: results stay in memory, contexts are cut while a
blob's bytes are there anyway, and what triggers and checks cost is counted. It stops at a bound, and when interrupted it
leaves nothing half done.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import hyperscan
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.corpora.reader import Corpus, Shard, read_batches
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.engine.trace import Stage, Trace
from workbench.errors import CorpusError, ShardError
from workbench.rules.rule import RuleSet

BATCH_BYTES = 8 << 20
"""Content read and scanned at a time: what was just decompressed is scanned while the processor's cache has it."""

SHARD_BYTES = 64 << 20
MOST_MATCHES = 200_000
"""A scan stops there: a pattern that matches everything is seen to do so long before."""

Look = Callable[[pa.RecordBatch, Sequence[pa.RecordBatch]], None]
"""What a caller does with a batch of blobs and each rule set's results for it; runs in the scanning threads."""


class MeteredRules(CompiledRules):
    """Compiled rules that count what the search for triggers costs, over all scans they are used for."""

    def __init__(self, rules: RuleSet, *, cache: Path | None = None) -> None:
        super().__init__(rules, cache=cache)
        self._lock = threading.Lock()
        self._trigger_s = self._scan_s = 0.0
        self._hits = 0

    def hits(self, buffer: memoryview, scratch: list[hyperscan.Scratch]) -> tuple[np.ndarray, np.ndarray]:
        started = time.thread_time()  # of this thread alone: others that hold the processor are no cost of the rule's
        triggers, ends = super().hits(buffer, scratch)
        taken = time.thread_time() - started
        with self._lock:
            self._trigger_s += taken
            self._hits += len(triggers)
        return triggers, ends

    def add_scan_time(self, seconds: float) -> None:
        with self._lock:
            self._scan_s += seconds

    def meter(self) -> tuple[float, float, int]:
        """What was used up to now, for :meth:`since`."""
        return self._trigger_s, self._scan_s, self._hits

    def since(self, meter: tuple[float, float, int]) -> tuple[float, float, int]:
        """(seconds for triggers, seconds for everything after them, triggers hit) since ``meter`` was read."""
        trigger, scan, hits = (now - then for now, then in zip(self.meter(), meter, strict=True))
        return trigger, max(0.0, scan - trigger), int(hits)


class _Stopped(Exception):
    """Raised inside the engine, between two candidates, once a scan is to end."""


class _Watch(Trace):
    """A trace of one thread that ends the scan when it is told to, or when its matches pass a bound."""

    __slots__ = ("_most", "_stop")

    def __init__(self, stop: threading.Event, most: int) -> None:
        super().__init__()
        self._stop = stop
        self._most = most

    def add(self, secret_type: str, index: int, stage: Stage, start: int, end: int, detail: str = "") -> None:
        self.counts[secret_type, index, stage] += 1
        if stage == "match":
            self._most -= 1
        if self._most < 0 or self._stop.is_set():
            raise _Stopped


@dataclass(slots=True)
class LabScan:
    """What one rule set found in a corpus.

    ``results`` are batches of ``schemas.SCAN_RESULTS``, in the corpus's order. ``seconds`` is wall time,
    ``trigger_s`` and ``confirm_s`` are processor time over all threads. ``stages`` counts candidates by (secret type,
    format, stage). ``stopped`` says why the scan ended early; counts are then lower bounds. ``failures`` are shards that
    could not be read, with the reason.
    """

    rules: RuleSet
    results: list[pa.RecordBatch] = field(default_factory=list)
    blobs: int = 0
    content_bytes: int = 0
    all_bytes: int = 0
    seconds: float = 0.0
    trigger_s: float = 0.0
    confirm_s: float = 0.0
    hits: int = 0
    stages: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    stopped: str = ""
    failures: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:  # results hold raw tokens
        return f"LabScan({len(self.rules.rules)} rules, {self.blobs:,} blobs, {self.content_bytes:,} bytes)"


class CorpusScan:
    """One pass of several rule sets over a corpus: the content is read once, whatever their number."""

    def __init__(self, corpus: Corpus, compiled: Sequence[MeteredRules], *, look: Look | None = None,
                 threads: int = 0, most_matches: int = MOST_MATCHES) -> None:
        self._corpus = corpus
        self._compiled = tuple(compiled)
        self._look = look
        self._threads = threads or _cores()
        self._most = most_matches
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._left = [most_matches for _ in compiled]
        self._reason = ""

    def run(self, *, progress: bool | None = None) -> list[LabScan]:
        """The scans of all rule sets, in their order. ``progress`` draws a bar on standard error (None: on terminals).

        Raises CorpusError when the corpus has gone meanwhile, ShardError when none of it can be read. KeyboardInterrupt
        ends all threads within one batch and is passed on.
        """
        started = time.perf_counter()
        meters = [c.meter() for c in self._compiled]
        shards = self._corpus.shards(SHARD_BYTES)
        parts, failures = self._all_shards(shards, progress)
        scans = []
        for k, compiled in enumerate(self._compiled):
            scan = LabScan(compiled.rules, all_bytes=sum(s.content_bytes for s in shards), stopped=self._reason,
                           failures=failures)
            for part in parts:
                scan.blobs += part.blobs
                scan.content_bytes += part.content_bytes
                scan.results += part.results[k]
                scan.stages += part.traces[k].counts
            scan.trigger_s, scan.confirm_s, scan.hits = compiled.since(meters[k])
            scan.seconds = time.perf_counter() - started
            scans.append(scan)
        return scans

    def _all_shards(self, shards: Sequence[Shard], progress: bool | None) -> tuple[list[_Part], dict[str, str]]:
        from tqdm import tqdm

        bar = tqdm(total=sum(s.content_bytes for s in shards), unit="B", unit_scale=True, leave=False, desc="scan",
                   disable=None if progress is None else not progress, file=sys.stderr, mininterval=0.3)
        with bar, ThreadPoolExecutor(self._threads, thread_name_prefix="lab") as pool:
            futures = [pool.submit(self._scan_shard, shard, bar.update) for shard in shards]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                # On the way out of an interrupt, or of an accident in one thread, the others end at their next candidate.
                self._stop.set()
                for future in futures:
                    future.cancel()
        parts = [f.result() for f in futures]
        failures = {s.shard_id: p.failure for s, p in zip(shards, parts, strict=True) if p.failure}
        if failures:
            self._check_still_there(failures, len(shards))
        return parts, failures

    def _check_still_there(self, failures: dict[str, str], count: int) -> None:
        folder = self._corpus.folder
        if not (folder / "manifest.json").is_file():
            raise CorpusError(f"Corpus {folder}: it was there when the session opened it and is not any more. Put it "
                              "back and run the cell again, or open a session on another one", path=folder)
        if len(failures) == count:
            raise ShardError(next(iter(failures.values())), shard_id=next(iter(failures)))

    def _scan_shard(self, shard: Shard, told: Callable[[int], object]) -> _Part:
        part = _Part([_Watch(self._stop, self._most) for _ in self._compiled])
        try:
            for batch in self._batches(shard, part, told):
                found = []
                for k, compiled in enumerate(self._compiled):
                    started = time.thread_time()
                    (out,) = scan_batches([batch], compiled, trace=part.traces[k])
                    compiled.add_scan_time(time.thread_time() - started)
                    found.append(out)
                    self._count(k, out)
                if any(len(out) for out in found):
                    for results, out in zip(part.results, found, strict=True):
                        results.append(out)
                    if self._look is not None:
                        self._look(batch, found)
        except _Stopped:
            self._end()
        except ShardError as error:
            part.failure = str(error)
        return part

    def _batches(self, shard: Shard, part: _Part, told: Callable[[int], object]) -> Iterator[pa.RecordBatch]:
        for batch in read_batches(shard, batch_bytes=BATCH_BYTES, columns=("blob_id", "content")):
            if self._stop.is_set():
                return
            yield batch
            size = pc.sum(pc.binary_length(batch.column("content"))).as_py() or 0
            part.blobs += batch.num_rows
            part.content_bytes += size
            told(size)

    def _count(self, k: int, out: pa.RecordBatch) -> None:
        if not len(out):
            return
        offsets = out.column("matches").offsets
        with self._lock:
            self._left[k] -= offsets[-1].as_py() - offsets[0].as_py()
            if self._left[k] < 0:
                self._end()

    def _end(self) -> None:
        if not self._stop.is_set():
            self._reason = f"it stopped after {self._most:,} matches; totals are lower bounds"
            self._stop.set()


@dataclass(slots=True)
class _Part:
    """One shard's share of a scan."""

    traces: list[_Watch]
    results: list[list[pa.RecordBatch]] = field(default_factory=list)
    blobs: int = 0
    content_bytes: int = 0
    failure: str = ""

    def __post_init__(self) -> None:
        self.results = [[] for _ in self.traces]


def _cores() -> int:
    return len(os.sched_getaffinity(0))
