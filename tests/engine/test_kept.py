"""A kept compilation finds the same, and a file that cannot be used is made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import HOUSE_RULES, rules_of, scan_texts
from workbench.engine import compiled as module
from workbench.engine.compiled import CompiledRules
from workbench.rules.cached import load, read_entry, write_entry
from workbench.rules.rule import RuleSet
from workbench.rules.testtext import fill
from workbench.shipped import rules_folder

TEXT = """\
token = {acme_token}
old = {acme_token:b}
id = {acme_id:a}, secret = {acme_secret:a}
acmehash: {acme_hash}
"""


@pytest.fixture
def compiled_anew(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    work = module.compile_rules

    def counted(rules: RuleSet) -> object:
        calls.append(1)
        return work(rules)

    monkeypatch.setattr(module, "compile_rules", counted)
    return calls


def found(rules: RuleSet, folder: Path | None) -> list[dict]:
    return scan_texts(CompiledRules(rules, cache=folder), *(fill(TEXT, rules, seed=k).content for k in range(3)))


def test_the_same_is_found_with_a_kept_compilation(tmp_path: Path, compiled_anew: list[int]) -> None:
    rules = rules_of(HOUSE_RULES)
    without = found(rules, None)
    assert len(without) == 3 and all(len(row["matches"]) == 5 and row["pairs"] for row in without)
    assert found(rules, tmp_path) == without
    assert found(rules, tmp_path) == without
    assert len(compiled_anew) == 2, "without a folder, and once with it"
    assert found(rules_of(HOUSE_RULES.replace("{36}", "{37}")), tmp_path) != without and len(compiled_anew) == 3


def test_all_of_the_shipped_compilation_comes_back(tmp_path: Path) -> None:
    rules = load([rules_folder()])
    first, again = CompiledRules(rules, cache=tmp_path), CompiledRules(rules, cache=tmp_path)
    assert again.expressions == first.expressions and again.targets == first.targets
    assert [f.bearings for f in again.formats] == [f.bearings for f in first.formats]
    assert np.array_equal(again.places, first.places) and np.array_equal(again._allowed, first._allowed)
    assert np.array_equal(again.trigger_lengths, first.trigger_lengths)


@pytest.mark.parametrize("damage", [b"", b"{}\n", b'{"sizes": [5]}\nabc', "cut", "database"])
def test_a_file_that_cannot_be_used_is_made_again(damage: bytes | str, tmp_path: Path, compiled_anew: list[int]) -> None:
    rules = rules_of(HOUSE_RULES)
    want = found(rules, tmp_path)
    (file,) = tmp_path.iterdir()
    entry = read_entry(tmp_path, file.name)
    assert entry is not None
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:  # with a digest that holds: made by another processor, or by other code
        other = entry[:-900] + bytes(b ^ 0xFF for b in entry[-900:]) if damage == "database" else damage
        assert isinstance(other, bytes)
        write_entry(tmp_path, file.name, other)
    assert found(rules, tmp_path) == want and len(compiled_anew) == 2
    assert read_entry(tmp_path, file.name) == entry
