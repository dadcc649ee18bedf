"""The order in which blobs are read: that of the packs, and never fewer blobs than asked for."""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path

import pytest

from tests.corpora.repository import Repository
from workbench.corpora import packs
from workbench.corpora.loose import object_folders
from workbench.corpora.packs import PackOrder

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git command")


@pytest.fixture(params=[packs._MOST_IN_MEMORY, 3], ids=["in memory", "in the indices"], autouse=True)
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to look places up: that of repositories with millions of objects, too."""
    monkeypatch.setattr(packs, "_MOST_IN_MEMORY", request.param)


def test_blobs_are_sorted_as_they_stand_in_each_pack(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    expected: list[bytes] = []
    for pack in range(2):
        repo.commit({f"{pack}-{n}.txt": random.Random(pack * 100 + n).randbytes(300 + n * 40) for n in range(40)})
        repo.git("repack", "-dq")
    for index in sorted((repo.folder / ".git/objects/pack").glob("*.idx")):
        listed = [line.split() for line in repo.git("verify-pack", "-v", str(index)).splitlines()]
        blobs = [(int(line[4]), line[0]) for line in listed if line[1:2] == ["blob"]]
        expected += [bytes.fromhex(i) for _, i in sorted(blobs)]
    loose = bytes.fromhex(repo.git("hash-object", "-w", "--stdin", data=b"loose"))
    order = PackOrder(object_folders(repo.folder / ".git" / "objects"))
    found = order.sort([loose, *sorted(expected)])
    assert sorted(found) == sorted([loose, *expected]) and found[-1] == loose
    # Places are known to 256 bytes only: neighbours may change places, no more.
    assert all(abs(found.index(i) - at) <= 1 for at, i in enumerate(expected))


def index_of(entries: list[tuple[bytes, int]], large: bytes = b"") -> bytes:
    """A pack index of (id, number in the table of offsets)."""
    entries = sorted(entries)
    fanout = b"".join(struct.pack(">I", sum(i[0] <= first for i, _ in entries)) for first in range(256))
    offsets = b"".join(struct.pack(">I", offset) for _, offset in entries)
    names = b"".join(i for i, _ in entries)
    return b"\xfftOc\0\0\0\2" + fanout + names + bytes(4 * len(entries)) + offsets + large + bytes(40)


@pytest.mark.parametrize("damage", [lambda d: d[:500], lambda d: b"", lambda d: b"old" + d, lambda d: d[:-45]])
def test_packs_over_two_gibibytes_and_indices_that_are_damaged(tmp_path: Path, damage: object) -> None:
    ids = [bytes([n]) * 20 for n in range(4)]
    beyond = 1 << 31
    entries = [(ids[0], 5000), (ids[1], beyond | 1), (ids[2], beyond | 0), (ids[3], 12)]
    data = index_of(entries, struct.pack(">QQ", 1 << 33, 1 << 32))
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "a.idx").write_bytes(data)
    assert PackOrder([tmp_path]).sort(ids) == [ids[3], ids[0], ids[1], ids[2]]
    (tmp_path / "pack" / "a.idx").write_bytes(damage(data))
    assert sorted(PackOrder([tmp_path]).sort(ids)) == ids
