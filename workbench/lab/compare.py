"""A comparison: one rule before and after an edit over the same corpus; what it gained, lost and kept, and why.

By content and not by position: a secret is lost when it is found nowhere any more, wherever it stood.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from workbench.errors import UsageError
from workbench.lab import tables
from workbench.lab.differences import Differences, Example, Identity, Side
from workbench.lab.frames import flatten, place_columns
from workbench.lab.places import Places
from workbench.lab.scanning import LabScan
from workbench.lab.tables import Results, results
from workbench.rules.rule import RuleSet


@dataclass(frozen=True, slots=True)
class Comparison:
    """``before`` and ``after`` are the two scans, ``counts`` what each of them found: how often, by content."""

    before: LabScan
    after: LabScan
    differences: Differences
    places: Places
    counts: tuple[Counter[Identity], Counter[Identity]]

    def __repr__(self) -> str:
        t = self.totals
        rules = ", ".join(self.after.rules.rules) or ", ".join(self.before.rules.rules)
        first = (
            f"{rules}: {t['gained']:,} gained, {t['lost']:,} lost, {t['kept']:,} kept (distinct secrets and pairs in "
            f"{self.after.blobs:,} blobs)"
        )
        return "\n".join([first, *self.warnings()])

    @property
    def totals(self) -> dict[str, int]:
        """Distinct secrets and pairs: ``before``, ``after``, ``gained``, ``lost``, ``kept``."""
        before, after = (set(c) for c in self.counts)
        return {"before": len(before), "after": len(after), "gained": len(after - before),
                "lost": len(before - after), "kept": len(before & after)}

    @property
    def summary(self) -> Results:
        """A row a secret type and pair type: distinct ``before``, ``after``, ``gained``, ``lost``, ``kept``; and
        ``matches_before``, ``matches_after``, with every place counted."""
        before, after = self.counts
        rows = []
        for kind, name in sorted({i[:2] for i in (*before, *after)}):
            old, new = ({i for i in c if i[:2] == (kind, name)} for c in (before, after))
            rows.append({"kind": kind, "type": name, "before": len(old), "after": len(new), "gained": len(new - old),
                         "lost": len(old - new), "kept": len(old & new),
                         "matches_before": sum(before[i] for i in old), "matches_after": sum(after[i] for i in new)})
        numbers = ("before", "after", "gained", "lost", "kept", "matches_before", "matches_after")
        schema = pa.schema([("kind", pa.string()), ("type", pa.string()), *((n, pa.int64()) for n in numbers)])
        return results(rows, schema=schema)

    @property
    def gained(self) -> Results:
        """What only the edited rule finds: kind, type, masked secret, context, ``stage`` and ``reason`` that kept it
        out before, first place, span. Up to 2,000 distinct ones."""
        return self._frame("gained")

    @property
    def lost(self) -> Results:
        """What only the old rule finds; ``stage`` and ``reason`` are the edited rule's."""
        return self._frame("lost")

    @property
    def kept(self) -> Results:
        """What both find: up to 200 distinct ones, with ``matches_before`` and ``matches_after``."""
        return self._frame("kept")

    @property
    def stages(self) -> Results:
        """Why, counted: ``outcome`` (gained, lost), ``type``, ``stage``, ``secrets``, over the examples."""
        counted = Counter((side, e.identity[1], e.stage) for side in ("gained", "lost") for e in self._examples(side))
        rows = [{"outcome": s, "type": t, "stage": g, "secrets": n} for (s, t, g), n in sorted(counted.items())]
        return results(rows, schema=pa.schema([("outcome", pa.string()), ("type", pa.string()), ("stage", pa.string()),
                                               ("secrets", pa.int64())]))

    def _examples(self, side: Side) -> list[Example]:
        """Examples of what is gained, lost or kept over the whole corpus."""
        before, after = self.counts
        tests = {"gained": lambda i: i not in before, "lost": lambda i: i not in after,
                 "kept": lambda i: i in before and i in after}
        return [e for e in self.differences.examples(side) if tests[side](e.identity)]

    def _frame(self, side: Side) -> Results:
        examples = self._examples(side)
        before, after = self.counts
        columns: dict[str, Sequence | pa.Array] = {
            "kind": _strings(e.identity[0] for e in examples), "type": _strings(e.identity[1] for e in examples),
            "secret": _strings(e.masked for e in examples), "context": _strings(e.context for e in examples)}
        if side == "kept":
            columns |= {"matches_before": pa.array([before[e.identity] for e in examples], pa.int64()),
                        "matches_after": pa.array([after[e.identity] for e in examples], pa.int64())}
        else:
            columns |= {"stage": _strings(e.stage for e in examples), "reason": _strings(e.reason for e in examples)}
        blob_ids = _strings(e.blob_id for e in examples)
        columns |= {"line": pa.array([e.line for e in examples], pa.int64()), **place_columns(blob_ids, self.places),
                    "blob_id": blob_ids, "start": pa.array([e.start for e in examples], pa.int64()),
                    "end": pa.array([e.end for e in examples], pa.int64())}
        total = self.totals[side]
        caption = (
            f"{side.capitalize()}: {total:,}"
            if len(examples) >= total
            else f"{side.capitalize()}: {len(examples):,} of {total:,}"
        )
        return results(columns, caption=caption)

    def warnings(self) -> list[str]:
        """What the reader should hear before believing the figures."""
        out = [
            f"Not all was scanned: {s.stopped}"
            for s in {id(s): s for s in (self.after, self.before)}.values()
            if s.stopped
        ][:1]
        return out + [f"Left out: {reason}" for reason in self.after.failures.values()]

    def _repr_html_(self) -> str:
        parts = [self.summary.html(), *(tables.note(w, kind="bad") for w in self.warnings())]
        stages = self.stages
        if len(stages):
            stages.caption = "Why"
            parts.append(stages.html())
        parts += [frame.html(rows=8) for frame in (self.lost, self.gained) if len(frame)]
        return tables.page(*parts)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        summary = f"\n{self.summary.to_string(index=False)}" if len(self.summary) else ""
        return {"text/plain": f"{self!r}{summary}", "text/html": self._repr_html_()}


