"""Other people's Parquet: whatever shape it has, its contents are the same whether copied or left where they are."""

from __future__ import annotations

import datetime
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.conftest import shared
from workbench.cli import app
from workbench.corpora.compact import compact
from workbench.corpora.describe import describe
from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.table_check import TableChecker
from workbench.corpora.table_ingest import TableReport, add_tables
from workbench.corpora.tables import TableMap, parse_map
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.errors import CorpusError, UsageError

MODES = pytest.mark.parametrize("in_place", [False, True], ids=["copied", "in place"])
TEXTS = ["one\n", "two\n", None, "three\n"]


CHECKER = TableChecker()


@pytest.fixture(scope="module", autouse=True)
def _one_checker() -> Iterator[None]:
    """Starting a checker takes longer than most of these tests."""
    with CHECKER:
        yield


def add(folder: Path, *files: Path, in_place: bool = False, **options: Any) -> TableReport:
    with CorpusWriter(folder if in_place else folder / "corpus", beside_others=in_place) as writer:
        return add_tables(writer, files, in_place=in_place, checker=CHECKER, **options)


def opened(folder: Path, in_place: bool) -> Corpus:
    return Corpus.open(folder if in_place else folder / "corpus")


def write(folder: Path, columns: dict[str, Any], *, name: str = "t.parquet", **options: Any) -> Path:
    pq.write_table(pa.table(columns), folder / name, **options)
    return folder / name


def contents(corpus: Corpus, **options: Any) -> list[bytes]:
    """Every content that a scan would read, checked against its row."""
    found = []
    for shard in corpus.shards(1):
        for batch in read_batches(shard, **options):
            for blob_id, size, content in zip(*(batch.column(n).to_pylist() for n in ("blob_id", "size", "content")),
                                              strict=True):
                assert (blob_id, size) == (blob_id_of(content), len(content))
                found.append(content)
    return found


def places(corpus: Corpus) -> list[tuple[Any, ...]]:
    """Repository, revision, path and URL of each location."""
    return [(r["repository"], r["revision"], r["path"], r["url"]) for r in corpus.locations().to_pylist()]


def of_type(values: Sequence[str | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).cast(kind.value_type).dictionary_encode()
    return pa.array(values, pa.string()).cast(kind)


KINDS = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
         pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.binary())]


@MODES
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("is_nested", [False, True], ids=["flat", "nested"])
def test_text_and_bytes_of_every_kind(tmp_path: Path, kind: pa.DataType, is_nested: bool, in_place: bool) -> None:
    values = of_type(TEXTS, kind)
    file = pa.StructArray.from_arrays([values, of_type(["a", "b", "c", "d"], kind)], ["body", "path"])
    columns = {"file": file} if is_nested else {"body": values, "path": file.field("path")}
    at = "file." if is_nested else ""
    report = add(tmp_path, write(tmp_path, columns), in_place=in_place,
                 table_map=parse_map([f"content={at}body,path={at}path"]))
    assert (report.failures, report.rows, report.blobs, report.skipped) == ((), 4, 3, {"null_content": 1})
    corpus = opened(tmp_path, in_place)
    assert contents(corpus) == [b"one\n", b"two\n", b"three\n"]
    assert [path for _, _, path, _ in places(corpus)] == ["a", "b", "d"]
    assert corpus.blob(blob_id_of(b"three\n")) == b"three\n"


SHA = "c" * 40
WEB = "https://github.com/acme/kit"
ROW: dict[str, Any] = {"content": ["x"], "repo_name": ["acme/kit"], "path": ["lib/a b.py"], "code": ["x"]}


