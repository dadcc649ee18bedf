"""Contexts: whatever stands near a match, no token of anyone is readable in it."""

from __future__ import annotations

import base64
import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.compiled import CompiledRules
from workbench.lab.masking import CLOSE, OPEN, Masker, context, masked, opaque, shape
from workbench.rules.samples import make_sample

DIGEST = hashlib.sha256(b"a neighbour").digest()
RANDOM = base64.b64encode(DIGEST).decode()[:40]


@pytest.mark.parametrize("neighbour", [
    DIGEST.hex(),  # a hash or an unknown hex token
    RANDOM,  # base64 with + and / in it
    base64.urlsafe_b64encode(DIGEST).decode().rstrip("="),  # its web form
    str(uuid.UUID(bytes=DIGEST[:16])),  # in pieces of which none is long
    "postgres://shop:" + "hunter" + "22x@db.example.org/shop",  # a password that is a word
    "password = '" + "correct-horse" + "'",  # a value by its name
    f"{RANDOM[:8]}.{RANDOM[:20]}.{RANDOM}",  # dotted, like a web token
    "9" * 20,  # an account number
])
def test_a_context_hides_what_no_rule_knows(neighbour: str) -> None:
    blob = f"a = {neighbour} b = MATCHED c = {neighbour}".encode()
    start = blob.index(b"MATCHED")
    shown = context(blob, (start, start + 7), [])
    kept = neighbour.split("'")[1] if "'" in neighbour else neighbour.split(":")[-1].split("@")[0]
    assert kept not in shown
    assert f"{OPEN}M…(7){CLOSE}" in shown


@pytest.mark.parametrize("text", [
    "com/amazonaws/services/s3/AmazonS3Client",  # a path is not a token
    "documentFragmentFactory.createElement",  # nor is a long name
    "TestAwsSecretAccessKey=",  # nor one of short words
    "https://example.org/documentation/getting-started",
    "AWS_SECRET_ACCESS_KEY=",  # the name tells an author what the match is
])
def test_a_context_keeps_what_an_author_needs(text: str) -> None:
    blob = f"see {text} MATCHED".encode()
    start = blob.index(b"MATCHED")
    assert text in context(blob, (start, start + 7), [])


def test_a_token_cut_by_the_edge_of_the_context_does_not_pass_for_a_word() -> None:
    blob = (DIGEST.hex() + " " * 40 + "MATCHED").encode()
    start = blob.index(b"MATCHED")
    shown = context(blob, (start, start + 7), [], reach=44)  # four characters of the neighbour are in reach
    assert DIGEST.hex()[-4:] not in shown


@pytest.mark.parametrize("reach", range(8))
def test_a_context_is_cut_between_characters(reach: int) -> None:
    blob = "größer 不明 ⟶MATCHED⟶ 不明 größer".encode()
    start = blob.index(b"MATCHED")
    assert "\ufffd" not in context(blob, (start, start + 7), [], reach=reach)


def test_a_pattern_that_stops_short_does_not_leave_the_rest_of_the_token_in_the_open() -> None:
    token = "acme_" + DIGEST.hex()
    blob = f"t = {token}!".encode()
    shown = context(blob, (4, 4 + 12), [])
    assert token[12:20] not in shown and token[-8:] not in shown


def test_known_spans_are_hidden_whole_even_when_they_are_words(house: CompiledRules) -> None:
    blob = b"the password is swordfish, the match is MATCHED"
    at, start = blob.index(b"swordfish"), blob.index(b"MATCHED")
    assert "swordfish" not in context(blob, (start, start + 7), [(at, at + 9)])


def test_utf16_is_read_through() -> None:
    blob = f"key = {DIGEST.hex()} and MATCHED".encode("utf-16-le")
    start = blob.index("MATCHED".encode("utf-16-le"))
    shown = context(blob, (start, start + 14), [])
    assert DIGEST.hex()[:12] not in shown


def test_the_masker_finds_tokens_of_every_set(house: CompiledRules) -> None:
    token = make_sample(house.rules.secret_types["acme_token"], 0, seed=1)
    blob = b"x = " + token + b"\n"
    assert Masker([house, house]).spans([("b", blob), ("c", b"none")]) == {"b": [(4, 4 + len(token))] * 2, "c": []}


@given(st.binary(max_size=300), st.data())
def test_masking_any_bytes_never_shows_a_hidden_span(blob: bytes, data: st.DataObject) -> None:
    low = data.draw(st.integers(0, len(blob)))
    high = data.draw(st.integers(low, len(blob)))
    spans = data.draw(
        st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)).map(lambda p: (p[0], p[0] + p[1])), max_size=4)
    )
    text = masked(blob, (low, high), [s for s in spans if s[1] <= len(blob)])
    assert isinstance(text, str)
    assert all(0 <= a < b <= len(blob) for a, b in opaque(blob))


def test_a_shape_says_what_kind_of_characters_and_not_which() -> None:
    assert shape(b"src/Main2.java") == "aaa/Aaaa9.aaaa"
    assert shape(b"p\xc3\xa4ss!word") == "a**aa*aaaa"
    assert len(shape(b"a" * 100)) < 40
