"""Warm content: the second question about a corpus does not read it, and never sees one that has changed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from workbench.corpora.reader import Corpus, Shard, read_batches
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.lab import scanning, warm
from workbench.lab.room import Room
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


def test_of_two_who_read_a_shard_at_once_one_keeps_it(shard: Shard) -> None:
    size = sum(b.nbytes for b in read_batches(shard, batch_bytes=2_000))
    warm, reading = WarmContent(2 * size), Reading(shard)
    both = warm.batches(shard, reading), warm.batches(shard, reading)
    for pair in zip(*both, strict=True):
        assert pair[0] == pair[1]
    assert reading.times == 2 and list(warm.batches(shard, reading)) and reading.times == 2
    assert f"1 shards, {size:,} bytes" in repr(warm), "what the other had reserved is free again"


class Shrinking(Room):
    """Memory that others take meanwhile."""

    def __init__(self, *left: int) -> None:
        super().__init__("/nowhere")
        self.left = list(left)

    def free_bytes(self) -> int:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.mark.parametrize(("left", "times"), [((1 << 40,), 1), ((0,), 2), ((1 << 40, 0), 2), ((0, 1 << 40), 1)])
def test_room_is_measured_while_content_is_read(
    shard: Shard, left: tuple[int, ...], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when a session was opened, hours ago."""
    monkeypatch.setattr(warm, "_MEASURED_BYTES", 1_000)
    content, reading = WarmContent(room=Shrinking(*left)), Reading(shard)
    assert list(content.batches(shard, reading)) == list(content.batches(shard, reading))
    assert reading.times == times


def test_sessions_on_one_corpus_share_its_content(tmp_path: Path, shard: Shard, rules: Path) -> None:
    from workbench.lab import Session

    first, again = Session(tmp_path / "corpus", rules=rules), Session(tmp_path / "corpus" / ".", rules=rules)
    assert first._warm is again._warm
    with CorpusWriter(tmp_path / "corpus", made="test") as writer:
        writer.add_blob(blob_id_of(b"more"), b"more")
    grown = Session(tmp_path / "corpus", rules=rules)
    assert grown._warm is not first._warm


def test_a_session_that_nobody_holds_is_gone_at_once_with_its_content(tmp_path: Path, shard: Shard, rules: Path) -> None:
    """The collector of cycles knows nothing of the gigabytes that Arrow has, and may come late or never."""
    from workbench.lab import Session

    gc.collect()
    gc.disable()
    try:
        session = Session(tmp_path / "corpus", rules=rules)
        session.scan()
        session.dry_run("acme_token")
        session.edit("acme_token", min_entropy=1)
        session.compare()
        session.sweep("acme_pair")
        known = weakref.ref(session), weakref.ref(session._warm)
        del session
        assert [r() for r in known] == [None, None]
    finally:
        gc.enable()
