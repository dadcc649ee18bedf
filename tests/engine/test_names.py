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
