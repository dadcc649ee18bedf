"""Content is what a blob holds; ingesters keep text and count what they leave out, by reason (``skips``).

Binary is what git calls binary, a NUL in the first 8000 bytes, except for UTF-16 text: files that Windows tools save
with a byte order mark hold configuration as often as any other.
"""

from __future__ import annotations

import codecs
import re

from workbench.corpora.skips import BINARY, LFS_POINTER, TOO_LARGE

MAX_BLOB_BYTES = 4 << 20
"""Default limit: of public histories' text, blobs over 4 MiB are data sets and bundles."""

_SNIFFED_BYTES = 8000
_LFS_POINTER_MAX_BYTES = 1024
_LFS_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    rb"(?:ext-[0-9]-[a-z0-9.-]+ sha256:[0-9a-f]{64}\n)*oid sha256:[0-9a-f]{64}\nsize [0-9]+\n?"
)


def skip_reason(content: bytes, *, max_bytes: int = MAX_BLOB_BYTES) -> str | None:
    """Why ``content`` is left out of a corpus, or None when it is kept."""
    if len(content) > max_bytes:
        return TOO_LARGE
    if content.find(b"\0", 0, _SNIFFED_BYTES) >= 0:
        return None if is_utf16(content) else BINARY
    # Whole and exact: a file that only begins like a pointer is text like any other.
    if len(content) <= _LFS_POINTER_MAX_BYTES and content.startswith(b"version ") and _LFS_POINTER.fullmatch(content):
        return LFS_POINTER
    return None


def is_utf16(content: bytes) -> bool:
    """Whether ``content`` begins with a UTF-16 byte order mark and goes on as text of that encoding."""
    if content.startswith(codecs.BOM_UTF16_LE):
        encoding = "utf-16-le"
    elif content.startswith(codecs.BOM_UTF16_BE):
        encoding = "utf-16-be"
    else:
        return False
    try:
        # final=False: the cut after so many bytes may fall inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(content[:_SNIFFED_BYTES], final=False)
    except UnicodeDecodeError:
        return False
    return "\0" not in text  # also tells UTF-32, whose mark begins with the same bytes
