"""``workbench batch`` on a folder of other people's Parquet files: its corpus is made beside the store, and scanned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from workbench.cli.ingest import progress_bar
from workbench.cli.termination import unwinding
from workbench.counting import counted
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.batch.params import BatchParams


def on_tables(
    params: BatchParams, columns: list[str], *, source: str, is_github: bool
) -> tuple[BatchParams, bool]:
    """The parameters with the corpus of a folder of tables in the folder's place, and whether all files were taken.

    Parameters that name a corpus are given back as they are. Raises UsageError and CorpusError.
    """
    from workbench.corpora.table_folder import index_folder, is_table_folder
    from workbench.corpora.tables import parse_map
    from workbench.rules.cached import load

    if not columns and (source != "content" or is_github):
        raise UsageError("Expected --map with --source and --github but got none; known data sets need none of them")
    table_map = parse_map(columns, source=source, is_github=is_github) if columns else None
    folder, store = Path(params.corpus), Path(params.store).absolute()
    if table_map is None and not is_table_folder(folder):
        return params, True
    if not store.parent.is_dir():
        raise UsageError(f"{store}: Expected a store in a folder that exists; make the folder, or name another")
    load(params.rules)  # a mistake in a rule is not to be heard of after a terabyte has been indexed
    with unwinding(), progress_bar("B", unit_scale=True, shown=params.progress) as told:
        found = index_folder(folder, store.parent / f"{store.stem}-tables", table_map=table_map,
                             max_blob_bytes=params.most_blob_bytes, progress=told)
    report = found.report
    if report is not None:
        skipped = "".join(f", {count:,} {reason} left out" for reason, count in report.skipped.items())
        typer.echo(f"tables     {counted(report.files, 'file')} indexed, {report.unchanged:,} unchanged: "
                   f"{counted(report.rows, 'row')}{skipped}")
        for _, why in report.failures:
            typer.echo(f"Error: {why}", err=True)
    return replace(params, corpus=str(found.corpus)), report is None or not report.failures
