"""A dry run: one rule over a whole corpus, without a single alert.

It answers what GitHub's own dry run of a custom pattern does, with a sample of up to 1,000 results, and besides that
what the sample hides: true totals, where they stand, what the search costs, and what became of the candidates that were
dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import pyarrow as pa

from workbench.lab import tables
from workbench.lab.frames import Flat, flatten, matches_frame, near_misses_frame, pairs_frame
from workbench.lab.places import Places
from workbench.lab.reasons import MEANING
from workbench.lab.scanning import LabScan
from workbench.lab.specimens import MatchKey
from workbench.lab.tables import Results, results

_LOUD_PER_GB, _LOUD = 20_000, 1_000
"""Matches a GB beyond which no one could read the alerts of a rule, once there are so many secrets: worth a word."""


@dataclass(frozen=True)
class DryRun:
    """What a rule found. Tables are made when asked for. ``name`` is the rule's; ``edited`` says it is not saved."""

    name: str
    edited: bool
    scan: LabScan
    flat: Flat
    contexts: Mapping[MatchKey, str]
    places: Places

    def __repr__(self) -> str:
        return "\n".join(f"{name:<13} {value}" for name, value in self.facts())

    @cached_property
    def totals(self) -> dict[str, float]:
        """Counts: ``matches``, ``findings`` (distinct secrets), ``alerts``, ``pairs``, ``near_misses``, ``blobs`` and
        ``repositories`` with a match; ``scanned_bytes``; ``matches_per_gb``."""
        ids = self.flat.matches.column("blob_id").unique()
        repositories = self.places.of(ids.to_pylist()).column("repository").unique()
        gigabytes = self.scan.content_bytes / 1e9
        return {
            "matches": len(self.flat.matches), "findings": self._distinct(), "alerts": self._alerts(),
            "pairs": len(self.flat.pairs), "near_misses": len(self.flat.near_misses), "blobs": len(ids),
            "repositories": len(repositories), "scanned_bytes": self.scan.content_bytes,
            "matches_per_gb": len(self.flat.matches) / gigabytes if gigabytes else 0.0,
        }

    def _distinct(self) -> int:
        numbers = self.flat.findings()
        return int(numbers.max()) + 1 if len(numbers) else 0

    def _alerts(self) -> int:
        """Distinct secrets that would alert by themselves, and distinct pairs."""
        numbers = self.flat.findings()
        parts = self.scan.rules.part_types()
        single = {int(n) for n, t, a in zip(numbers, self.flat.matches.column("secret_type").to_pylist(),
                                            self.flat.matches.column("alertable").to_pylist(), strict=True)
                  if a and t not in parts}
        pairs = {(t, *(int(numbers[k]) for k in members)) for t, members in zip(
            self.flat.pairs.column("pair_type").to_pylist(), self.flat.pairs.column("parts").to_pylist(), strict=True)}
        return len(single) + len(pairs)

    @cached_property
    def matches(self) -> Results:
        """Every match. Those outside the sample have no context."""
        return matches_frame(self.flat, self.scan.rules, self.contexts, self.places)

    @property
    def pairs(self) -> Results:
        """Every pair."""
        return pairs_frame(self.flat, self.contexts, self.places)

    @property
    def near_misses(self) -> Results:
        """Every part that did not pair, with the limit that failed and by how much."""
        return near_misses_frame(self.flat, self.scan.rules, self.contexts, self.places)

    @property
    def sample(self) -> Results:
        """Up to 1,000 distinct secrets, a row each, with ``matches``, the number of times each was found."""
        frame = self.matches
        counts = frame.groupby("finding").size().rename("matches")
        chosen = frame[frame["context"].astype(bool)].drop_duplicates("finding")
        chosen = chosen.join(counts, on="finding").astype({"matches": pd.ArrowDtype(pa.int64())}).reset_index(drop=True)
        ordered = list(frame.columns)
        ordered.insert(ordered.index("line"), "matches")
        chosen = chosen[ordered]
        findings = self._distinct()
        chosen.caption = f"Sample: {len(chosen):,} of {findings:,} distinct secrets"
        return chosen

    @property
    def by_repository(self) -> Results:
        """``repository``, ``findings``, ``places`` (locations of matched blobs): most findings first."""
        return self._spread("repository")

    @property
    def by_path_class(self) -> Results:
        """As :attr:`by_repository`, by what paths are likely for: source, config, test, docs, vendor, generated."""
        return self._spread("path_class")

    def _spread(self, column: str) -> Results:
        matches = pa.table(
            {"blob_id": self.flat.matches.column("blob_id"), "finding": self.flat.findings()}
        ).to_pandas()
        where = self.places.of(matches["blob_id"]).select(["blob_id", column]).to_pandas()
        joined = (
            matches.drop_duplicates().merge(where, on="blob_id")
            if len(where)
            else pd.DataFrame({column: [], "finding": []})
        )
        grouped = joined.groupby(column).agg(findings=("finding", "nunique"))
        grouped["places"] = where.groupby(column).size()
        grouped = grouped.sort_values(["findings", "places"], ascending=False).reset_index()
        return results(
            {
                column: pa.array(grouped[column], pa.string()),
                "findings": pa.array(grouped["findings"], pa.int64()),
                "places": pa.array(grouped["places"], pa.int64()),
            }
        )

    @property
    def dropped(self) -> Results:
        """Candidates by the stage that dropped them: ``type``, ``format``, ``stage``, ``candidates``, ``meaning``."""
        labels = {(s.type, k): f.label for s in self.scan.rules.secret_types.values() for k, f in enumerate(s.formats)}
        order = list(MEANING)
        rows = sorted(((t, k, order.index(s), s, n) for (t, k, s), n in self.scan.stages.items()
                       if s not in ("trigger", "match")))
        return results({"type": pa.array([r[0] for r in rows], pa.string()),
                        "format": pa.array([labels[r[0], r[1]] for r in rows], pa.string()),
                        "stage": pa.array([r[3] for r in rows], pa.string()),
                        "candidates": pa.array([r[4] for r in rows], pa.int64()),
                        "meaning": pa.array([MEANING[r[3]] for r in rows], pa.string())})

    @property
    def cost(self) -> dict[str, float]:
        """``hits`` and ``hits_per_mb`` of the rule's triggers, ``trigger_ns_per_byte``, ``confirm_s``,
        ``confirm_us_per_hit``. Processor time over all threads."""
        scan = self.scan
        size = max(1, scan.content_bytes)
        return {
            "hits": scan.hits,
            "hits_per_mb": scan.hits / size * 1e6,
            "trigger_ns_per_byte": scan.trigger_s / size * 1e9,
            "confirm_s": scan.confirm_s,
            "confirm_us_per_hit": scan.confirm_s / scan.hits * 1e6 if scan.hits else 0.0,
        }

    def facts(self) -> list[tuple[str, str]]:
        """The dry run in a few lines: (name, value)."""
        t, c, scan = self.totals, self.cost, self.scan
        found = (
            f"{t['matches']:,}, of {_counted(t['findings'], 'distinct secret')} in {_counted(t['blobs'], 'blob')} of "
            f"{_counted(t['repositories'], 'repository')}; {t['matches_per_gb']:,.0f} a GB"
        )
        rows = [
            ("rule", f"{self.name}{' (edited, not saved)' if self.edited else ''}"),
            ("scanned", scan.told()),
            ("matches", found if t["matches"] else "none"),
            ("alerts", f"{t['alerts']:,} (distinct; a dry run sends none)"),
        ]
        if scan.rules.pairs:
            rows.append(("pairs", f"{t['pairs']:,} pairs, {t['near_misses']:,} near misses"))
        rows += [
            ("trigger", f"{c['hits']:,} hits ({c['hits_per_mb']:,.2f} a MB), {c['trigger_ns_per_byte']:.3f} ns a byte"),
            (
                "confirm",
                f"{c['confirm_s'] * 1e3:,.0f} ms" + (f", {c['confirm_us_per_hit']:,.0f} µs a hit" if scan.hits else ""),
            ),
        ]
        return rows

    def warnings(self) -> list[str]:
        """What the author should hear before believing the totals."""
        out = []
        if self.scan.stopped:
            share = self.scan.content_bytes / max(1, self.scan.all_bytes)
            out.append(f"Not all was scanned: {self.scan.stopped} ({share:.0%} of the corpus was read). "
                       "A pattern that matches so much needs more fixed characters, a checksum, or keywords near it.")
        elif self.totals["matches_per_gb"] > _LOUD_PER_GB and self.totals["findings"] > _LOUD:
            out.append(f"{self.totals['matches_per_gb']:,.0f} matches a GB is more than anyone will read.")
        out += [f"Left out: {reason}" for reason in self.scan.failures.values()]
        skipped = [r for b in self.scan.results for r in b.column("skipped").to_pylist() if r]
        if skipped:
            out.append(f"{len(skipped)} blobs were not scanned: {', '.join(sorted(set(skipped)))}")
        return out

    def _repr_html_(self) -> str:
        parts = [tables.facts(self.facts()), *(tables.note(w, kind="bad") for w in self.warnings())]
        parts.append(self.sample.html(rows=10))
        for caption, frame in (("By repository", self.by_repository), ("By kind of path", self.by_path_class),
                               ("Dropped candidates", self.dropped)):
            if len(frame):
                frame.caption = caption
                parts.append(frame.html(rows=8))
        return tables.page(*parts)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        text = "\n".join([repr(self), *self.warnings()])
        return {"text/plain": text, "text/html": self._repr_html_()}


def _counted(count: int, what: str) -> str:
    """``2 repositories``, ``1 blob``."""
    return f"{count:,} {what if count == 1 else f'{what[:-1]}ies' if what.endswith('y') else f'{what}s'}"


def dry_run(name: str, scan: LabScan, contexts: Mapping[MatchKey, str], places: Places, *, edited: bool) -> DryRun:
    """A dry run of a finished scan."""
    return DryRun(name, edited, scan, flatten(scan.results), contexts, places)



