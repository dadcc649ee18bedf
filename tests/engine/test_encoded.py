"""Tokens that stand encoded: base64 on all three alignments, and UTF-16 in both byte orders."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import rules_of, scan_texts
from workbench.engine.base64text import encoded_heads
from workbench.engine.compiled import CompiledRules
from workbench.engine.utf16 import Utf16Text
from workbench.rules.samples import make_sample

RULES = CompiledRules(rules_of(r"""
provider: Acme
secrets:
  - {type: acme_token, name: A, base64: true, formats: [{pattern: 'acme_[A-Za-z0-9]{30}'}]}
  - {type: plain_token, name: P, formats: [{pattern: 'plain_[A-Za-z0-9]{30}'}]}
  - {type: acme_id, name: I, base64: true, formats: [{pattern: 'ACME[A-Z2-7]{16}'}]}
  - {type: acme_secret, name: S, base64: true, formats: [{pattern: '[A-Za-z0-9/+]{40}', must_match: ['[0-9]', '[a-z]']}]}
pairs:
  - {type: acme_pair, name: AP, parts: [acme_id, acme_secret]}
"""))


def sample(name: str, seed: int = 0) -> bytes:
    return make_sample(RULES.rules.secret_types[name], 0, seed=seed)


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 999))
def test_base64_on_every_alignment(before: bytes, after: bytes, seed: int) -> None:
    token = sample("acme_token", seed)
    before, after = before + b"=", b"\n" + after
    text = b"data: " + base64.b64encode(before + token + after) + b"\n"
    (row,) = scan_texts(RULES, text)
    (match,) = [m for m in row["matches"] if m["secret_type"] == "acme_token"]
    assert match["token"] == token and match["is_base64_encoded"] and match["alertable"]
    # The span holds the token's bits and no group more.
    lead = len(before) * 8 // 6
    assert match["start"] == len(b"data: ") + lead
    padded = text[match["start"] - (lead % 4) : match["end"]]
    decoded = base64.b64decode(padded + b"=" * (-len(padded) % 4))
    assert token in decoded and len(decoded) <= len(token) + 4


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2), st.binary(min_size=3, max_size=3), st.text("0123456789abcdef", min_size=10, max_size=10))
def test_encoded_heads_hold_what_base64_writes(lead: int, filler: bytes, digits: str) -> None:
    """Two fixed letters and hexadecimal digits: every text of that shape holds the trigger where it says."""
    classes = [b"A", b"C", *[b"0123456789abcdef"] * 10]
    (head,) = [h for h in encoded_heads(classes, 0) if h.lead == lead]
    text = base64.b64encode(filler[:lead] + b"AC" + digits.encode() + b"end")
    there = text[head.skipped : head.skipped + len(head.characters)]
    assert all(c in allowed for c, allowed in zip(there, head.characters, strict=True))


def test_types_without_the_flag_are_not_decoded() -> None:
    assert scan_texts(RULES, base64.b64encode(b"x=" + sample("plain_token"))) == []


def test_a_kubernetes_secret_pairs_its_encoded_parts() -> None:
    text = b"data:\n  id: " + base64.b64encode(sample("acme_id")) + b"\n  key: " + base64.b64encode(
        sample("acme_secret") + b"\n") + b"\n"
    (row,) = scan_texts(RULES, text)
    assert [p["pair_type"] for p in row["pairs"]] == ["acme_pair"]
    assert {m["token"] for m in row["matches"]} == {sample("acme_id"), sample("acme_secret")}


@pytest.mark.parametrize("between", [b":", b" ", b"\n", b" = ", b"\nregion=eu-1\nsecret="])
@pytest.mark.parametrize("lead", [b"", b"a/", b"abc/"])  # characters of base64 before the run shift its groups
def test_an_encoded_credentials_file_pairs_inside_its_run(between: bytes, lead: bytes) -> None:
    text = b"[x]\nid=" + sample("acme_id") + between + sample("acme_secret") + b"\nend\n"
    (row,) = scan_texts(RULES, b"data: " + lead + base64.b64encode(text))
    assert [p["pair_type"] for p in row["pairs"]] == ["acme_pair"]
    id_, secret = row["matches"]
    assert (id_["token"], secret["token"]) == (sample("acme_id"), sample("acme_secret"))
    assert secret["is_base64_encoded"] and id_["end"] <= secret["start"]


@pytest.mark.parametrize(("codec", "mark"), [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")])
@pytest.mark.parametrize("before", ["", "k = '", "schlüssel\r\n日本 = ", "\U0001f511 "])
def test_utf16_spans_point_at_the_original_bytes(codec: str, mark: bytes, before: str) -> None:
    token = sample("acme_token")
    text = mark + (before + token.decode() + "'\r\nend").encode(codec)
    (row,) = scan_texts(RULES, text)
    (match,) = row["matches"]
    assert text[match["start"] : match["end"]].decode(codec).encode() == match["token"] == token
    assert match["start_line"] == before.count("\n") + 1
    if "\n" not in before:
        assert match["start_column"] == match["start"] - 2 + 1
    assert row["size"] == len(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"\xff\xfe", b"\xfe\xff"]))
def test_any_bytes_behind_a_mark_keep_their_offsets(data: bytes, mark: bytes) -> None:
    """Half pairs and odd lengths included: every character's offset maps to where it stands."""
    text = Utf16Text(memoryview(mark + data))
    offset = 0
    for character in text.content.decode():
        at = text.original(offset)
        assert 2 <= at <= len(mark + data)
        codec = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
        if character != "�":
            assert (mark + data)[at : at + len(character.encode(codec))].decode(codec) == character
        offset += len(character.encode())
    assert offset == len(text.content)
