"""``workbench demo``: the main job, once through, on a corpus with known answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder to make; an earlier demo there is replaced.")] = Path("demo"),
    *,
    seed: Annotated[str, typer.Option(help="Seed of the planted corpus.")] = "0",
    size_mb: Annotated[float, typer.Option(help="Content of the planted corpus, in MB.", min=0.1)] = 24.0,
    repository: Annotated[Path | None, typer.Option(help="A git repository to scan too; this one's, if it is one.")] = None,
) -> None:
    """Make a planted corpus, scan it, export the alerts, and say how many of the planted secrets were found."""
    from workbench.batch.demo import demo as run_demo
    from workbench.shipped import rules_folder

    own = rules_folder().parent
    if repository is None and (own / ".git").is_dir():
        repository = own
    for line in run_demo(out, seed=seed, size_bytes=int(size_mb * 1_000_000), repository=repository,
                         progress=sys.stderr.isatty()):
        typer.echo(line)
