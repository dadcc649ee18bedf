"""A disk that is full, or a folder that cannot be written: a clear error, and the store as it was."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.scanned import KEY, RULES, SHARDS, run_all
from workbench.store.key import encode_key
from workbench.store.reader import StoreReader
from workbench.store.store import Store

# A limit on the size of files is what a full disk is to DuckDB: a write that fails in the middle.
CHILD = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from tests.store import scanned
from workbench.errors import WorkbenchError
from workbench.store.snapshot import snapshot
from workbench.store.store import Store
what, path, limit = sys.argv[2], sys.argv[3], int(sys.argv[4])
store = None if what == "make" else Store(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    if what == "make":
        Store(path)
    elif what == "snapshot":
        snapshot(path, path + ".copy")
    else:
        scanned.run_all(store)
except WorkbenchError as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""


def limited(what: str, path: Path, limit: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(Path(__file__).parents[2]), what, str(path), str(limit)], text=True,
        capture_output=True, check=False, env={**os.environ, "WORKBENCH_KEY": encode_key(KEY)})


def test_a_store_that_cannot_grow_keeps_what_it_had(store: Store) -> None:
    run_all(store, shards=1)
    before = store.done()
    for limit in (4096, 20_000):
        ended = limited("batch", store.path, limit)
        assert ended.returncode == 1, ended.stderr
        assert "StoreError Could not" in ended.stdout
        assert "grow" in ended.stdout or "disk" in ended.stdout, ended.stdout
        assert before <= store.done()
    run_all(store)  # space was freed
    assert len(store.done()) == SHARDS * len(RULES)
    assert StoreReader(store.path).runs().to_pylist()[-1]["status"] == "done"


@pytest.mark.parametrize("limit", [4096, 300_000])
def test_a_store_that_cannot_be_made_whole_is_not_there(limit: int, path: Path) -> None:
    ended = limited("make", path, limit)
    assert ended.returncode == 1, ended.stderr
    assert "StoreError Could not make the store" in ended.stdout
    assert list(path.parent.iterdir()) == []


def test_a_snapshot_that_cannot_be_made_whole_is_not_there(store: Store) -> None:
    run_all(store, shards=1)
    ended = limited("snapshot", store.path, 65536)
    assert ended.returncode == 1, ended.stderr
    assert "StoreError Could not take the snapshot" in ended.stdout
    assert [entry.name for entry in store.path.parent.iterdir()] == [store.path.name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(Exception, match="ermission denied"):
            Store(path, key=KEY)
    finally:
        path.parent.chmod(0o700)


def test_the_limit_is_one_the_tests_can_lift() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
