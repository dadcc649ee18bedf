"""A difference is a secret or a pair that one of two rule sets finds in a blob and the other does not, with the reason.

Differences are taken blob by blob while both rule sets scan the same bytes, so that the stage responsible can be asked
for there and then. Whether a secret is lost is decided at the end, over the whole corpus: one that is still found
elsewhere is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from workbench.engine.compiled import CompiledRules
from workbench.engine.trace import Fate
from workbench.lab.masking import Blinds, Masker
from workbench.lab.reasons import fates_of, reason_for
from workbench.lab.specimens import Draw, contents, rank
from workbench.model import mask_token

Side = Literal["gained", "lost", "kept"]
Identity = tuple[str, str, tuple[bytes, ...]]
"""What a finding is by its content: ("match" or "pair", type, tokens)."""

MOST_EXAMPLES = 2_000
MOST_KEPT_EXAMPLES = 200

_LIMIT_WORDS = {
    "absent": "its partner is not found",
    "bytes": "its partner stands beyond the window, by {over} bytes",
    "lines": "its partner stands beyond the window, by {over} lines",
    "order": "its partner stands on the wrong side",
    "overlap": "it shares bytes with its partner",
    "taken": "its partner belongs to another pair",
    "incomplete": "not all parts are in reach of each other",
}


@dataclass(frozen=True, slots=True)
class Example:
    """One difference as it is shown. ``stage`` and ``reason`` are of the side that does not find it."""

    identity: Identity
    blob_id: str
    start: int
    end: int
    line: int
    masked: str
    context: str
    stage: str
    reason: str

    def __repr__(self) -> str:  # the identity holds raw tokens
        return f"Example({self.identity[1]}, line {self.line}, {self.stage})"


@dataclass(slots=True)
class _Blob:
    """What one side found in one blob: identity to match rows of its first occurrence, and near misses by part."""

    found: dict[Identity, list[Mapping]] = field(default_factory=dict)
    matches: list[Mapping] = field(default_factory=list)
    misses: dict[tuple[str, int, int], Mapping] = field(default_factory=dict)


class Differences:
    """Collects differences from a scan of two rule sets; its :meth:`look` is a :data:`workbench.lab.scanning.Look`."""

    def __init__(self, before: CompiledRules, after: CompiledRules, masker: Callable[[], Masker]) -> None:
        self._rules = before, after
        self._masker = masker
        self._draws: dict[Side, Draw] = {"gained": Draw(MOST_EXAMPLES), "lost": Draw(MOST_EXAMPLES),
                                         "kept": Draw(MOST_KEPT_EXAMPLES)}

    def examples(self, side: Side) -> list[Example]:
        """The drawn examples of one side, in the order of their draw."""
        return [e for _, e in self._draws[side].items() if isinstance(e, Example)]

    def look(self, batch: pa.RecordBatch, found: Sequence[pa.RecordBatch]) -> None:
        before, after = ({r["blob_id"]: _blob(r) for r in out.to_pylist()} for out in found)
        empty = _Blob()
        chosen: dict[str, list[tuple[Side, Identity, int]]] = {}
        for blob_id in {**before, **after}:
            own = self._chosen(blob_id, before.get(blob_id, empty), after.get(blob_id, empty))
            if own:
                chosen[blob_id] = own
        if not chosen:
            return
        blobs = contents(batch, chosen)
        spans = self._masker().spans(list(blobs.items()))
        for blob_id, items in chosen.items():
            sides = before.get(blob_id, empty), after.get(blob_id, empty)
            blob = _Looked(blob_id, blobs[blob_id], spans[blob_id], sides, self._rules)
            for side, identity, number in items:
                example = blob.example(side, identity)
                self._draws[side].put(number, (blob_id, identity[1], example.start, example.end), example)

    def _chosen(self, blob_id: str, before: _Blob, after: _Blob) -> list[tuple[Side, Identity, int]]:
        out: list[tuple[Side, Identity, int]] = []
        for identity in {**before.found, **after.found}:
            side: Side = "kept"
            if identity not in before.found:
                side = "gained"
            elif identity not in after.found:
                side = "lost"
            rows = (after if side != "lost" else before).found[identity]
            number = rank(identity[1], b"\0".join(identity[2]))
            if self._draws[side].wants(number, (blob_id, identity[1], rows[0]["start"], rows[-1]["end"])):
                out.append((side, identity, number))
        return out


def _blob(row: Mapping) -> _Blob:
    out = _Blob(matches=row["matches"])
    for m in row["matches"]:
        out.found.setdefault(("match", m["secret_type"], (m["token"],)), [m])
    for p in row["pairs"]:
        members = [row["matches"][k] for k in p["parts"]]
        out.found.setdefault(("pair", p["pair_type"], tuple(m["token"] for m in members)), members)
    for n in row["near_misses"]:
        part = row["matches"][n["part"]]
        out.misses[n["pair_type"], part["start"], part["end"]] = n
    return out


class _Looked:
    """One blob with differences: makes their examples."""

    def __init__(self, blob_id: str, content: bytes, spans: list[tuple[int, int]], sides: tuple[_Blob, _Blob],
                 rules: tuple[CompiledRules, CompiledRules]) -> None:
        self._id, self._content, self._sides, self._rules = blob_id, content, sides, rules
        self._blinds = Blinds(content, spans + [(m["start"], m["end"]) for side in sides for m in side.matches])
        self._fates: dict[int, list[Fate]] = {}

    def example(self, side: Side, identity: Identity) -> Example:
        rows = self._sides[0 if side == "lost" else 1].found[identity]
        silent = 1 if side == "lost" else 0
        stage, reason = ("", "") if side == "kept" else self._why(identity, rows, silent)
        first = min(rows, key=lambda m: m["start"])
        texts = [self._blinds.context((m["start"], m["end"])) for m in rows]
        return Example(identity, self._id, first["start"], first["end"], first["start_line"],
                       " + ".join(mask_token(t) for t in identity[2]), " ⋯ ".join(texts), stage, reason)

    def _why(self, identity: Identity, rows: Sequence[Mapping], silent: int) -> tuple[str, str]:
        """(stage, sentence) by which the side number ``silent`` does not find what the other does."""
        kind, name, _ = identity
        other = self._sides[silent]
        there = {(m["secret_type"], m["start"], m["end"]) for m in other.matches}
        for m in rows:
            if (m["secret_type"], m["start"], m["end"]) not in there:
                stage, reason = reason_for(self._content, (m["start"], m["end"]), m["secret_type"], self._of(silent),
                                           self._rules[silent])
                return stage, reason if kind == "match" else f"{m['secret_type']}: {reason}"
        if kind == "match":
            return "other token", "the same bytes are read as another token"
        if name not in self._rules[silent].rules.pairs:
            return "no pair", f"the rules have no pair {name}"
        for m in rows:
            miss = other.misses.get((name, m["start"], m["end"]))
            if miss is not None:
                return f"window: {miss['limit']}", _LIMIT_WORDS[miss["limit"]].format(over=miss["exceeded_by"])
        return "assignment", "its parts belong to other pairs"

    def _of(self, side: int) -> list[Fate]:
        if side not in self._fates:
            self._fates[side] = fates_of({self._id: self._content}, self._rules[side])[self._id]
        return self._fates[side]
