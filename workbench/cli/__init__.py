"""The command line: parsing and exit codes; each command is one library call.

Exit codes are decided by the errors themselves (:mod:`workbench.errors`). Expected errors never show a traceback.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import traceback
from typing import Annotated

import typer

from workbench.errors import EXIT_CODES, ExitCode, WorkbenchError

app = typer.Typer(
    name="workbench",
    help="Make, measure and run secret-scanning partner patterns over Parquet corpora of public commits.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and those hold tokens
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        from workbench import __version__
        from workbench.engine.repeats import IS_COMPILED

        typer.echo(__version__)
        if not IS_COMPILED:
            typer.echo("without its compiled part, so scans take a third longer: install a C compiler, then install again",
                       err=True)
        raise typer.Exit


@app.callback()
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True,
                                               callback=_print_version)] = False) -> None:
    """Make, measure and run secret-scanning partner patterns over Parquet corpora of public commits."""


def _register() -> None:
    """Attach each group's module; they import what they need inside, so that ``--help`` stays quick."""
    from workbench.cli import (
        batch,
        corpus,
        demo,
        explain,
        export,
        ingest,
        lab,
        rules,
        rules_drafts,
        rules_files,
        store,
        synthesize,
    )

    ingest.register(corpus.app)
    corpus.app.command("synthesize")(synthesize.synthesize)
    corpus.app.command("measure")(synthesize.measure)
    app.add_typer(corpus.app, name="corpus")
    rules_files.register(rules.app)
    rules_drafts.register(rules.app)
    app.add_typer(rules.app, name="rules")
    app.command("explain")(explain.explain)
    app.command("dry-run")(lab.dry_run)
    app.command("compare")(lab.compare)
    app.command("lab")(lab.lab)
    app.command("batch", epilog=EXIT_CODES)(batch.batch)
    app.command("export")(export.export)
    app.add_typer(store.app, name="store")
    app.command("demo")(demo.demo)


_register()


def main() -> None:
    """Run the command line and leave the process with the documented code."""
    _leave(_run())


def _run() -> int:
    try:
        app()
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:  # typer leaves so, and says nothing
            typer.echo("Interrupted.", err=True)
        return ended.code if isinstance(ended.code, int) else ExitCode.DONE if ended.code is None else ExitCode.STOPPED
    except WorkbenchError as error:
        typer.echo(f"Error: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        return ExitCode.INTERRUPTED
    except Exception:  # noqa: BLE001  a fault of ours: shown, and the process still ends as below
        traceback.print_exc()
        return ExitCode.STOPPED
    return ExitCode.DONE


def _leave(code: int) -> None:
    """End the process without taking the interpreter apart.

    DuckDB, Arrow and Jupyter's sockets have threads of their own. One that wants the interpreter while it is being taken
    down is ended by force, and its C++ frames then abort the process: one batch in eight ended with -6 after its work
    was done. What has to happen at the end is done here instead.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a reader that went away is no error of ours
            stream.flush()
    os._exit(code)
