"""How long the shipped rules take to be ready: read and compiled anew, and from the cache.

Each figure is taken in a process of its own, for a second start in one process finds patterns already parsed; imports are
not counted. ``python -m tests.bench.compile`` prints the figures.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 3

_CHILD = """
import json, time
from workbench.engine.compiled import CompiledRules
from workbench.rules import cached
from workbench.shipped import rules_folder
started, cpu = time.perf_counter(), time.process_time()
rules = cached.load([rules_folder()])
loaded = time.perf_counter()
compiled = CompiledRules(rules, cache=cached.folder())
done = time.perf_counter()
print(json.dumps({"load": loaded - started, "compile": done - loaded, "both": done - started,
                  "both_cpu": time.process_time() - cpu, "types": len(rules.secret_types),
                  "triggers": len(compiled.expressions)}))
"""


def _started(cache: str) -> dict:
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    out = subprocess.run([sys.executable, "-c", _CHILD], env=environment, capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def _median(rows: list[dict]) -> dict:
    return {f"{name}_seconds": round(statistics.median(r[name] for r in rows), 4)
            for name in ("load", "compile", "both", "both_cpu")}


def cold_and_cached() -> dict:
    """Median seconds of a first start (the cache is empty) and of later ones."""
    cold, warm = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(_started(cache))
            warm.append(_started(cache))
    return {"secret_types": cold[0]["types"], "triggers": cold[0]["triggers"], "cold": _median(cold), "cached": _median(warm)}


def main() -> None:
    print(json.dumps(cold_and_cached(), indent=1))


if __name__ == "__main__":
    main()
