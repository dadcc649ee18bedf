"""Recipes in ``datasets/``: each says what its corpus is, and gives commands that exist."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from tests.conftest import ROOT
from workbench.cli import app
from workbench.corpora.npm_client import read_list

RECIPES = sorted((ROOT / "datasets").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_gives_commands_that_exist(path: Path) -> None:
    recipe = YAML(typ="safe").load(path)
    assert recipe["name"] == path.stem and recipe["holds"] and recipe["good_for"]
    assert set(recipe) <= {"name", "holds", "good_for", "make", "gives"}
    assert f"`{path.name}`" in (ROOT / "datasets" / "README.md").read_text()
    corpus = typer.main.get_command(app).commands["corpus"]
    lines = [shlex.split(line, comments=True) for line in recipe["make"]]
    for program, group, name, *arguments in (line for line in lines if line[0] == "workbench"):
        assert (program, group) == ("workbench", "corpus")
        command = corpus.commands[name]
        command.make_context(name, arguments)  # parses, and raises for an option that there is not


def test_the_list_of_packages_names_exact_versions() -> None:
    items = read_list(ROOT / "datasets" / "npm-popular.txt")
    assert len(items) == 84 and all("@" in item[1:] for item in items)
