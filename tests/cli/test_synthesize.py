from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES
from workbench.cli import app
from workbench.errors import CorpusError


@pytest.fixture
def rules_file(tmp_path: Path) -> str:
    file = tmp_path / "acme.yaml"
    file.write_text(HOUSE_RULES)
    return str(file)


def test_a_corpus_is_made_and_measured_from_the_command_line(rules_file: str, tmp_path: Path) -> None:
    run, corpus = CliRunner().invoke, str(tmp_path / "corpus")
    made = run(app, ["corpus", "synthesize", corpus, "--blobs", "150", "--seed", "abc", "--rules", rules_file])
    assert made.exit_code == 0, made.output
    assert "150 files" in made.output and "seed=abc" in made.output
    measured = run(app, ["corpus", "measure", corpus, "--rules", rules_file])
    assert measured.exit_code == 0, measured.output
    lines = measured.output.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("acme_token", "acme_pair"))] == ["acme_token", "acme_pair"]
    assert any(line.startswith("recall     1.") for line in lines[-6:])
    assert "150 files" in lines[-5] or "150 files" in measured.output
    brief = run(app, ["corpus", "measure", corpus, "--rules", rules_file, "--brief"])
    assert "more without a mistake" in brief.output
    assert not any(line.startswith("acme_token") for line in brief.output.splitlines())


def test_a_corpus_without_labels_ends_in_a_sentence(rules_file: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["corpus", "measure", str(tmp_path / "none"), "--rules", rules_file])
    assert isinstance(result.exception, CorpusError)  # main() prints it and exits with its code
