"""A digest set remembers which of very many digests (blob ids, say) have been seen, in 12 bytes each.

It keeps the first 96 bits of each digest: the chance that any two of 50 million share those bits by accident is 2e-14.
Members stand in sorted arrays in 256 buckets by first byte, so that growing copies one bucket at a time; the newest
wait in a plain set until there are enough to be worth sorting in. Whenever some millions stand in the arrays they go to
a file (:mod:`workbench.corpora.digest_run`), so that a set of any size takes about 70 MB of memory.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable

import numpy as np

from workbench.corpora.digest_run import DigestRun, has_members

KEPT_BYTES = 12
_FEW = 4096
_PENDING_LIMIT = 1 << 17
"""Newest members kept in a plain set, at about 90 bytes each."""
_ARRAYS_LIMIT = 1 << 22
"""Members kept in arrays, at 12 bytes each, before they go to a file."""


class DigestSet:
    """A set of digests of at least 12 bytes each. Never forgets, has no order, gives nothing back."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._pending: set[bytes] = set()
        self._keys, self._rest = _no_buckets()
        self._sorted_in = 0  # in arrays and files
        self._in_arrays = 0
        self._runs: list[DigestRun] = []
        for digest in digests:
            self.add(digest)

    def __len__(self) -> int:
        return self._sorted_in + len(self._pending)

    def __contains__(self, digest: bytes) -> bool:
        head = digest[:KEPT_BYTES]
        return head in self._pending or self._is_sorted_in(head)

    def add(self, digest: bytes) -> bool:
        """Put ``digest`` in; True when it was not there before."""
        head = digest[:KEPT_BYTES]
        if head in self._pending or self._is_sorted_in(head):
            return False
        self.add_new(head)
        return True

    def add_new(self, digest: bytes) -> None:
        """Put ``digest`` in when it is known not to be there: quicker than :meth:`add`."""
        self._pending.add(digest[:KEPT_BYTES])
        if len(self._pending) >= _PENDING_LIMIT:
            self._sort_in_pending()

    def add_many(self, digests: list[bytes]) -> np.ndarray:
        """Put in many; for each whether it was new, as a bool array. Of equal ones the first is new."""
        heads = [digest[:KEPT_BYTES] for digest in digests]
        is_new = ~self.contains_many(heads)
        pending = self._pending
        for at in np.flatnonzero(is_new).tolist():
            if heads[at] in pending:
                is_new[at] = False
            else:
                pending.add(heads[at])
        if len(pending) >= _PENDING_LIMIT:
            self._sort_in_pending()
        return is_new

    def add_hex(self, digits: bytes | memoryview, *, digest_bytes: int = 20) -> None:
        """Put in many digests at once: their hex digits one after the other, ``2 * digest_bytes`` each.

        Raises ValueError when that is not what ``digits`` holds. Repeats are harmless.
        """
        raw = unhexlify(digits)
        if len(raw) % digest_bytes:
            raise ValueError(f"Expected a multiple of {2 * digest_bytes} hex digits but got {2 * len(raw)}")
        if len(raw) < _FEW * digest_bytes:  # too few to be worth sorting in
            for at in range(0, len(raw), digest_bytes):
                self.add(raw[at : at + digest_bytes])
            return
        self._sort_in_pending()  # so that none of them is counted twice
        heads = np.frombuffer(raw, np.uint8).reshape(-1, digest_bytes)[:, :KEPT_BYTES]
        self._sort_in(np.ascontiguousarray(heads))

    def contains_many(self, digests: list[bytes]) -> np.ndarray:
        """For each digest whether it is in the set, as a bool array of the same length."""
        if not digests or not len(self):
            return np.zeros(len(digests), bool)
        heads = [digest[:KEPT_BYTES] for digest in digests]
        found = np.fromiter(map(self._pending.__contains__, heads), bool, len(heads))
        if self._sorted_in:
            keys, rest = _split(np.frombuffer(b"".join(heads), np.uint8).reshape(-1, KEPT_BYTES))
            order = np.argsort(keys, kind="stable")
            keys, rest = keys[order], rest[order]
            found[order] |= self._are_in_files(keys, rest)
            edges = np.searchsorted((keys >> np.uint64(56)).astype(np.intp), np.arange(257))
            for bucket in np.flatnonzero(np.diff(edges)):
                rows = slice(edges[bucket], edges[bucket + 1])
                found[order[rows]] |= has_members(self._keys[bucket], self._rest[bucket], keys[rows], rest[rows])
        return found

    def _is_sorted_in(self, head: bytes) -> bool:
        if not self._sorted_in:
            return False
        keys, rest = _split(np.frombuffer(head, np.uint8).reshape(1, KEPT_BYTES))
        bucket = head[0]
        return bool(has_members(self._keys[bucket], self._rest[bucket], keys, rest)[0]
                    or self._are_in_files(keys, rest)[0])

    def _are_in_files(self, keys: np.ndarray, rest: np.ndarray) -> np.ndarray:
        found = np.zeros(len(keys), bool)
        for run in self._runs:
            found |= run.has(keys, rest)
        return found

    def _sort_in_pending(self) -> None:
        if self._pending:
            heads = np.frombuffer(b"".join(self._pending), np.uint8).reshape(-1, KEPT_BYTES)
            self._pending = set()
            self._sort_in(heads)

    def _sort_in(self, heads: np.ndarray) -> None:
        """Merge rows of 12 bytes into the buckets, leaving out those already there."""
        keys, rest = _split(heads)
        order = np.lexsort((rest, keys))
        keys, rest = keys[order], rest[order]
        if len(keys):
            fresh = np.concatenate(([True], (keys[1:] != keys[:-1]) | (rest[1:] != rest[:-1])))
            fresh &= ~self._are_in_files(keys, rest)
            keys, rest = keys[fresh], rest[fresh]
        edges = np.searchsorted(keys >> np.uint64(56), np.arange(257, dtype=np.uint64))
        for bucket in np.flatnonzero(np.diff(edges)):
            part = slice(edges[bucket], edges[bucket + 1])
            new = ~has_members(self._keys[bucket], self._rest[bucket], keys[part], rest[part])
            new_keys, new_rest = keys[part][new], rest[part][new]
            at = np.searchsorted(self._keys[bucket], new_keys)
            self._keys[bucket] = np.insert(self._keys[bucket], at, new_keys)
            self._rest[bucket] = np.insert(self._rest[bucket], at, new_rest)
            self._sorted_in += len(new_keys)
            self._in_arrays += len(new_keys)
        if self._in_arrays >= _ARRAYS_LIMIT:
            self._runs.append(DigestRun(np.concatenate(self._keys), np.concatenate(self._rest)))
            self._keys, self._rest = _no_buckets()
            self._in_arrays = 0


def _no_buckets() -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [np.empty(0, np.uint64) for _ in range(256)], [np.empty(0, np.uint32) for _ in range(256)]


def _split(heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 12 bytes as (first 8 bytes, last 4 bytes), big-endian so that numbers sort as bytes do."""
    keys = np.ascontiguousarray(heads[:, :8]).view(">u8").ravel().astype(np.uint64)
    rest = np.ascontiguousarray(heads[:, 8:KEPT_BYTES]).view(">u4").ravel().astype(np.uint32)
    return keys, rest
