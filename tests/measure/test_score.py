"""Scoring: what counts as found, made up, missed, quiet, flagged and uncovered, and what the rules score on known texts."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES, rules_of, shared
from workbench.cli import app
from workbench.errors import UsageError
from workbench.measure.examples import Example, read_examples
from workbench.measure.score import Score, score
from workbench.rules.load import load
from workbench.rules.rule import RuleSet
from workbench.rules.samples import make_placeholder, make_sample, spoil_checksum
from workbench.shipped import rules_folder

EXCEPTIONS = Path(__file__).parent / "exceptions.csv"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return rules_of(HOUSE_RULES)


def sample(rules: RuleSet, slug: str, seed: int = 0) -> bytes:
    return make_sample(rules.secret_types[slug], 0, seed=seed)


def outcomes(rules: RuleSet, *examples: Example) -> list[str]:
    return [s.outcome for s in score(examples, rules).scored]


def test_every_outcome(rules: RuleSet) -> None:
    token, secret_id, secret = (sample(rules, t) for t in ("acme_token", "acme_id", "acme_secret"))
    owner = rules.secret_types["acme_token"]
    placeholder, spoilt = make_placeholder(owner, 0, seed=0), spoil_checksum(owner, 0, seed=0)
    assert outcomes(
        rules,
        Example(1, ("acme_token",), "positive", b"a = " + token, (token,)),
        Example(2, ("acme_token",), "positive", b"a = " + token),  # no secret given: anywhere in the text
        Example(3, ("other", "acme_token"), "positive", b"a = " + token, (token,)),  # any of the slugs
        Example(4, ("acme_token",), "positive", token + b" b = 12345678", (b"12345678",)),  # beside the secret
        Example(5, ("acme_token",), "positive", b"a = " + spoilt, (spoilt,)),  # only the checksum fails
        Example(6, ("acme_token",), "positive", b"a = " + placeholder, (placeholder,)),  # checksum and placeholder
        Example(7, ("acme_token",), "positive", b"a = x" + token, (token,)),  # a letter stands before it
        Example(8, ("acme_id",), "positive", b"id " + secret_id, (secret_id,)),  # a part, matched and not paired
        Example(9, ("acme_token",), "negative", b"a = " + token),
        Example(10, ("acme_token",), "negative", b"a = " + placeholder),
        Example(11, ("acme_id",), "negative", b"a = " + token),  # another type's match does not count
        Example(12, ("nobody_knows",), "positive", b"a = " + token, (token,)),
        Example(13, ("acme_secret",), "positive", secret_id + b" " + secret, (secret,)),
    ) == ["found", "found", "found", "missed", "made_up", "made_up", "missed", "found", "flagged", "quiet", "quiet",
          "uncovered", "found"]


def test_a_part_without_its_partner_is_missed_and_told_apart(rules: RuleSet) -> None:
    secret = sample(rules, "acme_secret")
    result = score([Example(1, ("acme_secret",), "positive", b"s = " + secret, (secret,))], rules)
    assert (result.total.missed, result.total.needs_partner) == (1, 1)


def test_counts_add_up_and_carry_no_text(rules: RuleSet) -> None:
    token = sample(rules, "acme_token")
    examples = [Example(k, ("acme_token",), "positive" if k % 2 else "negative", token, (token,)) for k in range(6)]
    examples.append(Example(9, ("acme_hash",), "positive", b"acmehash 12", (b"12",)))
    data = score(examples, rules).to_json()
    assert {k: data[k] for k in ("positives", "found", "made_up", "missed", "negatives", "flagged", "uncovered")} == {
        "positives": 4, "found": 3, "made_up": 0, "missed": 1, "negatives": 3, "flagged": 3, "uncovered": 0}
    assert data["per_slug"]["acme_hash"]["missed"] == 1
    assert data["rates"]["found_of_real"]["k"] == 3 and data["rates"]["found_of_real"]["n"] == 4
    assert token.decode() not in json.dumps(data) and token.decode() not in repr(examples)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "JSON object"),
        ("[1]", "JSON object but got a list"),
        ('{"kind": "positive", "text": "a"}', "secret type"),  # no slug
        ('{"slug": "a", "kind": "maybe", "text": "a"}', "positive or negative"),
        ('{"slug": "a", "kind": "positive", "text": 3}', "a text of type int"),
        ('{"slug": ["a", 2], "kind": "positive", "text": "a"}', "slug of another type"),
    ],
)
def test_a_line_of_another_shape_is_named_without_its_text(line: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"slug": "a", "kind": "positive", "text": "a", "secret": null}\n' + line + "\n")
    with pytest.raises(UsageError, match=r"a\.jsonl:2: ") as error:
        read_examples(file)
    assert words in str(error.value)


def test_secrets_may_be_one_several_or_none(tmp_path: Path) -> None:
    rows = [{"slug": "a", "kind": "positive", "text": "x one two one", "secret": s} for s in ("one", ["one", "two"], None)]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(json.dumps(r) for r in rows) + "\n\n")
    assert [[(s.start, s.end) for s in e.spans()] for e in read_examples(file)] == [
        [(2, 5), (10, 13)], [(2, 5), (10, 13), (6, 9)], [(0, 13)]]


def test_the_command_prints_one_json_object(tmp_path: Path) -> None:
    rules = rules_of(HOUSE_RULES)
    (tmp_path / "rules.yaml").write_text(HOUSE_RULES)
    token = sample(rules, "acme_token").decode()
    file = tmp_path / "texts.jsonl"
    file.write_text(json.dumps({"slug": "acme_token", "kind": "positive", "text": f"a {token}", "secret": token}))
    command = ["rules", "score", str(file), "--rules", str(tmp_path / "rules.yaml")]
    alone = CliRunner().invoke(app, [*command, "--json"])
    assert json.loads(alone.stdout)["found"] == 1
    both = CliRunner().invoke(app, [*command, "--all", "--report", str(tmp_path / "report.csv")])
    assert json.loads(both.stdout.splitlines()[-1]) == json.loads(alone.stdout)
    assert "acme_token" in both.stdout.splitlines()[1] and token not in both.stdout
    assert (tmp_path / "report.csv").read_text().count("\n") == 1, "a head and no line: all was found"


# ---------------------------------------------------------------------------------------------------------------------
# Published test texts


@pytest.fixture(scope="module")
def published() -> Score:
    return score(read_examples(shared("data", "examples_dev.jsonl")), load([rules_folder()]))


def test_every_exception_on_published_texts_has_a_reason(published: Score) -> None:
    """A text that the rules newly miss or flag fails here; so does a reason that is needed no more."""
    with EXCEPTIONS.open(newline="", encoding="utf-8") as file:
        known: Counter[tuple[str, str]] = Counter()
        for row in csv.DictReader(file):
            assert row["reason"]
            known[row["slug"], row["kind"]] += int(row["count"])
    found = Counter((s.slug, s.example.kind) for s in published.scored if s.outcome in ("missed", "flagged"))
    assert found == known


def test_what_is_right_in_published_texts_is_found(published: Score) -> None:
    with EXCEPTIONS.open(newline="", encoding="utf-8") as file:
        wrong = Counter(row["kind"] for row in csv.DictReader(file) for _ in range(int(row["count"]))
                        if row["reason"].startswith("wrong example"))
    total = published.total
    assert total.found / (total.positives - total.made_up - wrong["positive"]) >= 0.97
    assert (total.flagged - wrong["negative"]) / total.negatives <= 0.03
    assert published.uncovered == 0
