"""A kept compilation: a :class:`~workbench.engine.compilation.Compilation` as one file of the cache folder.

A line of JSON, and after it the bytes it speaks of: the lookup's bits and the Hyperscan databases. A database is bound
to Hyperscan's version and to what the processor can do; one that does not fit is made again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hyperscan
import numpy as np

from workbench.engine.base64text import EncodedHead
from workbench.engine.compilation import Bearings, Compilation
from workbench.engine.triggers import Target
from workbench.rules.cached import code_digest, read_entry, write_entry
from workbench.rules.rule import RuleSet


def read(rules: RuleSet, folder: Path) -> Compilation | None:
    """The compilation of ``rules`` kept in ``folder``; None when there is none that can be used."""
    entry = read_entry(folder, _name(rules))
    if entry is None:
        return None
    head, _, rest = entry.partition(b"\n")
    try:
        return _unpacked(json.loads(head), rest)
    except (ValueError, TypeError, KeyError, IndexError, hyperscan.HyperscanError):
        return None  # made on another kind of processor


def write(rules: RuleSet, found: Compilation, folder: Path) -> None:
    """Keep the compilation of ``rules``; does nothing where ``folder`` cannot be written."""
    write_entry(folder, _name(rules), _packed(found))


def _name(rules: RuleSet) -> str:
    own = Path(__file__).parent
    key = f"{rules.hash}:{code_digest(own.parent / 'rules')}:{code_digest(own, 'hyperscan', 'numpy', 'google-re2')}"
    return f"compiled-{hashlib.sha256(key.encode()).hexdigest()[:32]}.bin"


def _packed(found: Compilation) -> bytes:
    pieces = [np.packbits(found.allowed).tobytes(), *(hyperscan.dumpb(database) for _, database in found.databases)]
    head = {
        "bearings": [[b.search, b.group, b.reach, b.lead, b.prefix, b.head.decode("latin-1")] for b in found.bearings],
        "expressions": found.expressions,
        "lengths": found.lengths.tolist(),
        "targets": [[_target_row(t) for t in targets] for targets in found.targets],
        "places": found.places.tolist(),
        "allowed": found.allowed.shape,
        "numbers": [numbers.tolist() for numbers, _ in found.databases],
        "sizes": [len(p) for p in pieces],
    }
    return b"\n".join([json.dumps(head, separators=(",", ":")).encode(), b"".join(pieces)])


def _target_row(target: Target) -> list[Any]:
    head = target.encoded
    encoded = head and [[c.decode("latin-1") for c in head.characters], head.lead, head.skipped, head.distance]
    return [target.format, target.back_least, target.back_most, target.is_keyword, encoded]


def _unpacked(head: dict[str, Any], rest: bytes) -> Compilation:
    bits, *databases = _pieces(rest, head["sizes"])
    shape = tuple(head["allowed"])
    allowed = np.unpackbits(np.frombuffer(bits, np.uint8), count=int(np.prod(shape))).view(bool).reshape(shape)
    loaded = [(np.array(numbers, dtype=np.int64), hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK))
              for numbers, data in zip(head["numbers"], databases, strict=True)]
    bearings = [Bearings(*row, head=certain.encode("latin-1")) for *row, certain in head["bearings"]]
    return Compilation(bearings, tuple(head["expressions"]), np.array(head["lengths"], dtype=np.int64),
                       [[_target(row) for row in rows] for rows in head["targets"]],
                       np.array(head["places"], dtype=np.int64), allowed, loaded)


def _pieces(rest: bytes, sizes: Sequence[int]) -> list[bytes]:
    ends = np.cumsum([0, *sizes]).tolist()
    if ends[-1] != len(rest):
        raise ValueError("Expected as many bytes as the head says")
    return [rest[a:b] for a, b in itertools.pairwise(ends)]


def _target(row: list[Any]) -> Target:
    number, least, most, is_keyword, encoded = row
    if encoded is not None:
        characters, lead, skipped, distance = encoded
        encoded = EncodedHead(tuple(c.encode("latin-1") for c in characters), lead, skipped, distance)
    return Target(number, least, most, is_keyword, encoded)
