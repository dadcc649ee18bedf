"""The whole batch against decoding alone: a real ``workbench batch`` in processes of its own."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.bench import engine

IMPORTS = "from workbench.batch.report import BatchReport"


def batch_against_decode(corpus: Path) -> dict:
    """The batch with the whole catalogue, and with a set of the size that the bar was written for."""
    few = [engine.rules_folder() / f"{name}.yaml" for name in engine.FOUNDATION]
    return {"catalogue": _against_decode(corpus, [engine.rules_folder()]), "foundation": _against_decode(corpus, few)}


def _against_decode(corpus: Path, rules: list[Path]) -> dict:
    """Pairs of one batch and one decode; "kernel start" is launch to the end of the cell that imports."""
    engine.decode(corpus)
    _one(corpus, rules)  # fills the cache of compiled rules, as a scheduled batch finds it
    rows = []
    for _ in range(engine.ROUNDS):
        row = _one(corpus, rules)
        started = time.perf_counter()
        engine.decode(corpus)
        row["decode"] = time.perf_counter() - started
        rows.append(row)
    ratios = [r["batch"] / r["decode"] for r in rows]
    middle = {name: round(statistics.median(r[name] for r in rows), 3) for name in rows[0]}
    return middle | {"ratio": round(statistics.median(ratios), 3), "ratio_low": round(min(ratios), 3),
                     "ratio_high": round(max(ratios), 3)}


def _one(corpus: Path, rules: list[Path]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.ipynb"
        arguments = [sys.executable, "-m", "workbench", "batch", str(corpus), "--store", f"{folder}/alerts.duckdb",
                     "--report", str(report)]
        for path in rules:
            arguments += ["--rules", str(path)]
        started = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True, env=os.environ | {"XDG_CONFIG_HOME": folder})
        whole = time.perf_counter() - started
        notebook = json.loads(report.read_text())
    cells = {"".join(c["source"]): c["metadata"]["papermill"] for c in notebook["cells"] if c["cell_type"] == "code"}
    began = datetime.fromisoformat(cells[IMPORTS]["end_time"])
    ended = datetime.fromisoformat(notebook["metadata"]["papermill"]["end_time"])
    run = next(p for source, p in cells.items() if source.startswith("report.run("))
    chart = next(p for source, p in cells.items() if source.startswith("report.chart("))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"whole": whole, "batch": (ended - began).total_seconds(), "run_cell": run["duration"],
            "chart_cell": chart["duration"], "peak_mib": peak}
