"""A reason: the stage at which a candidate stopped being a match, in words, for one span of one blob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.engine.compiled import CompiledFormat, CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.engine.trace import Fate, Trace
from workbench.rules import checks
from workbench.rules.judge import compiled as compiled_pattern

MEANING: dict[str, str] = {
    "trigger": "the format's literal was found: a candidate began",
    "before": "what stands in front of it is not what `before` asks for",
    "pattern": "the bytes after the literal are not the pattern's",
    "after": "it goes on beyond what the pattern allows",
    "must_match": "it lacks what `must_match` asks for",
    "must_not_match": "it holds what `must_not_match` forbids",
    "checksum": "its checksum does not hold",
    "placeholder": "it looks made up",
    "entropy": "it is too regular for `min_entropy`",
    "near": "none of the keywords stands near",
    "overlap": "another match of the type has its bytes",
    "foreign": "it starts as the tokens of another type do",
    "claimed": "a surer part of the same rule has its bytes",
    "match": "it is a match",
}
"""What a stage means for the candidates that stopped there, in the order of the engine's stages."""

NEVER = "never began"
OTHER_SPAN = "other span"
_ORDER = {stage: k for k, stage in enumerate(MEANING)}


def fates_of(blobs: Mapping[str, bytes], compiled: CompiledRules) -> dict[str, list[Fate]]:
    """What became of every candidate in these blobs, by blob id."""
    out: dict[str, list[Fate]] = {}
    for blob_id, content in blobs.items():
        trace = Trace(keep_fates=True)
        for _ in scan_batches([blob_batch([(blob_id, content)])], compiled, trace=trace):
            pass
        out[blob_id] = trace.fates
    return out


def reason_for(blob: bytes, span: tuple[int, int], secret_type: str, fates: Sequence[Fate],
               compiled: CompiledRules) -> tuple[str, str]:
    """(stage, sentence): why ``span`` is no match of ``secret_type`` under ``compiled``, by its blob's ``fates``.

    The stage is the furthest that any candidate over these bytes reached; ``never began`` when there was none, and
    ``other span`` when the type matches there with other edges.
    """
    start, end = span
    if secret_type not in compiled.rules.secret_types:
        return NEVER, f"the rules have no {secret_type}"
    over = [f for f in fates if f.secret_type == secret_type and f.start < end and start < f.end]
    if not over:
        return NEVER, _never(secret_type, compiled)
    matched = [f for f in over if f.stage == "match"]
    if matched and (matched[0].start, matched[0].end) != span:
        best = matched[0]
        return OTHER_SPAN, f"it matches with {best.end - best.start} bytes there, not {end - start}"
    best = max(over, key=lambda f: (_ORDER[f.stage], -abs(f.start - start)))
    formats = {(f.secret_type, f.index): f for f in compiled.formats}
    return best.stage, sentence(best.stage, formats[best.secret_type, best.format], bytes(blob[best.start : best.end]))


def sentence(stage: str, fmt: CompiledFormat, token: bytes) -> str:
    """Why a candidate of a format stopped at a stage, with the particular of the format that stopped it."""
    f, meaning = fmt.format, MEANING[stage]
    if stage == "must_match":
        lacking = next((p for p in f.must_match if not compiled_pattern(p).search(token)), "")
        return f"it lacks {lacking}"
    if stage == "must_not_match":
        found = next((p for p in f.must_not_match if compiled_pattern(p).search(token)), "")
        return f"it holds {found}"
    if stage == "checksum":
        return f"the checksum {f.checksum} does not hold"
    if stage == "placeholder":
        return f"it looks made up: it {checks.made_up(token, prefix=fmt.prefix)}"
    if stage == "entropy":
        return f"{checks.entropy(token):.2f} bits a byte where {f.min_entropy} are asked for"
    if stage == "near" and f.near:
        return f"none of {', '.join(f.near.keywords)} stands within {f.near.window}"
    if stage == "trigger":
        return "its literal was found, but nothing of the pattern's shape round it"
    return meaning


def _never(secret_type: str, compiled: CompiledRules) -> str:
    ways = {f.search for f in compiled.formats if f.secret_type == secret_type}
    if ways == {"partner"}:
        return "its partner does not stand within the window, so it is not searched for"
    if "near" in ways and "trigger" not in ways:
        return "no keyword stands within the window"
    return "the format's literal does not stand here"
