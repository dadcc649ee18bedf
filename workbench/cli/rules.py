"""``workbench rules``: check, test and show rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from workbench.shipped import rules_folder

app = typer.Typer(help="Check, test and show rules.", no_args_is_help=True)

PathsArgument = Annotated[list[Path] | None, typer.Argument(help="Rules files or folders; the shipped rules if none.")]


def _paths(paths: list[Path] | None) -> list[Path]:
    return list(paths) if paths else [rules_folder()]


@app.command()
def check(
    paths: PathsArgument = None,
    *,
    warnings_as_errors: Annotated[bool, typer.Option(help="Exit with 2 for warnings too.")] = False,
) -> None:
    """Lint rules: every problem of every file, as file:line: rule: got …, expected …, do …."""
    from workbench.rules.lint import check as lint

    problems = lint(_paths(paths))
    for problem in problems:
        typer.echo(str(problem))
    errors = sum(p.severity == "error" for p in problems)
    typer.echo(f"{errors} errors, {len(problems) - errors} warnings", err=True)
    if errors or (warnings_as_errors and problems):
        raise typer.Exit(2)


@app.command()
def test(
    paths: PathsArgument = None,
    *,
    seed: Annotated[str, typer.Option(help="Seed of the samples.")] = "0",
    only: Annotated[list[str] | None, typer.Option(help="Only this rule's tests (may be repeated).")] = None,
) -> None:
    """Run every rule's tests through the whole engine, pairs included."""
    from workbench.measure.ruletests import run
    from workbench.rules.load import read

    outcome = run(read(_paths(paths)), seed=seed, only=only or ())
    for failure in outcome.failures:
        typer.echo(str(failure))
    typer.echo(f"{outcome.cases} tests of {outcome.rules} rules: {len(outcome.failures)} failed, "
               f"{len(outcome.known_gaps)} known gaps", err=True)
    if outcome.failures:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a rules file, for editors."""
    from workbench.rules.text import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
