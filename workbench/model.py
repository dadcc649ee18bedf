"""Values that cross a boundary: ids, spans and secrets.

A span is a half-open range of byte offsets ``[start, end)`` in a blob. Bytes, never characters, everywhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NewType

BlobId = NewType("BlobId", str)
"""Git's blob id of a content: 40 lower-case hex digits."""

ShardId = NewType("ShardId", str)
"""``<first 16 hex of the blobs file's SHA-256>:<first row group>-<last row group>``: names content, not a path."""

RuleHash = NewType("RuleHash", str)
"""Content hash of one rule (a secret type alone, or pairs with all their parts): 16 hex digits."""

RunId = NewType("RunId", str)
"""One batch run: ``<UTC time>-<4 hex>``."""

SOURCES: tuple[str, ...] = (
    "content", "commit", "pull_request_title", "pull_request_description", "pull_request_comment", "issue_title",
    "issue_description", "issue_comment", "discussion_title", "discussion_body", "discussion_comment",
    "commit_comment", "gist_content", "gist_comment", "wiki_content", "wiki_commit", "npm", "manual_submission",
    "unknown",
)
"""GitHub's nineteen ``source`` values in the lower case its worked examples send (partner programme docs, 1.2)."""

MASK = "…"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open byte offsets ``[start, end)`` in a blob."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"Expected 0 <= start < end but got span=[{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def gap_bytes(self, other: Span) -> int:
        """Bytes between the two spans; 0 when they touch or overlap."""
        return max(0, self.start - other.end, other.start - self.end)

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


class Secret:
    """A token that cannot be printed by accident: every string form shows type, length and a fingerprint.

    The fingerprint is the first 4 hex digits of BLAKE2b over type and token. 16 bits tell two secrets on a page
    apart and are too few to confirm a guess.
    """

    __slots__ = ("_token", "secret_type")

    def __init__(self, token: bytes, secret_type: str) -> None:
        if not isinstance(token, bytes):
            raise TypeError(f"Expected bytes but got a token of type {type(token).__name__}")
        self._token = token
        self.secret_type = secret_type

    def reveal(self) -> bytes:
        """The raw token. Only sealing, export and delivery have a reason to call this."""
        return self._token

    @property
    def fingerprint(self) -> str:
        digest = hashlib.blake2b(self.secret_type.encode() + b"\0" + self._token, digest_size=16)
        return digest.hexdigest()[:4]

    def __len__(self) -> int:
        return len(self._token)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self._token == other._token and self.secret_type == other.secret_type

    def __hash__(self) -> int:
        return hash((self.secret_type, self._token))

    def __repr__(self) -> str:
        return f"Secret({self.secret_type}, {len(self._token)} bytes, #{self.fingerprint})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> object:
        raise TypeError("A Secret is not pickled: a pickle would hold the raw token")


def mask_token(token: bytes) -> str:
    """A token as people may see it: up to 4 leading characters, its length, nothing else.

    At most a quarter of the token is shown, so a short one shows less, and all of it on one line: a candidate that a
    pattern refused may hold anything.
    """
    shown = token[: min(4, len(token) // 4)].decode("ascii", errors="replace")
    return f"{''.join(c if c.isprintable() else '·' for c in shown)}{MASK}({len(token)})"
