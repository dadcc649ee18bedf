"""A disk that fills up ends every command with a sentence, and the same command completes when there is room."""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.corpora import test_archive as archive
from tests.corpora.made import write
from tests.corpora.packages import tgz
from tests.corpora.repository import Repository
from workbench.corpora.manifest import Manifest
from workbench.corpora.verify import verify

# More than is gathered before it goes to the disk, so that some is still waiting when the disk refuses.
TEXT = random.Random(1).randbytes(3 << 20).hex().encode()
FILES = {f"{n}.txt": TEXT[n << 20 : (n + 1) << 20] for n in range(6)}


def _repository(folder: Path) -> list[str]:
    Repository(folder / "app").commit(FILES)
    return ["add-git", str(folder / "app"), "--corpus"]


def _package(folder: Path) -> list[str]:
    (folder / "a.tgz").write_bytes(tgz("a", "1.0.0", FILES))
    return ["add-npm", str(folder / "a.tgz"), "--corpus"]


def _events(folder: Path) -> list[str]:
    issues = [archive.event("IssuesEvent", {"issue": {"title": "long", "body": text.decode(), "html_url": archive.WEB}})
              for text in FILES.values()]
    return ["add-archive", str(archive.write(folder, *issues)), "--corpus"]


def _table(folder: Path) -> list[str]:
    pq.write_table(pa.table({"code": list(FILES.values()), "repo_name": ["o/r"] * 6, "path": list(FILES)}),
                   folder / "t.parquet")
    return ["add-table", str(folder / "t.parquet"), "--corpus"]


def _sample(folder: Path) -> list[str]:
    write(folder / "whole", FILES.values())
    return ["sample", str(folder / "whole")]


def _synthesis(folder: Path) -> list[str]:
    return ["synthesize", "--blobs", "60"]


def _run(command: list[str], most_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit() -> None:  # files cannot grow beyond: to whoever writes one, a full disk
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run([sys.executable, "-m", "workbench", "corpus", *command], preexec_fn=limit,
                          capture_output=True, text=True, check=False)


def _assert_told_in_a_sentence(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Corpus ") and done.stderr.count("\n") == 1
    assert "cannot be written: " in done.stderr and "give the same command again" in done.stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git command")
@pytest.mark.parametrize(
    ("make", "most_bytes"),
    [  # it fills up while a file is written, or only when it is closed
        (_repository, 3 << 19),
        (_package, 3 << 19),
        (_events, 1 << 14),
        (_table, 3 << 19),
        (_sample, 1 << 14),
        (_synthesis, 1 << 14),
    ],
)
def test_a_new_corpus(tmp_path: Path, make: Callable[[Path], list[str]], most_bytes: int) -> None:
    command = [*make(tmp_path), str(tmp_path / "corpus")]
    _assert_told_in_a_sentence(_run(command, most_bytes))
    assert not (tmp_path / "corpus").exists()
    assert _run(command).returncode == 0
    assert verify(tmp_path / "corpus").problems == () and Manifest.load(tmp_path / "corpus").blobs >= 6


def test_adding_and_compacting_leave_what_was_there(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    for text in list(FILES.values())[:2]:
        write(corpus, [text])
    before = Manifest.load(corpus)
    for command in (["compact", str(corpus)], [*_package(tmp_path), str(corpus)]):
        _assert_told_in_a_sentence(_run(command, 3 << 18))
        assert Manifest.load(corpus) == before
        report = verify(corpus)
        assert (report.problems, report.strays) == ((), ())
        assert _run(command).returncode == 0
        before = Manifest.load(corpus)
