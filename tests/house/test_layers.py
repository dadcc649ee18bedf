"""The house's own rules: what may import what, and what may stand in a file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "workbench"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("counting", "imports"),
    ("errors", "model", "schemas", "content", "shipped"),
    ("charts",),
    ("rules",),
    ("corpora",),
    ("engine",),
    ("store",),
    ("measure",),
    ("partners",),
    ("lab", "batch"),
    ("cli",),
    ("__main__",),
)
"""From the ground up. A module imports only from layers below its own, and from its own package."""

LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that they can be read"
            if node.module == "workbench":
                names = [f"workbench.{alias.name}" for alias in node.names]
            else:
                names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        rooms |= {n.split(".")[1] for n in names if n.startswith("workbench.")}
    return rooms - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_layers_below(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        assert imported_rooms(path) == set()
        return
    for other in imported_rooms(path) - {room}:
        assert LEVEL[other] < LEVEL[room], f"{room} stands on layer {LEVEL[room]} and may not import {other}"


def test_papermill_appears_in_one_place_and_duckdb_writes_in_one() -> None:
    def users(name: str) -> set[str]:
        return {str(p.relative_to(PACKAGE)) for p in FILES
                if any(f"{word} {name}" in p.read_text() for word in ("import", "from"))}

    assert users("papermill") == {"batch/notebook.py"}
    assert {u.split("/")[0] for u in users("duckdb")} <= {"store", "partners", "corpora"}


def test_no_room_for_odds_and_ends() -> None:
    names = {p.stem for p in FILES} | {p.parent.name for p in FILES}
    assert not names & {"utils", "util", "helpers", "common", "misc"}


def test_every_module_says_what_it_is() -> None:
    silent = [str(p.relative_to(ROOT)) for p in FILES if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def tracked(*patterns: str) -> list[Path]:
    try:
        out = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in out.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_notebooks_are_stripped() -> None:
    """As they would be if everyone had installed the filter of tests/README.md."""
    command = [sys.executable, "-m", "nbstripout", "--keep-id", "--verify", *map(str, tracked("*.ipynb"))]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    assert told.returncode == 0, f"nbstripout would strip {told.stdout or told.stderr}"


def test_no_tracked_file_holds_a_token_of_the_shipped_rules() -> None:
    """The project is scanned with its own rules. What it plants, it makes when a test runs."""
    from workbench.engine.compiled import CompiledRules
    from workbench.engine.scan import blob_batch, scan_batches
    from workbench.rules.load import load
    from workbench.shipped import rules_folder

    compiled = CompiledRules(load([rules_folder()]))
    files = [p for p in tracked() if p.stat().st_size < 4 << 20]
    batch = blob_batch((str(p.relative_to(ROOT)), p.read_bytes()) for p in files)
    found = [(row["blob_id"], m["secret_type"], m["start_line"]) for out in scan_batches([batch], compiled)
             for row in out.to_pylist() for m in row["matches"] if m["alertable"]]
    assert found == []
