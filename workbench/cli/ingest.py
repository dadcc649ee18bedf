"""``workbench corpus add-npm``, ``add-archive`` and ``add-table``: corpora of what is not git."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.corpus import CorpusOption, counted, end_ingest
from workbench.cli.termination import unwinding
from workbench.errors import UsageError

MaxBlobOption = Annotated[float, typer.Option(help="Skip (and count) files larger than this.", min=0.001)]


def register(app: typer.Typer) -> None:
    """Attach the commands to ``workbench corpus``."""
    app.command("add-npm")(add_npm)
    app.command("add-archive")(add_archive)
    app.command("add-table")(add_table)


def add_npm(
    packages: Annotated[
        list[str] | None,
        typer.Argument(help="Packages by name, or their .tgz files.", metavar="NAME[@VERSION]|FILE.tgz"),
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
    from workbench.corpora.npm import add_packages
    from workbench.corpora.npm_client import read_list
    from workbench.corpora.writer import CorpusWriter

    items = [*(packages or []), *(read_list(list_file) if list_file else [])]
    with unwinding(), CorpusWriter(corpus, made="npm packages") as writer, progress_bar(" packages") as told:
        report = add_packages(
            writer,
            items,
            max_blob_bytes=int(max_blob_mib * (1 << 20)),
            max_package_bytes=int(max_package_mib * (1 << 20)),
            progress=told,
        )
        if not report.packages + report.unchanged:  # no corpus comes of it
            writer.abort()
    typer.echo(
        f"{counted(report.packages, 'package')}, {report.unchanged:,} more that were there: "
        f"{report.unpacked_bytes / 1e6:.1f} MB unpacked, {counted(report.blobs, 'new blob')} "
        f"({report.content_bytes / 1e6:.1f} MB), {counted(report.locations, 'new location')}"
    )
    end_ingest(report.skipped, [message for _, message in report.failures])


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

    with (
        unwinding(),
        CorpusWriter(corpus, made="archived events") as writer,
        progress_bar("B", unit_scale=True) as told,
    ):
        report = add_archives(writer, files, max_blob_bytes=int(max_blob_mib * (1 << 20)), progress=told)
        if not report.files + report.unchanged:  # no corpus comes of it
            writer.abort()
    typer.echo(
        f"{counted(report.files, 'file')}, {report.unchanged:,} more that were there: "
        f"{counted(report.events, 'event')}, {counted(report.blobs, 'new blob')} "
        f"({report.content_bytes / 1e6:.1f} MB), {counted(report.locations, 'new location')}"
    )
    end_ingest(report.skipped, [message for _, message in report.failures])


def add_table(
    files: Annotated[list[Path], typer.Argument(help="Parquet files.", metavar="FILE...")],
    *,
    corpus: CorpusOption,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="What the columns are: content=COLUMN, and any of repository, revision, path, "
                                   "committed_at, url; a.b is a field of a struct. Known data sets need none."),
    ] = None,
    source: Annotated[str, typer.Option(help="What the contents are, in GitHub's words.")] = "content",
    github: Annotated[bool, typer.Option("--github", help="The mapped repositories are GitHub's: with a revision, files have "
                                                      "addresses.")] = False,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Leave the contents in the files, which stand in the corpus's folder.")
    ] = False,
    max_blob_mib: MaxBlobOption = 4.0,
) -> None:
    """Add other people's Parquet files: The Stack, BigQuery's github_repos, Software Heritage, CredData and their like.

    With --in-place nothing is copied: the corpus gets an index beside the files, and workbench batch reads both. Binary
    contents, large ones and nulls are left out and counted. Exit code 1 when a file could not be taken; the others are
    added.
    """
    from workbench.corpora.table_ingest import add_tables
    from workbench.corpora.tables import parse_map
    from workbench.corpora.writer import CorpusWriter

    if not columns and (source != "content" or github):
        raise UsageError("Expected --map with --source and --github but got none; known data sets need none of them")
    table_map = parse_map(columns, source=source, is_github=github) if columns else None
    with (
        unwinding(),
        CorpusWriter(corpus, made="tables of others", beside_others=in_place) as writer,
        progress_bar("B", unit_scale=True) as told,
    ):
        report = add_tables(writer, files, table_map=table_map, in_place=in_place,
                            max_blob_bytes=int(max_blob_mib * (1 << 20)), progress=told)
        if not report.files + report.unchanged:  # no corpus comes of it
            writer.abort()
    typer.echo(
        f"{counted(report.files, 'file')}, {report.unchanged:,} more that were there: {counted(report.rows, 'row')}, "
        f"{counted(report.blobs, 'new blob')} ({report.content_bytes / 1e6:.1f} MB), "
        f"{counted(report.locations, 'new location')}"
    )
    end_ingest(report.skipped, [message for _, message in report.failures])


@contextmanager
def progress_bar(
    unit: str, *, unit_scale: bool = False, shown: bool | None = None
) -> Iterator[Callable[[str, int, int], None]]:
    """A callback ``(what, done, of all)`` that draws a bar where ``shown``; by default on a terminal only."""
    from tqdm import tqdm

    disable = None if shown is None else not shown  # None: only where stderr is a terminal
    bar = tqdm(disable=disable, unit=unit, unit_scale=unit_scale, leave=False)

    def told(what: str, done: int, total: int) -> None:
        bar.set_description_str(what, refresh=False)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield told
    finally:
        bar.close()
