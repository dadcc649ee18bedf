"""``workbench rules new``, ``import`` and ``export``: rules from samples, from other tools, and for other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.rules import CorpusOption, PathsArgument, corpus_batches, paths_or_shipped, standard_input
from workbench.counting import counted
from workbench.errors import UsageError


def new(
    *,
    secret_type: Annotated[str, typer.Option("--type", help="The slug of the new secret type.")] = "my_token",
    name: Annotated[str, typer.Option(help="Its name; made of the slug if none.")] = "",
    provider: Annotated[str, typer.Option(help="Its provider.")] = "My Company",
    corpus: CorpusOption = None,
) -> None:
    """Start a rule from sample tokens on standard input, a line each. Prints YAML; no sample stands in it.

    Samples are never taken as arguments, which other users of the machine can see. What was found out goes to standard
    error: prefix, alphabet, length, checksum, and with --corpus how often the prefix and the rule itself are met there.
    """
    from workbench.rules.proposal import propose
    from workbench.rules.writing import yaml_text

    proposal = propose(standard_input().splitlines())
    text = yaml_text(proposal.data(secret_type=secret_type, name=name or secret_type.replace("_", " ").title(),
                                   provider=provider))
    for line in proposal.describe():
        typer.echo(line, err=True)
    if corpus is not None:
        for line in _met_in(corpus, proposal.prefix, text):
            typer.echo(line, err=True)
    typer.echo(text, nl=False)


def _met_in(corpus: Path, prefix: str, text: str) -> list[str]:
    """How often the corpus holds the prefix, and what the proposed rule finds in it."""
    from workbench.engine.compiled import CompiledRules
    from workbench.measure.triggers import literal_rate, match_count
    from workbench.rules.load import check_sources, rule_set

    lines = [f"in corpus prefix {literal_rate(corpus_batches(corpus), prefix.encode())}"] if prefix else []
    compiled = CompiledRules(rule_set(check_sources([("proposal", text)])))
    matches, files = match_count(corpus_batches(corpus), compiled)
    return [*lines, f"          the rule finds {counted(matches, 'match')} in {counted(files, 'file')}"]


class FormOption(StrEnum):
    """Whose rules to import."""

    gitleaks = "gitleaks"
    github = "github"


def import_rules(
    file: Annotated[Path, typer.Argument(help="gitleaks' TOML, or GitHub's custom patterns as JSON.")],
    *,
    form: Annotated[FormOption | None, typer.Option("--from", help="Whose form it has; by its suffix if none.")] = None,
    provider: Annotated[str, typer.Option(help="The provider the rules are put under.")] = "Imported",
) -> None:
    """Print others' rules as a rules file; what does not translate goes to standard error, line by line."""
    from workbench.rules.custompattern import import_patterns
    from workbench.rules.gitleaks import import_gitleaks
    from workbench.rules.writing import yaml_text

    kind = form or {".toml": FormOption.gitleaks, ".json": FormOption.github}.get(file.suffix.lower())
    if kind is None:
        raise UsageError(f"{file}: Expected a .toml or .json file but got the suffix {file.suffix!r}; name the form with --from")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {getattr(error, 'strerror', None) or 'not UTF-8'}; name a readable file") from None
    translate = import_gitleaks if kind is FormOption.gitleaks else import_patterns
    result = translate(text, provider=provider)
    for line in result.lines:
        typer.echo(f"{file}: {line}", err=True)
    count = len(result.data["secrets"])
    typer.echo(f"{counted(count, 'secret type')}, {counted(len(result.lines), 'thing')} not translated", err=True)
    if not count:
        raise UsageError(f"{file}: Expected at least one rule that translates but got none; see above")
    typer.echo(yaml_text(result.data), nl=False)


class TargetOption(StrEnum):
    """Whose form to export to."""

    github = "github"


def export_rules(
    paths: PathsArgument = None,
    *,
    to: Annotated[TargetOption, typer.Option(help="Whose form.")] = TargetOption.github,
    only: Annotated[list[str] | None, typer.Option(help="Only this secret type (may be repeated).")] = None,
) -> None:
    """Print rules as GitHub's custom patterns; what does not translate goes to standard error, line by line."""
    from workbench.rules.cached import load
    from workbench.rules.custompattern import export_patterns, to_text

    result = export_patterns(load(paths_or_shipped(paths)), only=only or ())
    for line in result.lines:
        typer.echo(line, err=True)
    typer.echo(to_text(result.data), nl=False)


def register(app: typer.Typer) -> None:
    """Attach the commands to the group ``workbench rules``."""
    app.command()(new)
    app.command("import")(import_rules)
    app.command("export")(export_rules)
