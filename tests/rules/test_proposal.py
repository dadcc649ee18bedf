"""A rule begun from samples: what is guessed of it, and that no sample stands in what is printed."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES, rules_of
from workbench.cli import app
from workbench.corpora.writer import CorpusWriter
from workbench.engine.scan import blob_batch
from workbench.errors import UsageError
from workbench.measure.ruletests import run
from workbench.rules import checks, pattern
from workbench.rules.lint import check_loaded
from workbench.rules.load import check_sources
from workbench.rules.proposal import propose
from workbench.rules.samples import make_sample
from workbench.rules.writing import yaml_text


def made(expression: str, count: int = 6, checksum: str | None = None) -> list[bytes]:
    tree = pattern.parse(expression)
    tokens = [pattern.generate(tree, random.Random(f"{expression}{k}")) for k in range(count)]
    return [checks.CHECKSUMS[checksum].repair(t) for t in tokens] if checksum else tokens


@pytest.mark.parametrize(
    ("expression", "count", "proposed"),
    [
        # a prefix and base62
        ("acme_[0-9A-Za-z]{36}", 6, "acme_[0-9A-Za-z]{36}"),
        # a prefix without a separator
        ("ACME[A-Z2-7]{16}", 6, "ACME[A-Z2-7]{16}"),
        # two samples may share a character by chance, two prefixes in one
        ("acme_live_[0-9a-f]{40}", 2, "acme_live_[0-9a-f]{40}"),
        # one sample: only a word and a separator can be told from the rest
        ("acme_[0-9A-Za-z]{36}", 1, "acme_[0-9A-Za-z]{36}"),
        ("[0-9A-Za-z]{40}", 1, "[0-9A-Za-z]{40}"),
        # pieces between separators
        ("acme-[0-9]{10}-[0-9a-f]{24}", 6, "acme-[0-9]{10}-[0-9a-f]{24}"),
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", 8,
         "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        # separators that stand anywhere belong to the alphabet
        ("acme_[0-9A-Za-z_-]{40}", 6, "acme_[0-9A-Za-z_-]{40}"),
        # padding
        ("acme_[0-9A-Za-z+/]{42}={2}", 8, "acme_[0-9A-Za-z+/]{42}={2}"),
        # nothing in common but the alphabet
        ("[0-9a-f]{32}", 6, "[0-9a-f]{32}"),
    ],
)
def test_what_samples_have_in_common(expression: str, count: int, proposed: str) -> None:
    assert propose(made(expression, count)).pattern == proposed


def test_lengths_that_vary_are_a_range() -> None:
    tokens = [b"acme_" + b"q7Zt" * 5 + b"x9"[:k] for k in range(3)]
    assert propose(tokens).pattern == "acme_[0-9A-Za-z]{20,22}"


@pytest.mark.parametrize(
    ("expression", "checksum"),
    [("acme_[0-9A-Za-z]{36}", "crc32_base62_body"), ("acme_[0-9A-Za-z]{40}[0-9a-f]{8}", "crc32_hex_body"),
     ("acme-[0-9A-Za-z]{27}[.][0-9a-z]{9}", "crc32_base36_whole")],
)
def test_a_checksum_that_every_sample_carries_is_named(expression: str, checksum: str) -> None:
    tokens = made(expression, checksum=checksum)
    assert propose(tokens).checksums == (checksum,)
    spoilt = [*tokens[:-1], checks.CHECKSUMS[checksum].spoil(tokens[-1])]
    assert propose(spoilt).checksums == (), "one that does not hold is enough"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(string.ascii_letters + string.digits + "_-.+/=", min_size=12, max_size=60), min_size=1, max_size=5))
def test_no_sample_stands_in_what_is_printed(texts: list[str]) -> None:
    """No more than a quarter of any sample, and that only where all begin alike."""
    proposal = propose([t.encode() for t in texts])
    printed = yaml_text(proposal.data(secret_type="acme_key", name="Acme Key", provider="Acme")) + "\n".join(proposal.describe())
    assert len(proposal.prefix) <= min(map(len, texts)) // 4
    size = max(12, len(proposal.prefix) + 1)  # the prefix itself, which has at most 16 characters, is printed
    for text in texts:
        assert not any(text[k : k + size] in printed for k in range(len(text) - size + 1))


@pytest.mark.parametrize("expression", ["acme_[0-9A-Za-z]{36}", "acme-[0-9]{10}-[0-9A-Za-z_-]{24}", "[0-9a-f]{32}",
                                        "acme_[0-9A-Za-z+/]{42}={2}"])
def test_a_proposal_passes_lint_and_its_own_tests(expression: str) -> None:
    text = yaml_text(propose(made(expression)).data(secret_type="acme_key", name="Acme Key", provider="Acme Inc"))
    loaded = check_sources([("acme.yaml", text)])
    assert [p.got for p in check_loaded(loaded)] == ["no references"], "where it is documented is for its author to say"
    outcome = run(loaded)
    assert outcome.cases == 6 and outcome.failures == ()


@pytest.mark.parametrize(
    ("given_lines", "words"),
    [
        ([], "sample tokens, a line each"),
        ([b"", b"  "], "sample tokens, a line each"),
        ([b"acme_0123456789", b"acme"], "is 4 bytes"),
        ([b"acme token of words"], "printable characters without blanks"),
        ([b"acme_\xff\xfe0123456789"], "printable characters without blanks"),
    ],
)
def test_what_is_no_token_is_refused_without_showing_it(given_lines: list[bytes], words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        propose(given_lines)
    assert "acme" not in str(error.value) and "0123" not in str(error.value)


def test_new_takes_samples_from_standard_input_and_measures_its_rule(tmp_path: Path) -> None:
    rules = rules_of(HOUSE_RULES)
    tokens = [make_sample(rules.secret_types["acme_token"], 0, seed=k) for k in range(5)]
    with CorpusWriter(tmp_path / "corpus", made="a test") as writer:
        for row in blob_batch([("0" * 40, b"acme_ here, acme_ there"), ("1" * 40, b"key = " + tokens[0])]).to_pylist():
            writer.add_blob(row["blob_id"], row["content"])
    result = CliRunner().invoke(app, ["rules", "new", "--type", "acme_key", "--corpus", str(tmp_path / "corpus")],
                                input=b"\n".join(tokens))
    assert result.exit_code == 0, result.output
    assert "pattern: 'acme_[0-9A-Za-z]{36}'" in result.stdout and "checksum: crc32_base62_body" in result.stdout
    assert "prefix 3 times" in result.stderr and "in 2 of 2 files" in result.stderr
    assert "the rule finds 1 match in 1 file" in result.stderr
    assert not any(t.decode()[6:] in result.output for t in tokens)
