"""What lint remembers: a second check says what the first did, an edited rule is looked at anew, damage is harmless."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from workbench.rules import lint, load, pattern
from workbench.rules.problem import Problem
from workbench.rules.remembered import Memory

WEAK = r"""provider: Acme
secrets:
  - {type: acme_weak, name: W, formats: [{pattern: 'acmew_[0-9a-f]{32}', min_entropy: 3.6}]}
  - {type: acme_wide, name: W, formats: [{pattern: '(?:[a-f]{900}[g-k]{900}acmex_){900}'}]}
  - {type: acme_odd, name: W, formats: [{pattern: 'acmeo_[a-z]{20}', checksum: none_such}]}
"""


def checked(file: Path, place: Path | None) -> list[Problem]:
    memory = Memory(place)
    found = lint.check_loaded(load.read([file], memory=memory), memory=memory)
    memory.keep()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.yaml"
    path.write_text(WEAK)
    return path


def test_a_second_check_says_the_same_and_asks_no_engine(
        file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = checked(file, None)
    assert any("rejects" in p.got for p in plain) and any("none_such" in p.got for p in plain)
    assert checked(file, tmp_path / "cache") == plain
    monkeypatch.setattr(lint, "hyperscan_refusal", lambda _: pytest.fail("a known pattern was compiled again"))
    monkeypatch.setattr(lint, "weaknesses", lambda *_, **__: pytest.fail("a known type was tried again"))
    assert checked(file, tmp_path / "cache") == plain


def test_what_is_told_of_one_text_is_not_told_of_another(file: Path, tmp_path: Path) -> None:
    """A line more moves every problem after it, and a changed limit is tried."""
    checked(file, tmp_path / "cache")
    file.write_text("# a line\n" + WEAK.replace("min_entropy: 3.6", "min_entropy: 3.0"))
    after = checked(file, tmp_path / "cache")
    assert after == checked(file, None)
    assert not any("rejects" in p.got for p in after)
    file.write_text("provider: [\n")
    assert checked(file, tmp_path / "cache") == checked(file, None)


@pytest.mark.parametrize("damage", [b"", b"{}", b"not an entry\n{", None])
def test_a_damaged_memory_is_as_good_as_none(file: Path, tmp_path: Path, damage: bytes | None) -> None:
    plain = checked(file, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(entry.read_bytes()[:-9] if damage is None else damage)
    assert checked(file, tmp_path / "cache") == plain
    assert checked(file, tmp_path / "cache") == plain


def test_samples_are_drawn_as_choice_draws_them() -> None:
    """A seed keeps its token: corpora and canaries told by their seed are the same as before."""
    tree, ours, plain = pattern.parse("ab_[0-9a-f]{40}[xyz]"), random.Random("seed"), random.Random("seed")
    expected = "ab_" + "".join(plain.choice("0123456789abcdef") for _ in _drawn(plain, 40)) + plain.choice("xyz")
    assert pattern.generate(tree, ours).decode() == expected


def _drawn(rng: random.Random, count: int) -> range:
    """The draws that the literals before it and the repeat's own count take."""
    for _ in "ab_":
        rng.choice(b"a")
    return range(rng.randint(count, count))
