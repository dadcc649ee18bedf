"""Content read in place: the values that Arrow's reader gives, whatever wrote the file, and no value out of damage."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora.made import blobs_table, corpus_of_files, write
from workbench.content import content_bytes, pieces, viewed
from workbench.corpora.reader import Corpus, read_batches
from workbench.errors import ShardError
from workbench.schemas import BLOBS

CONTENTS = st.lists(st.one_of(st.binary(max_size=14), st.binary(min_size=200, max_size=400)), min_size=1, max_size=40)


def in_place(corpus: Corpus, columns: tuple[str, ...] = tuple(BLOBS.names)) -> list[pa.RecordBatch]:
    return [b for shard in corpus.shards() for b in read_batches(shard, in_place=True, columns=columns)]


def by_pieces(content: pa.Array) -> dict[int, bytes]:
    """The values as a scan sees them: by row, without empty ones."""
    return {int(row): bytes(p.values[start:stop]) for p in pieces(content)
            for row, start, stop in zip(p.rows, p.starts, p.stops, strict=True) if stop > start}


def same(batches: list[pa.RecordBatch], blobs: list[bytes | None]) -> None:
    assert [c for b in batches for c in b.column("content").to_pylist()] == blobs
    seen, first = {}, 0
    for batch in batches:
        batch.validate(full=True)
        seen |= {first + row: value for row, value in by_pieces(batch.column("content")).items()}
        assert content_bytes(batch.column("content")) == sum(map(len, by_pieces(batch.column("content")).values()))
        first += batch.num_rows
    assert seen == {k: b for k, b in enumerate(blobs) if b}


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd", "snappy", "gzip"])
@pytest.mark.parametrize("options", [
    {}, {"data_page_version": "2.0"}, {"use_dictionary": True}, {"write_page_checksum": True},
    {"column_encoding": {"content": "DELTA_BYTE_ARRAY"}, "use_dictionary": False}, {"store_schema": False},
], ids=["plain", "second version", "dictionary", "checksums", "deltas", "no schema"])
def test_any_writer_s_pages_read_the_same(tmp_path: Path, compression: str, options: dict) -> None:
    rng = random.Random(1)
    blobs = [rng.randbytes(rng.choice([0, 3, 12, 13, 700, 9000])) for _ in range(300)]
    usual = {"use_dictionary": False, "write_batch_size": 10, "data_page_size": 20_000, "row_group_size": 100}
    tables, options = {"blobs/x.parquet": blobs_table(blobs)}, usual | options
    folder = corpus_of_files(tmp_path / "c", tables, compression=compression, **options)
    batches = in_place(Corpus.open(folder))
    same(batches, blobs)
    is_plain = not options.keys() & {"data_page_version", "column_encoding"} and not options["use_dictionary"]
    assert all((b.schema.field("content").type == pa.binary_view()) == is_plain for b in batches)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), min_size=1, max_size=60), st.integers(1, 30),
       st.sampled_from(["right", "wrong", "null"]))
def test_nulls_and_wrong_sizes_change_no_value(tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes | None],
                                               rows: int, said: str) -> None:
    sizes = [None if said == "null" else len(b or b"") + (said == "wrong") for b in blobs]
    ids = [f"{k:040x}" for k in range(len(blobs))]
    table = pa.table({"blob_id": ids, "size": pa.array(sizes, pa.int64()),
                      "content": pa.array(blobs, pa.large_binary())})
    folder = corpus_of_files(tmp_path_factory.mktemp("c") / "c", {"blobs/x.parquet": table}, compression="lz4",
                             use_dictionary=False, write_batch_size=rows, data_page_size=1)
    batches = in_place(Corpus.open(folder))
    same(batches, blobs)
    assert all(b.schema.field("content").type == pa.binary_view() for b in batches)


@pytest.mark.parametrize("nulls", [0, 1, 3, 700])
def test_long_runs_of_values_and_nulls(tmp_path: Path, nulls: int) -> None:
    """Runs longer than a byte counts."""
    blobs: list[bytes | None] = [b"%d" % k for k in range(5000)]
    blobs[2000 : 2000 + nulls] = [None] * nulls
    ids = [f"{k:040x}" for k in range(len(blobs))]
    table = pa.table({"blob_id": ids, "size": [len(b or b"") for b in blobs],
                      "content": pa.array(blobs, pa.large_binary())})
    folder = corpus_of_files(tmp_path / "c", {"blobs/x.parquet": table}, compression="zstd", use_dictionary=False)
    batches = in_place(Corpus.open(folder))
    same(batches, blobs)
    assert all(b.schema.field("content").type == pa.binary_view() for b in batches)


def test_columns_and_order_are_those_asked_for(tmp_path: Path) -> None:
    blobs = [b"one" * 9, b"", b"three" * 9]
    write(tmp_path / "c", blobs)
    corpus = Corpus.open(tmp_path / "c")
    assert [b.schema.names for b in in_place(corpus, columns=("content",))] == [["content"]]
    (batch,) = in_place(corpus, columns=("size", "content", "blob_id"))
    assert batch.schema.names == ["size", "content", "blob_id"]
    assert batch.column("size").to_pylist() == [27, 0, 45] and batch.column("content").to_pylist() == blobs


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("seed", range(40))
def test_damage_is_told_or_does_not_show(tmp_path: Path, compression: str, seed: int) -> None:
    """A flipped byte in a page is either refused with the shard's name, or the rows are as many as before."""
    rng = random.Random(seed)
    blobs = [b"%d words of text\n" % n * rng.randrange(60) for n in range(300)]
    folder = corpus_of_files(tmp_path / "c", {"blobs/x.parquet": blobs_table(blobs)}, compression=compression,
                             use_dictionary=False, write_batch_size=8, data_page_size=4000, row_group_size=150)
    corpus = Corpus.open(folder)
    path = corpus.blob_files[0]
    column = pq.ParquetFile(path).metadata.row_group(0).column(2)
    data = bytearray(path.read_bytes())
    # Mostly the first bytes, where the header of a page stands and the lengths of its values.
    at = column.data_page_offset + rng.randrange(rng.choice([40, 400, column.total_compressed_size]))
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    for shard in corpus.shards(1):
        try:
            batches = list(read_batches(shard, in_place=True))
        except ShardError as error:
            assert error.shard_id == shard.shard_id and str(path) in str(error)
        else:
            assert sum(b.num_rows for b in batches) == shard.rows
            for batch in batches:
                batch.validate(full=True)


