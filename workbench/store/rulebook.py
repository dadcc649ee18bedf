"""A rule book: what the store must know of the rules of a run. The batch fills it in from the rule set.

Provider and partner flags do not decide what a rule finds and so are not in its hash; the store keeps them beside the
alerts instead of in them, and a changed flag takes effect without a rescan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.errors import UsageError
from workbench.model import RuleHash


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """One secret type, or one pair type when it has ``parts``: its secret types in rule order."""

    slug: str
    name: str
    provider: str
    partner: bool
    user: bool
    parts: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "pair" if self.parts else "secret"


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """One rule: the unit of "done", with every secret type and pair type that it finds."""

    rule: str
    rule_hash: RuleHash
    types: tuple[TypeInfo, ...]


class RuleBook:
    """The rules of a run, looked up by secret type and pair type.

    Raises UsageError for two rules of one name, a type in two rules, or a pair whose parts stand in another rule or
    belong to another provider (its alert would tell one provider the token of another).
    """

    def __init__(self, rules: Iterable[RuleInfo]) -> None:
        self.rules: dict[str, RuleInfo] = {}
        self.secrets: dict[str, TypeInfo] = {}
        self.pairs: dict[str, TypeInfo] = {}
        self._rule_of: dict[tuple[str, str], str] = {}
        for info in rules:
            if info.rule in self.rules:
                raise UsageError(f"Expected one rule of each name but got {info.rule} twice")
            self.rules[info.rule] = info
            for entry in info.types:
                self._add(info.rule, entry)
        for pair in self.pairs.values():
            self._check_parts(pair)
        self.part_types = frozenset(part for pair in self.pairs.values() for part in pair.parts)

    def _add(self, rule: str, entry: TypeInfo) -> None:
        other = self._rule_of.setdefault((entry.kind, entry.slug), rule)
        if other != rule:
            raise UsageError(f"Expected {entry.slug} in one rule but got it in {other} and in {rule}")
        (self.pairs if entry.parts else self.secrets)[entry.slug] = entry

    def _check_parts(self, pair: TypeInfo) -> None:
        rule = self._rule_of["pair", pair.slug]
        for part in pair.parts:
            if self._rule_of.get(("secret", part)) != rule:
                raise UsageError(f"Expected the part {part} of the pair {pair.slug} in its rule {rule}")
            if self.secrets[part].provider != pair.provider:
                raise UsageError(
                    f"Expected the parts of the pair {pair.slug} to belong to its provider {pair.provider} but "
                    f"{part} belongs to {self.secrets[part].provider}"
                )

    def rule_of_secret(self, secret_type: str) -> str:
        """Raises UsageError for a secret type of no rule."""
        return self._owner("secret", secret_type)

    def rule_of_pair(self, pair_type: str) -> str:
        """Raises UsageError for a pair type of no rule."""
        return self._owner("pair", pair_type)

    def _owner(self, kind: str, slug: str) -> str:
        try:
            return self._rule_of[kind, slug]
        except KeyError:
            raise UsageError(
                f"Scan results hold the {kind} type {slug}, which belongs to no rule of this run. "
                "Begin the run with the rules that were scanned."
            ) from None

    def only(self, rules: Mapping[str, RuleHash]) -> RuleBook:
        """The rule book of these rules alone. Raises UsageError for a rule, or a hash, the run did not begin with."""
        for rule, rule_hash in rules.items():
            known = self.rules.get(rule)
            if known is None or known.rule_hash != rule_hash:
                raise UsageError(
                    f"Expected a rule this run began with but got {rule} with hash {rule_hash} "
                    f"(the run has {known.rule_hash if known else 'no such rule'})"
                )
        return RuleBook(self.rules[rule] for rule in rules)