@pytest.mark.parametrize(
    ("columns", "place"),
    [
        # The Stack, as published and with more columns than it needs.
        ({"content": ["x"], "max_stars_repo_name": ["acme/kit"], "max_stars_repo_path": ["a.py"],
          "max_stars_repo_head_hexsha": [SHA], "hexsha": ["0" * 40], "lang": ["Python"]},
         ("acme/kit", SHA, "a.py", f"{WEB}/blob/{SHA}/a.py")),
        # StarCoder's data is The Stack without revisions.
        ({"content": ["x"], "max_stars_repo_name": ["acme/kit"], "max_stars_repo_path": ["a.py"]},
         ("acme/kit", "", "a.py", "")),
        # The Stack v2 with contents fetched.
        ({"content": ["x"], "repo_name": ["acme/kit"], "path": ["/lib/a b.py"], "revision_id": [SHA], "blob_id": ["0"]},
         ("acme/kit", SHA, "lib/a b.py", f"{WEB}/blob/{SHA}/lib/a%20b.py")),
        ({"content": ["x"], "repository_name": ["acme/kit"], "path": ["a.py"], "lang": ["Python"]},
         ("acme/kit", "", "a.py", "")),
        ({"code": ["x"], "repo_name": ["acme/kit"], "path": ["a.py"], "license": ["mit"]}, ("acme/kit", "", "a.py",
                                                                                            "")),
        # BigQuery's github_repos: contents alone, with a sample's places, joined with files, and commits.
        ({"id": [SHA], "size": [1], "content": ["x"], "binary": [False], "copies": [1]}, ("t.parquet", "", "row 0",
                                                                                          "")),
        ({"id": [SHA], "content": ["x"], "binary": [False], "copies": [1], "sample_repo_name": ["acme/kit"],
          "sample_ref": ["refs/heads/main"], "sample_path": ["a.py"]},
         ("acme/kit", "refs/heads/main", "a.py", f"{WEB}/blob/refs/heads/main/a.py")),
        ({"repo_name": ["acme/kit"], "ref": [SHA], "path": ["a.py"], "content": ["x"]},
         ("acme/kit", SHA, "a.py", f"{WEB}/blob/{SHA}/a.py")),
        ({"commit": [SHA], "tree": ["0"], "parent": [["1"]], "message": ["x"], "repo_name": [["acme/kit", "fork/kit"]]},
         ("acme/kit", SHA, "row 0", f"{WEB}/commit/{SHA}")),
        # Software Heritage: revisions, and contents by their own hashes.
        ({"id": [SHA], "message": [b"x"], "directory": ["0"], "committer": [1]}, ("t.parquet", SHA, "row 0", "")),
        ({"sha1_git": [SHA], "sha256": ["0"], "data": [b"x"]}, ("t.parquet", "", SHA, "")),
        # CredData and its like.
        ({"repo": ["acme/kit"], "commit": [SHA], "path": ["a.py"], "content": [b"x"]},
         ("acme/kit", SHA, "a.py", f"{WEB}/blob/{SHA}/a.py")),
        ({"blob_id": [SHA], "size": [1], "content": [b"x"]}, ("t.parquet", "", "row 0", "")),
    ],
)
@MODES
def test_known_data_sets_need_no_map(
    tmp_path: Path, columns: dict[str, Any], place: tuple[str, ...], in_place: bool
) -> None:
    assert add(tmp_path, write(tmp_path, columns), in_place=in_place).failures == ()
    corpus = opened(tmp_path, in_place)
    assert (contents(corpus), places(corpus)) == ([b"x"], [place])


def test_a_commits_message_has_the_source_of_one(tmp_path: Path) -> None:
    add(tmp_path, write(tmp_path, {"id": [SHA], "message": [b"x"], "directory": ["0"], "committer": [1],
                                   "committer_date": [datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)]}))
    (row,) = Corpus.open(tmp_path / "corpus").locations().to_pylist()
    assert (row["source"], row["committed_at"].isoformat()) == ("commit", "2024-05-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (pa.array([1_714_521_600], pa.timestamp("s")), "2024-05-01T00:00:00+00:00"),
        (pa.array([1_714_521_600_000_000_000], pa.timestamp("ns", tz="America/Lima")), "2024-05-01T00:00:00+00:00"),
        (pa.array([datetime.date(2024, 5, 1)]), "2024-05-01T00:00:00+00:00"),
        (pa.array(["2024-05-01T02:00:00+02:00"]), "2024-05-01T00:00:00+00:00"),
        (pa.array(["2024-05-01 00:00:00 UTC"]), "2024-05-01T00:00:00+00:00"),
        # What is no time, or none that a calendar has.
        (pa.array(["yesterday"]), None),
        (pa.array([b"\xff"]), None),
        (pa.array([None], pa.string()), None),
        (pa.array([1 << 62], pa.timestamp("ms")), None),
        (pa.array([-(1 << 40)], pa.timestamp("ms")), None),
    ],
)
def test_times(tmp_path: Path, times: pa.Array, expected: str | None) -> None:
    add(tmp_path, write(tmp_path, {"t": ["x"], "when": times}), table_map=parse_map(["content=t,committed_at=when"]))
    (row,) = Corpus.open(tmp_path / "corpus").locations().to_pylist()
    assert (row["committed_at"] and row["committed_at"].isoformat()) == expected


