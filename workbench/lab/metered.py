"""Metered rules are compiled rules that say what a scan with them costs and where it heard a trigger."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hyperscan
import numpy as np

from workbench.engine.compiled import CompiledRules
from workbench.engine.repeats import Hits
from workbench.rules.rule import RuleSet

Heard = list[tuple[int, int, np.ndarray]]
"""Searches of triggers that had hits: address and length of what was searched, and the hits' end offsets."""


class MeteredRules(CompiledRules):
    """Compiled rules that count what is done with them inside :meth:`metering`. Threads share one."""

    def __init__(self, rules: RuleSet, *, cache: Path | None = None) -> None:
        super().__init__(rules, cache=cache)
        self._lock = threading.Lock()
        self._trigger_s = self._scan_s = 0.0
        self._hits = 0
        self._local = threading.local()

    @contextmanager
    def metering(self) -> Iterator[Heard]:
        """Count the scans of this thread until the block ends; gives what they hear."""
        heard: Heard = []
        self._local.heard = heard
        started = time.thread_time()  # of this thread alone: others that hold the processor are no cost of the rule's
        try:
            yield heard
        finally:
            self._local.heard = None
            with self._lock:
                self._scan_s += time.thread_time() - started

    def hits(self, buffer: memoryview, scratch: list[hyperscan.Scratch], starts: np.ndarray | None = None,
             stops: np.ndarray | None = None) -> Hits:
        heard: Heard | None = getattr(self._local, "heard", None)
        if heard is None:
            return super().hits(buffer, scratch, starts, stops)
        started = time.thread_time()
        found = super().hits(buffer, scratch, starts, stops)
        taken = time.thread_time() - started
        with self._lock:
            self._trigger_s += taken
            self._hits += len(found.triggers)
        if len(found.ends):
            address = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
            heard.append((address, len(buffer), found.ends))
        return found

    def meter(self) -> tuple[float, float, int]:
        """What was used up to now, for :meth:`since`."""
        return self._trigger_s, self._scan_s, self._hits

    def since(self, meter: tuple[float, float, int]) -> tuple[float, float, int]:
        """(seconds for triggers, seconds for everything after them, triggers hit) since ``meter`` was read."""
        trigger, scan, hits = (now - then for now, then in zip(self.meter(), meter, strict=True))
        return trigger, max(0.0, scan - trigger), int(hits)
