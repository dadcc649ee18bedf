"""Explanations: the stage that dropped a candidate, for every stage; and never a token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES, rules_of
from workbench.cli import app
from workbench.engine.canary import check_canary
from workbench.engine.compiled import CompiledRules
from workbench.engine.explain import explain
from workbench.errors import CanaryMissed
from workbench.model import mask_token
from workbench.rules.samples import make_sample, spoil_checksum
from workbench.rules.testtext import Filled

STAGES = CompiledRules(rules_of(r"""
provider: Acme
secrets:
  - type: acme_token
    name: A
    formats:
      - {pattern: 'acme_[a-zA-Z0-9]{36}', checksum: crc32_base62_body, must_match: ['[0-9]'], must_not_match: ['QQ'],
         min_entropy: 3.0}
"""))


def masked_lines(text: bytes, compiled: CompiledRules = STAGES, **more: object) -> list[str]:
    return list(explain(text, compiled, **more).lines())  # type: ignore[arg-type]


def test_every_stage_is_named() -> None:
    good = make_sample(STAGES.rules.secret_types["acme_token"], 0, seed=1)
    wrong = spoil_checksum(STAGES.rules.secret_types["acme_token"], 0, seed=1)
    letters = b"acme_" + b"abcdefGHIJKLmnopqrSTUVWXyzabcdEFGHIJ"
    cases = {
        b"x" + good: "before", good + b"9": "after", good[:20] + b"--": "pattern", letters: "must_match",
        good[:8] + b"QQ" + good[10:]: "must_not_match", wrong: "checksum", good: "matches",
    }
    for text, stage in cases.items():
        lines = masked_lines(text)
        assert any(stage in line for line in lines), (stage, lines)
        assert not any(good[9:30].decode() in line for line in lines), "a token stands in an explanation"


def test_utf16_is_explained_where_its_text_says_it_stands() -> None:
    good = make_sample(STAGES.rules.secret_types["acme_token"], 0, seed=1)
    text = b"one line\n\nkey: " + good + b"\n"
    for codec in ("utf-16-le", "utf-16-be"):
        mark = "\ufeff".encode(codec)
        assert masked_lines(mark + text.decode().encode(codec)) == masked_lines(text) != []


def test_a_text_without_any_trigger_says_which_one_it_lacks() -> None:
    assert masked_lines(b"nothing") == ["no candidate: the text holds no trigger of any rule"]
    (line,) = masked_lines(b"nothing", types=("acme_token",))
    assert "acme_" in line and "not in the text" in line


def test_pairs_and_near_misses_are_told(house: CompiledRules, filled: Callable[..., Filled]) -> None:
    lines = masked_lines(filled("{acme_id:a} {acme_secret:a}\n{acme_id:b}").content, house)
    assert any(line.startswith("pair acme_pair: acme_id at 1:1 + acme_secret at 1:22, gap 1 byte, 0 lines") for line in lines)
    assert any("acme_id at 2:1 lacks acme_secret: it belongs to another pair" in line for line in lines)


def test_the_command_reads_standard_input_and_refuses_an_unknown_type(tmp_path) -> None:
    (tmp_path / "acme.yaml").write_text(HOUSE_RULES)
    token = make_sample(rules_of(HOUSE_RULES).secret_types["acme_token"], 0, seed=3)
    arguments = ["explain", "-", "--rules", str(tmp_path)]
    done = CliRunner().invoke(app, arguments, input=b"k: " + token)
    assert done.exit_code == 0 and "1:4: acme_token" in done.stdout and token.decode() not in done.stdout
    refused = CliRunner().invoke(app, [*arguments, "--type", "gone"], input=b"")
    assert refused.exit_code != 0 and "gone" in str(refused.exception)


def test_the_canary_finds_every_format_and_pair(house: CompiledRules) -> None:
    formats = sum(f.search != "partner" for f in house.formats)
    assert check_canary(house, seed=5) == formats + len(house.pairs)


def test_the_canary_names_a_rule_that_can_never_match() -> None:
    """A keyword that must stand, whole, within one byte."""
    compiled = CompiledRules(rules_of(r"""
provider: B
secrets:
  - {type: blind_token, name: B, formats: [{pattern: 'blind_[a-z]{30}', near: {keywords: [blinded], window: {bytes: 1}}}]}
"""))
    with pytest.raises(CanaryMissed) as caught:
        check_canary(compiled, seed=1)
    assert caught.value.missed == ("blind_token (v1)",)


def test_what_is_shown_of_a_candidate_stands_in_one_line() -> None:
    """One that a pattern refused may begin with anything, such as what moves a terminal's cursor."""
    assert mask_token(b"\n\x1b[1" + b"x" * 20) == "··[1…(24)"