def test_names_of_any_kind_and_what_is_no_address(tmp_path: Path) -> None:
    columns = {
        "t": ["x", "y", "z"],
        "repo": pa.array([["first", "second"], [], ["n" * 5000]]),
        "rev": pa.array([7, None, 9]),
        "path": pa.array([b"\xff.py", b"b.py", None]),
        "url": ["https://x/y", "javascript:alert(1)", None],
    }
    add(tmp_path, write(tmp_path, columns),
        table_map=parse_map(["content=t,repository=repo", "revision=rev,path=path,url=url"]))
    assert places(Corpus.open(tmp_path / "corpus")) == [
        ("first", "7", "\\xff.py", "https://x/y"), ("", "", "b.py", ""), ("", "9", "", "")]


@MODES
def test_a_corrected_map_is_not_taken_for_the_same_again(tmp_path: Path, in_place: bool) -> None:
    path = write(tmp_path, {"code": ["x"], "who": ["acme/kit"], "where": ["a.py"]})
    first = add(tmp_path, path, in_place=in_place, table_map=parse_map(["content=code"]))
    corrected = parse_map(["content=code,repository=who,path=where"])
    second = add(tmp_path, path, in_place=in_place, table_map=corrected)
    assert (first.blobs, second.files, second.blobs, second.locations) == (1, 1, 0, 1)
    assert [p[:3] for p in places(opened(tmp_path, in_place))] == [("t.parquet", "", "row 0"), ("acme/kit", "", "a.py")]
    assert add(tmp_path, path, in_place=in_place, table_map=corrected).unchanged == 1
    as_github = parse_map(["content=code,repository=who,path=where"], source="wiki_content", is_github=True)
    assert add(tmp_path, path, in_place=in_place, table_map=as_github).locations == 1
    assert verify(tmp_path if in_place else tmp_path / "corpus").problems == ()


@MODES
def test_what_does_not_count_is_counted_and_twins_are_one_blob(tmp_path: Path, in_place: bool) -> None:
    columns = {"content": [b"kept", b"nul\0", None, b"x" * 100, b"kept", b"kept"], "repo_name": ["r"] * 6,
               "path": ["a", "b", "c", "d", "e", "a"]}
    path = write(tmp_path, columns, row_group_size=2)
    report = add(tmp_path, path, in_place=in_place, max_blob_bytes=50)
    assert report.skipped == {"binary": 1, "null_content": 1, "too_large": 1}
    # The last row is the first one again, and no other place.
    assert (report.rows, report.blobs, report.locations) == (6, 1, 2)
    again = add(tmp_path, path, in_place=in_place, max_blob_bytes=50)
    assert (again.files, again.unchanged) == (0, 1)
    # A higher limit takes what was left out, and counts it no longer.
    assert add(tmp_path, path, in_place=in_place).blobs == 1
    corpus = opened(tmp_path, in_place)
    assert corpus.manifest.skipped == {"binary": 1, "null_content": 1}
    assert contents(corpus) == [b"kept", b"x" * 100]
    assert verify(corpus.folder).problems == ()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.one_of(st.none(), st.binary(max_size=20), st.integers(1, 5).map(lambda n: b"\0" * n),
                             st.integers(1, 3000).map(lambda n: b"y" * n)), max_size=60),
    group=st.integers(1, 20), is_dictionary=st.booleans(), batch_bytes=st.sampled_from([1, 500, 1 << 20]),
)
def test_left_in_place_or_copied_the_blobs_are_the_same(
    tmp_path: Path, texts: list[bytes | None], group: int, is_dictionary: bool, batch_bytes: int
) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    columns = {"content": pa.array(texts, pa.binary()), "n": range(len(texts))}
    path = write(tmp_path, columns, row_group_size=group, use_dictionary=is_dictionary)
    for in_place in (False, True):
        add(tmp_path, path, in_place=in_place, table_map=TableMap({"content": "content"}))
    copied, left = opened(tmp_path, False), opened(tmp_path, True)
    expected = list(dict.fromkeys(t for t in texts if t is not None and b"\0" not in t))
    assert contents(copied, batch_bytes=batch_bytes) == contents(left, batch_bytes=batch_bytes) == expected
    assert places(copied) == places(left)
    assert (left.manifest.blobs, left.manifest.content_bytes) == (len(expected), sum(map(len, expected)))
    assert verify(tmp_path).problems == ()
    assert describe(tmp_path).blobs.rows == len(expected)


