"""What is text and what is left out."""

from __future__ import annotations

import codecs

import pytest

from workbench.corpora.content import is_utf16, skip_reason
from workbench.corpora.skips import BINARY, LFS_POINTER, SKIP_REASONS, TOO_LARGE

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a1" * 32 + b"\nsize 5\n"
EXTENDED = POINTER.replace(b"oid", b"ext-0-foo sha256:" + b"b2" * 32 + b"\noid", 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", None),
        (b"text\n", None),
        (b"\xff\xfe\xfd any bytes but no NUL", None),  # git's rule knows no encoding
        (b"a\0b", BINARY),
        (b"a" * 7999 + b"\0", BINARY),  # the last byte git looks at
        (b"a" * 8000 + b"\0", None),
        ("naïve\r\n".encode("utf-16"), None),
        (codecs.BOM_UTF16_BE + "x = 1\n".encode("utf-16-be"), None),
        (codecs.BOM_UTF16_LE + ("é" * 5000 + "𝄞").encode("utf-16-le"), None),  # longer than what is looked at
        (codecs.BOM_UTF16_LE + ("a" * 3998 + "𝄞" * 9).encode("utf-16-le"), None),  # the cut halves a surrogate pair
        (codecs.BOM_UTF16_LE + b"a\0\0\0", BINARY),  # a NUL character
        ("x = 1\n".encode("utf-32"), BINARY),  # its mark begins as UTF-16's does
        ("no mark".encode("utf-16-le"), BINARY),
        (POINTER, LFS_POINTER),
        (POINTER.rstrip(b"\n"), LFS_POINTER),
        (EXTENDED, LFS_POINTER),
        (POINTER + b"token = here\n", None),  # more than a pointer
        (b"x" * 101, TOO_LARGE),
    ],
)
def test_skip_reason(content: bytes, reason: str | None) -> None:
    limit = 100 if reason == TOO_LARGE else 1 << 20
    assert skip_reason(content, max_bytes=limit) == reason
    assert reason is None or reason in SKIP_REASONS


def test_an_odd_number_of_bytes_is_still_utf16_text() -> None:
    assert is_utf16("abc".encode("utf-16") + b"x")