def compare(before: LabScan, after: LabScan, differences: Differences, places: Places) -> Comparison:
    """The comparison of two scans made in one pass, with the differences collected in it."""
    return Comparison(before, after, differences, places, (_contents(before), _contents(after)))


def to_compare(before: RuleSet, after: RuleSet, name: str | None) -> tuple[RuleSet, RuleSet]:
    """The rule of ``name`` in both sets, or every rule that both have and that finds other things in them.

    Raises UsageError when there is none.
    """
    if name is not None:
        old, new = before.rule_of().get(name), after.rule_of().get(name)
        if old is None or new is None:
            raise UsageError(f"Expected a secret type or pair of both rule sets but got {name!r}")
        return before.subset([old]), after.subset([new])
    changed = [n for n, rule in after.rules.items() if n in before.rules and before.rules[n].hash != rule.hash]
    if not changed:
        raise UsageError(
            "Expected rules that differ but both rule sets find the same; name a rule to see it all the same"
        )
    return before.subset(changed), after.subset(changed)


def _contents(scan: LabScan) -> Counter[Identity]:
    """How often each secret and each pair was found."""
    flat = flatten(scan.results)
    types, tokens = (flat.matches.column(n).to_pylist() for n in ("secret_type", "token"))
    counts: Counter[Identity] = Counter(("match", t, (k,)) for t, k in zip(types, tokens, strict=True))
    counts.update(("pair", name, tuple(tokens[k] for k in parts)) for name, parts in zip(
        flat.pairs.column("pair_type").to_pylist(), flat.pairs.column("parts").to_pylist(), strict=True))
    return counts


def _strings(values: object) -> pa.Array:
    return pa.array(list(values), pa.string())  # type: ignore[call-overload]
