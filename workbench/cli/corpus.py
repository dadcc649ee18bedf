"""``workbench corpus``: make corpora and look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make corpora and look at them.", no_args_is_help=True)

CorpusOption = Annotated[Path, typer.Option("--corpus", help="The corpus's folder; made when it is not there.")]


class KindOption(StrEnum):
    """What repositories are on GitHub."""

    repository = "repository"
    wiki = "wiki"
    gist = "gist"


@app.command("add-git")
def add_git(
    paths: Annotated[list[Path], typer.Argument(help="Git repositories: work trees or bare.", metavar="PATH...")],
    corpus: CorpusOption,
    kind: Annotated[
        KindOption | None, typer.Option(help="What they are, where their remote 'origin' does not say.")
    ] = None,
    name: Annotated[str, typer.Option(help="owner/name of one repository that has no GitHub remote.")] = "",
    max_blob_mib: Annotated[float, typer.Option(help="Skip (and count) blobs larger than this.", min=0.001)] = 4.0,
) -> None:
    """Add git repositories' whole history, or what is new in them since they were last added.

    All references are read, not branches only, and commit messages too. Binary blobs, large ones and LFS pointers are
    left out and counted. Exit code 1 when a repository could not be read; the others are added.
    """
    from workbench.corpora.git import add_repositories
    from workbench.corpora.remote import Kind
    from workbench.corpora.writer import CorpusWriter

    with CorpusWriter(corpus, made="local git repositories' whole history (all refs)") as writer, _progress() as told:
        report = add_repositories(
            writer,
            paths,
            kind=Kind(kind) if kind else None,
            name=name,
            max_blob_bytes=int(max_blob_mib * (1 << 20)),
            progress=told,
        )
    typer.echo(
        f"{report.repositories} repositories, {report.unchanged} of them with nothing new: {report.commits} commits, "
        f"{report.blobs} new blobs ({report.content_bytes / 1e6:.1f} MB), {report.locations} new locations"
    )
    if report.skipped:
        typer.echo("Skipped: " + ", ".join(f"{count} {reason}" for reason, count in sorted(report.skipped.items())))
    for _, message in report.failures:
        typer.echo(f"Error: {message}", err=True)
    if report.failures:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A callback ``(what, done, of all)`` that draws a bar on a terminal and nothing elsewhere."""
    from tqdm import tqdm

    bar = tqdm(disable=None, unit=" commits", leave=False)  # None: only where stderr is a terminal

    def told(what: str, done: int, total: int) -> None:
        if bar.disable:
            return
        bar.set_description_str(what, refresh=False)
        bar.total = total
        bar.n = done
        bar.refresh()

    try:
        yield told
    finally:
        bar.close()
