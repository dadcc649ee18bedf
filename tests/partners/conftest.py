"""Stores with alerts in them, for the tests of what goes out to providers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.store import scanned
from workbench.store.store import Store


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store after a batch over two shards; tests only read it."""
    path = tmp_path_factory.mktemp("filled") / "alerts.duckdb"
    scanned.run_all(Store(path, key=scanned.KEY), shards=2)
    return path


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store just made; copying it takes a tenth of the time of making one."""
    path = tmp_path_factory.mktemp("fresh") / "alerts.duckdb"
    Store(path, key=scanned.KEY)
    return path


@pytest.fixture
def store(tmp_path: Path, fresh: Path) -> Store:
    shutil.copy(fresh, tmp_path / "alerts.duckdb")
    return Store(tmp_path / "alerts.duckdb", key=scanned.KEY)
