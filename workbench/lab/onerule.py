"""One rule of many: files as they were loaded, cut down to what lint needs to judge a single rule.

Lint makes thousands of samples of every format it is given; after an edit only one rule can have changed.
"""

from __future__ import annotations

from workbench.rules.load import Loaded, LoadedFile, numbered
from workbench.rules.rule import RuleSet
from workbench.rules.source import Path_, RulesSource
from workbench.rules.testtext import slot_names
from workbench.rules.text import MatchTest, PairText, SecretText


def only(loaded: Loaded, rule: RuleSet) -> Loaded:
    """``loaded`` with the secret types and pairs of ``rule``, and the types that their tests name; lines are kept."""
    wanted = {*rule.secret_types, *rule.pairs}
    items = {
        item.type: item
        for file in loaded.files
        for _, item in (*numbered(file.text.secrets), *numbered(file.text.pairs))
    }
    named = {slot for name in wanted for text in _test_texts(items[name]) for slot in slot_names(text)}
    # A part that a test names is a rule of its own only together with its pair.
    for item in items.values():
        if isinstance(item, PairText) and named & set(item.parts):
            named |= {item.type, *item.parts}
    wanted |= named & items.keys()
    problems = tuple(p for p in loaded.problems if p.rule in wanted)
    return Loaded(tuple(_cut(file, wanted) for file in loaded.files if wanted & _names(file)), problems)


def _names(file: LoadedFile) -> set[str]:
    return {item.type for _, item in (*numbered(file.text.secrets), *numbered(file.text.pairs))}


def _test_texts(item: SecretText | PairText) -> list[str]:
    if isinstance(item, PairText):
        return [t.text for t in item.tests]
    return [t.text if isinstance(t, MatchTest) else t for t in (*item.tests.match, *item.tests.no_match)]


def _cut(file: LoadedFile, wanted: set[str]) -> LoadedFile:
    kept: dict[str, list[int]] = {
        section: [k for k, item in numbered(items) if item.type in wanted]
        for section, items in (("secrets", file.text.secrets), ("pairs", file.text.pairs))}
    text = file.text.model_copy(update={section: [getattr(file.text, section)[k] for k in places]
                                        for section, places in kept.items()})
    return LoadedFile(_Renumbered(file.source, kept), text)


class _Renumbered(RulesSource):
    """A source whose secrets and pairs have other numbers than in its file."""

    def __init__(self, source: RulesSource, kept: dict[str, list[int]]) -> None:
        super().__init__(source.name, source.data, {})
        self._source, self._kept = source, kept

    def line(self, path: Path_) -> int:  # type: ignore[override]
        if len(path) >= 2 and path[0] in self._kept and isinstance(path[1], int):
            path = (path[0], self._kept[str(path[0])][path[1]], *path[2:])
        return self._source.line(path)
