"""The shipped rules, read once for all tests of this folder."""

from __future__ import annotations

import pytest

from workbench.rules.load import Loaded, read, rule_set
from workbench.rules.rule import RuleSet
from workbench.shipped import rules_folder


@pytest.fixture(scope="session")
def shipped_files() -> Loaded:
    return read([rules_folder()])


@pytest.fixture(scope="session")
def shipped(shipped_files: Loaded) -> RuleSet:
    return rule_set(shipped_files)
