"""``workbench corpus synthesize`` and ``workbench corpus measure``: a labelled corpus, and how a scan does on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.rules import RulesOption, paths_or_shipped
from workbench.counting import counted

DEFAULT_SIZE_MB = 64.0


def synthesize(
    folder: Annotated[Path, typer.Argument(help="Where the corpus goes: a new or an empty folder.")],
    *,
    seed: Annotated[str, typer.Option(help="The same seed, size and rules give the same corpus.")] = "0",
    size_mb: Annotated[float | None, typer.Option(help="Content in MB; 64 if no size is given.", min=0.001)] = None,
    blobs: Annotated[int | None, typer.Option(help="Number of files, in place of a size.", min=1)] = None,
    rules: RulesOption = None,
) -> None:
    """Make a corpus of made-up files with valid tokens of every type and pair, look-alikes, and labels for both.

    The labels go into labels.parquet beside the manifest; workbench corpus measure reads them.
    """
    from workbench.corpora.synthesize import synthesize as make
    from workbench.errors import UsageError
    from workbench.rules.cached import load

    if size_mb is not None and blobs is not None:
        raise UsageError("Expected --size-mb or --blobs but got both. Give one")
    megabytes = DEFAULT_SIZE_MB if size_mb is None and blobs is None else size_mb
    size_bytes = None if megabytes is None else int(megabytes * 1_000_000)
    manifest = make(load(paths_or_shipped(rules)), folder, seed=seed, size_bytes=size_bytes, blobs=blobs,
                    progress=sys.stderr.isatty())
    typer.echo(f"{folder}: {counted(manifest.blobs, 'file')}, {manifest.content_bytes / 1e6:.1f} MB, {manifest.made}")
    for reason, count in manifest.skipped.items():
        typer.echo(f"{reason}: {count} times", err=True)


def measure(
    corpus: Annotated[Path, typer.Argument(help="A corpus with labels.parquet, from workbench corpus synthesize.")],
    *,
    rules: RulesOption = None,
    mistakes: Annotated[int, typer.Option(help="Show so many mistakes, tokens masked.", min=0)] = 20,
    brief: Annotated[bool, typer.Option("--brief", help="Leave out types and pairs without a mistake.")] = False,
) -> None:
    """Scan a labelled corpus; print precision and recall by type, pair and place, with intervals, and the mistakes."""
    from workbench.engine.compiled import CompiledRules
    from workbench.measure.planted import measure as measure_corpus
    from workbench.measure.planted_table import table
    from workbench.rules.cached import folder, load

    compiled = CompiledRules(load(paths_or_shipped(rules)), cache=folder())
    report = measure_corpus(corpus, compiled, progress=sys.stderr.isatty())
    for line in table(report, mistakes=mistakes, all_types=not brief):
        typer.echo(line)
