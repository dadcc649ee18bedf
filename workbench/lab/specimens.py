"""A specimen is a match with its context, cut while a scan has the blob's bytes in hand, and kept to be looked at.

When there are more than may be kept, they are drawn by a hash of their content. That is a fair sample, the same in
every scan of the same corpus whatever the threads did, and it is a sample of secrets: one that stands in a thousand
revisions of a file is drawn once.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from workbench.lab.masking import Blinds, Masker

SAMPLE = 1_000
"""Results of a dry run, as many as GitHub's own dry run of a custom pattern gives."""

MatchKey = tuple[str, str, int, int]
"""(blob id, secret type, start, end)."""


def rank(secret_type: str, token: bytes) -> int:
    """A number of 64 bits that a secret is drawn by; it says nothing of the token beyond equality."""
    return int.from_bytes(hashlib.blake2b(secret_type.encode() + b"\0" + token, digest_size=8).digest())


@dataclass(slots=True)
class Draw:
    """The lowest-ranked ``most`` of what is offered; of equal ranks, the one with the least key.

    Threads may share one.
    """

    most: int
    _kept: dict[int, tuple[MatchKey, object]] = field(default_factory=dict)
    _heap: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wants(self, number: int, key: MatchKey) -> bool:
        """Whether :meth:`put` would keep it."""
        known = self._kept.get(number)
        if known is not None:
            return key < known[0]
        return len(self._kept) < self.most or (self.most > 0 and number < -self._heap[0])

    def put(self, number: int, key: MatchKey, value: object) -> None:
        with self._lock:
            if not self.wants(number, key):
                return
            if number not in self._kept:
                heapq.heappush(self._heap, -number)
            self._kept[number] = (key, value)
            if len(self._kept) > self.most:
                del self._kept[-heapq.heappop(self._heap)]

    def __len__(self) -> int:
        return len(self._kept)

    def items(self) -> Iterator[tuple[MatchKey, object]]:
        """(key, value) by rank."""
        for number in sorted(self._kept):
            yield self._kept[number]


class Specimens:
    """Cuts contexts during a scan: of every match, or of a drawn sample of secrets. ``contexts`` has them by match."""

    def __init__(self, masker: Callable[[], Masker], *, most: int | None = SAMPLE) -> None:
        """``masker`` is called when the first match is met; ``most`` None keeps the context of every match."""
        self._masker = masker
        self._draw = Draw(most) if most is not None else None
        self._all: dict[MatchKey, str] = {}

    @property
    def contexts(self) -> dict[MatchKey, str]:
        if self._draw is None:
            return self._all
        return {key: str(text) for key, text in self._draw.items()}

    def look(self, batch: pa.RecordBatch, found: Sequence[pa.RecordBatch]) -> None:
        """Take what a batch of a scan gave; see :data:`workbench.lab.scanning.Look`."""
        rows = {row["blob_id"]: row for out in found for row in out.to_pylist()}
        chosen = self._chosen(rows)
        if not chosen:
            return
        blobs = contents(batch, chosen)
        spans = self._masker().spans(list(blobs.items()))
        for blob_id, matches in chosen.items():
            known = spans[blob_id] + [(m["start"], m["end"]) for m in rows[blob_id]["matches"]]
            blinds = Blinds(blobs[blob_id], known)
            for number, match in matches:
                text = blinds.context((match["start"], match["end"]))
                if self._draw is None:
                    self._all[key_of(blob_id, match)] = text
                else:
                    self._draw.put(number, key_of(blob_id, match), text)

    def _chosen(self, rows: Mapping[str, Mapping]) -> dict[str, list[tuple[int, Mapping]]]:
        """The matches to cut a context of, by blob, with their ranks; of equal secrets one."""
        chosen: dict[str, list[tuple[int, Mapping]]] = {}
        if self._draw is None:
            return {blob_id: [(0, m) for m in row["matches"]] for blob_id, row in rows.items() if row["matches"]}
        least: dict[int, tuple[MatchKey, Mapping]] = {}
        for blob_id, row in rows.items():
            for match in row["matches"]:
                number, key = rank(match["secret_type"], match["token"]), key_of(blob_id, match)
                if (number not in least or key < least[number][0]) and self._draw.wants(number, key):
                    least[number] = key, match
        for number, (key, match) in least.items():
            chosen.setdefault(key[0], []).append((number, match))
        return chosen


def key_of(blob_id: str, match: Mapping) -> MatchKey:
    return blob_id, match["secret_type"], match["start"], match["end"]


def contents(batch: pa.RecordBatch, blob_ids: Mapping[str, object] | set[str]) -> dict[str, bytes]:
    """The content of some blobs of a batch, by blob id."""
    column = batch.column("content")
    return {blob_id: column[k].as_py() or b"" for k, blob_id in enumerate(batch.column("blob_id").to_pylist())
            if blob_id in blob_ids}
