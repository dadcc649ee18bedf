"""Seals: what is sealed opens again, and only as what it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.scanned import KEY, OTHER_KEY, token
from workbench.errors import StoreError, WrongKey
from workbench.model import Secret
from workbench.store.sealing import Sealer

SEALER = Sealer(KEY)
types = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


@given(st.binary(min_size=1, max_size=2000), types)
def test_a_sealed_token_opens_to_itself(value: bytes, secret_type: str) -> None:
    fingerprint = SEALER.fingerprint(secret_type, value)
    assert SEALER.unseal(SEALER.seal(Secret(value, secret_type)), secret_type, fingerprint).reveal() == value


@given(st.binary(min_size=8, max_size=200))
def test_a_seal_shows_nothing_of_the_token(value: bytes) -> None:
    assert value not in SEALER.seal(Secret(value, "acme_token"))


@given(st.binary(min_size=1, max_size=50), st.integers(min_value=0), st.integers(1, 255))
def test_a_damaged_seal_does_not_open(value: bytes, where: int, change: int) -> None:
    sealed = bytearray(SEALER.seal(Secret(value, "acme_token")))
    sealed[where % len(sealed)] ^= change
    with pytest.raises(StoreError, match="seal"):
        SEALER.unseal(bytes(sealed), "acme_token", SEALER.fingerprint("acme_token", value))


@pytest.mark.parametrize(("secret_type", "other"), [
    ("acme_token", "second"),  # a row swapped with another finding's
    ("duo_id", "first"),  # a row claimed for another type
])
def test_a_seal_moved_to_another_row_does_not_open(secret_type: str, other: str) -> None:
    sealed = SEALER.seal(Secret(token("first"), "acme_token"))
    with pytest.raises(StoreError, match="belongs to another finding"):
        SEALER.unseal(sealed, secret_type, SEALER.fingerprint(secret_type, token(other)))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(11), b"\x02" + bytes(40)])
def test_a_cut_or_foreign_seal_is_an_explained_error(sealed: bytes) -> None:
    with pytest.raises(StoreError):
        SEALER.unseal(sealed, "acme_token", "0" * 32)


def test_another_key_gives_other_names_and_opens_nothing() -> None:
    other, value = Sealer(OTHER_KEY), token("x")
    name = SEALER.fingerprint("acme_token", value)
    assert other.fingerprint("acme_token", value) != name
    assert other.key_check != SEALER.key_check
    with pytest.raises(StoreError):
        other.unseal(SEALER.seal(Secret(value, "acme_token")), "acme_token", name)


def test_the_same_token_of_two_types_is_two_findings() -> None:
    assert SEALER.fingerprint("acme_token", token(1)) != SEALER.fingerprint("duo_id", token(1))


def test_an_alert_of_swapped_parts_is_another_alert() -> None:
    assert SEALER.alert_id("pair", "duo_key", ["a", "b"]) != SEALER.alert_id("pair", "duo_key", ["b", "a"])


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(WrongKey, match="32 bytes"):
        Sealer(bytes(16))


def test_nothing_of_the_key_shows_in_print() -> None:
    assert repr(SEALER) == "Sealer()"
