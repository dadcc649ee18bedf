"""A batch plan: which shards are still to be scanned, and with which rules. Making one changes nothing.

The unit of "done" is a shard with a rule's hash: a second run has nothing to do, a changed rule is scanned alone, and a
new file brings only its own shards. A shard with blobs that were too large for an earlier run, and are not for this one,
is scanned again with every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.batch.params import WAIT_S, BatchParams
from workbench.corpora.reader import Corpus, Shard
from workbench.counting import counted
from workbench.errors import UsageError
from workbench.model import RuleHash, ShardId
from workbench.rules.cached import load
from workbench.rules.rule import RuleSet
from workbench.store.store import Store


@dataclass(frozen=True, slots=True)
class ShardWork:
    """A shard, and the names of the rules it is still to be scanned with."""

    shard: Shard
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What a run would do. ``shards`` counts all of the corpus, ``work`` holds those with something left to do."""

    params: BatchParams
    corpus: Corpus
    rules: RuleSet
    shards: int
    work: tuple[ShardWork, ...]

    @property
    def bytes_to_scan(self) -> int:
        """About so many: what a shard's content takes is read off its file's footer, not counted."""
        return sum(w.shard.content_bytes for w in self.work)

    def lines(self) -> Iterable[str]:
        """The plan as people read it."""
        manifest = self.corpus.manifest
        yield (f"corpus    {manifest.name}: {counted(manifest.blobs, 'blob')}, "
               f"{counted(manifest.content_bytes, 'byte')}, {counted(self.shards, 'shard')}")
        types, pairs = counted(len(self.rules.secret_types), "secret type"), counted(len(self.rules.pairs), "pair")
        yield f"rules     {counted(len(self.rules.rules), 'rule')} ({types}, {pairs}), hash {self.rules.hash}"
        yield f"store     {self.params.store}"
        yield f"threads   {self.params.thread_count}"
        if not manifest.blobs:
            yield "warning   the corpus holds no blobs, so nothing can be found in it. Add some with `workbench corpus`"
            return
        if not self.work:
            yield "to do     nothing: every shard is done with these rules"
            return
        # Every shard's own size is read off a footer, so only the whole is known to the byte.
        whole = len(self.work) == self.shards
        size = f"all {counted(manifest.content_bytes, 'byte')}" if whole else f"about {_rounded(self.bytes_to_scan)}"
        yield f"to do     {len(self.work)} of {counted(self.shards, 'shard')}, {size}"
        for work in self.work:
            which = "all rules" if len(work.rules) == len(self.rules.rules) else _few(work.rules)
            yield (f"  {work.shard.shard_id}  {counted(work.shard.rows, 'blob'):>15}  "
                   f"about {_rounded(work.shard.content_bytes):>10}  {which}")


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {counted(len(names) - 3, 'more rule')}"


def _rounded(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:,.1f} kB"


def make_plan(params: BatchParams, *, told: Callable[[str], None] | None = None) -> BatchPlan:
    """Open the corpus, load the rules, ask the store what is done; ``told`` hears of a wait for the store that lasts.

    Raises CorpusError, RulesError, UsageError, StoreError or WrongKey. A store that does not exist yet is not made.
    """
    corpus = Corpus.open(params.corpus)
    rules = load(params.rules)
    shards = corpus.shards(params.shard_bytes)
    if not Path(params.store).absolute().parent.is_dir():
        raise UsageError(f"{params.store}: Expected a store in a folder that exists; make the folder, or name another")
    done: set[tuple[ShardId, str, RuleHash]] = set()
    again: set[ShardId] = set()  # what they left out was not too large for this run
    if Path(params.store).exists():
        store = Store(params.store, wait_s=WAIT_S, told=told)
        done, again = store.done(), store.too_large(params.most_blob_bytes)
    work = []
    for shard in shards:
        left = tuple(r.name for r in rules.rules.values()
                     if shard.shard_id in again or (shard.shard_id, r.name, r.hash) not in done)
        if left:
            work.append(ShardWork(shard, left))
    return BatchPlan(params, corpus, rules, len(shards), tuple(work))
