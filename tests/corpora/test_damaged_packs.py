"""Packs that lost, gained or changed bytes: no traceback, no hang, no partial corpus, and a repaired one is completed."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.repository import Repository, git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git command")

# In a process of its own: libgit2 remembers packs by their paths, and what goes wrong may take the process with it.
ADD = """
import json, resource, sys
from pathlib import Path
from workbench.corpora.git import add_repositories
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter
for folder in map(Path, sys.argv[1:]):
    with CorpusWriter(folder / "corpus") as writer:
        report = add_repositories(writer, [folder / "app.git"])
    manifest = writer.manifest
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
    print(json.dumps({"failures": len(report.failures), "skipped": dict(manifest.skipped), "peak_mib": peak_mib,
                      "has": [manifest.blobs, manifest.locations], "problems": verify(folder / "corpus").problems}))
"""
LIMIT_S = 120
"""Far over what it takes; what reads without end is told by it."""


def add_each(folders: list[Path]) -> list[dict[str, Any]]:
    """Add ``app.git`` in each folder to the corpus beside it, one after the other."""
    command = [sys.executable, "-c", ADD, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_S, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def packed(folder: Path, rng: random.Random) -> Path:
    """A bare repository of one pack: files of all sizes that change a little, or altogether, from commit to commit."""
    repo = Repository(folder / "work")
    for number in range(4):
        files = {f"{n}.txt": b"".join(b"%d %d\n" % (line, number * (line % 9 == n)) for line in range(4 ** (n + 1)))
                 for n in range(5)}
        repo.commit(files | {"mixed.txt": rng.randbytes(300).hex().encode()})
    git(folder, "clone", "--quiet", "--bare", "work", "app.git")
    git(folder / "app.git", "repack", "-adfq")
    return folder / "app.git"


def mangled(data: bytes, last_at: int, rng: random.Random) -> bytes:
    """``data`` with one thing wrong, every other time in or behind the last object, which begins at ``last_at``."""
    at = rng.randrange(*rng.choice([(12, len(data)), (last_at, len(data))]))
    return rng.choice([
        lambda: data[:at],
        lambda: data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :],
        lambda: data[:at] + rng.randbytes(rng.randrange(1, 40)) + data[at:],
        lambda: data[:at] + data[at + rng.randrange(1, 40) :],
        lambda: data[:at] + bytes(rng.randrange(1, 64)) + data[at + rng.randrange(1, 64) :],
    ])()


def offsets(index: Path) -> dict[int, str]:
    """Where the objects of a pack begin, in order, and which they are."""
    listed = [line.split() for line in git(index.parent, "show-index", data=index.read_bytes()).splitlines()]
    return dict(sorted((int(offset), object_id) for offset, object_id, *_ in listed))


def test_a_mangled_pack_costs_what_it_holds_and_the_same_command_completes_it_once_repaired(tmp_path: Path) -> None:
    rng = random.Random(3)
    whole = packed(tmp_path, rng)
    (pack,) = whole.glob("objects/pack/*.pack")
    sound, last_at = pack.read_bytes(), max(offsets(pack.with_suffix(".idx")))
    folders = [tmp_path / f"case-{number}" for number in range(40)]
    copies = []
    for folder in folders:
        shutil.copytree(whole, folder / "app.git")
        copies.append(folder / "app.git" / pack.relative_to(whole))
        copies[-1].chmod(0o644)
        copies[-1].write_bytes(mangled(sound, last_at, rng))
    (tmp_path / "whole").mkdir()
    whole.rename(tmp_path / "whole" / "app.git")
    (expected,) = add_each([tmp_path / "whole"])
    for found in add_each(folders):
        assert (found["failures"], found["problems"]) == (0, [])
        assert found["skipped"] or found["has"] == expected["has"]  # only a trailer may be damaged and do no harm
    for copy in copies:
        copy.write_bytes(sound)
    for found in add_each(folders):
        assert (found["has"], found["skipped"], found["problems"]) == (expected["has"], {}, [])


def test_an_object_that_claims_to_be_gigantic_is_damaged_and_takes_no_memory(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "work")
    commits = [repo.commit({"a.txt": b"%d" % number}) for number in range(3)]
    git(tmp_path, "clone", "--quiet", "--bare", "--no-hardlinks", "work", "app.git")
    pack = tmp_path / "app.git" / "objects" / "pack"
    name = git(tmp_path / "app.git", "pack-objects", "--quiet", str(pack / "pack"), data="\n".join(commits).encode())
    path = pack / f"pack-{name}.pack"
    at, last = max(offsets(path.with_suffix(".idx")).items())
    git(tmp_path / "app.git", "prune-packed")
    data = path.read_bytes()
    kind_byte = data[at] & 0x70 | 0x8F
    # A header of as many bytes as it takes to say 8 GiB, before a stream that is sound.
    path.chmod(0o644)
    path.write_bytes(data[:at] + bytes([kind_byte, 0xFF, 0xFF, 0xFF, 0xFF, 0x00]) + data[at + 2 :])
    (found,) = add_each([tmp_path])
    assert last in commits
    assert (found["failures"], found["skipped"], found["problems"]) == (0, {"unreadable_object": 1}, [])
    assert found["peak_mib"] < 1024
