"""The rules commands: exit codes and what they print."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES
from workbench.cli import app
from workbench.errors import UsageError


def test_testing_a_rule_that_is_not_there_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HOUSE_RULES)
    result = CliRunner().invoke(app, ["rules", "test", str(tmp_path), "--only", "acme_tokne"])
    assert result.exit_code != 0
    told = f"{result.output} {result.exception}"
    assert "acme_tokne" in told and "acme_token" in told
    assert UsageError.exit_code == 2 and (isinstance(result.exception, UsageError) or result.exit_code == 2)


def test_one_error_is_not_errors(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HOUSE_RULES + "    colour: red\n")
    output = CliRunner().invoke(app, ["rules", "check", "--no-overlaps", str(tmp_path)]).output
    assert "1 error, " in output
