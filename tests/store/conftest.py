"""Stores for the tests of this folder, each in a folder of its own and with a key that is nobody's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.store import scanned
from workbench.store.key import encode_key
from workbench.store.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts.duckdb"


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store just made; copying it takes a tenth of the time of making one."""
    path = tmp_path_factory.mktemp("fresh") / "alerts.duckdb"
    Store(path, key=scanned.KEY)
    return path


@pytest.fixture
def store(path: Path, fresh: Path) -> Store:
    shutil.copy(fresh, path)
    return Store(path, key=scanned.KEY, wait_s=10)


Child = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def child() -> Iterator[Child]:
    """Start ``child.py`` as another process; what is still running at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(what: str, path: Path, number: float = 0) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("child.py")), what, str(path), str(number)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "WORKBENCH_KEY": encode_key(scanned.KEY), "PYTHONPATH": str(Path(__file__).parents[2])})
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
