"""``workbench corpus``: what people type, what they read, and with which exit code it ends."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.corpora.made import write
from tests.corpora.repository import Repository
from workbench import cli

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git command")


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Workbench = Callable[..., Done]


@pytest.fixture
def workbench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs ``workbench corpus`` as the command does, in this process."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["workbench", "corpus", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(cli, "_leave", sys.exit)  # the command ends its process, which here is the tests' own
    return run


def test_from_repositories_to_a_corpus_that_verifies(tmp_path: Path, workbench: Workbench) -> None:
    repo = Repository(tmp_path / "app", remote="https://github.com/acme/app")
    repo.commit({"a.py": b"print(1)\n", "logo.png": b"\0"})
    corpus = tmp_path / "corpus"

    added = workbench("add-git", repo.folder, "--corpus", corpus)
    assert (added.returncode, added.stderr) == (0, "")  # no bar where there is no terminal
    assert added.stdout == (
        "1 repository, 0 of them with nothing new: 1 commit, 2 new blobs (0.0 MB), 2 new locations\n"
        "\nskipped\n"
        "             1  binary: a NUL in the first 8000 bytes, and not UTF-16 text\n"
    )
    again = workbench("add-git", repo.folder, "--corpus", corpus)
    assert again.stdout.startswith("1 repository, 1 of them with nothing new: 0 commits")

    verified = workbench("verify", corpus)
    assert (verified.returncode, verified.stdout) == (0, "2 files, 2 blobs (0.0 MB), 2 locations: 0 problems\n")

    told = workbench("info", corpus)
    assert told.returncode == 0 and "acme/app a.py" in told.stdout and "Python" in told.stdout
    assert "\n             1  binary: a NUL in the first 8000 bytes" in told.stdout
    as_json = json.loads(workbench("info", corpus, "--json").stdout)
    assert as_json["blobs"]["rows"] == 2 and as_json["skipped"] == {"binary": 1}

    assert "0 of 2 files rewritten" in workbench("compact", corpus).stdout
    drawn = workbench("sample", corpus, tmp_path / "sample", "--blobs", 1)
    assert drawn.returncode == 0 and "1 of 2 blobs" in drawn.stdout


def test_what_goes_wrong_shows_in_the_exit_code(tmp_path: Path, workbench: Workbench) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.py": b"print(1)\n"})
    some = workbench("add-git", repo.folder, tmp_path / "nothing", "--corpus", tmp_path / "corpus")
    assert some.returncode == 1 and some.stdout.startswith("1 repository")
    assert some.stderr.startswith(f"Error: {tmp_path / 'nothing'}: not a git repository")

    next((tmp_path / "corpus" / "blobs").iterdir()).write_bytes(b"x")
    broken = workbench("verify", tmp_path / "corpus")
    assert broken.returncode == 1 and "Error: blobs/part-00000.parquet: its SHA-256" in broken.stderr

    for command in (["info"], ["verify"], ["compact"], ["sample", tmp_path / "gone"]):
        gone = workbench(*command, tmp_path / "gone")
        assert (gone.returncode, gone.stdout) == (2, "")
        assert gone.stderr.startswith("Error: Corpus") and "Traceback" not in gone.stderr


def test_many_repositories_may_be_listed_in_a_file(tmp_path: Path, workbench: Workbench) -> None:
    for name in ("one", "two # three"):
        Repository(tmp_path / "clones" / name).commit({"a.txt": name.encode()})
    (tmp_path / "list.txt").write_text("# mine\nclones/one\n\n  clones/two # three\n")
    added = workbench("add-git", "--list", tmp_path / "list.txt", "--corpus", tmp_path / "corpus")
    assert added.returncode == 0 and added.stdout.startswith("2 repositories")
    gone = workbench("add-git", "--list", tmp_path / "gone.txt", "--corpus", tmp_path / "corpus")
    assert gone.returncode == 2 and "gone.txt: cannot be read as text" in gone.stderr
    assert workbench("add-git", "--corpus", tmp_path / "corpus").returncode == 2


@pytest.mark.parametrize("command", ["add-git", "add-npm", "add-archive", "add-table"])
def test_no_corpus_comes_of_what_cannot_be_read(tmp_path: Path, workbench: Workbench, command: str) -> None:
    (tmp_path / "report.tgz").write_bytes(b"%PDF-1.7\n")
    for wrong in ("report.tgz", "nothing.tgz"):
        done = workbench(command, tmp_path / wrong, "--corpus", tmp_path / "corpus")
        assert done.returncode == 1 and done.stderr.startswith("Error: ") and wrong in done.stderr
        assert not (tmp_path / "corpus").exists()
    # What was in a corpus before stays in it.
    repo = Repository(tmp_path / "app")
    repo.commit({"a.py": b"print(1)\n"})
    workbench("add-git", repo.folder, "--corpus", tmp_path / "corpus")
    assert workbench(command, tmp_path / "report.tgz", "--corpus", tmp_path / "corpus").returncode == 1
    assert workbench("verify", tmp_path / "corpus").stdout.startswith("2 files, 2 blobs")


def test_limits_are_given_in_mebibytes(tmp_path: Path, workbench: Workbench) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"x" * (1 << 20), "b.txt": b"x" * ((1 << 20) + 1)})
    added = workbench("add-git", repo.folder, "--corpus", tmp_path / "corpus", "--max-blob-mib", "1", "--name", "o/r")
    assert "1  too_large: larger than" in added.stdout


def test_wikis_are_told_by_a_flag(tmp_path: Path, workbench: Workbench) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"Home.md": b"home\n"})
    workbench("add-git", repo.folder, "--corpus", tmp_path / "corpus", "--kind", "wiki")
    shares = json.loads(workbench("info", tmp_path / "corpus", "--json").stdout)["sources"]
    assert {s["name"] for s in shares} == {"wiki_content", "wiki_commit"}


def test_every_command_has_help(tmp_path: Path, workbench: Workbench) -> None:
    listed = workbench("--help").stdout
    for command in ("add-git", "info", "verify", "compact", "sample"):
        assert command in listed
        assert workbench(command, "--help").returncode == 0
    write(tmp_path, [b"a"])
    assert workbench("info", tmp_path, "--largest", "-1").returncode == 2


def test_a_synthesized_corpus_has_one_size(tmp_path: Path, workbench: Workbench) -> None:
    done = workbench("synthesize", tmp_path / "corpus", "--size-mb", 1, "--blobs", 5)
    assert (done.returncode, done.stderr) == (2, "Error: Expected --size-mb or --blobs but got both. Give one\n")
