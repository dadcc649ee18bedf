"""The writer: nothing twice, nothing lost, nothing half written."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.corpora.made import write
from workbench.corpora import journal, parts
from workbench.corpora.lock import FolderLock
from workbench.corpora.manifest import Manifest
from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.errors import CorpusError, UsageError


def contents(folder: Path) -> list[bytes]:
    shards = Corpus.open(folder).shards()
    return [c for s in shards for b in read_batches(s) for c in b.column("content").to_pylist()]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_blob_ids_are_gits() -> None:
    assert blob_id_of(b"hello world\n") == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"  # git hash-object
    assert blob_id_of(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_a_blob_is_kept_once_however_often_it_is_given(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        assert writer.add_blob(blob_id_of(b"a"), b"a")
        assert not writer.add_blob(blob_id_of(b"a"), b"a")
        assert writer.has_blob(blob_id_of(b"a")) and not writer.has_blob(blob_id_of(b"b"))
    with CorpusWriter(tmp_path) as writer:  # remembered from one run to the next
        assert not writer.add_blob(blob_id_of(b"a"), b"a")
        assert writer.add_blob(blob_id_of(b"b"), b"b")
        assert writer.add_new_blobs([(blob_id_of(bytes([n])), bytes([n])) for n in range(3)]) == (3, 3)
    assert contents(tmp_path) == [b"a", b"b", b"\0", b"\1", b"\2"]
    assert verify(tmp_path).problems == ()


def test_adding_leaves_old_files_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, [b"a"], made="first")
    before = tree(tmp_path)
    write(tmp_path, [b"b"], made="second")
    after = tree(tmp_path)
    assert {path: after[path] for path in before if path != "manifest.json"} == {
        path: data for path, data in before.items() if path != "manifest.json"
    }
    manifest = Manifest.load(tmp_path)
    assert (manifest.blobs, manifest.locations, manifest.content_bytes, len(manifest.files)) == (2, 2, 2, 4)
    assert manifest.made == "first; second"


def test_nothing_new_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, [b"a"])
    before = tree(tmp_path)
    with CorpusWriter(tmp_path):
        pass
    assert tree(tmp_path) == before


def test_files_are_made_for_scanning(tmp_path: Path) -> None:
    rng = random.Random(1)
    blobs = [rng.randbytes(rng.randrange(3000)) for _ in range(300)]
    write(tmp_path, blobs, row_group_bytes=100_000, file_bytes=250_000)
    corpus = Corpus.open(tmp_path)
    assert contents(tmp_path) == blobs
    assert len(corpus.blob_files) == 2
    for path in corpus.blob_files:
        footer = pq.read_metadata(path)
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            blob_id, size, content = (group.column(n) for n in range(3))
            assert {c.compression for c in (blob_id, size, content)} == {"LZ4"}
            assert not content.has_dictionary_page
            assert (blob_id.is_stats_set, size.is_stats_set, content.is_stats_set) == (False, True, False)
            assert content.total_uncompressed_size < 110_000
    full = [pq.read_metadata(p).row_group(n).column(2).total_uncompressed_size
            for p in corpus.blob_files for n in range(pq.read_metadata(p).num_row_groups)]
    assert min(full[:-1]) > 90_000


def test_a_blob_larger_than_a_row_group_has_one_of_its_own(tmp_path: Path) -> None:
    blobs = [b"a" * 10, b"b" * 500, b"c" * 10, b"d" * 90, b"e"]
    write(tmp_path, blobs, row_group_bytes=100)
    footer = pq.read_metadata(Corpus.open(tmp_path).blob_files[0])
    rows = [footer.row_group(n).num_rows for n in range(footer.num_row_groups)]
    assert contents(tmp_path) == blobs and rows == [1, 1, 2, 1]


def test_a_value_that_parquet_cannot_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_MAX_VALUE_BYTES", 1000)
    too_much = pytest.raises(CorpusError, match="1001 bytes are over 1000")
    with CorpusWriter(tmp_path, row_group_bytes=100) as writer, too_much:
        writer.add_blob(blob_id_of(b"x" * 1001), b"x" * 1001)


def test_what_is_skipped_remembered_and_noted_stands_in_the_manifest(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path, name="mine") as writer:
        writer.skip("binary", 3)
        writer.set_repository("o/r", {"refs": {"refs/heads/main": "00"}})
        writer.set_extra("note", "of mine")
    with CorpusWriter(tmp_path, name="not renamed") as writer:
        writer.skip("binary", -1)
        writer.skip("too_large")
        writer.set_repository("o/s", {})
    manifest = Manifest.load(tmp_path)
    assert manifest.name == "mine"
    assert manifest.skipped == {"binary": 2, "too_large": 1}
    assert manifest.repositories == {"o/r": {"refs": {"refs/heads/main": "00"}}, "o/s": {}}
    assert manifest.extra == {"note": "of mine"}


def test_publishing_in_between_keeps_what_came_before_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), CorpusWriter(tmp_path) as writer:
        writer.add_blob(blob_id_of(b"a"), b"a")
        writer.publish()
        writer.add_blob(blob_id_of(b"b"), b"b")
        raise ZeroDivisionError
    assert contents(tmp_path) == [b"a"]
    assert [p.name for p in (tmp_path / "blobs").iterdir()] == ["part-00000.parquet"]
    write(tmp_path, [b"b"])
    assert contents(tmp_path) == [b"a", b"b"]


CRASH = """
import os, signal, sys
from workbench.corpora import journal, manifest
from workbench.corpora.writer import CorpusWriter, blob_id_of
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
where = sys.argv[2]
if where == "naming": journal.sync_folder = die                      # files have their names, the manifest is old
if where == "manifest": os.replace = die                             # the new manifest is written, not in its place
if where == "deleting": journal.Manifest.save, saved = (lambda m, f: (saved(m, f), die())), journal.Manifest.save
with CorpusWriter(sys.argv[1], row_group_bytes=10) as writer:
    for content in (b"new one", b"new two"):
        writer.add_blob(blob_id_of(content), content)
        writer.add_location(blob_id_of(content), source="content", repository="o/r", revision="0", path="p")
    if where == "adding":
        die()
