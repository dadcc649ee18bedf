"""``workbench corpus``: make corpora and look at them."""

from __future__ import annotations

import typer

app = typer.Typer(help="Make corpora and look at them.", no_args_is_help=True)
