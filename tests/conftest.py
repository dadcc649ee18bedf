"""What every test may use: a small rule set of its own, texts with fresh samples, and a key that no store keeps."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.rules.load import check_sources, rule_set
from workbench.rules.rule import RuleSet
from workbench.rules.testtext import Filled, fill

# A test run gives the same answer each time it is run on the same files; `make test-slow` looks for new examples.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("exploring", derandomize=False)
settings.load_profile("repeatable")

ROOT = Path(__file__).parent.parent

HOUSE_RULES = r"""
provider: Acme
secrets:
  - type: acme_token          # a trigger of its own, and a checksum
    name: Acme Token
    partner: true
    formats:
      - {pattern: 'acme_[A-Za-z0-9]{36}', checksum: crc32_base62_body}
      - {pattern: 'acme-old-[0-9a-f]{32}', label: old}
  - type: acme_id             # the searchable half of two pairs
    name: Acme Id
    formats: [{pattern: 'ACME[A-Z2-7]{16}'}]
  - type: acme_secret         # no literal: searched only near its partner
    name: Acme Secret
    formats:
      - {pattern: '[A-Za-z0-9/+]{40}', must_match: ['[a-z]', '[A-Z]', '[0-9]']}
  - type: acme_session
    name: Acme Session
    formats: [{pattern: 'ACMESESSION[A-Za-z0-9]{30}'}]
  - type: acme_temporary_id
    name: Acme Temporary Id
    formats: [{pattern: 'ATMP[A-Z2-7]{16}'}]
  - type: acme_hash           # no literal: keywords must stand near
    name: Acme Hash
    formats: [{pattern: '[0-9a-f]{32}', near: {keywords: [acmehash], window: {lines: 1}}}]
pairs:
  - {type: acme_pair, name: Acme Pair, parts: [acme_id, acme_secret], window: {lines: 5}, partner: true}
  - {type: acme_triple, name: Acme Triple, parts: [acme_temporary_id, acme_secret, acme_session]}
"""


def shared(*parts: str) -> Path:
    """A path below ``../shared``; the test is skipped where it is absent."""
    path = ROOT.parent.joinpath("shared", *parts)
    if not path.exists():
        pytest.skip(f"../shared/{'/'.join(parts)} is not here")
    return path


def rules_of(text: str) -> RuleSet:
    """The rule set of one YAML text."""
    return rule_set(check_sources([("rules.yaml", text)]))


@pytest.fixture(scope="session")
def house() -> CompiledRules:
    """The tests' own rules, compiled."""
    return CompiledRules(rules_of(HOUSE_RULES))


@pytest.fixture(scope="session")
def filled(house: CompiledRules) -> Callable[..., Filled]:
    """Fills ``{type:tag}`` in a text with samples of the tests' own rules."""
    return lambda text, seed=0: fill(text, house.rules, seed=seed)


def scan_texts(compiled: CompiledRules, *texts: bytes) -> list[dict]:
    """Result rows of texts scanned as one batch; ``blob_id`` is the text's number."""
    batch = blob_batch((str(k), text) for k, text in enumerate(texts))
    return [row for out in scan_batches([batch], compiled) for row in out.to_pylist()]


def spans(row: dict, secret_type: str) -> list[tuple[int, int]]:
    return [(m["start"], m["end"]) for m in row["matches"] if m["secret_type"] == secret_type]


@pytest.fixture(autouse=True)
def _own_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test seals with a key of its own and touches no one's configuration."""
    monkeypatch.setenv("WORKBENCH_KEY", base64.urlsafe_b64encode(os.urandom(32)).decode())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
