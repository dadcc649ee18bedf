"""The demo: the main job on a corpus that the workbench makes itself, so that its answer can be checked.

A planted corpus goes in, and this project's own git history where there is one; alerts stand in DuckDB and partner
files come out; what was found is held against what was planted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from workbench.batch.notebook import execute
from workbench.batch.params import BatchParams
from workbench.corpora.git import add_repositories
from workbench.corpora.synthesize import synthesize
from workbench.corpora.writer import CorpusWriter
from workbench.counting import counted
from workbench.engine.compiled import CompiledRules
from workbench.errors import UsageError
from workbench.measure.planted import measure
from workbench.partners.export import export_alerts
from workbench.rules.cached import folder, load
from workbench.shipped import rules_folder
from workbench.store.reader import StoreReader

DEMO_BYTES = 24_000_000
"""Content of the planted corpus: enough for every format and every pair in several places."""

_MARK = ".workbench-demo"


def demo(out: Path, *, seed: int | str = 0, size_bytes: int = DEMO_BYTES, repository: Path | None = None,
         progress: bool = False) -> Iterator[str]:
    """Run the demo in the folder ``out``, made anew; yields what happened, line by line.

    ``repository`` is a git repository to scan as well. Raises :class:`UsageError` when ``out`` holds something that no
    demo made, and whatever the steps raise.
    """
    _make_room(out)
    rules = load([rules_folder()])
    yield f"rules      {counted(len(rules.secret_types), 'secret type')} and {counted(len(rules.pairs), 'pair')}"
    planted = synthesize(rules, out / "planted", seed=seed, size_bytes=size_bytes, progress=progress)
    yield (f"corpus     {counted(planted.blobs, 'made-up file')}, {counted(planted.content_bytes, 'byte')}, labelled: "
           f"{out / 'planted'}")
    corpora = [out / "planted"]
    if repository is not None:
        with CorpusWriter(out / "history", made="git history") as writer:
            add_repositories(writer, [repository])
        corpora.append(out / "history")
        yield f"corpus     the git history of {repository.name}: {out / 'history'}"
    store = out / "alerts.duckdb"
    for corpus in corpora:
        report, run = execute(BatchParams(corpus=str(corpus), rules=(str(rules_folder()),), store=str(store),
                                          progress=progress), report=out / f"{corpus.name}.ipynb")
        yield f"batch      {corpus.name}: {run['status']}, report: {report}"
    yield from _alerts(store)
    done = export_alerts(store, out / "export", progress=progress)
    yield f"export     {counted(len(done.providers), 'partner')}, a folder each: {done.folder}"
    result = measure(out / "planted", CompiledRules(rules, cache=folder()), progress=progress)
    yield f"measured   recall    {result.recall}"
    yield f"           precision {result.precision}"
    yield f"store      {store} (workbench store alerts --store {store})"


def _make_room(out: Path) -> None:
    if out.exists() and any(out.iterdir()) and not (out / _MARK).exists():
        raise UsageError(f"{out}: Expected an empty folder or an earlier demo's but got other files; name another")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / _MARK).write_text("made by workbench demo; replaced by the next one\n")


def _alerts(store: Path) -> Iterator[str]:
    table = StoreReader(store).query(
        "SELECT count(*) AS alerts, count(*) FILTER (kind = 'pair') AS pairs, count(DISTINCT provider) AS providers, "
        "count(*) FILTER (partner_alert) AS partner FROM alerts WHERE state = 'open'")
    (row,) = table.to_pylist()
    yield (f"alerts     {row['alerts']:,} open, {row['pairs']:,} of them pairs, from "
           f"{counted(row['providers'], 'provider')}; {row['partner']:,} go to partners")
