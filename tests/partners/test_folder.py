"""Providers' folders: whatever a provider is called, a folder of its own inside the export."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.partners.folder import folder_names

HOSTILE = ["../../etc", "/etc/passwd", "..", ".", "", " ", "a/b\\c", "CON", "nul", "com1", "-rf", "~root", "name\nwith\0nul",
           "manifest.json", "💥", "x" * 500, "$(reboot)", "Ünïcode Ltd", "ＡＣＭＥ"]


@pytest.mark.parametrize(("provider", "folder"), [
    ("Amazon Web Services", "amazon-web-services"),
    ("PyPI", "pypi"),
    ("Ünïcode Ltd", "unicode-ltd"),
    ("1Password", "1password"),
])
def test_an_ordinary_name_stays_readable(provider: str, folder: str) -> None:
    assert folder_names([provider]) == {provider: folder}


@pytest.mark.parametrize("provider", HOSTILE)
def test_a_hostile_name_is_a_plain_folder_inside(provider: str, tmp_path: Path) -> None:
    name = folder_names([provider])[provider]
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,80}", name)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert name not in {"con", "nul", "com1"}


@given(st.lists(st.one_of(st.text(max_size=30), st.sampled_from(HOSTILE)), unique=True, max_size=20))
def test_no_two_providers_share_a_folder_on_any_system(providers: list[str]) -> None:
    names = folder_names(providers)
    assert set(names) == set(providers)
    assert len({name.casefold() for name in names.values()}) == len(providers)


def test_names_that_differ_only_in_what_a_folder_cannot_show_are_told_apart() -> None:
    names = folder_names(["Acme Inc", "acme-inc", "ACME, Inc."])
    assert all(name.startswith("acme-inc-") for name in names.values())
    assert len(set(names.values())) == 3
