"""Engines: the compiled rules a session scans with, and those it masks with. Made once for each content of the
rules."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from workbench.engine.compiled import CompiledRules
from workbench.errors import RulesError, WorkbenchError
from workbench.lab.masking import Masker
from workbench.lab.metered import MeteredRules
from workbench.lab.rulefiles import RuleFiles
from workbench.rules.cached import folder, load
from workbench.rules.rule import RuleSet
from workbench.shipped import rules_folder

_KEPT = 16
_MOST_UNCACHED = 30


class Engines:
    """Compiled rules by content. Safe to share between threads."""

    def __init__(self, files: RuleFiles) -> None:
        self._files = files
        self._made: OrderedDict[str, MeteredRules] = OrderedDict()
        self._lock = threading.Lock()
        self._masker: tuple[int, Masker] | None = None
        threading.Thread(target=self._warm, name="masking", daemon=True).start()

    def _warm(self) -> None:
        """Have what masking needs ready by the time the author has written a first question."""
        with suppress(WorkbenchError):  # who asks for it is told
            self.masker()

    def of(self, rules: RuleSet) -> MeteredRules:
        """``rules`` compiled."""
        with self._lock:
            found = self._made.get(rules.hash)
            if found is None or found.rules.secret_types != rules.secret_types or found.rules.pairs != rules.pairs:
                # A few rules compile faster than a file is written, and an author makes new ones all day.
                large = len(rules.secret_types) > _MOST_UNCACHED
                found = self._made[rules.hash] = MeteredRules(rules, cache=folder() if large else None)
            self._made.move_to_end(rules.hash)
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
            return found

    def masker(self) -> Masker:
        """A masker that knows the session's rules as opened and as edited, and the shipped ones."""
        version = self._files.version
        if self._masker is None or self._masker[0] != version:
            self._masker = version, self._make_masker()
        return self._masker[1]

    def _make_masker(self) -> Masker:
        sets: list[CompiledRules] = [self.of(self._files.opened())]
        sets += [self.of(self._files.rule(name)) for name in self._files.changed()]
        # A neighbour may hold anyone's token, not only one of the rules under edit.
        shipped = _shipped(rules_folder()) if [rules_folder().absolute()] != self._files.paths else None
        return Masker(dict.fromkeys([*sets, *([shipped] if shipped else [])]))


_SHIPPED = threading.Lock()


def _shipped(shipped: Path) -> CompiledRules | None:
    """The shipped rules compiled, once a process; None when they do not load (they only mask here)."""
    with _SHIPPED:  # two sessions that ask together wait for one reading
        return _read_shipped(shipped)


@lru_cache(maxsize=1)
def _read_shipped(shipped: Path) -> CompiledRules | None:
    try:
        return CompiledRules(load([shipped]), cache=folder())
    except RulesError:
        return None
