"""A verdict: what became of one label of a planted corpus, or of one thing reported where no label stands.

Judging is pure: the labels of one blob and the scan's row for it go in, verdicts come out. A label counts as found when
type and span are the same; a planted pair when the spans of all its parts are. What is reported over the bytes of some
other true label is noted apart and counts neither for nor against anyone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.corpora.synthetic.truth import Label, split_why

NOT_COUNTED: frozenset[str] = frozenset()
"""Variants of files that the engine does not look into; their labels would be listed apart."""

Outcome = Literal[
    "found", "missed",  # a token that should be found
    "pair_found", "pair_missed",  # a planted pair
    "quiet", "alerted",  # what should give no alert: halves alone, and everything that is no token
    "told", "not_told",  # a half that should be reported as a near miss
    "right", "false_alarm",  # a match that may become an alert
    "right_pair", "false_pair",  # a reported pair
    "other_type", "other_span",  # a match over a true label, of another type or of the same type with other edges
]
MISTAKES: frozenset[str] = frozenset(
    {"missed", "pair_missed", "alerted", "not_told", "false_alarm", "false_pair", "other_span"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """``outcome`` of the span ``[start, end)``; ``type`` is a secret type or a pair type (None for a label of none).

    ``why`` is the label's; for something reported, the ``why`` of the label it lies over, or "" where there is none.
    ``is_part`` tells that the type alerts only inside a pair; ``planted`` is the type of the label below, where that differs.
    """

    outcome: Outcome
    type: str | None
    start: int
    end: int
    why: str
    counted: bool = True
    is_part: bool = False
    planted: str | None = None


def is_counted(label: Label) -> bool:
    """Whether the label's variant of file is one that the engine reads."""
    return split_why(label.why)[2] not in NOT_COUNTED


@dataclass(frozen=True, slots=True)
class Known:
    """The types and pairs that the rules have: labels of others say what stands there and ask for nothing."""

    types: frozenset[str]
    pairs: frozenset[str]
    parts: frozenset[str]

    def asks(self, label: Label) -> bool:
        return label.type in self.types and (label.pair_type is None or label.pair_type in self.pairs)


def judge(labels: Sequence[Label], row: Mapping[str, Any] | None, known: Known) -> list[Verdict]:
    """Verdicts on one blob: on its ``labels``, and on what ``row`` (of ``SCAN_RESULTS``, or None) reports in it."""
    matches: Sequence[Mapping[str, Any]] = [_snapped(m, labels) for m in row["matches"]] if row else ()
    pairs: Sequence[Mapping[str, Any]] = row["pairs"] if row else ()
    misses: Sequence[Mapping[str, Any]] = row["near_misses"] if row else ()
    out = _on_tokens(labels, matches, known)
    out += _on_pairs(labels, matches, pairs, known)
    out += _on_quiet(labels, matches, known)
    out += _on_near_misses(labels, matches, misses, known)
    out += [_on_alert(m, labels, known) for m in matches if m["alertable"]]
    return out


def _snapped(match: Mapping[str, Any], labels: Sequence[Label]) -> Mapping[str, Any]:
    """An encoded match with the span of the label round it: a label is the whole value with its padding, a match the
    characters that hold the token."""
    if not match.get("is_base64_encoded"):
        return match
    for label in labels:
        if label.type == match["secret_type"] and label.start <= match["start"] and match["end"] <= label.end:
            return {**match, "start": label.start, "end": label.end}
    return match


def _place(match: Mapping[str, Any]) -> tuple[str, int, int]:
    return match["secret_type"], match["start"], match["end"]


def _on_tokens(labels: Sequence[Label], matches: Sequence[Mapping[str, Any]], known: Known) -> list[Verdict]:
    """Every token that should be found; a part counts here by itself, whether or not it was paired."""
    alerts = {_place(m) for m in matches if m["alertable"]}
    found = {_place(m) for m in matches}
    out = []
    for label in labels:
        if label.expect in ("match", "pair") and known.asks(label):
            hit = (label.type, label.start, label.end) in (alerts if label.expect == "match" else found)
            out.append(Verdict("found" if hit else "missed", label.type, label.start, label.end, label.why,
                               is_counted(label), label.type in known.parts))
    return out


def _on_pairs(labels: Sequence[Label], matches: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]],
              known: Known) -> list[Verdict]:
    planted: dict[tuple[str, int], list[Label]] = {}
    for label in labels:
        if label.expect == "pair" and label.pair_type is not None and label.pair_id is not None and known.asks(label):
            planted.setdefault((label.pair_type, label.pair_id), []).append(label)
    reported = {(p["pair_type"], frozenset(_place(matches[k]) for k in p["parts"])) for p in pairs}
    wanted = {}
    out = []
    for (pair_type, _), parts in planted.items():
        key = pair_type, frozenset((m.type, m.start, m.end) for m in parts)
        first = min(parts, key=lambda m: m.start)
        wanted[key] = first.why
        out.append(Verdict("pair_found" if key in reported else "pair_missed", pair_type, first.start,
                           max(m.end for m in parts), first.why, all(is_counted(m) for m in parts)))
    for pair in pairs:
        members = [matches[k] for k in pair["parts"]]
        key = pair["pair_type"], frozenset(_place(m) for m in members)
        start, end = min(m["start"] for m in members), max(m["end"] for m in members)
        below = [m for m in labels if any(m.start < x["end"] and x["start"] < m.end for x in members)]
        why = wanted.get(key) or (below[0].why if below else "")
        out.append(Verdict("right_pair" if key in wanted else "false_pair", pair["pair_type"], start, end, why))
    return out


def _on_quiet(labels: Sequence[Label], matches: Sequence[Mapping[str, Any]], known: Known) -> list[Verdict]:
    """Labels over which no alert is due: of any type for what is no token, of its own type for a part alone."""
    alerts = [m for m in matches if m["alertable"]]
    out = []
    for label in labels:
        if label.expect in ("match", "pair") or (label.truth and not known.asks(label)):
            continue
        hit = any(label.start < m["end"] and m["start"] < label.end for m in alerts
                  if not label.truth or m["secret_type"] == label.type)
        out.append(Verdict("alerted" if hit else "quiet", label.type, label.start, label.end, label.why,
                           is_counted(label), label.truth))
    return out


def _on_near_misses(labels: Sequence[Label], matches: Sequence[Mapping[str, Any]], misses: Sequence[Mapping[str, Any]],
                    known: Known) -> list[Verdict]:
    told = {(n["pair_type"], _place(matches[n["part"]])) for n in misses}
    return [Verdict("told" if (m.pair_type, (m.type, m.start, m.end)) in told else "not_told", m.type, m.start, m.end,
                    m.why, is_counted(m), True)
            for m in labels if m.expect == "near_miss" and known.asks(m)]


def _on_alert(match: Mapping[str, Any], labels: Sequence[Label], known: Known) -> Verdict:
    """A match that may become an alert, by the true label below it."""
    kind, start, end = _place(match)
    below = [m for m in labels if m.start < end and start < m.end]
    true = [m for m in below if m.truth]
    same = [m for m in true if m.type == kind]
    outcome: Outcome = "false_alarm"
    if any((m.start, m.end) == (start, end) for m in same):
        outcome = "right"
    elif same:
        outcome = "other_span"
    elif true:
        outcome = "other_type"
    label = (same or true or below or [None])[0]
    planted = label.type if label is not None and label.type != kind else None
    return Verdict(outcome, kind, start, end, label.why if label else "", True, kind in known.parts, planted)
