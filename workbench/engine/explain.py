"""An explanation: for one text, what every candidate became and why, and why parts did not pair.

It answers "why not?" with the stage that dropped a candidate. Tokens are masked in everything it prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.counting import counted
from workbench.engine.compiled import CompiledFormat, CompiledRules
from workbench.engine.lines import Lines
from workbench.engine.scan import blob_batch, scan_batches
from workbench.engine.trace import Fate, Trace
from workbench.engine.utf16 import Utf16Text, is_utf16
from workbench.model import mask_token
from workbench.rules import checks
from workbench.rules.load import trigger_pattern
from workbench.rules.pattern import triggers

_STAGES = {
    "before": "dropped by before: a letter or digit (or what the rule names) stands in front of it",
    "pattern": "dropped by pattern: the bytes after the trigger are not the pattern's",
    "after": "dropped by after: the token goes on beyond what the pattern allows",
    "must_match": "dropped by must_match",
    "must_not_match": "dropped by must_not_match",
    "checksum": "dropped by checksum: it does not hold",
    "placeholder": "dropped by placeholder: it looks made up",
    "entropy": "dropped by min_entropy: too regular",
    "near": "dropped by near: none of the keywords stands in the window, or its own statement names another provider",
    "foreign": "dropped: it starts as the tokens of another type do, and so it is of that type or of none",
    "overlap": "dropped by overlap: a match of the same type has its bytes",
    "claimed": "dropped: a surer part of the same rule has its bytes",
    "match": "matches",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """One line of an explanation: where (1-based line and column, bytes), what, and the reason."""

    line: int
    column: int
    secret_type: str
    format: str
    masked: str
    stage: str
    reason: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.secret_type} ({self.format}) {self.masked}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything there is to say about one text. ``never_began`` names types of which no candidate began."""

    candidates: tuple[Explained, ...]
    pairs: tuple[str, ...]
    near_misses: tuple[str, ...]
    never_began: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        yield from (str(c) for c in self.candidates)
        yield from self.pairs
        yield from self.near_misses
        yield from self.never_began
        if not (self.candidates or self.never_began):
            yield "no candidate: the text holds no trigger of any rule"


def explain(text: bytes, compiled: CompiledRules, *, types: tuple[str, ...] = ()) -> Explanation:
    """Explain one text. With ``types``, only those secret types, and also which of their triggers the text lacks.

    UTF-16 is explained in its UTF-8 form, as it is scanned: columns and gaps count the bytes of that. Raises KeyError for
    a type the rule set does not have.
    """
    if is_utf16(text[:4]):
        text = Utf16Text(memoryview(text)).content
    unknown = [t for t in types if t not in compiled.rules.secret_types]
    if unknown:
        raise KeyError(unknown[0])
    trace = Trace(keep_fates=True)
    rows = [row for out in scan_batches([blob_batch([("text", text)])], compiled, trace=trace)
            for row in out.to_pylist()]
    lines = Lines(memoryview(text))
    formats = {(f.secret_type, f.index): f for f in compiled.formats}
    shown = [_explained(f, formats[f.secret_type, f.format], text, lines) for f in trace.fates
             if f.stage != "trigger" and (not types or f.secret_type in types)]
    unique = tuple(sorted(dict.fromkeys(shown), key=lambda e: (e.line, e.column, e.secret_type, e.format)))
    matches = rows[0]["matches"] if rows else []
    began = {f.secret_type for f in trace.fates}
    lacking = tuple(_lacking(f, text) for f in compiled.formats if f.secret_type in types and f.secret_type not in began)
    return Explanation(unique, tuple(_pairs(rows, matches, types)), tuple(_misses(rows, matches, types)), lacking)


def _explained(fate: Fate, fmt: CompiledFormat, text: bytes, lines: Lines) -> Explained:
    line, column = lines.place(fate.start)
    token = text[fate.start : fate.end]
    return Explained(line, column, fate.secret_type, fmt.format.label, mask_token(token), fate.stage,
                     _reason(fate, fmt, token))


def _reason(fate: Fate, fmt: CompiledFormat, token: bytes) -> str:
    reason = _STAGES[fate.stage]
    f = fmt.format
    if fate.stage == "must_match":
        return f"{reason}: it lacks one of {list(f.must_match)}"
    if fate.stage == "must_not_match":
        return f"{reason}: it holds one of {list(f.must_not_match)}"
    if fate.stage == "checksum":
        return f"{reason} ({f.checksum})"
    if fate.stage == "placeholder":
        return f"{reason}: it {checks.made_up(token, prefix=fmt.prefix)}"
    if fate.stage == "entropy":
        return f"{reason}: {checks.entropy(token):.2f} bits a byte, at least {f.min_entropy} expected"
    if fate.stage == "near" and f.near:
        return f"{reason} ({', '.join(f.near.keywords)} within {f.near.window})"
    return reason


def _lacking(fmt: CompiledFormat, text: bytes) -> str:
    head = f"{fmt.secret_type} ({fmt.format.label}): "
    if fmt.search == "partner":
        return head + "searched only in the window round its partner's match, and there is none"
    if fmt.search == "near" and fmt.format.near:
        assert fmt.near is not None
        if fmt.near.search(text):
            return head + "a keyword is in the text, but nothing of the pattern's shape stands in its window"
        return head + f"none of its keywords is in the text ({', '.join(fmt.format.near.keywords)})"
    heads = " or ".join("".join(_readable(c.members()) for c in t.classes)
                        for t in triggers(trigger_pattern(fmt.format)))
    return head + f"its trigger is not in the text: {heads}"


def _readable(members: bytes) -> str:
    return members.decode("latin-1") if len(members) == 1 else "?"


def _name(match: dict) -> str:
    return f"{match['secret_type']} at {match['start_line']}:{match['start_column']}"


def _gap(found: dict) -> str:
    return f"{counted(found['gap_bytes'], 'byte')}, {counted(found['gap_lines'], 'line')}"


def _pairs(rows: list[dict], matches: list[dict], types: tuple[str, ...]) -> Iterator[str]:
    for pair in rows[0]["pairs"] if rows else ():
        members = [matches[k] for k in pair["parts"]]
        if types and not any(m["secret_type"] in types for m in members):
            continue
        yield (f"pair {pair['pair_type']}: {' + '.join(_name(m) for m in members)}, "
               f"gap {_gap(pair)}")


_LIMITS = {
    "absent": "the text has none",
    "bytes": "too far in bytes",
    "lines": "too far in lines",
    "order": "it stands on the wrong side",
    "overlap": "they share bytes",
    "taken": "it belongs to another pair",
    "incomplete": "all parts are in reach of it but not of each other",
}


def _misses(rows: list[dict], matches: list[dict], types: tuple[str, ...]) -> Iterator[str]:
    for miss in rows[0]["near_misses"] if rows else ():
        part = matches[miss["part"]]
        if types and part["secret_type"] not in types:
            continue
        line = f"no pair {miss['pair_type']}: {_name(part)} lacks {miss['missing_type']}: {_LIMITS[miss['limit']]}"
        if miss["closest"] is not None:
            line += f" (closest at {matches[miss['closest']]['start_line']}:"
            line += f"{matches[miss['closest']]['start_column']}, gap {_gap(miss)}"
            line += f", {miss['exceeded_by']} beyond the limit)" if miss["exceeded_by"] is not None else ")"
        yield line
