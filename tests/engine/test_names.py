"""Names: a keyword on another line does not count for a token whose own statement names another provider."""

from __future__ import annotations

import pytest

from tests.conftest import scan_texts
from workbench.engine.compiled import CompiledRules
from workbench.rules.load import check_sources, rule_set

RULES = r"""
provider: Busy Bee
secrets:
  - {type: bee_key, name: Bee Key, formats: [{pattern: '[0-9a-f]{32}', placeholders: keep, near: {keywords: [busybee]}}]}
"""
OTHERS = r"""
provider: Wasp-Works
secrets:
  - {type: wasp_key, name: Wasp Key, formats: [{pattern: '[0-9a-f]{32}', placeholders: keep, near: {keywords: [waspworks]}}]}
"""
HASH = b"0123456789abcdef" * 2


@pytest.fixture(scope="module")
def two() -> CompiledRules:
    return CompiledRules(rule_set(check_sources([("bee.yaml", RULES), ("wasp.yaml", OTHERS)])))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"BUSYBEE_KEY=" + HASH, ["bee_key"]),
        (b"# BusyBee\nkey = " + HASH, ["bee_key"]),  # a name that says nothing
        (b"# BusyBee\nAPI_TOKEN_PRODUCTION = " + HASH, ["bee_key"]),
        (b"BUSYBEE_ID=7\nWASP_WORKS_KEY=" + HASH, []),  # Wasp-Works', with its own keyword spelled otherwise
        (b"BUSYBEE_ID=7\nWASPWORKS_KEY=" + HASH, ["wasp_key"]),
        (b"WASPWORKS_ID=7\nBUSYBEE_KEY=" + HASH + b"\n", ["bee_key"]),
        (b"wasp.works moved to busybee: " + HASH, ["bee_key"]),  # both named: the keyword counts
        (b'{"wasp works": "none", "busybee": "' + HASH + b'"}', ["bee_key"]),  # a statement of its own
        (b"BUSYBEE=on\n" + b"WASPWORKS" + b"." * 90 + HASH, ["bee_key", "wasp_key"]),  # too far to be its statement
    ],
)
def test_a_token_is_whose_its_statement_says(two: CompiledRules, text: bytes, found: list[str]) -> None:
    rows = scan_texts(two, text)
    assert sorted(m["secret_type"] for row in rows for m in row["matches"]) == found


PREFIXED = r"""
provider: Hornet
secrets:
  - {type: hornet_key, name: Hornet Key, formats: [{pattern: 'hnt_[0-9a-z]{36}', checksum: crc32_base62_body}]}
"""
BARE = r"""
provider: Busy Bee
secrets:
  - {type: bee_key, name: Bee Key, formats: [{pattern: '[0-9a-z_]{40}', near: {keywords: [busybee]}, placeholders: keep}]}
"""


def test_a_bare_token_with_the_prefix_of_another_type_is_nobodys() -> None:
    rules = rule_set(check_sources([("bee.yaml", BARE), ("hornet.yaml", PREFIXED)]))
    wrong_checksum, bare = b"hnt_" + HASH + b"0123", b"htn_" + HASH + b"0123"
    for ours in (rules, rules.subset(["bee_key"])):  # a rule alone finds what it finds among the others
        rows = scan_texts(CompiledRules(ours), b"busybee: " + wrong_checksum, b"busybee: " + bare)
        assert [row["blob_id"] for row in rows] == ["1"]


def test_a_rule_alone_knows_the_providers_of_the_whole_set(two: CompiledRules) -> None:
    text = b"BUSYBEE_ID=7\nWASP_WORKS_KEY=" + HASH
    assert scan_texts(two, text) == scan_texts(CompiledRules(two.rules.subset(["bee_key"])), text) == []
