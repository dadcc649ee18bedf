"""Judged pairs: what people said in triage, brought back to a sweep, so that its curves have precision and recall.

A label is found by content, under whatever window it was given. A distinct pair counts once, however often it occurs,
and one that a person was unsure of does not count.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.errors import UsageError
from workbench.lab.sweep import Sweep
from workbench.lab.truth import PairSpans, judged_pairs
from workbench.store.store import Store


def judged(sweep: Sweep, store: str | Path) -> Sweep:
    """The same sweep with the verdicts that ``store`` holds on its pairs as its truth.

    Precision is of the judged pairs, recall of those judged true: as good as the sample that was judged. Raises
    UsageError when none of its pairs was judged, StoreError, StoreLocked or WrongKey when the store cannot be read.
    """
    labels = Store(store).labels
    said = labels.changes().table
    verdicts = dict(zip(said["fingerprint"].to_pylist(), said["verdict"].to_pylist(), strict=True))
    found: dict[str, tuple[PairSpans, bool]] = {}
    keys, tokens = sweep.flat.match_keys(), sweep.flat.matches["token"].to_pylist()
    members = np.concatenate([standing.members for standing in sweep.standing.values()])
    for rows in np.unique(members, axis=0).tolist():
        parts = [labels.fingerprint(keys[k][1], tokens[k]) for k in rows]
        fingerprint = labels.pair_fingerprint(sweep.pair.type, parts)
        verdict = verdicts.get(fingerprint)
        if verdict in ("true", "false"):
            found.setdefault(fingerprint, ((keys[rows[0]][0], frozenset(keys[k][1:] for k in rows)), verdict == "true"))
    truth = judged_pairs(found.values(), "judged in triage")
    if truth is None:
        raise UsageError(f"Expected verdicts on pairs of {sweep.pair.type} in {store} but got none. Judge some first: "
                         f"triage(session, {sweep.pair.type!r}, store=...)")
    return sweep.with_truth(truth)