def scanned(corpus: Corpus, rules: CompiledRules) -> list[dict[str, Any]]:
    return [
        row for shard in corpus.shards() for out in scan_batches(read_batches(shard), rules) for row in out.to_pylist()
    ]


def test_a_scan_finds_the_same_in_place(tmp_path: Path, house: CompiledRules, filled: Callable[..., Any]) -> None:
    texts = [filled("a = {acme_token:a}\n", seed).content for seed in range(3)] + [b"nothing\n"]
    path = write(
        tmp_path,
        {"code": pa.array(texts, pa.string()).cast(pa.string_view()), "repo_name": ["r"] * 4, "path": list("abcd")},
    )
    for in_place in (False, True):
        add(tmp_path, path, in_place=in_place)
    left = opened(tmp_path, True)
    assert scanned(left, house) == scanned(opened(tmp_path, False), house)
    assert len(scanned(left, house)) == 3
    # Shards are called by what is indexed, not by where it stands.
    moved = Path(shutil.copytree(tmp_path, tmp_path.with_name("moved")))
    assert [s.shard_id for s in Corpus.open(moved).shards()] == [s.shard_id for s in left.shards()]


def test_compacting_takes_the_contents_in(tmp_path: Path) -> None:
    path = write(tmp_path, {"code": ["x", "y"], "repo_name": ["r"] * 2, "path": ["a", "b"]})
    add(tmp_path, path, in_place=True)
    compact(tmp_path)
    path.unlink()
    assert contents(Corpus.open(tmp_path)) == [b"x", b"y"]
    assert verify(tmp_path).problems == ()


def test_git_and_others_may_follow_into_the_same_corpus(tmp_path: Path) -> None:
    add(tmp_path, write(tmp_path, {"code": ["x"], "repo_name": ["r"], "path": ["a"]}), in_place=True)
    with CorpusWriter(tmp_path) as writer:
        assert not writer.add_blob(blob_id_of(b"x"), b"x")
        assert writer.add_blob(blob_id_of(b"y"), b"y")
    assert contents(Corpus.open(tmp_path)) == [b"x", b"y"]


def test_a_file_that_changed_after_it_was_indexed_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, {"code": ["x"], "repo_name": ["r"], "path": ["a"]})
    add(tmp_path, path, in_place=True)
    write(tmp_path, {"code": ["x" * 500], "repo_name": ["r"], "path": ["a"]})
    with pytest.raises(CorpusError, match="the file was changed. Restore the file"):
        Corpus.open(tmp_path)
    path.unlink()
    with pytest.raises(CorpusError, match="cannot be read as it was indexed"):
        Corpus.open(tmp_path)


def test_in_place_means_inside_the_folder(tmp_path: Path) -> None:
    outside = write(tmp_path, {"code": ["x"], "repo_name": ["r"], "path": ["a"]})
    folder = tmp_path / "inside"
    folder.mkdir()
    report = add(folder, outside, in_place=True)
    assert [why.partition(": ")[2][:45] for _, why in report.failures] == [
        "Expected a file inside the corpus's folder " + str(folder)[:2]
    ]
    # A link is how it gets there.
    (folder / "link.parquet").symlink_to(outside)
    assert add(folder, folder / "link.parquet", in_place=True).blobs == 1
    assert contents(Corpus.open(folder)) == [b"x"]


