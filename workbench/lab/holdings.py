"""Holdings: what a session has found so far, rule by rule, so that only what changed is scanned again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.lab.frames import Flat, flatten
from workbench.lab.scanning import LabScan
from workbench.lab.specimens import MatchKey
from workbench.rules.rule import RuleSet

Scan = Callable[[RuleSet], tuple[LabScan, Mapping[MatchKey, str]]]
"""Scans the corpus with a rule set: what was found, and the context of every match."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """What one scan found, for the rules it was made with."""

    scan: LabScan
    flat: Flat
    contexts: Mapping[MatchKey, str]


class Holdings:
    """Results by rule; each belongs to one version of its rule."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[str, _Layer]] = {}

    def found(self, rules: RuleSet, look: Scan) -> tuple[Flat, dict[MatchKey, str]]:
        """What these rules find, and contexts; those not held in this version are scanned by ``look``, which is not
        kept: it belongs to the session, and a session that its own holdings held would outlive its last user. Nothing
        changes when it raises.
        """
        missing = [r.name for r in rules.rules.values() if self._layers.get(r.name, ("",))[0] != r.hash]
        if missing:
            own = rules if len(missing) == len(rules.rules) else rules.subset(missing)
            scan, contexts = look(own)
            layer = _Layer(scan, flatten(scan.results), contexts)
            self._layers |= {n: (own.rules[n].hash, layer) for n in missing}
        flat, every = flatten([]), dict[MatchKey, str]()
        for layer, names in self._by_layer(rules):
            flat += layer.flat.only(names)
            every |= layer.contexts
        return flat, every

    def _by_layer(self, rules: RuleSet) -> list[tuple[_Layer, set[str]]]:
        """Each layer with the secret types and pairs of ``rules`` that are read from it."""
        out: dict[int, tuple[_Layer, set[str]]] = {}
        for name, rule in rules.rules.items():
            layer = self._layers[name][1]
            out.setdefault(id(layer), (layer, set()))[1].update(rule.secret_types, rule.pairs)
        return list(out.values())

    def facts(self) -> list[tuple[str, str]]:
        """What is held, and what was left out of it: (name, value)."""
        if not self._layers:
            return []
        layers = list({id(layer): layer for _, layer in self._layers.values()}.values())
        rows = [("scanned", f"{len(self._layers):,} rules: {sum(len(x.flat.matches) for x in layers):,} matches")]
        rows += [("stopped", x.scan.stopped) for x in layers if x.scan.stopped]
        return rows + [("left out", reason) for x in layers for reason in x.scan.failures.values()]
