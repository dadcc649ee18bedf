"""``workbench dry-run``, ``workbench compare`` and ``workbench lab``: making a rule good, without a notebook and with
one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.counting import counted

if TYPE_CHECKING:
    from workbench.lab import Session
    from workbench.lab.tables import Results

CorpusArgument = Annotated[Path, typer.Argument(help="A corpus folder.")]
RuleArgument = Annotated[str, typer.Argument(help="A secret type, or a pair.")]
RulesOption = Annotated[list[Path] | None, typer.Option(help="Rules files or folders; the shipped rules if none.")]
PatternOption = Annotated[str | None, typer.Option(help="Try this pattern in place of the rule's.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="The format --pattern is for, by its label.")]
WindowOption = Annotated[str | None, typer.Option(help="Try this window of a pair: file, '5 lines' or '200 bytes'.")]
RowsOption = Annotated[int, typer.Option(help="Examples to print, tokens masked.", min=0)]
ThreadsOption = Annotated[int, typer.Option(help="Scanning threads; one a core if 0.", min=0)]

_SHOWN = ("secret", "secrets", "line", "context", "stage", "reason", "repository", "path")


def dry_run(
    corpus: CorpusArgument,
    name: RuleArgument,
    *,
    rules: RulesOption = None,
    pattern: PatternOption = None,
    format: FormatOption = None,
    window: WindowOption = None,
    rows: RowsOption = 20,
    threads: ThreadsOption = 0,
) -> None:
    """Run one rule over a corpus without alerts: totals, where, what it costs, what was dropped, and a sample."""
    session = _session(corpus, rules, threads)
    _edit(session, name, pattern, format, window)
    run = session.dry_run(name)
    for fact, value in run.facts():
        typer.echo(f"{fact:<10} {value}")
    for warning in run.warnings():
        typer.echo(f"Warning: {warning}", err=True)
    _print_counts("dropped", (f"{r['type']} ({r['format']}) {r['stage']}: {r['candidates']:,}, {r['meaning']}"
                              for r in run.dropped.to_dict("records")))
    _print_counts("paths", (f"{r['path_class']}: {counted(r['findings'], 'secret')} in {counted(r['places'], 'place')}"
                            for r in run.by_path_class.to_dict("records")))
    _print_counts("where", (f"{r['repository']}: {counted(r['findings'], 'secret')} in {counted(r['places'], 'place')}"
                            for r in run.by_repository.head(10).to_dict("records")))
    _print_rows(run.sample, rows)


def compare(
    corpus: CorpusArgument,
    name: Annotated[
        str | None, typer.Argument(help="A secret type, or a pair; with --after every rule that changed.")
    ] = None,
    *,
    rules: RulesOption = None,
    after: Annotated[list[Path] | None, typer.Option(help="The edited rules: files or folders.")] = None,
    pattern: PatternOption = None,
    format: FormatOption = None,
    window: WindowOption = None,
    rows: RowsOption = 20,
    threads: ThreadsOption = 0,
) -> None:
    """What an edit gains, loses and keeps, by content, with the stage responsible: --rules against --after, or
    --pattern."""
    session = _session(corpus, rules, threads)
    if after:
        comparison = session.compare_files(after, name)
    else:
        from workbench.errors import UsageError

        if name is None or not (pattern or window):
            raise UsageError("Expected --after RULES, or a rule's name with --pattern or --window, but got neither")
        _edit(session, name, pattern, format, window)
        comparison = session.compare(name)
    typer.echo(repr(comparison))
    if len(comparison.summary):
        typer.echo(comparison.summary.to_string(index=False))
    _print_counts("why", (f"{r['outcome']} {r['type']}: {r['stage']}, {r['secrets']:,}"
                          for r in comparison.stages.to_dict("records")))
    for frame in (comparison.lost, comparison.gained):
        if len(frame):
            _print_rows(frame, rows)


def lab(
    corpus: Annotated[
        Path | None, typer.Argument(help="A corpus folder; the notebooks make a demo corpus if none.")
    ] = None,
    *,
    folder: Annotated[Path, typer.Option(help="Where the notebooks are, or are copied to.")] = Path("notebooks"),
    port: Annotated[int | None, typer.Option(help="The server's port; the first free one if not given.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Open JupyterLab on the notebooks, with everything in place."""
    from workbench.lab.server import prepare

    launch = prepare(corpus, folder=folder, port=port, browser=browser)
    typer.echo(f"notebooks  {launch.folder}", err=True)
    if (
        os.name == "posix"
    ):  # this process becomes the server: Ctrl-C and signals are its own, and end its kernels in order
        os.execve(launch.command[0], list(launch.command), dict(launch.environment))
    raise typer.Exit(subprocess.run(launch.command, env=dict(launch.environment), check=False).returncode)


def _session(corpus: Path, rules: list[Path] | None, threads: int) -> Session:
    from workbench.lab import Session

    return Session(corpus, rules=list(rules) if rules else None, threads=threads, progress=sys.stderr.isatty())


def _edit(session: Session, name: str, pattern: str | None, format: str | None, window: str | None) -> None:
    fields: dict[str, Any] = {n: v for n, v in (("pattern", pattern), ("window", window)) if v is not None}
    if fields:
        session.edit(name, format=format, **fields)


def _print_counts(title: str, lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(f"{title:<10} {line}")


def _print_rows(frame: Results, rows: int) -> None:
    if not rows:
        return
    typer.echo(f"\n{frame.caption}")
    for row in frame.head(rows).to_dict("records"):
        typer.echo("  ".join(str(row[n]) for n in _SHOWN if n in row and row[n] is not None))
