"""A why: everything there is to say about one text or blob. What each candidate became, and which parts pair.

For pairs it is a picture: the parts where they stand, the windows, the assignment, and the limit that kept others
apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench.engine.compiled import CompiledRules
from workbench.engine.explain import Explanation, explain
from workbench.engine.scan import blob_batch, scan_batches
from workbench.errors import UsageError
from workbench.lab import tables
from workbench.lab.excerpt import excerpts
from workbench.lab.gaps import at_file
from workbench.lab.masking import CLOSE, OPEN, Masker
from workbench.lab.pairpicture import draw
from workbench.model import Span
from workbench.rules.rule import FILE, Pair

MOST_LINES = 60

Row = Mapping[str, Any] | pd.Series


@dataclass(frozen=True, slots=True)
class Why:
    """``explanation`` in words, ``pictures`` one SVG a pair, ``excerpt`` the lines round the spans asked about,
    masked."""

    title: str
    explanation: Explanation
    pictures: tuple[str, ...]
    excerpt: tuple[str, ...]

    def lines(self) -> list[str]:
        """The explanation, a line each: candidates by place, then pairs, near misses, and what never began."""
        return list(self.explanation.lines())

    def __repr__(self) -> str:
        return "\n".join([self.title, *self.excerpt, *self.lines()])

    def _repr_html_(self) -> str:
        lines = self.lines()
        more = (
            [f"… and {len(lines) - MOST_LINES:,} more lines; .lines() has them all"] if len(lines) > MOST_LINES else []
        )
        parts = [tables.note(self.title)] if self.title else []
        parts += [tables.code("\n".join(self.excerpt), marked=True)] if self.excerpt else []
        parts += [f'<div style="overflow-x:auto">{picture}</div>' for picture in self.pictures]
        return tables.page(*parts, tables.code("\n".join([*lines[:MOST_LINES], *more])))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which blob, which rule and which spans a row of a results table is about; ``where`` in words."""

    blob_id: str
    name: str
    spans: tuple[Span, ...]
    where: str


def asked(row: Row) -> Asked:
    """What a row is about. Raises UsageError for something that is no row of matches, pairs, near misses or
    examples."""
    values = row.to_dict() if isinstance(row, pd.Series) else dict(row) if isinstance(row, Mapping) else {}
    if "blob_id" not in values or "type" not in values:
        raise UsageError(
            "Expected a row of matches(), pairs() or near_misses(), such as matches().iloc[0], but got "
            + (f"one with {', '.join(map(str, list(values)[:6]))}" if values else f"a {type(row).__name__}")
        )
    edges = (
        zip(values["starts"], values["ends"], strict=True) if "starts" in values else [(values["start"], values["end"])]
    )
    where = f"{values.get('repository')}/{values.get('path')}, line {values.get('line')}"
    reason = values.get("reason")  # of a comparison, or of a near miss: there may be no candidate to speak of
    return Asked(str(values["blob_id"]), str(values["type"]), tuple(Span(int(a), int(b)) for a, b in edges),
                 f"{where}: {reason}" if isinstance(reason, str) and reason else where)


def why(text: bytes, compiled: CompiledRules, masker: Masker, *, names: Sequence[str] = (), title: str = "",
        spans: Sequence[Span] = ()) -> Why:
    """Explain ``text`` under ``compiled``; with ``names`` only those secret types and pairs. ``spans`` get an
    excerpt."""
    named = [p for p in compiled.pairs if p.type in names]
    types = [t for t in names if t in compiled.rules.secret_types] + [t for p in named for t in p.parts]
    rows = [r for out in scan_batches([blob_batch([("text", text)])], compiled) for r in out.to_pylist()]
    pairs = named or [p for p in compiled.pairs if not types or set(types) & set(p.parts)]
    starts = [0, *(k + 1 for k, b in enumerate(text) if b == 10)] if rows else []
    pictures = tuple(filter(None, (draw(p, r, starts) for p in pairs for r in rows)))
    shown: tuple[str, ...] = ()
    if spans:
        hidden = masker.spans([("text", text)])["text"]
        shown = tuple(f"{line.number or '':>6}  {''.join(_marked(*piece) for piece in line.pieces)}"
                      for part in excerpts(text, list(spans), hidden) for line in part)
    said = explain(text, compiled, types=tuple(dict.fromkeys(types)))
    beyond = {old: new for p in pairs for old, new in _beyond(p, text, compiled, rows).items()}
    said = replace(said, near_misses=tuple(beyond.get(line, line) for line in said.near_misses))
    return Why(title, said, pictures, shown)


def _beyond(pair: Pair, text: bytes, compiled: CompiledRules, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a near miss says, and what is so: a part without a literal of its own is searched only in the window, and for
    the engine a text has none when there is one further off."""
    lone = [(r["matches"][m["part"]], m["missing_type"]) for r in rows for m in r["near_misses"]
            if m["pair_type"] == pair.type and m["limit"] == "absent"]
    if pair.window == FILE or not lone:
        return {}
    rules = compiled.rules
    wide = CompiledRules(at_file(rules.subset([rules.rule_of()[pair.type]]), pair.type))
    everywhere = [m for out in scan_batches([blob_batch([("text", text)])], wide) for r in out.to_pylist()
                  for m in r["matches"]]
    told = {}
    for part, missing in lone:
        others = [m for m in everywhere if m["secret_type"] == missing]
        if others:
            near = min(others, key=lambda m, part=part: _apart(part, m))
            size, lines = _apart(part, near)
            head = (f"no pair {pair.type}: {part['secret_type']} at {part['start_line']}:{part['start_column']} lacks "
                    f"{missing}: ")
            told[f"{head}the text has none"] = (
                f"{head}none within {pair.window}; the closest in the file stands at {near['start_line']}:"
                f"{near['start_column']}, gap {size} bytes, {lines} lines")
    return told


def _apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[int, int]:
    """The gap of two matches in bytes and in lines."""
    return (max(0, b["start"] - a["end"], a["start"] - b["end"]),
            max(0, b["start_line"] - a["end_line"], a["start_line"] - b["end_line"]))


def _marked(text: str, is_match: bool) -> str:
    plain = text.replace(OPEN, "<<").replace(CLOSE, ">>")
    return f"{OPEN}{plain}{CLOSE}" if is_match else plain
