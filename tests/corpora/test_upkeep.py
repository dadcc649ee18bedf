"""Verify, compact, describe and sample: what people do with a corpus that stands."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import shared
from tests.corpora.made import blobs_table, corpus_of_files, write
from workbench.corpora import journal
from workbench.corpora.compact import compact
from workbench.corpora.describe import describe
from workbench.corpora.manifest import Manifest
from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.sample import sample, share_out
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.errors import CorpusError, UsageError
from workbench.schemas import LOCATIONS


def rows(folder: Path) -> tuple[dict[str, bytes], list[dict]]:
    corpus = Corpus.open(folder)
    blobs = {i: c for s in corpus.shards() for b in read_batches(s)
             for i, c in zip(b["blob_id"].to_pylist(), b["content"].to_pylist(), strict=True)}
    return blobs, corpus.locations().to_pylist()


def problems(folder: Path) -> list[str]:
    return [str(p) for p in verify(folder).problems]


# verify


def test_a_whole_corpus_has_no_problem(tmp_path: Path) -> None:
    write(tmp_path, [b"a", b"b" * 1000])
    told: list[tuple[int, int]] = []
    report = verify(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert (report.files, report.blobs, report.locations, report.content_bytes) == (2, 2, 2, 1001)
    assert report.problems == () and told[-1][0] == told[-1][1]


def test_real_corpora_have_no_problem() -> None:
    assert problems(shared("corpora", "commits-small")) == []


def _rewrite(folder: Path, change: object, path: str = "blobs/x.parquet") -> None:
    full = folder / path
    pq.write_table(change(pq.read_table(full)), full)


def _manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("blobs", "message"),
    [
        (blobs_table([b"a", b"b"]).set_column(0, "blob_id", pa.array([blob_id_of(b"a"), blob_id_of(b"x")])),
         "blobs/x.parquet: a blob_id that is not the content's in row 1"),
        (blobs_table([b"a", b"b"]).set_column(1, "size", pa.array([1, 7])),
         "blobs/x.parquet: a size that is not the content's in row 1"),
        (blobs_table([b"a", b"a", b"a", b"a", b"a"]),
         "blobs/x.parquet: a blob that stood in an earlier row in rows 1, 2, 3 and 1 more"),
        (blobs_table([b"a", None]), "blobs/x.parquet: a null in row 1"),
    ],
)
def test_rows_that_are_wrong_are_named(tmp_path: Path, blobs: pa.Table, message: str) -> None:
    folder = corpus_of_files(tmp_path / "c", {"blobs/x.parquet": blobs})
    assert message in problems(folder)


def test_locations_that_are_wrong_are_counted(tmp_path: Path) -> None:
    row = {"source": "content", "repository": "r", "revision": "1", "path": "p", "committed_at": None, "url": ""}
    table = pa.Table.from_pylist(
        [{**row, "blob_id": blob_id_of(b"a")}, {**row, "blob_id": "f" * 40}, {**row, "blob_id": "no id"},
         {**row, "blob_id": blob_id_of(b"a"), "source": "nowhere"}], schema=LOCATIONS)
    folder = corpus_of_files(tmp_path / "c", {"blobs/x.parquet": blobs_table([b"a"]), "locations/x.parquet": table})
    found = problems(folder)
    assert found[0] == "locations/x.parquet: 2 locations are of blobs that the corpus does not have"
    assert found[1].startswith("locations/x.parquet: 1 locations have a source that is none of content,")


def test_everything_wrong_is_found_in_one_run(tmp_path: Path) -> None:
    tables = {f"blobs/{name}.parquet": blobs_table([name.encode() * 2000]) for name in ("a", "b", "c", "d")}
    folder = corpus_of_files(tmp_path / "c", tables, compression="none", use_dictionary=False,
                             write_statistics=False)
    _manifest(folder, blobs=9)
    changed = bytearray((folder / "blobs/a.parquet").read_bytes())
    changed[changed.index(b"a" * 500) + 250] ^= 1  # a bit of the content
    (folder / "blobs/a.parquet").write_bytes(changed)
    (folder / "blobs/b.parquet").unlink()
    (folder / "blobs/c.parquet").write_bytes(b"PAR1")
    (folder / "blobs/stray.parquet").write_bytes(b"")
    found = problems(folder)
    assert [f.split(":")[0] for f in found] == [
        "blobs/a.parquet", "blobs/a.parquet", "blobs/b.parquet", "blobs/c.parquet", "blobs/c.parquet", "manifest.json",
        "manifest.json",
    ]
    assert "SHA-256" in found[0] and "blob_id that is not the content's" in found[1] and "missing" in found[2]
    assert "Expected blobs=9 but got 2" in found[5]
    assert verify(folder).strays == ("blobs/stray.parquet",)
    with pytest.raises(CorpusError, match="no manifest"):
        verify(tmp_path)


# compact


def test_small_files_become_one_and_rows_stay(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, [b"blob %d" % number, b"shared"], repository=f"o/{number}")
    before = rows(tmp_path)
    report = compact(tmp_path)
    assert (report.files_before, report.files_after, report.rewritten, report.dropped) == (10, 2, 10, 0)
    assert rows(tmp_path) == before
    assert problems(tmp_path) == []
    assert sorted(p.name for p in tmp_path.rglob("*.parquet")) == ["part-00005.parquet"] * 2
    assert compact(tmp_path).rewritten == 0  # done is done
    write(tmp_path, [b"later"])
    assert len(rows(tmp_path)[0]) == 7


def test_foreign_files_become_as_the_writer_makes_them(tmp_path: Path) -> None:
    blobs = [b"text %d\n" % n * 20 for n in range(300)]
    row = {"source": "content", "repository": "r", "revision": "1", "path": "docs/p", "committed_at": None, "url": ""}
    locations = pa.Table.from_pylist([{**row, "blob_id": blob_id_of(c)} for c in blobs], schema=LOCATIONS)
    folder = corpus_of_files(
        tmp_path / "c", {"blobs/x.parquet": blobs_table([*blobs, blobs[0], None]), "locations/x.parquet": locations},
        compression="zstd", row_group_size=10,
    )
    report = compact(folder)
    assert (report.files_after, report.dropped) == (2, 2)  # a blob that stood twice, and a null
    assert problems(folder) == []
    corpus = Corpus.open(folder)
    footer = pq.read_metadata(corpus.blob_files[0])
    assert (footer.num_row_groups, footer.row_group(0).column(2).compression) == (1, "LZ4")
    assert "path_class" in pq.read_schema(corpus.location_files[0]).names
    assert corpus.manifest.skipped == {"null_content": 1}
    assert rows(folder)[0] == {blob_id_of(c): c for c in blobs}


def test_a_compaction_that_fails_leaves_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [b"a"])
    write(tmp_path, [b"b"])
    before = rows(tmp_path)

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    for what, where in (("save", Manifest), ("sync_folder", journal)):
        monkeypatch.setattr(where, what, full)
        with pytest.raises(CorpusError, match="cannot be written: no space"):
            compact(tmp_path)
        monkeypatch.undo()
        assert rows(tmp_path) == before
    assert compact(tmp_path).files_after == 2
    assert rows(tmp_path) == before and problems(tmp_path) == [] and verify(tmp_path).strays == ()


def test_compacting_waits_for_no_writer(tmp_path: Path) -> None:
    write(tmp_path, [b"a"])
    with CorpusWriter(tmp_path), pytest.raises(CorpusError, match="is writing to it"):
        compact(tmp_path)
    with pytest.raises(CorpusError, match="found nothing there"):
        compact(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


# describe


def test_a_description_counts_each_thing_once(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path, name="mine", made="by a test") as writer:
        for content, places in (
            (b"a" * 10, [("o/r", "src/a.py"), ("o/s", "src/a.py"), ("o/s", "tests/test_a.py")]),
            (b"b" * 300, [("o/r", "Dockerfile")]),
            (b"c" * 20, [("o/r", "LICENSE"), ("o/r", "weird.zzz")]),
            (b"lonely", []),
        ):
            writer.add_blob(blob_id_of(content), content)
            for repository, path in places:
                writer.add_location(blob_id_of(content), source="content", repository=repository, revision="1",
                                    path=path)
        writer.skip("binary", 4)
    found = describe(tmp_path, largest=2)
    assert (found.name, found.made, found.content_bytes, found.repositories) == ("mine", "by a test", 336, 2)
    assert (found.blobs.rows, found.locations.rows, found.blobs_without_location) == (4, 6, 1)
    assert found.blobs.codecs == ("LZ4",) and found.compression is not None
    assert [(s.name, s.blobs, s.locations, s.content_bytes) for s in found.sources] == [("content", 3, 6, 330)]
    assert {(s.name, s.blobs, s.content_bytes) for s in found.languages} == {
        ("Docker", 1, 300), ("Python", 1, 10), ("no extension", 1, 20), ("other", 1, 20),
    }
    assert {(s.name, s.blobs, s.locations) for s in found.path_classes} == {
        ("source", 2, 3), ("test", 1, 1), ("config", 1, 1), ("docs", 1, 1),
    }
    assert [(b.size, b.path) for b in found.largest] == [(300, "Dockerfile"), (20, "LICENSE")]
    assert found.skipped == {"binary": 4}


def test_an_empty_corpus_can_be_described(tmp_path: Path) -> None:
    write(tmp_path, [])
    found = describe(tmp_path)
    assert (found.blobs.rows, found.compression, found.largest, found.languages) == (0, None, (), ())


# sample


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """400 generated files of one repository, 4 configuration files, and one file of another repository."""
    rng = random.Random(3)
    write(tmp_path / "uneven", [rng.randbytes(30) for _ in range(400)], path="dist/x.js")
    write(tmp_path / "uneven", [rng.randbytes(30) for _ in range(4)], path="config/x.yml")
    write(tmp_path / "uneven", [b"the one"], repository="o/small")
    return tmp_path / "uneven"


def test_a_sample_has_every_stratum_and_says_what_it_is(uneven: Path, tmp_path: Path) -> None:
    manifest = sample(uneven, tmp_path / "s", blobs=20, seed=1)
    assert manifest.blobs == 20 and problems(tmp_path / "s") == []
    strata = {(s["repository"], s["path_class"]): (s["blobs"], s["drawn"]) for s in manifest.extra["sample"]["strata"]}
    assert strata == {("o/r", "generated"): (400, 17), ("o/r", "config"): (4, 2), ("o/small", "source"): (1, 1)}
    blobs, locations = rows(tmp_path / "s")
    assert b"the one" in blobs.values() and {r["blob_id"] for r in locations} == set(blobs)
    assert manifest.made == "20 of 405 blobs of uneven, drawn by repository and path class, seed=1"


def test_the_same_seed_draws_the_same(uneven: Path, tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate((7, 7, 8)):
        sample(uneven, tmp_path / f"s{number}", blobs=50, seed=seed)
        drawn.append(set(rows(tmp_path / f"s{number}")[0]))
    assert drawn[0] == drawn[1] != drawn[2]
    # However the rows stand in files.
    compact(uneven)
    sample(uneven, tmp_path / "again", blobs=50, seed=7)
    assert set(rows(tmp_path / "again")[0]) == drawn[0]


def test_a_sample_of_more_than_there_is_is_all_of_it(uneven: Path, tmp_path: Path) -> None:
    assert sample(uneven, tmp_path / "s", blobs=1000).blobs == 405
    with pytest.raises(UsageError, match="holds a corpus"):
        sample(uneven, tmp_path / "s", blobs=10)
    with pytest.raises(UsageError, match="at least 1"):
        sample(uneven, tmp_path / "t", blobs=0)
    shutil.rmtree(uneven)
    with pytest.raises(CorpusError):
        sample(uneven, tmp_path / "t", blobs=1)


@settings(deadline=None)  # machines may be busy
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), st.integers(1, 5000))
def test_shares_add_up_and_no_one_gives_more_than_it_has(sizes: list[int], total: int) -> None:
    quotas = share_out(np.array(sizes), total)
    assert quotas.sum() == min(total, sum(sizes))
    assert (quotas <= sizes).all() and (quotas >= 0).all()
    if total >= len(sizes):
        assert quotas.min() == 1 or (quotas >= 1).all()
    else:
        assert quotas.max() == 1
