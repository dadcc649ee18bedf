"""The set that decides whether a blob is new: a mistake in it loses a blob, or keeps it twice."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.corpora import digests
from workbench.corpora.digests import DigestSet


def digest(number: int) -> bytes:
    return hashlib.sha1(str(number).encode(), usedforsecurity=False).digest()


# Few different first bytes and equal beginnings of 8 and 11 bytes: the cases that real digests never try.
close = st.builds(
    lambda head, tail: (head * 8 + b"\0\0\0" + tail).ljust(20, b"\0"),
    st.sampled_from([b"\0", b"\1", b"\xff"]), st.binary(min_size=1, max_size=1),
)
batches = st.lists(st.lists(st.one_of(close, st.integers(0, 40).map(digest)), max_size=12), max_size=8)


@settings(deadline=None)  # machines may be busy
@given(batches, st.sampled_from(["add", "add_many", "add_hex"]), st.integers(1, 9), st.integers(0, 9), st.integers(1,
                                                                                                                   30))
def test_it_is_a_set(given_batches: list[list[bytes]], way: str, pending: int, few: int, in_arrays: int) -> None:
    before = digests._PENDING_LIMIT, digests._FEW, digests._ARRAYS_LIMIT
    digests._PENDING_LIMIT, digests._FEW, digests._ARRAYS_LIMIT = pending, few, in_arrays  # files of a few members
    try:
        ours, theirs = DigestSet(), set()
        for batch in given_batches:
            fresh = []
            for one in batch:
                fresh.append(one not in theirs)
                theirs.add(one)
            if way == "add":
                assert [ours.add(one) for one in batch] == fresh
            elif way == "add_many":
                assert ours.add_many(batch).tolist() == fresh
            else:
                ours.add_hex(b"".join(batch).hex().encode())
            assert len(ours) == len(theirs)
            asked = [*batch, *map(digest, range(5))]
            assert ours.contains_many(asked).tolist() == [one in theirs for one in asked] == [a in ours for a in asked]
    finally:
        digests._PENDING_LIMIT, digests._FEW, digests._ARRAYS_LIMIT = before


def test_it_stays_small() -> None:
    count = 200_000
    ours = DigestSet()
    ours.add_hex("".join(digest(n).hex() for n in range(count)).encode())
    held = sum(a.nbytes for a in (*ours._keys, *ours._rest))
    assert len(ours) == count and held == 12 * count


def test_what_is_no_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 40"):
        DigestSet().add_hex(b"00" * 21)
    with pytest.raises(ValueError):
        DigestSet().add_hex(b"zz" * 20)
