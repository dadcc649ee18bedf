"""``workbench rules schema``, ``readme`` and ``lock``: the files beside the rules that are made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.rules import wrong
from workbench.counting import counted
from workbench.shipped import rules_folder

FolderOption = Annotated[Path | None, typer.Option("--rules", help="A rules folder; the shipped rules if none.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 when the file is not up to date.")]


def schema(
    *,
    rules: FolderOption = None,
    write: Annotated[bool, typer.Option("--write", help="Write schema.json beside the rules.")] = False,
    check: CheckOption = False,
) -> None:
    """Print the JSON Schema of a rules file, for editors."""
    from workbench.rules.catalogue import SCHEMA, schema_text

    if write or check:
        _bring_up_to_date((rules or rules_folder()) / SCHEMA, schema_text(), "schema --write", check)
    else:
        typer.echo(schema_text(), nl=False)


def readme(*, rules: FolderOption = None, check: CheckOption = False) -> None:
    """Write README.md beside the rules: the table of supported secrets, and the rule language."""
    from workbench.rules.cached import load
    from workbench.rules.catalogue import README
    from workbench.rules.catalogue import readme as text

    folder = rules or rules_folder()
    _bring_up_to_date(folder / README, text(load([folder]), folder), "readme", check)


def lock(*, rules: FolderOption = None, check: CheckOption = False) -> None:
    """Write lock.json beside the rules: each rule's version and hash. Every change needs a line in CHANGELOG.md."""
    from workbench.rules.cached import load
    from workbench.rules.lock import check_lock, write_lock

    folder = rules or rules_folder()
    loaded = load([folder])
    if check:
        wrong(check_lock(loaded, folder))
        return
    changed = write_lock(loaded, folder)
    for line in changed:
        typer.echo(line)
    typer.echo(f"{counted(len(changed), 'rule')} changed", err=True)


def _bring_up_to_date(path: Path, text: str, command: str, check: bool) -> None:
    old = path.read_text(encoding="utf-8") if path.is_file() else None
    if check and old != text:
        got = "no such file" if old is None else "another text"
        wrong([f"{path}: got {got}, expected what the rules make, do run workbench rules {command}"])
    elif not check and old != text:
        path.write_text(text, encoding="utf-8")
        typer.echo(str(path))


def register(app: typer.Typer) -> None:
    """Attach the commands to the group ``workbench rules``."""
    app.command()(schema)
    app.command()(readme)
    app.command()(lock)
