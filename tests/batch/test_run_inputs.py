"""Corpora with rows that cannot be used: each is counted or named, and everything else is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.batch.test_run import alerts, do, params
from workbench.batch.plan import make_plan
from workbench.batch.report import BatchReport
from workbench.corpora.file_hash import sha256_of
from workbench.corpora.manifest import Manifest
from workbench.store.reader import StoreReader

Add = Callable[..., None]


def change(corpus: Path, path: Path, column: str, values: list[object]) -> None:
    """Put ``values`` into the first rows of a column of a corpus file, and let the manifest say so."""
    table = pq.read_table(path)
    kept = table[column].to_pylist()
    at = table.schema.get_field_index(column)
    field = table.schema.field(at).with_nullable(True)
    table = table.set_column(at, field, pa.array([*values, *kept[len(values):]], field.type))
    pq.write_table(table, path)
    manifest = Manifest.load(corpus)
    name = path.relative_to(corpus).as_posix()
    files = tuple(replace(f, sha256=sha256_of(path), bytes=path.stat().st_size) if f.path == name else f
                  for f in manifest.files)
    replace(manifest, files=files).save(corpus)


@pytest.mark.parametrize(("value", "got"), [
    (None, "a null"), ("abc", "3 characters"), ("A" * 40, "other characters"), ("/" * 40, "other characters"),
    ("g" * 40, "other characters"), ("a" * 64, "64 characters")])
def test_a_row_without_a_blob_id_fails_its_shard_by_name_and_no_other(
        tmp_path: Path, rules_folder: Path, add_to: Add, value: str | None, got: str) -> None:
    corpus = tmp_path / "corpus"
    add_to(corpus, 6)
    add_to(corpus, 6, first=6)
    wrong = min((corpus / "blobs").iterdir())
    good = pq.read_table(wrong)["blob_id"].to_pylist()[0]
    change(corpus, wrong, "blob_id", [good, value])
    report = do(tmp_path, rules_folder)
    (reason,) = report.failures.values()
    assert wrong.name in reason and f"40 lower-case hex digits in blob_id but got {got} in row 1 " in reason
    assert (report.shards_done, report.blobs) == (1, 6)
    assert {a[2] for a in alerts(tmp_path)} == {"open"}


def test_locations_that_cannot_be_used_are_counted_and_the_run_is_done(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    corpus = tmp_path / "corpus"
    add_to(corpus, 6)
    (file,) = (corpus / "locations").iterdir()
    change(corpus, file, "path", [None])
    change(corpus, file, "repository", ["acme/app", "acme/app", None])
    change(corpus, file, "source", ["content"] * 4 + ["Content", "e-mail"])
    change(corpus, file, "url", [None] * 6)
    batch = BatchReport(**params(tmp_path, rules_folder).to_mapping())
    batch.run()
    (run,) = StoreReader(tmp_path / "alerts.duckdb").runs().to_pylist()
    assert run["status"] == "done"
    assert '"locations_left_out": {"null_path": 1, "null_repository": 1, "unknown_source": 1}' in run["counts"]
    assert [a[3:] for a in alerts(tmp_path)] == [(1, 0, None), (1, 0, None), (2, 1, "src/4.env")]
    assert "unknown_source" in set(batch.problems()["reason"])


def test_a_larger_limit_scans_what_was_too_large_and_only_its_shards(
        tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    corpus = tmp_path / "corpus"
    add_to(corpus, 6)
    add_to(corpus, 1, first=7)
    first = do(tmp_path, rules_folder, most_blob_bytes=20)
    assert (first.blobs, first.skipped["too_large"]) == (7, 5)
    assert make_plan(params(tmp_path, rules_folder, most_blob_bytes=20)).work == ()
    assert len(make_plan(params(tmp_path, rules_folder)).work) == 1  # the other shard left nothing out
    assert do(tmp_path, rules_folder).blobs == 6
    assert {a[0] for a in alerts(tmp_path)} == {"acme_hash", "acme_pair", "acme_token"}
    assert StoreReader(tmp_path / "alerts.duckdb").skipped().num_rows == 0
    assert make_plan(params(tmp_path, rules_folder)).work == ()


def test_a_plan_for_a_corpus_of_nothing_says_so(tmp_path: Path, rules_folder: Path, add_to: Add) -> None:
    add_to(tmp_path / "corpus", 0)
    lines = list(make_plan(params(tmp_path, rules_folder)).lines())
    assert any(line.startswith("warning") and "no blobs" in line for line in lines)
    assert not any("every shard is done" in line for line in lines)
