"""``workbench explain``: why, or why not, for one text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.rules import RulesOption, paths_or_shipped
from workbench.errors import UsageError


def explain(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    *,
    rules: RulesOption = None,
    type: Annotated[list[str] | None, typer.Option(help="Only this secret type (may be repeated).")] = None,
) -> None:
    """Say what becomes of every candidate in one text, stage by stage, and why parts did not pair."""
    from workbench.engine.compiled import CompiledRules
    from workbench.engine.explain import explain as explain_text
    from workbench.rules.cached import folder, load

    text = _read(file)
    compiled = CompiledRules(load(paths_or_shipped(rules)), cache=folder())
    unknown = [t for t in type or () if t not in compiled.rules.secret_types]
    if unknown:
        raise UsageError(f"Expected a secret type of the rules but got --type {unknown[0]}; workbench rules list shows them")
    for line in explain_text(text, compiled, types=tuple(type or ())).lines():
        typer.echo(line)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; name a readable file, or - for standard input") from None
