"""Overlaps and triggers: what one type's tokens are to another, and what fires too often, measured through the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import shared
from workbench.cli import app
from workbench.corpora.reader import Corpus, read_batches
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch
from workbench.measure.overlaps import Overlap, find_overlaps, undocumented
from workbench.measure.rate import Rate
from workbench.measure.triggers import literal_rate, match_count, too_frequent, trigger_rates
from workbench.rules.load import Loaded, check_sources, read, rule_set
from workbench.rules.samples import make_sample
from workbench.shipped import rules_folder

RULES = """\
provider: Acme
secrets:
  - type: acme_key
    name: Acme Key
    formats: [{{pattern: 'acme_[0-9a-f]{{32}}'}}]
    tests: {{match: ['postgres://acme:{{secret}}@db.acme.dev/a']}}
{more}  - type: acme_url
    name: Acme Url
    formats: [{{pattern: 'postgres://acme:[0-9a-z_]{{20,40}}@db\\.acme\\.dev'}}]
"""


def loaded(more: str = "") -> Loaded:
    return check_sources([("a.yaml", RULES.format(more=more))])


def overlaps(rules: Loaded) -> list[Overlap]:
    return find_overlaps(rules, CompiledRules(rule_set(rules)), samples=3)


def test_a_token_inside_another_types_token_is_an_overlap() -> None:
    rules = loaded()
    # 3 of 6 texts of the key (the others hold it alone); the url's own texts hold no key
    assert overlaps(rules) == [Overlap("acme_key", 0, "acme_url", Rate(3, 6))]
    (problem,) = undocumented(rules, overlaps(rules))
    assert str(problem).startswith("a.yaml:5: acme_key: got tokens that are acme_url too, in 3 of 6 texts")


@pytest.mark.parametrize("named", ["acme_url", "'*'"])
def test_an_overlap_that_is_said_is_allowed(named: str) -> None:
    rules = loaded(f"    overlaps: {{{named}: the key stands inside the url}}\n")
    assert undocumented(rules, overlaps(rules)) == []


def test_check_reports_overlaps_and_frequent_triggers(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES.format(more=""))
    result = CliRunner().invoke(app, ["rules", "check", str(tmp_path)])
    assert result.exit_code == 2 and "acme_url too" in result.output
    assert "acme_url too" not in CliRunner().invoke(app, ["rules", "check", "--no-overlaps", str(tmp_path)]).output


def test_a_trigger_is_counted_by_the_megabyte() -> None:
    rules = loaded()
    compiled = CompiledRules(rule_set(rules))
    text = b"acme_0123456789abcdef " * 50 + b"x" * 998_900
    rates = trigger_rates([blob_batch([("a", text)])], compiled)
    assert [(r.secret_type, r.hits, r.scanned_bytes, round(r.per_mb)) for r in rates] == [
        ("acme_key", 50, 1_000_000, 50), ("acme_url", 0, 1_000_000, 0)]
    (problem,) = too_frequent(rules, rates)
    assert "a trigger found 50 times a MB" in problem.got and problem.rule == "acme_key"


def test_an_empty_corpus_has_no_rates() -> None:
    compiled = CompiledRules(rule_set(loaded()))
    assert [r.per_mb for r in trigger_rates([], compiled)] == [0.0, 0.0]
    assert literal_rate([], b"acme_").per_mb == 0.0


def test_literals_and_matches_are_counted_in_files() -> None:
    rules = rule_set(loaded())
    token = make_sample(rules.secret_types["acme_key"], 0, seed=1)
    batch = blob_batch([("a", b"acme_ acme_"), ("b", b"nothing"), ("c", b"k = " + token)])
    rate = literal_rate([batch], b"acme_")
    assert (rate.hits, rate.blobs, rate.scanned, rate.scanned_bytes) == (3, 2, 3, 18 + 4 + len(token))
    assert match_count([batch], CompiledRules(rules)) == (1, 1)


@pytest.mark.slow
def test_the_shipped_types_claim_only_what_they_say() -> None:
    rules = read([rules_folder()])
    assert [str(p) for p in undocumented(rules, find_overlaps(rules, CompiledRules(rule_set(rules))))] == []


def test_the_shipped_triggers_are_rare_in_real_histories() -> None:
    corpus = Corpus.open(shared("corpora", "commits-small"))
    rules = read([rules_folder()])
    batches = (b for shard in corpus.shards() for b in read_batches(shard, columns=("content",)))
    assert [str(p) for p in too_frequent(rules, trigger_rates(batches, CompiledRules(rule_set(rules))))] == []
