"""The cache: the same rule set as without it, from the cache only while nothing changed, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import HOUSE_RULES
from workbench.errors import RulesError
from workbench.rules import cached
from workbench.rules import load as plain
from workbench.rules.rule import RuleSet
from workbench.shipped import rules_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "rules"
    place.mkdir()
    (place / "acme.yaml").write_text(HOUSE_RULES)
    return place


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often rules are read and checked anew."""
    calls: list[int] = []
    check = plain.check_sources

    def counted(sources: object, **more: object) -> plain.Loaded:
        calls.append(1)
        return check(sources, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(plain, "check_sources", counted)
    return calls


def entries() -> list[Path]:
    return sorted(cached.folder().glob("rules-*"))


def test_the_shipped_rules_are_the_same_from_the_cache(shipped: RuleSet, read: list[int]) -> None:
    assert cached.load([rules_folder()]) == shipped
    assert cached.load([rules_folder()]) == shipped
    assert len(read) == 1


def test_a_changed_byte_is_read_anew_and_the_old_text_is_still_known(folder: Path, read: list[int]) -> None:
    first = cached.load([folder])
    (folder / "acme.yaml").write_text(HOUSE_RULES.replace("{36}", "{37}"))
    second = cached.load([folder])
    assert second.hash != first.hash and len(read) == 2
    (folder / "acme.yaml").write_text(HOUSE_RULES)
    assert cached.load([folder]) == first and len(read) == 2


def test_files_that_were_added_or_moved_count(folder: Path, read: list[int]) -> None:
    one = cached.load([folder])
    (folder / "b.yaml").write_text("provider: B\nsecrets:\n  - {type: b_key, name: B, formats: [{pattern: 'bkey_[a-z]{30}'}]}\n")
    assert set(cached.load([folder]).secret_types) == {*one.secret_types, "b_key"}
    assert cached.load([folder / "acme.yaml"]) == one and len(read) == 2, "what a file says counts, not where it stands"


@pytest.mark.parametrize("damage", [
    lambda data: b"",  # a disk that was full
    lambda data: data[:-1],
    lambda data: data[:70] + b"X" + data[71:],
    lambda data: b"not a digest\n{}",
])
def test_a_damaged_entry_is_made_again(folder: Path, read: list[int], damage: object) -> None:
    first = cached.load([folder])
    (entry,) = entries()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))  # type: ignore[operator]
    assert cached.load([folder]) == first and len(read) == 2
    assert entry.read_bytes() == whole


def test_an_entry_of_another_shape_is_made_again(folder: Path, read: list[int]) -> None:
    """Its digest holds, but other code of the same name wrote it."""
    first = cached.load([folder])
    cached.write_entry(cached.folder(), entries()[0].name, b'{"types": [[1, 2]]}')
    assert cached.load([folder]) == first and len(read) == 2


def test_rules_with_problems_are_told_each_time_and_never_kept(folder: Path) -> None:
    (folder / "acme.yaml").write_text(HOUSE_RULES + "    colour: red\n")
    for _ in range(2):
        with pytest.raises(RulesError, match=r"acme\.yaml:\d+: "):
            cached.load([folder])
    assert entries() == []
    with pytest.raises(RulesError, match="no such file"):
        cached.load([folder / "gone.yaml"])
    (folder / "acme.yaml").write_bytes(b"provider: \xe9\n")
    with pytest.raises(RulesError, match="not UTF-8"):
        cached.load([folder])


def test_without_a_place_to_write_it_works_as_well(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "below"))  # below a file no folder can be made
    assert cached.load([folder]) == plain.load([folder])


def test_it_can_be_left_out(folder: Path, read: list[int]) -> None:
    cached.load([folder], cache=False)
    cached.load([folder], cache=False)
    assert len(read) == 2 and entries() == []


def test_old_entries_make_room_for_new_ones(tmp_path: Path) -> None:
    for k in range(cached.MOST_ENTRIES + 3):
        cached.write_entry(tmp_path, f"rules-{k:02}.json", b"{}")
        os.utime(tmp_path / f"rules-{k:02}.json", (k + 1, k + 1))
    cached.write_entry(tmp_path, "compiled-x.bin", b"")
    names = {f.name for f in tmp_path.iterdir()}
    assert len(names) == cached.MOST_ENTRIES + 1 and "rules-00.json" not in names and "compiled-x.bin" in names
    assert all(not f.name.startswith(".new") for f in tmp_path.iterdir())
