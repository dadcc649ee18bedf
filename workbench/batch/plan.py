"""A batch plan: which shards are still to be scanned, and with which rules. Making one changes nothing.

The unit of "done" is a shard with a rule's hash: a second run has nothing to do, a changed rule is scanned alone, and a
new file brings only its own shards. A shard with blobs that were too large for an earlier run, and are not for this one,
is scanned again with every rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.batch.params import BatchParams
from workbench.corpora.reader import Corpus, Shard
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
        return sum(w.shard.content_bytes for w in self.work)

    def lines(self) -> Iterable[str]:
        """The plan as people read it."""
        manifest = self.corpus.manifest
        yield f"corpus    {manifest.name}: {manifest.blobs:,} blobs, {manifest.content_bytes:,} bytes, {self.shards} shards"
        yield (f"rules     {len(self.rules.rules)} rules ({len(self.rules.secret_types)} secret types, "
               f"{len(self.rules.pairs)} pairs), hash {self.rules.hash}")
        yield f"store     {self.params.store}"
        yield f"threads   {self.params.thread_count}"
        if not manifest.blobs:
            yield "warning   the corpus holds no blobs, so nothing can be found in it. Add some with `workbench corpus`"
            return
        if not self.work:
            yield "to do     nothing: every shard is done with these rules"
            return
        yield f"to do     {len(self.work)} of {self.shards} shards, {self.bytes_to_scan:,} bytes"
        for work in self.work:
            which = "all rules" if len(work.rules) == len(self.rules.rules) else _few(work.rules)
            yield f"  {work.shard.shard_id}  {work.shard.rows:>9,} blobs  {work.shard.content_bytes:>13,} bytes  {which}"


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more rules"


def make_plan(params: BatchParams) -> BatchPlan:
    """Open the corpus, load the rules, ask the store what is done.

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
        store = Store(params.store)
        done, again = store.done(), store.too_large(params.most_blob_bytes)
    work = []
    for shard in shards:
        left = tuple(r.name for r in rules.rules.values()
                     if shard.shard_id in again or (shard.shard_id, r.name, r.hash) not in done)
        if left:
            work.append(ShardWork(shard, left))
    return BatchPlan(params, corpus, rules, len(shards), tuple(work))
