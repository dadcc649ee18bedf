"""Reading a corpus: every row once, whoever wrote the file, and a clear word about what cannot be read."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import shared
from tests.corpora.made import blobs_table, corpus_of_files, write
from workbench.corpora.describe import describe
from workbench.corpora.reader import Corpus, read_batches, rows_a_batch
from workbench.corpora.writer import blob_id_of
from workbench.errors import CorpusError, ShardError, UsageError
from workbench.schemas import BLOBS, LOCATIONS


def read(corpus: Corpus, **options: object) -> list[pa.RecordBatch]:
    return [batch for shard in corpus.shards() for batch in read_batches(shard, **options)]


def contents(batches: list[pa.RecordBatch]) -> list[bytes | None]:
    return [c for batch in batches for c in batch.column("content").to_pylist()]


@pytest.fixture
def many(tmp_path: Path) -> tuple[Corpus, list[bytes]]:
    """A corpus of three files and eleven row groups."""
    rng = random.Random(2)
    blobs = [rng.randbytes(rng.randrange(4000)) for _ in range(530)]
    write(tmp_path / "many", blobs, row_group_bytes=100_000, file_bytes=400_000)
    return Corpus.open(tmp_path / "many"), blobs


@pytest.mark.parametrize("shard_bytes", [1, 150_000, 300_000, 1 << 30])
def test_shards_hold_every_row_once(many: tuple[Corpus, list[bytes]], shard_bytes: int) -> None:
    corpus, blobs = many
    shards = corpus.shards(shard_bytes)
    assert [c for s in shards for b in read_batches(s) for c in b.column("content").to_pylist()] == blobs
    assert sum(s.rows for s in shards) == len(blobs)
    assert sum(s.content_bytes for s in shards) == pytest.approx(corpus.manifest.content_bytes, rel=0.01)
    assert len({s.shard_id for s in shards}) == len(shards)
    assert max(s.content_bytes for s in shards) < max(shard_bytes, 100_000) * 1.6


def test_a_shards_id_names_content_and_not_a_path(many: tuple[Corpus, list[bytes]], tmp_path: Path) -> None:
    corpus, _ = many
    moved = corpus.folder.rename(tmp_path / "moved")
    ids = [s.shard_id for s in corpus.shards(150_000)]
    assert [s.shard_id for s in Corpus.open(moved).shards(150_000)] == ids
    first = corpus.manifest.blob_files[0].sha256[:16]
    assert ids[0].startswith(f"{first}:0-")
    # Adding to a corpus leaves the old shards what they were.
    write(moved, [b"one more"])
    assert [s.shard_id for s in Corpus.open(moved).shards(150_000)][: len(ids)] == ids


@pytest.mark.parametrize("batch_bytes", [1, 5_000, 70_000, 1 << 26])
def test_batches_have_one_shape_at_any_size(many: tuple[Corpus, list[bytes]], batch_bytes: int) -> None:
    corpus, blobs = many
    batches = read(corpus, batch_bytes=batch_bytes)
    assert contents(batches) == blobs
    assert {b.schema for b in batches} == {BLOBS}
    assert [i for b in batches for i in b.column("blob_id").to_pylist()] == [blob_id_of(c) for c in blobs]


def test_some_columns_cost_only_themselves(many: tuple[Corpus, list[bytes]]) -> None:
    corpus, blobs = many
    batches = read(corpus, columns=["size"])
    assert [s for b in batches for s in b.column(0).to_pylist()] == [len(c) for c in blobs]
    assert batches[0].schema.names == ["size"]
    with pytest.raises(UsageError, match="Expected columns of"):
        read(corpus, columns=["contents"])


@pytest.mark.parametrize(
    ("content_type", "options"),
    [
        (pa.binary(), {"compression": "snappy"}),
        (pa.large_binary(), {"compression": "gzip", "row_group_size": 7}),
        (pa.string(), {"compression": "zstd"}),
        (pa.large_string(), {"compression": "none"}),
        (pa.dictionary(pa.int32(), pa.binary()), {}),
        (pa.binary_view(), {}),
        (pa.binary(), {"use_dictionary": True, "data_page_version": "2.0"}),
        (pa.binary(), {"use_dictionary": False, "column_encoding": {"content": "DELTA_LENGTH_BYTE_ARRAY"}}),
        (pa.binary(), {"store_schema": False}),  # no word of Arrow in it, as from other programs
    ],
    ids=str,
)
def test_files_of_other_programs(tmp_path: Path, content_type: pa.DataType, options: dict) -> None:
    blobs = [b"text %d\n" % n * n for n in range(40)]
    table = blobs_table(blobs, content_type)
    table = table.set_column(1, "size", table["size"].cast(pa.int32()))
    table = table.set_column(0, "blob_id", table["blob_id"].cast(pa.large_string()))
    corpus = Corpus.open(corpus_of_files(tmp_path / "c", {"blobs/x.parquet": table}, **options))
    for batch_bytes in (500, 1 << 26):
        batches = read(corpus, batch_bytes=batch_bytes)
        assert contents(batches) == blobs
        assert {b.schema for b in batches} == {BLOBS}
    assert corpus.shards()[0].content_bytes == pytest.approx(sum(map(len, blobs)), abs=300)
    assert corpus.blob(blob_id_of(blobs[39])) == blobs[39]


def test_a_null_content_is_passed_on(tmp_path: Path) -> None:
    table = blobs_table([b"a", None, b"c"])
    (batch,) = read(Corpus.open(corpus_of_files(tmp_path / "c", {"blobs/x.parquet": table})))
    assert batch.column("content").to_pylist() == [b"a", None, b"c"]
    assert batch.schema.field("content").nullable and not batch.schema.field("blob_id").nullable


def test_an_empty_corpus_opens(tmp_path: Path) -> None:
    write(tmp_path / "none", [])
    corpus = Corpus.open(tmp_path / "none")
    assert corpus.shards() == [] and corpus.locations().num_rows == 0
    assert corpus.locations().schema.names == [*LOCATIONS.names, "path_class"]
    with pytest.raises(CorpusError, match="no blob"):
        corpus.blob("0" * 40)
    # A file without rows, as other programs write one.
    corpus = Corpus.open(corpus_of_files(tmp_path / "c", {"blobs/x.parquet": blobs_table([])}))
    assert read(corpus) == []


def test_one_blob(many: tuple[Corpus, list[bytes]]) -> None:
    corpus, blobs = many
    for content in (blobs[0], blobs[250], blobs[-1]):
        assert corpus.blob(blob_id_of(content)) == content
    with pytest.raises(CorpusError, match=f"no blob {'0' * 40}"):
        corpus.blob("0" * 40)
    for wrong in ("", "0" * 39, "Z" * 40, "A" * 40):
        with pytest.raises(UsageError, match="40 lower-case hex digits"):
            corpus.blob(wrong)


def test_one_blob_where_others_begin_alike(tmp_path: Path) -> None:
    table = blobs_table([b"a", b"b", b"c"])
    ids = ["0" * 16 + last * 24 for last in "123"]
    table = table.set_column(0, "blob_id", pa.array(ids))
    corpus = Corpus.open(corpus_of_files(tmp_path / "c", {"blobs/x.parquet": table}))
    assert [corpus.blob(i) for i in ids] == [b"a", b"b", b"c"]
    with pytest.raises(CorpusError, match="no blob"):
        corpus.blob("0" * 16 + "4" * 24)


def test_locations_of_some_blobs_or_of_all(tmp_path: Path) -> None:
    folder = tmp_path / "c [v*]"  # as a pattern for file names it would not name itself
    one = write(folder, [b"a", b"b"], path="tests/x.py")
    two = write(folder, [b"b", b"c"], repository="o/s")
    corpus = Corpus.open(folder)
    assert describe(folder).blobs.rows == 3
    assert corpus.locations().column("blob_id").to_pylist() == [*one, *two]
    assert corpus.locations().column("path_class").to_pylist() == ["test", "test", "source", "source"]
    for some in ([one[1]], pa.array([one[1]]), pa.chunked_array([[one[1]], []], pa.string()), iter([one[1], "f" * 40])):
        found = corpus.locations(some)
        assert found.column("repository").to_pylist() == ["o/r", "o/s"]
    assert corpus.locations([]).num_rows == 0
    assert [t.num_rows for t in (corpus.locations_in(f) for f in corpus.manifest.location_files)] == [2, 2]


def test_locations_of_other_programs_get_their_types_and_class(tmp_path: Path) -> None:
    rows = pa.table({
        "url": pa.nulls(2), "committed_at": pa.nulls(2),
        "path": pa.array(["README.md", "a.c"], pa.large_string()), "revision": ["1", "2"],
        "repository": pa.array(["o/r", "o/r"]).dictionary_encode(), "source": ["content"] * 2,
        "blob_id": pa.array([blob_id_of(b"a"), blob_id_of(b"b")], pa.large_string()), "more": [1, 2],
    })
    tables = {"blobs/x.parquet": blobs_table([b"a", b"b"]), "locations/x.parquet": rows}
    found = Corpus.open(corpus_of_files(tmp_path / "c", tables)).locations([blob_id_of(b"a")])
    assert found.to_pylist() == [{
        "blob_id": blob_id_of(b"a"), "source": "content", "repository": "o/r", "revision": "1", "path": "README.md",
        "committed_at": None, "url": None, "path_class": "docs",
    }]
    assert found.schema.types[: len(LOCATIONS)] == LOCATIONS.types


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _garble_footer(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-900] + bytes(892) + data[-8:])


def _other_rows(path: Path) -> None:
    data = path.read_bytes()
    pq.write_table(blobs_table([b"one"]), path)
    path.write_bytes(path.read_bytes().ljust(len(data), b"\0")[: len(data)])


@pytest.mark.parametrize(
    ("damage", "message"),
    [(_cut, r"Expected \d+ bytes but got"), (_garble_footer, "not a whole Parquet file"),
     (_other_rows, "not a whole Parquet file"), (Path.unlink, "listed files missing")],
)
@pytest.mark.parametrize("which", ["blobs", "locations"])
def test_opening_refuses_a_file_that_is_not_whole(tmp_path: Path, damage: Callable, message: str, which: str) -> None:
    write(tmp_path, [bytes([n]) * 300 for n in range(100)])
    path = next((tmp_path / which).glob("*.parquet"))
    damage(path)
    with pytest.raises(CorpusError, match=message) as caught:
        Corpus.open(tmp_path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (lambda: blobs_table([b"a"]).drop_columns("size"), "Expected a column size but got blob_id, content"),
        (lambda: blobs_table([b"a"]).drop_columns("content"), "Expected a column content"),
        (lambda: blobs_table([b"a"]).rename_columns(["id", "size", "content"]), "Expected a column blob_id"),
        (lambda: blobs_table([b"a"]).set_column(1, "size", pa.array(["1"])), "size of type int64 but got string"),
        (lambda: blobs_table([b"a"]).set_column(2, "content", pa.array([1])), "column content of type large_binary"),
        (lambda: blobs_table([b"a"]).set_column(0, "blob_id", pa.array([b"a"])), "column blob_id of type string"),
    ],
)
def test_opening_refuses_other_shapes(tmp_path: Path, table: Callable[[], pa.Table], message: str) -> None:
    corpus_of_files(tmp_path / "c", {"blobs/x.parquet": table()})
    with pytest.raises(CorpusError, match=message):
        Corpus.open(tmp_path / "c")


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("compression", ["lz4", "zstd", "snappy"])
def test_damaged_pages_name_the_shard_or_read_as_they_are(tmp_path: Path, at: float, compression: str) -> None:
    blobs = [b"%d words of text\n" % n * 50 for n in range(600)]
    table = blobs_table(blobs)
    folder = corpus_of_files(tmp_path / "c", {"blobs/x.parquet": table}, compression=compression, row_group_size=200)
    corpus = Corpus.open(folder)
    path = corpus.blob_files[0]
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + 400] = bytes(400)
    path.write_bytes(data)
    for shard in corpus.shards(1):
        try:
            rows = sum(b.num_rows for b in read_batches(shard, batch_bytes=10_000))
        except ShardError as error:
            assert error.shard_id == shard.shard_id and str(path) in str(error) and error.exit_code == 3
        else:
            assert rows == shard.rows


def test_a_file_that_changed_since_it_was_opened(tmp_path: Path) -> None:
    write(tmp_path, [b"a" * 100])
    (shard,) = Corpus.open(tmp_path).shards()
    Path(shard.path).write_bytes(b"short")
    with pytest.raises(ShardError, match=r"the file is 5 bytes long, expected \d+"):
        list(read_batches(shard))
    Path(shard.path).unlink()
    with pytest.raises(ShardError, match="No such file"):
        list(read_batches(shard))


def test_a_row_group_far_larger_than_a_batch_is_streamed(tmp_path: Path) -> None:
    blobs = [bytes([n % 256]) * (1 << 20) for n in range(96)]
    folder = corpus_of_files(tmp_path / "c", {"blobs/x.parquet": blobs_table(blobs)}, compression="lz4",
                             use_dictionary=False, write_batch_size=2)
    (shard,) = Corpus.open(folder).shards()
    held = [pa.total_allocated_bytes() for _ in read_batches(shard, batch_bytes=4 << 20)]
    assert len(held) == 24 and max(held) < 24 << 20


@settings(deadline=None)  # machines may be busy
@given(st.lists(st.integers(0, 1 << 28), min_size=1, max_size=200), st.integers(1, 1 << 27))
def testrows_a_batch_bound_every_batch(sizes: list[int], batch_bytes: int) -> None:
    rows = rows_a_batch(pa.chunked_array([sizes]), batch_bytes)
    largest = max(sum(sizes[at : at + rows]) for at in range(0, len(sizes), rows))
    assert rows == 1 or largest <= max(batch_bytes, 64 << 20, int(1.25 * max(sizes)))
    assert rows & (rows - 1) == 0


def test_real_corpora_read_whole() -> None:
    corpus = Corpus.open(shared("corpora", "commits-small"))
    batches = read(corpus)
    assert sum(b.num_rows for b in batches) == corpus.manifest.blobs
    assert sum(len(c) for c in contents(batches)) == corpus.manifest.content_bytes
    assert corpus.locations().num_rows == corpus.manifest.locations
