"""The sealing key: from the environment or a private file, and never guessed, printed or overwritten."""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.errors import WrongKey
from workbench.store.key import encode_key, key_file, load_key


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_key_made_on_first_use_is_the_key_from_then_on() -> None:
    key = load_key()
    assert len(key) == 32
    assert load_key() == load_key(create=False) == key


def test_the_key_file_is_readable_by_its_owner_alone() -> None:
    load_key()
    assert key_file().stat().st_mode & 0o777 == 0o600
    assert key_file().parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in key_file().parent.iterdir()] == ["key"]  # nothing half-made beside it


def test_the_variable_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    load_key()
    monkeypatch.setenv("WORKBENCH_KEY", encode_key(bytes(range(32))))
    assert load_key() == bytes(range(32))


def test_padding_of_the_variable_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEY", encode_key(bytes(range(32))).rstrip("=") + "\n")
    assert load_key() == bytes(range(32))


@pytest.mark.parametrize("text", [
    "",  # set but empty must not mean "make one"
    "short",
    base64.urlsafe_b64encode(bytes(31)).decode(),  # a byte too few
    base64.urlsafe_b64encode(bytes(33)).decode(),  # a byte too many
    "!" * 43,  # not base64
    "é" * 43,  # not even ASCII
])
def test_a_malformed_key_is_refused_and_not_repeated(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEY", text)
    with pytest.raises(WrongKey, match="WORKBENCH_KEY") as refused:
        load_key()
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_others_may_read_is_refused_with_the_command_that_mends_it(mode: int) -> None:
    load_key()
    os.chmod(key_file(), mode)
    with pytest.raises(WrongKey, match="chmod 600"):
        load_key()


def test_a_missing_key_is_not_made_when_it_may_not_be() -> None:
    with pytest.raises(WrongKey, match="does not exist"):
        load_key(create=False)
    assert not key_file().exists()


def test_a_relative_configuration_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert key_file() == tmp_path / ".config" / "secret-workbench" / "key"


def test_processes_that_start_together_agree_on_one_key() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: load_key(), range(8)))) == 1
