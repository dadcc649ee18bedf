"""Warm content: the second question about a corpus does not read it, and never sees one that has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from workbench.corpora.reader import Corpus, Shard, read_batches
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.lab import scanning
from workbench.lab import warm
from workbench.lab.warm import WarmContent


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    with CorpusWriter(tmp_path / "corpus", made="test") as writer:
        for k in range(50):
            content = b"%d " % k * 100
            writer.add_blob(blob_id_of(content), content)
    (only,) = Corpus.open(tmp_path / "corpus").shards()
    return only


class Reading:
    """Reads a shard, and counts how often it was asked to."""

    def __init__(self, shard: Shard) -> None:
        self.shard, self.times = shard, 0

    def __call__(self) -> Iterator[pa.RecordBatch]:
        self.times += 1
        return read_batches(self.shard, batch_bytes=2_000)


def test_what_was_read_to_its_end_is_not_read_again(shard: Shard) -> None:
    warm, reading = WarmContent(1 << 20), Reading(shard)
    first, second = (list(warm.batches(shard, reading)) for _ in range(2))
    assert first == second and reading.times == 1


def test_what_was_left_half_way_is_read_again_and_takes_no_room(shard: Shard) -> None:
    size = sum(b.nbytes for b in read_batches(shard, batch_bytes=2_000))
    warm, reading = WarmContent(size), Reading(shard)
    half = warm.batches(shard, reading)
    next(half)
    half.close()
    for _ in range(2):
        assert len(list(warm.batches(shard, reading))) > 1
    assert reading.times == 2


def test_a_shard_that_does_not_fit_is_read_every_time(shard: Shard) -> None:
    warm, reading = WarmContent(1_000), Reading(shard)
    assert list(warm.batches(shard, reading)) == list(warm.batches(shard, reading)) and reading.times == 2


def test_a_file_that_changed_is_read_again(shard: Shard) -> None:
    warm, reading = WarmContent(1 << 20), Reading(shard)
    list(warm.batches(shard, reading))
    file = Path(shard.path)
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data)
    list(warm.batches(shard, reading))
    assert reading.times == 2


def test_a_session_reads_a_corpus_once_whatever_is_edited(tmp_path: Path, shard: Shard, monkeypatch: pytest.MonkeyPatch,
                                                          rules: Path) -> None:
    from workbench.lab import Session

    read = []

    def counted(shard: Shard, **how: object) -> Iterator[pa.RecordBatch]:
        read.append(shard.shard_id)
        return read_batches(shard, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(scanning, "read_batches", counted)
    session = Session(tmp_path / "corpus", rules=rules)
    first = session.dry_run("acme_token")
    session.edit("acme_token", pattern="acmf_[A-Za-z0-9]{36}")
    again = session.dry_run("acme_token")
    assert len(read) == 1 and first.scan.blobs == again.scan.blobs == 50 and not again.scan.from_kept


@pytest.mark.parametrize(("most", "now", "kept"), [("4000", "1000", 750), ("4000", "9000", 0), ("max", "9000", None)])
def test_a_container_s_limit_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, now: str,
                                     kept: int | None) -> None:
    monkeypatch.setattr(warm, "_GROUP", tmp_path)
    without = warm.room()
    (tmp_path / "memory.max").write_text(f"{most}\n")
    (tmp_path / "memory.current").write_text(f"{now}\n")
    if kept is None:  # no limit: as where there is no group; free memory changes while the test runs
        assert warm.room() > without // 2
    else:
        assert warm.room() == kept