@pytest.mark.parametrize("path", ["../t.parquet", "/etc/t.parquet", "a/../../t.parquet", ""])
def test_a_manifest_cannot_name_a_file_outside(tmp_path: Path, path: str) -> None:
    add(tmp_path, write(tmp_path, {"code": ["x"], "repo_name": ["r"], "path": ["a"]}), in_place=True)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["files"][0]["content_in"]["path"] = path
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CorpusError, match="Expected a file inside the corpus"):
        Corpus.open(tmp_path)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["content"], "Expected NAME=COLUMN"),
        (["content=a,content=b"], "each name once"),
        (["repository=a"], "Expected a map of content"),
        (["content=a,colour=b"], "Expected a map of content"),
        (["content="], "Expected a map of content"),
        ([], "got nothing"),
    ],
)
def test_maps_are_checked(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_map(texts)
    with pytest.raises(UsageError, match="Expected one of content, commit"):
        parse_map(["content=a"], source="elsewhere")


@pytest.mark.parametrize(
    ("mapped", "message"),
    [
        # What is not there, and what is of no use, is said with what there is.
        ("content=nothing", "Expected a column 'nothing' for content but got 'text', 'n', 's.a', 'l', 'two.dots'"),
        ("content=s.b", "Expected a column 's.b'"),
        ("content=text.a", "Expected a column 'text.a'"),
        ("content=n", "Expected text or bytes in column 'n' for content but got int64"),
        ("content=s", "Expected text or bytes in column 's'"),
        ("content=l", "Expected text or bytes in column 'l'"),
        ("content=text,repository=s", "Expected text in column 's' for repository"),
        ("content=text,committed_at=n", "Expected a time in column 'n'"),
        ("", "Expected a known data set but got the columns"),
    ],
)
def test_columns_are_checked(tmp_path: Path, mapped: str, message: str) -> None:
    columns = {"text": ["x"], "n": [1], "s": [{"a": "b"}], "l": [["x"]], "two.dots": ["y"]}
    path = write(tmp_path, columns)
    report = add(tmp_path, path, table_map=parse_map([mapped]) if mapped else None)
    assert [message in why for _, why in report.failures] == [True], report.failures
    assert add(tmp_path, path, table_map=parse_map(["content=two.dots"])).blobs == 1


def test_columns_that_stand_twice_are_none(tmp_path: Path) -> None:
    table = pa.table([pa.array(["x"]), pa.array(["y"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "t.parquet")
    report = add(tmp_path, tmp_path / "t.parquet", table_map=parse_map(["content=text"]))
    assert "Expected a column 'text'" in report.failures[0][1]


@pytest.mark.parametrize(
    ("value_bytes", "count", "message"),
    [
        # Eight megabytes that come out ten thousand times; a value too large to be read with a bound on memory.
        (8 << 20, 10_000, "unpacks to over 1000 times its size"),
        (300 << 20, 1, "needs over 640 MiB of memory to read"),
    ],
)
def test_what_asks_for_too_much_is_refused(tmp_path: Path, value_bytes: int, count: int, message: str) -> None:
    value = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([b"x" * value_bytes]))
    path = write(tmp_path, {"content": value}, dictionary_pagesize_limit=1 << 30, write_statistics=False)
    report = add(tmp_path, path, table_map=parse_map(["content=content"]))
    assert [message in why for _, why in report.failures] == [True], report.failures


@MODES
def test_damaged_files_add_nothing_and_sound_ones_complete(tmp_path: Path, in_place: bool) -> None:
    rng = random.Random(1)
    texts = [rng.randbytes(500).hex() for _ in range(40)]
    path = write(tmp_path, {"code": texts, "repo_name": ["r"] * 40, "path": [str(k) for k in range(40)]},
                 row_group_size=10)
    other = write(tmp_path, {"code": ["x"], "repo_name": ["r"], "path": ["a"]}, name="other.parquet")
    sound = path.read_bytes()
    empty = tmp_path / "empty.parquet"
    empty.touch()
    for damaged in (sound[:-100], b"PAR1" + sound[200:], sound.replace(texts[25].encode()[:400], b"", 1)):
        path.write_bytes(damaged)
        report = add(tmp_path, path, empty, other, tmp_path / "none.parquet", in_place=in_place)
        assert [Path(what).name for what, _ in report.failures] == ["t.parquet", "empty.parquet", "none.parquet"]
        assert contents(opened(tmp_path, in_place)) == [b"x"]
    path.write_bytes(sound)
    assert add(tmp_path, path, other, in_place=in_place).blobs == 40
    assert verify(opened(tmp_path, in_place).folder).problems == ()


@MODES
def test_an_interrupted_command_leaves_nothing_and_the_same_again_completes(tmp_path: Path, in_place: bool) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    path = write(tmp_path, {"code": ["x"], "repo_name": ["r"], "path": ["a"]})
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path, path, in_place=in_place, progress=interrupt)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["t.parquet"]
    assert add(tmp_path, path, in_place=in_place).blobs == 1


def changed_table(folder: Path, dice: random.Random, name: str) -> Path:
    """A table with some bits flipped, or cut short."""
    count = dice.randint(1, 30)
    columns = {"code": [dice.randbytes(30).hex() for _ in range(count)], "repo_name": ["r"] * count,
               "path": [str(k) for k in range(count)]}
    path = write(folder, columns, name=name, row_group_size=7, compression=dice.choice(["none", "snappy", "zstd"]))
    data = bytearray(path.read_bytes())
    for _ in range(dice.randint(1, 4)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data[: dice.randrange(len(data))] if dice.random() < 0.2 else data)
    return path


def check_changed_tables(folder: Path, seed: int, in_place: bool) -> None:
    dice = random.Random(seed)
    files = [changed_table(folder, dice, f"{k}.parquet") for k in range(10)]
    report = add(folder, *files, in_place=in_place)
    assert report.files + len(report.failures) == 10
    corpus = opened(folder, in_place)
    assert len(contents(corpus)) == corpus.manifest.blobs == report.blobs
    assert verify(corpus.folder).problems == ()


@MODES
def test_changed_bytes_are_read_or_refused_but_never_half(tmp_path: Path, in_place: bool) -> None:
    check_changed_tables(tmp_path, 1, in_place)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 32), in_place=st.booleans())