"""


@pytest.mark.parametrize("where", ["adding", "naming", "manifest", "deleting"])
def test_a_writer_that_is_killed_leaves_the_old_corpus_or_the_new_one(tmp_path: Path, where: str) -> None:
    write(tmp_path, [b"old"])
    before = tree(tmp_path)
    stranger = tmp_path / "blobs" / "copied-by-hand.parquet"
    stranger.write_bytes(b"someone's")
    done = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path), where], check=False)
    assert done.returncode == -signal.SIGKILL
    expected = [b"old"] if where != "deleting" else [b"old", b"new one", b"new two"]
    assert contents(tmp_path) == expected
    with CorpusWriter(tmp_path):
        pass  # cleans up
    assert contents(tmp_path) == expected
    assert verify(tmp_path).problems == ()
    if where != "deleting":
        assert tree(tmp_path) == {**before, "blobs/copied-by-hand.parquet": b"someone's"}
    assert stranger.exists() and not (tmp_path / journal.JOURNAL_NAME).exists()
    write(tmp_path, [b"new one"])
    assert set(contents(tmp_path)) == {*expected, b"new one"}


@pytest.mark.parametrize("name", ["../kept.txt", "blobs/..", "{folder}/kept.txt", "blobs/../../kept.txt", "blobs/a\0b", 7])
def test_a_journal_names_nothing_outside_its_corpus(tmp_path: Path, name: object) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("not the corpus's")
    write(tmp_path / "corpus", [b"one\n"])
    named = name.format(folder=tmp_path) if isinstance(name, str) else name
    for said in ([named], {"named": named}, named):
        (tmp_path / "corpus" / journal.JOURNAL_NAME).write_text(json.dumps(said))
        CorpusWriter(tmp_path / "corpus").close()
    assert kept.exists() and contents(tmp_path / "corpus") == [b"one\n"]


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [b"old"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts.HashingFile, "write", full)
    with pytest.raises(CorpusError, match="cannot be written: .*No space left on device"):
        write(tmp_path, [b"new"])
    monkeypatch.undo()
    assert contents(tmp_path) == [b"old"]
    assert [p.name for p in (tmp_path / "blobs").iterdir()] == ["part-00000.parquet"]


def test_a_corpus_that_comes_to_nothing_leaves_what_was_there(tmp_path: Path) -> None:
    for was_there in (False, True):
        folder = tmp_path / f"corpus-{was_there}"
        if was_there:
            folder.mkdir()
        with pytest.raises(KeyboardInterrupt), CorpusWriter(folder) as writer:
            writer.add_blob(blob_id_of(b"x"), b"x")
            raise KeyboardInterrupt
        assert folder.exists() == was_there and not list(tmp_path.glob("corpus-*/*"))


def test_a_lock_whose_file_was_removed_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = FolderLock(tmp_path)
    real_open = os.open

    def late(*arguments: Any) -> int:  # the holder goes, and takes its file along, after another opened it
        descriptor = real_open(*arguments)
        if first_is_held():
            first.remove()
            first.release()
        return descriptor

    def first_is_held() -> bool:
        return first._descriptor is not None

    monkeypatch.setattr(os, "open", late)
    second = FolderLock(tmp_path)
    monkeypatch.undo()
    with pytest.raises(CorpusError, match=f"process {os.getpid()} is writing"):
        FolderLock(tmp_path)
    second.release()


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="the folder cannot be made"):
        CorpusWriter(tmp_path / "file" / "corpus")


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        writer.add_blob(blob_id_of(b"a"), b"a")
        with pytest.raises(CorpusError, match=f"process {os.getpid()} is writing"):
            CorpusWriter(tmp_path)
    CorpusWriter(tmp_path).close()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda w: w.add_blob("abc", b""), UsageError, "Expected 40 hex digits but got blob_id='abc'"),
        (lambda w: w.add_blob("z" * 40, b""), UsageError, "Expected 40 hex digits"),
        (lambda w: w.add_location("0" * 40, source="nowhere", repository="r", revision="1", path="p"), UsageError,
         "source='nowhere'"),
        (lambda w: w.add_locations([], source="x", repository="r", revisions=[], paths=[], committed_at=[], urls=[]),
         UsageError, "source='x'"),
    ],
)
def test_what_is_wrong_is_refused_when_it_is_given(tmp_path: Path, call: object, error: type, message: str) -> None:
    with CorpusWriter(tmp_path) as writer, pytest.raises(error, match=message):
        call(writer)


def test_folders_that_hold_something_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(CorpusError, match="holds 'letter.txt'"):
        CorpusWriter(tmp_path)
    with pytest.raises(CorpusError, match="found a file"):
        CorpusWriter(tmp_path / "letter.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]
