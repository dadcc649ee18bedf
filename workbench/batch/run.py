"""A batch run: canary, scan, record; shards are done as they are committed, so it can be killed anywhere and go on later.

Worker threads read and scan; the thread that called records, once a second, what was done by then. What cannot be read
is one failed shard with its reason, and the others go on.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from workbench import __version__
from workbench.batch import places
from workbench.batch.params import WAIT_S
from workbench.batch.plan import BatchPlan, ShardWork
from workbench.content import content_bytes
from workbench.corpora.reader import Corpus, Shard, read_batches
from workbench.engine.canary import check_canary
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.engine.turns import quick_turns
from workbench.errors import CanaryMissed, RulesError, StoreError, WorkbenchError
from workbench.model import RuleHash, RunId
from workbench.rules import cached
from workbench.rules.rule import RuleSet
from workbench.rules.samples import make_sample
from workbench.store.recording import ShardStats
from workbench.store.rulebook import RuleInfo, TypeInfo
from workbench.store.store import Store

BATCH_BYTES = 8 << 20
"""Content read and scanned at a time, in bytes. What was just decompressed is scanned while it is in the processor's
cache: batches of 8 MiB took a fifth less time than whole row groups, and half the memory (see tests/bench)."""


COMMIT_EVERY_S = 1.0
"""Shards are recorded together, so often at most: what a killed run has to scan again. A transaction takes 30 ms of the
cores that scan, for eight shards as for one."""

MOST_TOGETHER = 64
"""Shards recorded together at most: what they found is held in memory until then."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one shard's scan gave: batches of ``schemas.SCAN_RESULTS``, and what it read."""

    results: tuple[pa.RecordBatch, ...]
    stats: ShardStats


@dataclass(slots=True)
class RunReport:
    """What a run did. ``failures`` maps shards to reasons; ``seconds`` are wall time from canary to last commit.

    ``shards_superseded`` counts shards of an earlier layout of the corpus whose rows were dropped.
    """

    run_id: RunId | None = None
    canaries: int = 0
    shards_done: int = 0
    blobs: int = 0
    content_bytes: int = 0
    matches: int = 0
    pairs: int = 0
    near_misses: int = 0
    alerts_opened: int = 0
    alerts_closed: int = 0
    shards_superseded: int = 0
    seconds: float = 0.0
    skipped: Counter[str] = field(default_factory=Counter)
    locations_left_out: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """Plain numbers for the ledger."""
        return {"canaries": self.canaries, "shards_done": self.shards_done, "shards_failed": len(self.failures),
                "blobs": self.blobs, "content_bytes": self.content_bytes, "matches": self.matches, "pairs": self.pairs,
                "near_misses": self.near_misses, "alerts_opened": self.alerts_opened,
                "alerts_closed": self.alerts_closed, "shards_superseded": self.shards_superseded,
                "seconds": round(self.seconds, 3), "skipped": dict(self.skipped),
                "locations_left_out": dict(self.locations_left_out)}


def scan_shard(work: ShardWork, compiled: CompiledRules, most_blob_bytes: int) -> Scanned:
    """Read and scan one shard. Raises :class:`workbench.errors.ShardError` when it cannot be read."""
    started = time.perf_counter()
    blobs = scanned_bytes = 0

    def counted(shard: Shard) -> Iterator[pa.RecordBatch]:
        nonlocal blobs, scanned_bytes
        for batch in read_batches(shard, batch_bytes=BATCH_BYTES, columns=("blob_id", "content"), in_place=True):
            blobs += batch.num_rows
            scanned_bytes += content_bytes(batch.column("content"))
            yield batch

    results = [out for out in scan_batches(counted(work.shard), compiled, most_blob_bytes=most_blob_bytes) if len(out)]
    stats = ShardStats(blobs, scanned_bytes, time.perf_counter() - started)
    return Scanned(tuple(results), stats)


def run(plan: BatchPlan, *, seed: str | None = None, wait_s: float = WAIT_S) -> RunReport:
    """Carry out a plan. ``wait_s`` is how long it waits, and says so, while another process has the store.

    Raises :class:`CanaryMissed` before anything is recorded, and StoreError, StoreLocked or WrongKey when the store
    cannot be written; a shard that fails is counted in the report and the run goes on. However it ends, the ledger
    says so.
    """
    report = RunReport()
    with quick_turns(), ThreadPoolExecutor(plan.params.thread_count, thread_name_prefix="scan") as pool:
        scans = _Scans(plan, pool)
        try:
            return _run(plan, scans, report, seed, wait_s)
        finally:
            scans.cancel()


