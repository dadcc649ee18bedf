"""A canary: a text with a fresh sample of every format of every secret type, and of every pair.

A run scans it first, with the engine and the rules it is about to use. A missed sample means that the run would report
"nothing found" where there is something, so it stops.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from workbench.engine.compiled import CompiledFormat, CompiledRules, starts_plain
from workbench.engine.scan import blob_batch, scan_batches
from workbench.errors import CanaryMissed
from workbench.rules.judge import compiled as compiled_pattern
from workbench.rules.pattern import generate, parse
from workbench.rules.rule import Pair
from workbench.rules.samples import make_sample

_TRIES = 50
_PLAIN = (b" ", b"\n", b'"', b"'", b"=", b": ")


@dataclass(frozen=True, slots=True)
class Sample:
    """One canary text and the span ``[start, end)`` of the sample in it, for one secret type and format."""

    secret_type: str
    format: int
    text: bytes
    start: int
    end: int

    def __repr__(self) -> str:  # the text holds a valid sample
        return f"Sample({self.secret_type}, format {self.format}, {len(self.text)} bytes)"


def check_canary(compiled: CompiledRules, *, seed: int | str) -> int:
    """Scan a fresh sample of every format and every pair; returns how many there were.

    Raises :class:`CanaryMissed`, naming the types, when the engine does not report one of them.
    """
    rng = random.Random(f"canary:{seed}")
    formats = {(f.secret_type, f.index): f for f in compiled.formats}
    alone = [_alone(f, compiled, rng) for f in compiled.formats if f.search != "partner"]
    together = [(pair, version, _together(pair, version, formats, compiled, rng))
                for pair in compiled.pairs for version in range(_versions(pair, compiled))]
    texts = [s.text for s in alone] + [text for _, _, (text, _) in together]
    batch = blob_batch((str(k), text) for k, text in enumerate(texts))
    rows = {int(r["blob_id"]): r for out in scan_batches([batch], compiled) for r in out.to_pylist()}
    missed: list[str] = []
    for k, sample in enumerate(alone):
        if not _found(rows.get(k), sample):
            missed.append(f"{sample.secret_type} ({formats[sample.secret_type, sample.format].format.label})")
    for k, (pair, version, (_, spans)) in enumerate(together, start=len(alone)):
        if not _paired(rows.get(k), pair, spans):
            missed.append(f"{pair.type} (parts' format {version})")
    if missed:
        raise CanaryMissed(f"The run's own engine missed {len(missed)} of {len(texts)} fresh samples: "
                           f"{', '.join(missed[:10])}. Nothing was recorded; run workbench rules test and mend these rules",
                           missed=missed)
    return len(texts)


def _versions(pair: Pair, compiled: CompiledRules) -> int:
    return max(len(compiled.rules.secret_types[p].formats) for p in pair.parts)


def _found(row: dict | None, sample: Sample) -> bool:
    return row is not None and any(
        (m["secret_type"], m["start"], m["end"]) == (sample.secret_type, sample.start, sample.end)
        for m in row["matches"])


def _paired(row: dict | None, pair: Pair, spans: Sequence[tuple[int, int]]) -> bool:
    if row is None:
        return False
    found = [[(row["matches"][k]["start"], row["matches"][k]["end"]) for k in p["parts"]]
             for p in row["pairs"] if p["pair_type"] == pair.type]
    return list(spans) in found


def _alone(fmt: CompiledFormat, compiled: CompiledRules, rng: random.Random) -> Sample:
    text, start, end = _dressed(fmt, compiled, rng, b"")
    return Sample(fmt.secret_type, fmt.index, text, start, end)


def _together(pair: Pair, version: int, formats: dict, compiled: CompiledRules,
              rng: random.Random) -> tuple[bytes, list[tuple[int, int]]]:
    """All parts of a pair side by side in their listed order, and their spans."""
    text, spans = b"", []
    for part in pair.parts:
        index = min(version, len(compiled.rules.secret_types[part].formats) - 1)
        text, start, end = _dressed(formats[part, index], compiled, rng, text)
        spans.append((start, end))
    return text, spans


def _stands(fmt: CompiledFormat, text: bytes, first: int, start: int, end: int) -> bool:
    """Whether the format's first match from ``first`` on is the token at ``[start, end)``.

    Behind GitHub's own `before` it is asked with the program that the scan itself will need, not with one more.
    """
    if fmt.plain_before:
        found = fmt.here.match(text, start, len(text)) if starts_plain(memoryview(text), start) else None
        return found is not None and found.end(1) == end
    found = fmt.whole.search(text, first, len(text))
    return found is not None and found.span(fmt.group) == (start, end)


def _fits(fmt: CompiledFormat, token: bytes) -> bool:
    """Whether a string is one of the pattern's, asked with the program that the scan will need, where that tells."""
    if fmt.plain_before:
        found = fmt.here.match(token + b"\n")
        if found is not None and found.end(1) == len(token):
            return True
    return compiled_pattern(fmt.format.pattern).fullmatch(token) is not None


def _dressed(fmt: CompiledFormat, compiled: CompiledRules, rng: random.Random, lead: bytes) -> tuple[bytes, int, int]:
    """``lead`` and then a sample with a keyword, `before` and `after` as its format wants them; and its span."""
    secret = compiled.rules.secret_types[fmt.secret_type]
    token = make_sample(secret, fmt.index, seed=rng.getrandbits(64), fits=partial(_fits, fmt))
    keyword = fmt.format.near.keywords[0].encode() if fmt.format.near else b""
    for attempt in range(_TRIES):
        plain = attempt < len(_PLAIN)
        before = _PLAIN[attempt] if plain else generate(parse(fmt.format.before), rng)
        after = b"\n" if attempt % 2 == 0 else generate(parse(fmt.format.after), rng)
        head = lead + keyword + before
        text = head + token + after
        if _stands(fmt, text, len(lead), len(head), len(head) + len(token)):
            return text, len(head), len(head) + len(token)
    return lead + b"\n" + token + b"\n", len(lead) + 1, len(lead) + 1 + len(token)
