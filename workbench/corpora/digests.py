"""A digest set remembers which of very many digests (blob ids, say) have been seen, in 12 bytes each.

It keeps the first 96 bits of each digest: 50 million blobs cost 600 MB, and the chance that any two of them share
those bits by accident is 2e-14. Members stand in sorted arrays in 256 buckets by first byte, so that growing copies
one bucket at a time; the newest wait in a plain set until there are enough to be worth sorting in.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable

import numpy as np

KEPT_BYTES = 12
_FEW = 4096
_PENDING_LIMIT = 1 << 17
"""Newest members kept in a plain set, at about 90 bytes each."""


class DigestSet:
    """A set of digests of at least 12 bytes each. Never forgets, has no order, gives nothing back."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._pending: set[bytes] = set()
        self._keys: list[np.ndarray] = [np.empty(0, np.uint64) for _ in range(256)]
        self._rest: list[np.ndarray] = [np.empty(0, np.uint32) for _ in range(256)]
        self._sorted_in = 0
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
        if not digests:
            return np.zeros(0, bool)
        heads = [digest[:KEPT_BYTES] for digest in digests]
        found = np.fromiter((head in self._pending for head in heads), bool, len(heads))
        if self._sorted_in:
            keys, rest = _split(np.frombuffer(b"".join(heads), np.uint8).reshape(-1, KEPT_BYTES))
            order = np.argsort(keys, kind="stable")
            buckets = (keys[order] >> np.uint64(56)).astype(np.intp)
            edges = np.searchsorted(buckets, np.arange(257))
            for bucket in np.flatnonzero(np.diff(edges)):
                rows = order[edges[bucket] : edges[bucket + 1]]
                found[rows] |= self._bucket_has(bucket, keys[rows], rest[rows])
        return found

    def _is_sorted_in(self, head: bytes) -> bool:
        keys = self._keys[head[0]]
        if not len(keys):
            return False
        key, rest = int.from_bytes(head[:8], "big"), int.from_bytes(head[8:], "big")
        at = int(np.searchsorted(keys, np.uint64(key)))
        while at < len(keys) and keys[at] == key:
            if self._rest[head[0]][at] == rest:
                return True
            at += 1
        return False

    def _bucket_has(self, bucket: int, keys: np.ndarray, rest: np.ndarray) -> np.ndarray:
        own_keys, own_rest = self._keys[bucket], self._rest[bucket]
        if not len(own_keys):
            return np.zeros(len(keys), bool)
        at = np.searchsorted(own_keys, keys)
        found = np.zeros(len(keys), bool)
        # Members that share 64 bits stand side by side: nearly always this loop ends after its first turn.
        live = np.flatnonzero(at < len(own_keys))
        live = live[own_keys[at[live]] == keys[live]]
        while len(live):
            same = own_rest[at[live]] == rest[live]
            found[live[same]] = True
            live = live[~same]
            at[live] += 1
            live = live[at[live] < len(own_keys)]
            live = live[own_keys[at[live]] == keys[live]]
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
            keys, rest = keys[fresh], rest[fresh]
        edges = np.searchsorted(keys >> np.uint64(56), np.arange(257, dtype=np.uint64))
        for bucket in np.flatnonzero(np.diff(edges)):
            part = slice(edges[bucket], edges[bucket + 1])
            new = ~self._bucket_has(bucket, keys[part], rest[part])
            new_keys, new_rest = keys[part][new], rest[part][new]
            at = np.searchsorted(self._keys[bucket], new_keys)
            self._keys[bucket] = np.insert(self._keys[bucket], at, new_keys)
            self._rest[bucket] = np.insert(self._rest[bucket], at, new_rest)
            self._sorted_in += len(new_keys)


def _split(heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 12 bytes as (first 8 bytes, last 4 bytes), big-endian so that numbers sort as bytes do."""
    keys = np.ascontiguousarray(heads[:, :8]).view(">u8").ravel().astype(np.uint64)
    rest = np.ascontiguousarray(heads[:, 8:KEPT_BYTES]).view(">u4").ravel().astype(np.uint32)
    return keys, rest