def _run(plan: BatchPlan, scans: _Scans, report: RunReport, seed: str | None, wait_s: float) -> RunReport:
    started = time.perf_counter()
    # DuckDB makes the store, and the first shards are scanned, while Python makes and scans the canary. What they find
    # is held back: nothing is recorded before store and canary are well.
    with ThreadPoolExecutor(1, thread_name_prefix="store") as aside:
        opening = aside.submit(_begin, plan, wait_s)
        try:
            compiled = _compile_groups(plan)
            scans.start(compiled)
            report.canaries = _canary(plan, compiled, seed)
            scans.go_on()
            wait([opening])
            stopped = None
        except BaseException as error:  # noqa: BLE001  an interrupt too: the run that was begun meanwhile is to say so
            scans.cancel()
            stopped = error
    store, report.run_id = opening.result()
    status = "interrupted"
    try:
        if stopped is not None:
            raise stopped
        _record_all(plan, scans, store, report)
        readers = _safe_readers(plan, compiled)
        report.locations_left_out.update(store.record_locations(report.run_id, readers).left_out)
        if not report.failures:  # a shard that failed holds blobs that only an old one may have rows of
            _supersede(plan, store, report)
        status = "failed" if report.failures else "done"
    except WorkbenchError as error:
        status = "failed"
        _note_reason(report, error)
        raise
    finally:
        report.seconds = time.perf_counter() - started
        _finish(store, report, status)
    return report


def _supersede(plan: BatchPlan, store: Store, report: RunReport) -> None:
    """Let go of shards that the corpus had in another layout."""
    assert report.run_id is not None
    present = [shard.shard_id for shard in plan.corpus.shards(plan.params.shard_bytes)]
    outcome = store.supersede_shards(report.run_id, present, plan.corpus.blobs_held)
    report.shards_superseded, report.alerts_closed = outcome.shards, report.alerts_closed + outcome.alerts_closed


def _begin(plan: BatchPlan, wait_s: float) -> tuple[Store, RunId]:
    # On a line of its own, whatever the bar is doing; the report keeps it.
    store = Store(plan.params.store, wait_s=wait_s, told=partial(tqdm.write, file=sys.stderr))
    return store, store.begin_run(rule_infos(plan.rules), corpus=plan.corpus.manifest.name,
                                  rule_set_hash=plan.rules.hash, params=plan.params.to_mapping(), versions=versions())


def _note_reason(report: RunReport, error: WorkbenchError) -> None:
    report.failures.setdefault("run", str(error).splitlines()[0])


def _finish(store: Store, report: RunReport, status: Any) -> None:
    assert report.run_id is not None
    try:
        store.finish_run(report.run_id, status, counts=report.counts(), failures=report.failures)
    except StoreError:
        if status == "done":
            raise  # otherwise the error that ended the run is the one to hear of


def _compile_groups(plan: BatchPlan) -> dict[tuple[str, ...], CompiledRules]:
    """Compiled rules for each set of rules that some shard is missing; usually there is one such set."""
    whole = tuple(plan.rules.rules)
    groups = dict.fromkeys(w.rules for w in plan.work)
    return {g: CompiledRules(plan.rules if g == whole else plan.rules.subset(g), cache=cached.folder()) for g in groups}


def _canary(plan: BatchPlan, compiled: Mapping[tuple[str, ...], CompiledRules], seed: str | None) -> int:
    seed = seed or secrets.token_hex(8)
    engines = list(compiled.values()) or [CompiledRules(plan.rules, cache=cached.folder())]
    try:
        return sum(check_canary(c, seed=seed) for c in engines)
    except RulesError:
        raise RulesError(_unrunnable(plan.rules, seed)) from None


def _unrunnable(rules: RuleSet, seed: str) -> list[str]:
    """Every format that no sample can be made of, as a problem each: its author is to hear of all at once."""
    problems: list[str] = []
    for secret in rules.secret_types.values():
        for index in range(len(secret.formats)):
            try:
                make_sample(secret, index, seed=seed)
            except RulesError as error:
                problems += error.problems
    return problems


class _Scans:
    """Shards being scanned: one more than there are threads, so that none waits for the store."""

    def __init__(self, plan: BatchPlan, pool: ThreadPoolExecutor) -> None:
        self._plan, self._pool = plan, pool
        self._waiting = iter(plan.work)
        self._compiled: Mapping[tuple[str, ...], CompiledRules] = {}
        self._running: dict[Future[Scanned], ShardWork] = {}

    def start(self, compiled: Mapping[tuple[str, ...], CompiledRules]) -> None:
        """Begin, on all threads but one, which makes and scans the canary meanwhile: with more of them than there are
        cores each waits for the interpreter longer than it works."""
        self._compiled = compiled
        for _ in range(max(1, self._plan.params.thread_count - 1)):
            self._submit()

    def go_on(self) -> None:
        """Use all threads."""
        while len(self._running) <= self._plan.params.thread_count and self._submit():
            pass

    def _submit(self) -> bool:
        """Begin the next shard, if there is one."""
        for work in self._waiting:
            future = self._pool.submit(scan_shard, work, self._compiled[work.rules], self._plan.params.most_blob_bytes)
            self._running[future] = work
            return True
        return False

    @property
    def are_over(self) -> bool:
        return not self._running

    def finished(self, timeout_s: float | None) -> list[tuple[ShardWork, Future[Scanned]]]:
        """What was done since the last call, if need be waited for; for each of them the next one is begun."""
        done, _ = wait(self._running, timeout_s, return_when=FIRST_COMPLETED)
        for _ in done:
            self._submit()
        return [(self._running.pop(future), future) for future in done]

    def cancel(self) -> None:
        """Begin no other shard."""
        self._waiting = iter(())
        for future in self._running:
            future.cancel()