def test_a_page_that_says_it_is_larger_than_its_column_is_not_made_room_for(tmp_path: Path) -> None:
    folder = corpus_of_files(tmp_path / "c", {"blobs/x.parquet": blobs_table([b"x" * 5000])}, compression="lz4",
                             use_dictionary=False)
    corpus = Corpus.open(folder)
    path = corpus.blob_files[0]
    at = pq.ParquetFile(path).metadata.row_group(0).column(2).data_page_offset
    data = bytearray(path.read_bytes())
    assert data[at : at + 3] == b"\x15\x00\x15" and data[at + 3] & 0x80  # a data page, and its size in two bytes
    data[at + 4] = 0x7F
    path.write_bytes(data)
    (shard,) = corpus.shards()
    with pytest.raises(ShardError, match="larger than its column"):
        list(read_batches(shard, in_place=True))


@given(CONTENTS, st.data())
def test_pieces_of_slices_and_of_shared_bytes(blobs: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(blobs)))
    last = data.draw(st.integers(first, len(blobs)))
    for kind in (pa.large_binary(), pa.binary_view()):
        content = pa.array(blobs, kind).slice(first, last - first)
        assert by_pieces(content) == {k: b for k, b in enumerate(blobs[first:last]) if b}
    buffers = [pa.py_buffer(b"".join(blobs)), pa.py_buffer(b"#" * 30)]
    spans = data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(0, 30)), max_size=9))
    spans = [(w, min(a, b), max(a, b)) for w, a, b in spans if max(a, b) <= memoryview(buffers[w]).nbytes]
    which, starts, stops = np.array(spans, np.int64).reshape(-1, 3).T
    content = viewed(buffers, which, starts, stops - starts)
    content.validate(full=True)
    expected = [memoryview(buffers[w])[a:b].tobytes() for w, a, b in spans]
    assert content.to_pylist() == expected and by_pieces(content) == {k: b for k, b in enumerate(expected) if b}


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="Expected content of type large_binary or binary_view but got string"):
        pieces(pa.array(["text"]))
    assert BLOBS.field("content").type == pa.large_binary()
