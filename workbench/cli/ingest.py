"""``workbench corpus add-npm``, ``add-archive`` and ``add-table``: corpora of what is not git."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.corpus import CorpusOption

MaxBlobOption = Annotated[float, typer.Option(help="Skip (and count) files larger than this.", min=0.001)]


def register(app: typer.Typer) -> None:
    """Attach the commands to ``workbench corpus``."""
    app.command("add-npm")(add_npm)
    app.command("add-archive")(add_archive)


def add_npm(
    packages: Annotated[
        list[str] | None, typer.Argument(help="Packages by name, or their .tgz files.", metavar="[NAME[@VERSION]|FILE.tgz]...")
    ] = None,
    *,
    corpus: CorpusOption,
    list_file: Annotated[
        Path | None, typer.Option("--list", help="A text file with more of them, one a line; # begins a comment.")
    ] = None,
    max_blob_mib: MaxBlobOption = 4.0,
    max_package_mib: Annotated[float, typer.Option(help="Read no more of a package than this.", min=0.001)] = 2048.0,
) -> None:
    """Add npm packages: every text file of them, vendored and minified ones too.

    Names are fetched by the npm client, by its own configuration; .tgz files need none. Binary files, links, odd paths
    and what unpacks without end are left out and counted. Versions that the corpus has are not read again. Exit code 1
    when a package could not be had; the others are added.
    """
    from workbench.corpora.npm import add_packages, read_list
    from workbench.corpora.writer import CorpusWriter

    items = [*(packages or []), *(read_list(list_file) if list_file else [])]
    with CorpusWriter(corpus, made="npm packages") as writer, _progress(" packages") as told:
        report = add_packages(
            writer,
            items,
            max_blob_bytes=int(max_blob_mib * (1 << 20)),
            max_package_bytes=int(max_package_mib * (1 << 20)),
            progress=told,
        )
    typer.echo(
        f"{report.packages} packages, {report.unchanged} more that were there: {report.unpacked_bytes / 1e6:.1f} MB "
        f"unpacked, {report.blobs} new blobs ({report.content_bytes / 1e6:.1f} MB), {report.locations} new locations"
    )
    _end(report.skipped, (message for _, message in report.failures))


def add_archive(
    files: Annotated[
        list[Path], typer.Argument(help="GH Archive's files: .json.gz, one event a line.", metavar="FILE...")
    ],
    *,
    corpus: CorpusOption,
    max_blob_mib: MaxBlobOption = 4.0,
) -> None:
    """Add what people wrote outside of files: issues, pull requests, discussions, wiki pages, and comments on them.

    Each text's location has the source that GitHub gives it, and the event's address. Lines that are no events are
    counted. Files that the corpus has are not read again. Exit code 1 when a file could not be read; the others are
    added.
    """
    from workbench.corpora.archive import add_archives
    from workbench.corpora.writer import CorpusWriter

    with CorpusWriter(corpus, made="archived events") as writer, _progress("B", unit_scale=True) as told:
        report = add_archives(writer, files, max_blob_bytes=int(max_blob_mib * (1 << 20)), progress=told)
    typer.echo(
        f"{report.files} files, {report.unchanged} more that were there: {report.events} events, {report.blobs} new "
        f"blobs ({report.content_bytes / 1e6:.1f} MB), {report.locations} new locations"
    )
    _end(report.skipped, (message for _, message in report.failures))


def _end(skipped: Mapping[str, int], failures: Iterable[str]) -> None:
    """Say what was left out and what went wrong; exit code 1 when anything did."""
    if skipped:
        typer.echo("Skipped: " + ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items())))
    messages = list(failures)
    for message in messages:
        typer.echo(f"Error: {message}", err=True)
    if messages:
        raise typer.Exit(1)


@contextmanager
def _progress(unit: str, *, unit_scale: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A callback ``(what, done, of all)`` that draws a bar on a terminal and nothing elsewhere."""
    from tqdm import tqdm

    bar = tqdm(disable=None, unit=unit, unit_scale=unit_scale, leave=False)  # None: only where stderr is a terminal

    def told(what: str, done: int, total: int) -> None:
        bar.set_description_str(what, refresh=False)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield told
    finally:
        bar.close()
