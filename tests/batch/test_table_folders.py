"""Batches over a folder of other people's Parquet files: found as in a corpus of copies, and nothing written there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.batch.test_notebook import workbench
from workbench.batch.params import BatchParams
from workbench.batch.plan import make_plan
from workbench.batch.run import run
from workbench.corpora.manifest import Manifest
from workbench.corpora.table_folder import index_folder
from workbench.corpora.tables import TableMap, parse_map
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter
from workbench.engine.compiled import CompiledRules
from workbench.errors import CorpusError, UsageError
from workbench.rules.testtext import fill

MAP = "content=file.text,repository=repo,path=file.name"


@pytest.fixture
def token(house: CompiledRules) -> Callable[[int], str]:
    return lambda seed: fill("{acme_token:a}", house.rules, seed=seed).content.decode()


def write(path: Path, *texts: str) -> Path:
    """A table that no data set is known to look like, a row a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"repo": ["o/r"] * len(texts),
                             "file": [{"name": f"{path.stem}/{n}.env", "text": t} for n, t in enumerate(texts)]}), path)
    return path


def seen(folder: Path) -> list[tuple[str, int, int]]:
    """What stands in a folder, and when it was last changed."""
    return sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in [folder, *folder.rglob("*")])



@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Takes the right to write to a folder and all in it away, and gives it back in the end."""
    changed: list[Path] = []

    def protect(folder: Path) -> None:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
            changed.append(path)

    yield protect
    for path in changed:
        path.chmod(stat.S_IRWXU)


def test_a_folder_is_scanned_where_it_stands_and_again_only_what_is_new(
        tmp_path: Path, rules_folder: Path, token: Callable[[int], str], read_only: Callable[[Path], None]) -> None:
    tables, store = tmp_path / "dump", tmp_path / "alerts.duckdb"
    write(tables / "a.parquet", f"t = {token(1)}\n", "nothing\n")
    write(tables / "deep" / "b.parquet", f"t = {token(2)}\n")
    read_only(tables)
    before = seen(tables)
    flags = ("batch", tables, "--map", MAP, "--rules", rules_folder, "--store", store)
    done = workbench(*flags)
    assert done.returncode == 0, done.stderr
    assert "2 files indexed" in done.stdout and "2 new" in done.stdout
    assert seen(tables) == before, "something was written into a folder that is not ours"
    exported = workbench("export", "--store", store, "--out", tmp_path / "out")
    assert exported.returncode == 0
    sent = "".join(p.read_text() for p in (tmp_path / "out").rglob("*.jsonl"))
    assert token(1) in sent and token(2) in sent

    again = workbench(*flags)
    assert again.returncode == 0 and "every shard was done" in again.stdout and "indexed" not in again.stdout

    tables.chmod(stat.S_IRWXU)
    write(tables / "c.parquet", f"t = {token(3)}\n", "nothing\n")
    more = workbench(*flags)
    assert more.returncode == 0 and "1 file indexed, 2 unchanged" in more.stdout
    assert "1 done, 0 failed" in more.stdout and "1 new" in more.stdout


def scan(tables: Path, store: Path, rules: Path, table_map: TableMap | None) -> tuple[int, int]:
    """(shards scanned, alerts closed) of a batch over a folder, without its notebook."""
    corpus = index_folder(tables, store.parent / "tables", table_map=table_map).corpus
    params = BatchParams(str(corpus), (str(rules),), str(store), progress=False)
    report = run(make_plan(params))
    assert not report.failures
    return report.shards_done, report.alerts_closed


def test_files_that_changed_or_went_are_indexed_anew_and_the_others_not_scanned_again(
        tmp_path: Path, rules_folder: Path, token: Callable[[int], str]) -> None:
    tables, store = tmp_path / "dump", tmp_path / "alerts.duckdb"
    for number, name in enumerate("abc"):
        write(tables / f"{name}.parquet", f"t = {token(number)}\n", f"nothing in {name}\n")
    given = (tables, store, rules_folder, parse_map([MAP]))
    assert scan(*given)[0] == 3
    write(tables / "b.parquet", f"t = {token(7)}\n", "nothing in b\n", "at all\n")
    assert scan(*given)[0] == 1
    (tables / "c.parquet").rename(tables / "d.parquet")
    assert scan(*given) == (0, 0)
    (tables / "a.parquet").unlink()
    (corpus,) = [p for p in (tmp_path / "tables").iterdir() if p.is_dir()]
    assert scan(*given)[0] == 0
    assert Manifest.load(corpus).blobs == 5 and verify(corpus).problems == ()
    # Touched, and the same: nothing to read but the file itself.
    os.utime(tables / "d.parquet")
    assert scan(*given) == (0, 0)


def test_two_maps_of_one_folder_are_two_corpora(
        tmp_path: Path, rules_folder: Path, token: Callable[[int], str]) -> None:
    tables, store = tmp_path / "dump", tmp_path / "alerts.duckdb"
    tables.mkdir()
    pq.write_table(pa.table({"diff": [f"+ {token(1)}"], "message": [f"add {token(2)}"]}), tables / "a.parquet")
    assert scan(tables, store, rules_folder, parse_map(["content=diff"]))[0] == 1
    assert scan(tables, store, rules_folder, parse_map(["content=message"], source="commit"))[0] == 1
    assert scan(tables, store, rules_folder, parse_map(["content=diff"])) == (0, 0)


def test_known_data_sets_need_no_map_and_a_damaged_file_is_told_and_costs_the_exit_code(
        tmp_path: Path, rules_folder: Path, token: Callable[[int], str]) -> None:
    tables, store = tmp_path / "the stack", tmp_path / "alerts.duckdb"
    tables.mkdir()
    pq.write_table(pa.table({"content": [f"t = {token(1)}\n"], "max_stars_repo_name": ["o/r"],
                             "max_stars_repo_path": ["a.env"]}), tables / "a.parquet")
    data = (tables / "a.parquet").read_bytes()
    (tables / "b.parquet").write_bytes(data[: len(data) // 2])
    (tables / "_temporary").mkdir()
    (tables / "_temporary" / "part.parquet").write_bytes(b"PAR1")  # what a writer had not finished
    done = workbench("batch", tables, "--rules", rules_folder, "--store", store)
    assert done.returncode == 3 and "1 new" in done.stdout
    assert f"{tables / 'b.parquet'}: " in done.stderr and "Traceback" not in done.stderr
    assert "part.parquet" not in done.stderr and "alerts-tables" not in done.stderr
    (tables / "b.parquet").unlink()
    assert workbench("batch", tables, "--rules", rules_folder, "--store", store).returncode == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "Say what they are with --map"),
        (("--map", "content=text"), "Expected a column 'text'"),
        (("--map", "contents=file.text"), "contents"),
        (("--source", "commit"), "--map"),
        (("--map", MAP, "--source", "post"), "post"),
        (("--map", MAP, "--rules", "gone"), "gone"),
    ],
)
def test_a_folder_that_cannot_be_read_so_leaves_nothing_behind(
        tmp_path: Path, rules_folder: Path, flags: tuple[str, ...], words: str) -> None:
    tables = tmp_path / "dump"
    write(tables / "a.parquet", "one\n")
    rules = () if "--rules" in flags else ("--rules", rules_folder)
    done = workbench("batch", tables, *flags, *rules, "--store", tmp_path / "alerts.duckdb", "--plan")
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("alerts-tables/*")) and not (tmp_path / "alerts.duckdb").exists()


def test_a_corpus_is_no_folder_of_tables(
        tmp_path: Path, rules_folder: Path, add_to: Callable[..., None]) -> None:
    corpus, store = tmp_path / "corpus", tmp_path / "alerts.duckdb"
    add_to(corpus, 3)
    with pytest.raises(UsageError, match="got a corpus"):
        index_folder(corpus, tmp_path / "tables", table_map=parse_map([MAP]))
    (corpus / "manifest.json").unlink()  # lost: its files are still no one else's
    done = workbench("batch", corpus, "--rules", rules_folder, "--store", store)
    assert done.returncode == 2 and "no manifest.json" in done.stderr


def test_an_index_that_failed_leaves_the_one_before_and_one_writer_at_a_time(
        tmp_path: Path, rules_folder: Path, token: Callable[[int], str]) -> None:
    tables, place = tmp_path / "dump", tmp_path / "tables"
    write(tables / "a.parquet", f"t = {token(1)}\n")
    corpus = index_folder(tables, place, table_map=parse_map([MAP])).corpus
    before = (corpus / "manifest.json").read_bytes()
    (tables / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(CorpusError, match=r"dump/a\.parquet"):
        index_folder(tables, place, table_map=parse_map([MAP]))
    assert (corpus / "manifest.json").read_bytes() == before
    assert [p.name for p in place.iterdir()] == [corpus.name]
    write(tables / "a.parquet", f"t = {token(2)}\n")
    with CorpusWriter(corpus), pytest.raises(CorpusError, match="is writing to it"):
        index_folder(tables, place, table_map=parse_map([MAP]))


@pytest.mark.parametrize("damage", ["manifest", "index", "link"])
def test_an_index_that_is_damaged_is_made_anew(
        tmp_path: Path, rules_folder: Path, token: Callable[[int], str], damage: str) -> None:
    tables, store = tmp_path / "dump", tmp_path / "alerts.duckdb"
    write(tables / "a.parquet", f"t = {token(1)}\n")
    given = (tables, store, rules_folder, parse_map([MAP]))
    assert scan(*given)[0] == 1
    (corpus,) = (tmp_path / "tables").iterdir()
    if damage == "manifest":
        (corpus / "manifest.json").write_text("{")
    elif damage == "index":
        next((corpus / "blobs").glob("*.parquet")).unlink()
    else:
        (corpus / "tables").unlink()
    assert scan(*given) == (0, 0)
    assert verify(corpus).problems == ()
