"""Kept candidates: the second scan reads a few blobs and finds what a scan of the whole corpus would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.conftest import FILES, write_corpus
from workbench.corpora.reader import Corpus
from workbench.engine.compiled import CompiledRules
from workbench.lab import Session, candidates
from workbench.lab.candidates import Candidates
from workbench.lab.dryrun import DryRun
from workbench.lab.metered import MeteredRules
from workbench.lab.scanning import CorpusScan
from workbench.rules.testtext import Filled


@pytest.fixture
def mixed(tmp_path: Path, filled: Callable[..., Filled], rules: Path) -> Session:
    """Files with tokens, many without, one in UTF-16, and an empty one."""
    texts = {p: filled(t).content for p, t in FILES.items()}
    texts |= {f"src/{k}.py": b"nothing %d\n" % k * 50 for k in range(60)}
    texts["wide.txt"] = b"\xff\xfe" + filled("t = {acme_token:w}\n").content.decode().encode("utf-16-le")
    texts["wide_and_quiet.txt"] = b"\xff\xfe" + "nothing here".encode("utf-16-le")
    texts["empty"] = b""
    return Session(write_corpus(tmp_path / "mixed", texts), rules=rules)


def told(run: DryRun) -> tuple:
    """What a dry run says of the corpus, without times."""
    return (run.totals, run.scan.hits, dict(run.scan.stages), run.sample.to_csv(), run.near_misses.to_csv(),
            run.by_repository.to_csv())


EDITS = (
    ("acme_token", {}), ("acme_token", {"checksum": None}), ("acme_token", {"must_match": ["[5-9]"]}),
    ("acme_token", {"pattern": "acme_[A-Za-z0-9]{35,37}"}),  # the same literal head
    ("acme_pair", {"window": "9 lines"}), ("acme_pair", {"window": "file"}),  # a part with no trigger at all
    ("acme_hash", {"near": {"keywords": ["acmehash"], "window": "file"}}),
)


@pytest.mark.parametrize(("slug", "fields"), EDITS)
def test_a_scan_of_kept_candidates_is_that_of_the_corpus(mixed: Session, slug: str, fields: dict) -> None:
    first = mixed.dry_run(slug)
    if fields:
        mixed.edit(slug, **fields)
    again = mixed.dry_run(slug)
    assert (first.scan.from_kept, again.scan.from_kept) == (False, True)
    fresh = Session(mixed.corpus, rules=mixed.files.paths)
    if fields:
        fresh.edit(slug, **fields)
    whole = fresh.dry_run(slug)
    assert told(again) == told(whole) and whole.totals["matches"] > 0
    assert again.scan.blobs == mixed.corpus.manifest.blobs and "kept from the scan before" in repr(again)


def test_another_trigger_reads_the_corpus_again_and_fewer_do_not(mixed: Session) -> None:
    assert not mixed.dry_run("acme_token").scan.from_kept
    mixed.edit("acme_token", pattern="acmf_[A-Za-z0-9]{36}")
    assert not mixed.dry_run("acme_token").scan.from_kept
    mixed.revert()
    mixed.scan()  # all rules: their triggers hold those of each
    assert (
        mixed.dry_run("acme_hash").scan.from_kept
        and mixed.compare_sets(*[mixed.files.rule("acme_pair")] * 2).after.from_kept
    )


def test_a_corpus_that_changed_is_read_again(mixed: Session, filled: Callable[..., Filled]) -> None:
    assert mixed.dry_run("acme_token").totals["matches"] == 5
    file = mixed.corpus.blob_files[0]
    data = file.read_bytes()
    file.write_bytes(data)  # the same bytes, written anew
    assert not mixed.dry_run("acme_token").scan.from_kept and mixed.dry_run("acme_token").scan.from_kept
    file.write_bytes(data[:-1])
    with pytest.raises(Exception, match="cannot be read"):
        mixed.dry_run("acme_token")


def test_candidates_that_are_too_many_are_not_kept(mixed: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_BYTES", 100)
    first, second = mixed.dry_run("acme_token"), mixed.dry_run("acme_token")
    assert not second.scan.from_kept and told(first) == told(second)


def test_every_blob_with_a_hit_is_a_candidate_wherever_its_batch_begins(mixed: Session, house: CompiledRules) -> None:
    kept = Candidates(mixed.corpus)
    (scan,) = CorpusScan(Corpus.open(mixed.corpus.folder), [MeteredRules(house.rules)], candidates=kept).run()
    (held,) = kept._kept
    rows = {r for b in held.batches for r in b.column("blob_id").to_pylist()}
    found = {r for b in scan.results for r in b.column("blob_id").to_pylist()}
    assert found <= rows and len(rows) < mixed.corpus.manifest.blobs / 2
