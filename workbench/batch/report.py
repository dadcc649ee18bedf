"""A batch report: what the batch notebook's cells call, one line each, in order.

Everything it shows comes from the store's ledger and views, which hold no token.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench import charts
from workbench.batch.params import WAIT_S, BatchParams
from workbench.batch.plan import BatchPlan, make_plan
from workbench.batch.run import RunReport, run
from workbench.counting import counted
from workbench.store.reader import StoreReader


class Lines:
    """Plain lines that show as they are, in a terminal and in a notebook."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def __repr__(self) -> str:
        return "\n".join(self.lines)


class BatchReport:
    """One batch, from its parameters to its pictures."""

    def __init__(self, **given: Any) -> None:
        """Check the parameters and make the plan; raises UsageError, CorpusError, RulesError, StoreError or WrongKey."""
        self.params = BatchParams.from_mapping(given)
        self.planned: BatchPlan = make_plan(self.params)
        self.done: RunReport | None = None
        self._alerts: pd.DataFrame | None = None

    def plan(self) -> Lines:
        """What is going to be scanned."""
        return Lines(list(self.planned.lines()))

    def run(self) -> Lines:
        """Scan and record. A canary that is missed, or a store that cannot be written, stops the notebook here."""
        self._alerts = None
        self.done = report = run(self.planned)
        rate = report.content_bytes / report.seconds / 1e6 if report.seconds else 0.0
        shards = f"{counted(report.shards_done, 'shard')} done, {len(report.failures)} failed"
        return Lines([
            f"run        {report.run_id}: {shards}, {report.seconds:.1f} s",
            f"canaries   {counted(report.canaries, 'fresh sample')}, all found",
            f"scanned    {counted(report.blobs, 'blob')}, {counted(report.content_bytes, 'byte')}, {rate:,.0f} MB/s",
            (f"found      {counted(report.matches, 'match')}, {counted(report.pairs, 'pair')}, "
             f"{counted(report.near_misses, 'near miss')}"),
            f"alerts     {report.alerts_opened:,} new",
        ])

    def by_provider(self) -> pd.DataFrame:
        """Open alerts a provider: how many go to the partner, how many to repositories' owners only, and where."""
        table = self._open_alerts()
        if table.empty:
            return pd.DataFrame(columns=["provider", "partner alerts", "user alerts", "new in this run", "locations"])
        new = table["first_run"] == (self.done.run_id if self.done else None)
        table = table.assign(**{
            "partner alerts": table["partner_alert"].astype(int),
            "user alerts": (table["user_alert"] & ~table["partner_alert"]).astype(int),
            "new in this run": new.astype(int),
        })
        columns = ["partner alerts", "user alerts", "new in this run", "locations"]
        grouped = table.groupby("provider")[columns].sum().sort_values(columns[:2], ascending=False)
        return grouped.reset_index()

    def by_type(self) -> pd.DataFrame:
        """Open alerts a type, with the number of blobs and places they stand in."""
        table = self._open_alerts()
        if table.empty:
            return pd.DataFrame(columns=["provider", "alert_type", "alerts", "blobs", "locations"])
        grouped = table.groupby(["provider", "alert_type"]).agg(
            alerts=("alert_id", "count"), blobs=("blobs", "sum"), locations=("locations", "sum"))
        return grouped.sort_values("alerts", ascending=False).reset_index()

    def chart(self, *, most: int = 25) -> charts.Picture | Lines:
        """Open alerts by provider, as bars: the ``most`` busiest, and the rest as one."""
        table = self._open_alerts()
        if table.empty:
            return Lines(["no open alert to draw"])
        table = table.assign(alerts=1, to=table["partner_alert"].map({True: "partner", False: "owner only"}))
        busiest = table["provider"].value_counts().index[:most]
        rest = f"({table['provider'].nunique() - len(busiest)} others)"
        table["provider"] = table["provider"].where(table["provider"].isin(busiest), rest)
        counted = table.groupby(["provider", "to"], as_index=False)["alerts"].sum()
        return charts.bars(counted, value="alerts", label="provider", color="to", title="Open alerts by provider")

    def problems(self) -> pd.DataFrame | Lines:
        """What was not scanned, and why: failed shards and unusable locations of this run, and skipped blobs by reason."""
        rows = [{"what": "shard " + shard if shard != "run" else "run", "count": 1, "reason": reason}
                for shard, reason in (self.done.failures if self.done else {}).items()]
        left_out = self.done.locations_left_out if self.done else {}
        rows += [{"what": "locations left out", "count": n, "reason": reason} for reason, n in left_out.items()]
        skipped = StoreReader(self.params.store, wait_s=WAIT_S).query(
            "SELECT reason, count(*) AS n, sum(size_bytes) AS size FROM skipped_blob GROUP BY reason ORDER BY reason")
        rows += [{"what": "skipped blobs", "count": r["n"],
                  "reason": f"{r['reason']} ({counted(int(r['size']), 'byte')})"}
                 for r in skipped.to_pylist()]
        if not rows:
            return Lines(["nothing: every shard was done and no blob was skipped"])
        return pd.DataFrame(rows, columns=["what", "count", "reason"])

    def _open_alerts(self) -> pd.DataFrame:
        """The store's open alerts as they were when first asked for after the run: all pictures show the same."""
        if self._alerts is None:
            self._alerts = StoreReader(self.params.store, wait_s=WAIT_S).alerts(state="open").to_pandas()
        return self._alerts
