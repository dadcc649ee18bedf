"""``workbench batch``: scan a corpus and write alerts to a store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.rules import RulesOption, paths_or_shipped
from workbench.cli.termination import unwinding
from workbench.counting import counted
from workbench.errors import ExitCode, UsageError

MOST_REASONS = 10
"""Reasons of failed shards told at the end of a run, at most."""


def batch(
    corpus: Annotated[
        Path | None, typer.Argument(help="A corpus's folder, or one with other people's Parquet files.")
    ] = None,
    *,
    rules: RulesOption = None,
    store: Annotated[Path | None, typer.Option(help="The alert store, a DuckDB file; made if it is not there.")] = None,
    threads: Annotated[int | None, typer.Option(help="Scanning threads; one a core if not given.")] = None,
    shard_bytes: Annotated[int | None, typer.Option(help="Content a shard, in bytes.")] = None,
    most_blob_bytes: Annotated[int | None, typer.Option(help="Larger blobs are skipped and counted.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where the executed notebook goes.")] = None,
    parameters: Annotated[Path | None, typer.Option(help="A YAML or JSON file of parameters; flags override it.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be scanned, and scan nothing.")] = False,
    progress: Annotated[bool | None, typer.Option(help="Show progress; by default only on a terminal.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="What the columns of other people's files are: content=COLUMN, and any of "
                                   "repository, revision, path, committed_at, url. Known data sets need none."),
    ] = None,
    source: Annotated[str, typer.Option(help="With --map: what the contents are, in GitHub's words.")] = "content",
    github: Annotated[bool, typer.Option("--github", help="With --map: the repositories are GitHub's.")] = False,
) -> None:
    """Scan a corpus and write alerts to a store; a second run does only what is missing.

    A folder of other people's Parquet files is scanned where it stands: nothing is copied, and an index of it is kept
    beside the store, in STORE-tables.

    Exit codes: 0 done, 1 stopped by an error, 2 usage, 3 some shards failed, 4 a canary was missed.
    """
    from workbench.batch.params import BatchParams
    from workbench.cli.batch_tables import on_tables

    given: dict[str, Any] = _read_parameters(parameters) if parameters else {}
    flags = {"corpus": corpus and str(corpus), "rules": rules and [str(r) for r in rules], "store": store and str(store),
             "threads": threads, "shard_bytes": shard_bytes, "most_blob_bytes": most_blob_bytes, "progress": progress}
    given |= {name: value for name, value in flags.items() if value is not None}
    given.setdefault("rules", [str(r) for r in paths_or_shipped(None)])
    given.setdefault("progress", sys.stderr.isatty())
    params, all_taken = on_tables(BatchParams.from_mapping(given), columns or [], source=source, is_github=github)
    if plan:
        _print_plan(params)
        return
    raise typer.Exit(_run(params, report) or (0 if all_taken else ExitCode.SHARDS_FAILED))


def _read_parameters(file: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not a readable YAML or JSON file ({type(error).__name__})") from None
    if not isinstance(data, dict):
        raise UsageError(f"{file}: Expected names and values but got {type(data).__name__}")
    return data


def _print_plan(params: Any) -> None:
    from workbench.batch.plan import make_plan

    for line in make_plan(params, told=_waiting).lines():
        typer.echo(line)


def _waiting(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _run(params: Any, report: Path | None) -> int:
    from workbench.batch.notebook import execute
    from workbench.batch.plan import make_plan

    make_plan(params, told=_waiting)  # what cannot be used is refused here, before a kernel starts
    with unwinding():  # a scheduler's SIGTERM lets the run say in the ledger how it ended
        path, run = execute(params, report=report)
    for line in run_summary(run):
        typer.echo(line)
    typer.echo(f"report     {path}")
    if run["status"] != "done":
        _tell_failures(params.store, run["run_id"])
    return ExitCode.DONE if run["status"] == "done" else ExitCode.SHARDS_FAILED


def _tell_failures(store: str, run_id: str) -> None:
    from workbench.store.reader import StoreReader

    reasons = StoreReader(store).failures(run_id)["reason"].to_pylist()
    for reason in reasons[:MOST_REASONS]:
        typer.echo(f"Error: {' '.join(reason.split())}", err=True)
    if len(reasons) > MOST_REASONS:
        typer.echo(f"Error: {counted(len(reasons) - MOST_REASONS, 'more such shard')}; the report has them all", err=True)


def run_summary(run: dict[str, Any]) -> list[str]:
    """A run's row of the ledger as lines."""
    import json

    counts = json.loads(run["counts"]) if isinstance(run["counts"], str) else run["counts"]
    lines = [f"run        {run['run_id']} {run['status']}",
             f"shards     {counts['shards_done']:,} done, {counts['shards_failed']:,} failed"]
    left_out = counts.get("locations_left_out")
    if left_out:
        lines.append("places     left out: " + ", ".join(f"{n} {reason}" for reason, n in left_out.items()))
    if counts["shards_done"] == 0 and run["status"] == "done":
        return [*lines, "scanned    nothing: every shard was done with these rules"]
    skipped = ", ".join(f"{n} {reason}" for reason, n in counts["skipped"].items()) or "none"
    return [*lines,
            (f"scanned    {counted(counts['blobs'], 'blob')}, {counted(counts['content_bytes'], 'byte')} in "
             f"{counts['seconds']:.1f} s"),
            f"skipped    {skipped}",
            (f"found      {counted(counts['matches'], 'match')}, {counted(counts['pairs'], 'pair')}, "
             f"{counted(counts['near_misses'], 'near miss')}"),
            f"alerts     {counts['alerts_opened']:,} new"]
