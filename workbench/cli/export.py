"""``workbench export``: write the files that go to the providers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.termination import unwinding
from workbench.counting import counted


def export(
    store: Annotated[Path, typer.Option(help="The alert store.")],
    out: Annotated[Path, typer.Option(help="Folder to make. An earlier export there is replaced as a whole.")],
    partner: Annotated[list[str] | None, typer.Option(
        help="Export this provider alone; may be given again. Default: all with alerts.")] = None,
    format: Annotated[list[str] | None, typer.Option(
        help="json, jsonl, csv, parquet or duckdb; may be given again. Default: all.")] = None,
    first_location_only: Annotated[bool, typer.Option(
        "--first-location-only", help="Tell each alert once, at its oldest place.")] = False,
) -> None:
    """Export open partner alerts: a folder a provider, unsealed, readable by you alone.

    Each alert is told once for every path it was found at, oldest first; the parts of a pair stand side by side.
    """
    from workbench.partners.export import export_alerts

    with unwinding():  # half an export would be raw tokens that nobody looks after
        done = export_alerts(store, out, partners=partner or (), formats=format or (),
                             first_location_only=first_location_only, progress=sys.stderr.isatty())
    if done.run_status not in (None, "done"):
        typer.echo(f"The store's last run is {done.run_status}: alerts or their places may be missing. Run workbench batch "
                   "again to complete it, then export once more", err=True)
    for provider in done.providers:
        typer.echo(f"{provider.folder}: {counted(provider.alerts, 'alert')}, "
                   f"{counted(provider.objects, 'object')} for {provider.provider}")
        if provider.tokens_not_utf8:
            typer.echo(f"{provider.folder}: {counted(provider.tokens_not_utf8, 'token')} not in valid UTF-8; "
                       r"stray bytes stand as \xNN", err=True)
    typer.echo(f"{counted(sum(p.alerts for p in done.providers), 'alert')} for "
               f"{counted(len(done.providers), 'provider')} in {done.folder}")


def register(app: typer.Typer) -> None:
    """Attach the command to the command line."""
    app.command(name="export")(export)