def test_many_changed_bytes(tmp_path: Path, seed: int, in_place: bool) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    check_changed_tables(tmp_path, seed, in_place)


@pytest.mark.parametrize("in_place", [False, True])
def test_real_files(tmp_path: Path, in_place: bool) -> None:
    path = tmp_path / "files.parquet"
    path.symlink_to(shared("data", "creddata_dev", "files.parquet"))
    report = add(tmp_path, path, in_place=in_place)
    assert (report.rows, report.failures, report.skipped) == (pq.read_metadata(path).num_rows, (), {})
    ids = set(pq.read_table(path, columns=["blob_id"]).column(0).to_pylist())
    assert {blob_id_of(c) for c in contents(opened(tmp_path, in_place))} == ids


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    path = write(tmp_path, {"text": ["x", None], "who": ["acme/kit"] * 2, "rev": [SHA] * 2, "path": ["a.py"] * 2})
    options = ["corpus", "add-table", str(path), "--corpus", str(tmp_path), "--in-place",
               "--map", "content=text,repository=who,revision=rev", "--map", "path=path", "--github"]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    assert "1 file, 0 more that were there: 2 rows, 1 new blob (0.0 MB), 1 new location" in result.output
    assert "1  null_content: a row whose content is null" in result.output
    assert places(Corpus.open(tmp_path)) == [("acme/kit", SHA, "a.py", f"{WEB}/blob/{SHA}/a.py")]
    result = CliRunner().invoke(app, [*options[:5], "--github"])
    assert isinstance(result.exception, UsageError)
