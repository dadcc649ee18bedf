"""``workbench store``: look at an alert store and look after it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.counting import counted

app = typer.Typer(help="Look at an alert store and look after it.", no_args_is_help=True)

StorePath = Annotated[Path, typer.Option("--store", help="The alert store, a DuckDB file.")]


@app.command()
def runs(store: StorePath) -> None:
    """List the batch runs, oldest first, and below each what went wrong in it."""
    from workbench.store.reader import StoreReader

    reader = StoreReader(store)
    reasons: dict[str, list[str]] = {}
    for failure in reader.failures().to_pylist():
        reasons.setdefault(failure["run_id"], []).append(" ".join(failure["reason"].split()))
    for run in reader.runs().to_pylist():
        elapsed = "" if run["elapsed_s"] is None else f"  {run['elapsed_s']:.1f} s"
        typer.echo(f"{run['run_id']}  {run['status']:<11}  {run['corpus']}  rules {run['rule_set_hash']}{elapsed}")
        for reason in reasons.get(run["run_id"], ()):
            typer.echo(f"    {reason}")


@app.command()
def alerts(store: StorePath) -> None:
    """Count the alerts by provider, type and state."""
    from workbench.store.reader import StoreReader

    rows = StoreReader(store).query(
        "SELECT provider, alert_type, state, count(*) AS alerts, sum(locations)::BIGINT AS locations FROM alerts "
        "GROUP BY ALL ORDER BY alerts DESC, provider, alert_type, state")
    for row in rows.to_pylist():
        typer.echo(f"{row['alerts']:>8}  {row['state']:<6}  {row['alert_type']}  ({row['provider']}), "
                   f"{counted(row['locations'], 'place')}")


@app.command()
def snapshot(store: StorePath, out: Annotated[Path, typer.Option(help="The file to make.")]) -> None:
    """Copy the store, without its tokens, to a file that analysts can keep and any DuckDB since 1.1 opens."""
    from workbench.store import snapshot as snapshots

    typer.echo(snapshots.snapshot(store, out))


@app.command()
def abandon(store: StorePath, run_id: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Mark a running run as abandoned, when its machine is gone and cannot say so. Done shards are kept."""
    from workbench.store.store import Store

    Store(store).abandon_run(run_id)
    typer.echo(f"{run_id} is abandoned")
