"""``python -m tests.bench [NAME ...]``: run benches and write their figures under ``runs/``."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench import engine, lab, whole

HERE = Path(__file__).parent
SHARED = HERE.parent.parent.parent / "shared" / "corpora" / "commits-large"
BENCHES = {"scan": engine.scan_against_decode, "threads": engine.one_thread_against_two,
           "doubled": engine.twice_the_rules, "pairing": engine.pairing, "batch": whole.batch_against_decode,
           "lab_dry_run": lab.dry_run_against_decode, "lab_small": lab.small_dry_run, "lab_sampled": lab.sampled_dry_run,
           "lab_open": lab.opening, "lab_sweep": lab.sweep}


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main() -> None:
    names = sys.argv[1:] or list(BENCHES)
    unknown = [n for n in names if n not in BENCHES]
    if unknown:
        sys.exit(f"Expected benches among {', '.join(BENCHES)} but got {unknown[0]}")
    if not SHARED.is_dir():
        sys.exit("../shared/corpora/commits-large is not here; nothing to measure on")
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        corpus = engine.as_lz4(SHARED, Path(folder) / "corpus")
        for name in names:
            figures[name] = BENCHES[name](corpus)
            print(name, json.dumps(figures[name], indent=1), flush=True)
    about = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "processor": processor(),
        "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
        "load_average_at_end": os.getloadavg()[0],
        "versions": {n: version(n) for n in ("secret-workbench", "pyarrow", "hyperscan", "google-re2", "duckdb", "numpy",
                                             "papermill")},
    }
    out = HERE / "runs" / f"{datetime.now(UTC):%Y-%m-%d}-{processor().lower().replace(' ', '-')}.json"
    known = json.loads(out.read_text()).get("figures", {}) if out.exists() else {}
    out.write_text(json.dumps({"about": about, "figures": known | figures}, indent=1) + "\n")
    print(out)


main()
