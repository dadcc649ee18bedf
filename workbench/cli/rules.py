"""``workbench rules``: check, test, score, list and show rules. What is made of them, or into them, has modules of its own."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.counting import counted
from workbench.errors import UsageError
from workbench.shipped import rules_folder

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.measure.score import Score
    from workbench.rules.load import Loaded
    from workbench.rules.problem import Problem

app = typer.Typer(help="Check, test, measure, show, make and exchange rules.", no_args_is_help=True)

PathsArgument = Annotated[list[Path] | None, typer.Argument(help="Rules files or folders; the shipped rules if none.")]
RulesOption = Annotated[list[Path] | None, typer.Option("--rules", help="Rules files or folders; the shipped rules if none.")]
CorpusOption = Annotated[Path | None, typer.Option(help="A corpus to measure on.")]


def paths_or_shipped(paths: list[Path] | None) -> list[Path]:
    return list(paths) if paths else [rules_folder()]


def corpus_batches(corpus: Path) -> Iterator[pa.RecordBatch]:
    """The content of a corpus in batches, with a bar on a terminal."""
    from tqdm import tqdm

    from workbench.corpora.reader import Corpus, read_batches

    opened = Corpus.open(corpus)
    with tqdm(total=opened.manifest.content_bytes, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        for shard in opened.shards():
            for batch in read_batches(shard, columns=("blob_id", "content")):
                yield batch
                bar.update(batch.column("content").nbytes)


@app.command()
def check(
    paths: PathsArgument = None,
    *,
    corpus: Annotated[Path | None, typer.Option(help="Also measure on this corpus how often triggers fire.")] = None,
    overlaps: Annotated[bool, typer.Option(help="Also scan samples of every type for what other types claim of them.")] = True,
    warnings_as_errors: Annotated[bool, typer.Option(help="Exit with 2 for warnings too.")] = False,
) -> None:
    """Lint rules: every problem of every file, as file:line: rule: got …, expected …, do …."""
    from workbench.rules.entries import folder
    from workbench.rules.lint import check_loaded
    from workbench.rules.load import read
    from workbench.rules.remembered import Memory

    memory = Memory(folder())
    loaded = read(paths_or_shipped(paths), memory=memory)
    problems = check_loaded(loaded, memory=memory)
    memory.keep()
    if not any(p.severity == "error" for p in loaded.problems) and (overlaps or corpus):
        problems = sorted([*problems, *_measured(loaded, overlaps, corpus)])
    for problem in problems:
        typer.echo(str(problem))
    errors = sum(p.severity == "error" for p in problems)
    typer.echo(f"{counted(errors, 'error')}, {counted(len(problems) - errors, 'warning')}", err=True)
    if errors or (warnings_as_errors and problems):
        raise typer.Exit(2)


def _measured(loaded: Loaded, overlaps: bool, corpus: Path | None) -> list[Problem]:
    from workbench.engine.compiled import CompiledRules
    from workbench.measure.overlaps import find_overlaps, undocumented
    from workbench.measure.triggers import too_frequent, trigger_rates
    from workbench.rules.cached import folder
    from workbench.rules.load import rule_set

    compiled = CompiledRules(rule_set(loaded), cache=folder())
    problems = undocumented(loaded, find_overlaps(loaded, compiled)) if overlaps else []
    if corpus is not None:
        problems += too_frequent(loaded, trigger_rates(corpus_batches(corpus), compiled))
    return problems


@app.command()
def test(
    paths: PathsArgument = None,
    *,
    seed: Annotated[str, typer.Option(help="Seed of the samples.")] = "0",
    only: Annotated[list[str] | None, typer.Option(help="Only this rule's tests (may be repeated).")] = None,
) -> None:
    """Run every rule's tests through the whole engine, pairs included."""
    from workbench.measure.ruletests import run
    from workbench.rules.load import nearest, read, rule_set

    loaded = read(paths_or_shipped(paths))
    rules = rule_set(loaded)
    names = {*rules.secret_types, *rules.pairs}
    for name in only or ():  # a misspelt name would pass, for it has no test that fails
        if name not in names:
            near = ", ".join(nearest(name, names)) or "none like it; workbench rules list shows them"
            raise UsageError(f"Expected a secret type or pair of the rules but got --only {name}; nearest: {near}")
    outcome = run(loaded, seed=seed, only=only or ())
    for failure in outcome.failures:
        typer.echo(str(failure))
    typer.echo(f"{counted(outcome.cases, 'test')} of {counted(outcome.rules, 'rule')}: {len(outcome.failures)} failed, "
               f"{counted(len(outcome.known_gaps), 'known gap')}", err=True)
    if outcome.failures:
        raise typer.Exit(1)


@app.command()
def score(
    file: Annotated[Path, typer.Argument(help="Test texts, a JSON object a line: slug, kind, text, secret.")],
    *,
    rules: RulesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object only.")] = False,
    all_types: Annotated[bool, typer.Option("--all", help="Show also types with nothing missed or flagged.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write a CSV line for every text that is not plainly right.")] = None,
) -> None:
    """Run other people's test texts through the whole engine, each as one blob, and say what is found and missed."""
    from workbench.measure.examples import read_examples
    from workbench.measure.score import score as score_examples
    from workbench.rules.cached import folder, load

    result = score_examples(read_examples(file), load(paths_or_shipped(rules)), cache=folder())
    if report is not None:
        _write_report(result, report)
    if not as_json:
        for line in result.lines(all_types=all_types):
            typer.echo(line)
    typer.echo(json.dumps(result.to_json()))


def _write_report(result: Score, report: Path) -> None:
    """Line numbers, types, outcomes and stages: no text, so that others' tokens stay where they are."""
    with report.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["line", "slug", "kind", "outcome", "stage", "needs_partner"])
        for s in result.scored:
            if s.outcome not in ("found", "quiet"):
                rows.writerow([s.example.line, s.slug, s.example.kind, s.outcome, s.stage, s.needs_partner])


@app.command("list")
def list_types(
    paths: PathsArgument = None,
    *,
    provider: Annotated[str | None, typer.Option(help="Only providers whose name holds this.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """List the secret types: provider, type, formats, and what is done with each."""
    from dataclasses import asdict

    from workbench.rules.cached import load
    from workbench.rules.catalogue import entries

    found = [e for e in entries(load(paths_or_shipped(paths))) if (provider or "").lower() in e.provider.lower()]
    for e in found:
        if as_json:
            typer.echo(json.dumps(asdict(e)))
            continue
        flags = [word for word, is_set in (("partner", e.partner), ("user", e.user), ("push", e.push_protection),
                                           ("base64", e.base64), ("checksum", bool(e.checksums)), ("pair", bool(e.pairs)))
                 if is_set]
        typer.echo(f"{e.type:<52} {e.provider:<24} {counted(len(e.formats), 'format'):<9}  "
                   f"{' '.join(flags)}")
    if not as_json:
        typer.echo(counted(len(found), "secret type"), err=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A secret type or a pair.", metavar="TYPE")],
    *,
    rules: RulesOption = None,
) -> None:
    """Show one secret type or pair: how it is searched, its formats, checks, pairs, hash and tests."""
    from workbench.rules.load import read
    from workbench.rules.sheet import sheet

    for line in sheet(read(paths_or_shipped(rules)), name):
        typer.echo(line)


def wrong(lines: list[str]) -> None:
    """Print what is wrong, a line each, and exit with 1; do nothing for no lines."""
    for line in lines:
        typer.echo(line)
    if lines:
        raise typer.Exit(1)


def standard_input() -> bytes:
    return sys.stdin.buffer.read()
