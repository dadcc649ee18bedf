"""Exit codes: what a caller has to give otherwise is 2, in a sentence, wherever a store or an export is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.store import scanned
from workbench import errors
from workbench.errors import EXIT_CODES, ExitCode
from workbench.store.key import encode_key
from workbench.store.snapshot import snapshot
from workbench.store.store import Store

ROOT = Path(__file__).parent.parent.parent


def _gone(place: Path) -> Path:
    return place / "gone.duckdb"


def _folder(place: Path) -> Path:
    return place


def _text(place: Path) -> Path:
    (place / "p.yaml").write_text("a: 1\n")
    return place / "p.yaml"


def _empty(place: Path) -> Path:
    (place / "empty.duckdb").touch()
    return place / "empty.duckdb"


def _foreign(place: Path) -> Path:
    with duckdb.connect(str(place / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE t(a INT)")
    return place / "other.duckdb"


def _below_a_file(place: Path) -> Path:
    return _text(place) / "alerts.duckdb"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "workbench", *map(str, arguments)], capture_output=True, text=True,
                          check=False)


@pytest.mark.parametrize("made", [_gone, _folder, _text, _empty, _foreign, _below_a_file])
def test_a_path_that_is_no_store_is_usage(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    place = made(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    for command in (("store", "runs"), ("export", "--out", tmp_path / "out")):
        done = run(*command, "--store", place)
        assert done.returncode == ExitCode.USAGE, (command, done.stderr)
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1 and str(place) in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_KEY", encode_key(scanned.KEY))
    scanned.run_all(Store(tmp_path / "alerts.duckdb", key=scanned.KEY))
    return tmp_path / "alerts.duckdb"


def test_a_place_that_an_export_may_not_replace_is_usage_and_left_as_it_is(store: Path, tmp_path: Path) -> None:
    file, folder = _text(tmp_path), tmp_path / "mine"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine\n")
    for out in (file, folder):
        done = run("export", "--store", store, "--out", out)
        assert done.returncode == ExitCode.USAGE and str(out) in done.stderr, done.stderr
    assert (file.read_text(), (folder / "notes.txt").read_text()) == ("a: 1\n", "mine\n")


def test_a_snapshot_is_no_store_to_export_from(store: Path, tmp_path: Path) -> None:
    done = run("export", "--store", snapshot(store, tmp_path / "copy.duckdb"), "--out", tmp_path / "out")
    assert done.returncode == ExitCode.USAGE and "snapshot" in done.stderr


def test_a_key_that_does_not_open_the_store_is_no_usage_error(
        store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEY", encode_key(bytes(32)))
    done = run("export", "--store", store, "--out", tmp_path / "out")
    assert done.returncode == ExitCode.STOPPED and "key" in done.stderr and not (tmp_path / "out").exists()


def test_the_codes_are_documented_where_people_look() -> None:
    for command in ((), ("batch",)):
        assert EXIT_CODES in " ".join(run(*command, "--help").stdout.split())
    assert EXIT_CODES in " ".join((ROOT / "README.md").read_text().split())
    for code in ExitCode:
        assert f"{int(code)} " in EXIT_CODES


def test_every_error_ends_with_a_documented_code() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.WorkbenchError)]
    assert len(kinds) > 10 and {k.exit_code for k in kinds} <= set(ExitCode)