def _record_all(plan: BatchPlan, scans: _Scans, store: Store, report: RunReport) -> None:
    pending: list[tuple[ShardWork, Scanned]] = []
    committed = time.monotonic()
    with tqdm(total=plan.bytes_to_scan, unit="B", unit_scale=True, desc="scan", disable=not plan.params.progress,
              mininterval=0.5) as bar:
        while pending or not scans.are_over:
            due = max(0.0, committed + COMMIT_EVERY_S - time.monotonic())
            for work, future in scans.finished(due if pending else None) if not scans.are_over else ():
                scanned = _result(work, future, report)
                pending += [(work, scanned)] if scanned is not None else []
                bar.update(work.shard.content_bytes)
            is_due = time.monotonic() >= committed + COMMIT_EVERY_S or len(pending) >= MOST_TOGETHER
            if pending and (is_due or scans.are_over):
                _record(plan.rules, store, report, pending)
                pending, committed = [], time.monotonic()


def _result(work: ShardWork, future: Future[Scanned], report: RunReport) -> Scanned | None:
    """What a shard's scan gave; None, and the reason in the report, when it failed."""
    try:
        return future.result()
    except WorkbenchError as error:
        report.failures[work.shard.shard_id] = str(error)
    except Exception as error:  # noqa: BLE001  one shard's accident is not the run's; its text might hold content
        report.failures[work.shard.shard_id] = f"{type(error).__name__} while scanning; other shards are not affected"
    return None


def _record(rules: RuleSet, store: Store, report: RunReport, done: list[tuple[ShardWork, Scanned]]) -> None:
    """Put shards that were scanned into the store: one transaction for those scanned with the same rules."""
    assert report.run_id is not None
    groups: dict[tuple[str, ...], list[tuple[ShardWork, Scanned]]] = {}
    for work, scanned in done:
        groups.setdefault(work.rules, []).append((work, scanned))
    for names, group in groups.items():
        hashes: dict[str, RuleHash] = {name: rules.rules[name].hash for name in names}
        outcome = store.record_shards(report.run_id, hashes, {w.shard.shard_id: (s.results, s.stats) for w, s in group})
        report.shards_done += len(group)
        report.blobs += sum(s.stats.blobs for _, s in group)
        report.content_bytes += sum(s.stats.content_bytes for _, s in group)
        report.matches += outcome.matches
        report.pairs += outcome.pairs
        report.near_misses += outcome.near_misses
        report.alerts_opened += outcome.alerts_opened
        report.alerts_closed += outcome.alerts_closed
        for batch in (b for _, s in group for b in s.results):
            report.skipped.update(r for r in batch.column("skipped").to_pylist() if r is not None)


def rule_infos(rules: RuleSet) -> list[RuleInfo]:
    """What the store must know of the rules."""
    out = []
    for rule in rules.rules.values():
        types = [TypeInfo(s.type, s.name, s.provider, s.partner, s.user)
                 for s in (rules.secret_types[n] for n in rule.secret_types)]
        types += [TypeInfo(p.type, p.name, p.provider, p.partner, p.user, p.parts)
                  for p in (rules.pairs[n] for n in rule.pairs)]
        out.append(RuleInfo(rule.name, rule.hash, tuple(types)))
    return out


def _safe_readers(plan: BatchPlan, compiled: Mapping[tuple[str, ...], CompiledRules]) -> dict[str, Any]:
    """The corpus' location files, read with the tokens in their paths masked, whichever rules this run scans with."""

    @cache
    def rules() -> CompiledRules:
        return compiled.get(tuple(plan.rules.rules)) or CompiledRules(plan.rules, cache=cached.folder())

    return {sha256: places.masked(reader, rules) for sha256, reader in location_readers(plan.corpus).items()}


def location_readers(corpus: Corpus) -> dict[str, Any]:
    """The corpus' location files by content hash, each with the function that looks blobs up in it."""
    return {f.sha256: partial(corpus.locations_in, f) for f in corpus.manifest.location_files}


def versions() -> dict[str, str]:
    """Versions that decide what a run finds."""
    return {"workbench": __version__} | {n: version(n) for n in ("hyperscan", "google-re2", "pyarrow", "duckdb")}


__all__ = ["CanaryMissed", "RunReport", "Scanned", "rule_infos", "run", "scan_shard", "versions"]
