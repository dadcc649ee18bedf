"""An arrangement: how the parts of paired credentials stand to one another in a file, and what should come of it.

Each is a function that writes into a stage and says whether this place could hold it. Where the rule's window is too
narrow for an arrangement, it says no; where parts stand too far apart on purpose, their labels say that no pair is due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.corpora.synthetic.document import Document
from workbench.corpora.synthetic.hard_negatives import Imitator
from workbench.corpora.synthetic.plant import Planter, Planting, Snippet
from workbench.corpora.synthetic.truth import Expect
from workbench.corpora.synthetic.vocabulary import Vocabulary
from workbench.rules.load import searchable
from workbench.rules.rule import Pair, RuleSet, Window


@dataclass(slots=True)
class Stage:
    """A document, the pair to play in it, and the version of its parts' formats. ``next_id`` gives fresh pair ids.

    ``far_bytes`` is the most that may stand between parts that are far apart in one file.
    """

    document: Document
    planter: Planter
    imitator: Imitator
    pair: Pair
    version: int
    next_id: Callable[[], int]
    far_bytes: int = 150_000
    name: str = ""

    @property
    def draw(self) -> Vocabulary:
        return self.planter.draw

    @property
    def rules(self) -> RuleSet:
        return self.planter.rules

    def format_of(self, part: str) -> int:
        return min(self.version, len(self.rules.secret_types[part].formats) - 1)

    def planting(self, part: str, expect: Expect, pair: Pair, pair_id: int | None) -> Planting:
        return Planting(part, self.format_of(part), expect, self.name, pair.type, pair_id)

    def put(self, part: str, expect: Expect = "pair", *, pair_id: int | None = None, pair: Pair | None = None,
            after: tuple[int, Window] | None = None) -> bool:
        """Write one part on lines of its own; ``after`` (an offset and a window) says exactly how far behind it."""
        snippet = self.planter.plant(self.document.place, self.planting(part, expect, pair or self.pair, pair_id))
        if snippet is None:
            return False
        if after is not None:
            return self.document.add_at(snippet, *after)
        self.document.add(snippet)
        return True

    def put_line(self, parts: Sequence[str], pair_id: int) -> bool:
        """Write parts of one pair in one line."""
        plantings = [self.planting(part, "pair", self.pair, pair_id) for part in parts]
        snippet = self.planter.plant_line(self.document.place, plantings)
        if snippet is None:
            return False
        self.document.add(snippet)
        return True

    def lone(self, part: str) -> Expect:
        """What should come of a part without its partners: parts with no literal are searched only beside others."""
        secret = self.rules.secret_types[part]
        return "near_miss" if searchable(secret.formats[self.format_of(part)]) else "nothing"

    def decoys(self, count: int) -> list[Snippet]:
        """Hashes and ids that are no token of any part of this pair."""
        parts = [self.rules.secret_types[p] for p in self.pair.parts]
        return self.imitator.neutral(self.document.place, count, not_of=parts)

    def fits(self) -> bool:
        """Whether every planted pair stands inside its window and in its order, as its labels claim."""
        together: dict[int, list] = {}
        for label in self.document.labels:
            if label.expect == "pair" and label.pair_id is not None:
                together.setdefault(label.pair_id, []).append(label)
        for labels in together.values():
            pair = self.rules.pairs[labels[0].pair_type]
            first, last = min(m.end for m in labels), max(m.start for m in labels)
            gap = self.document.lines_between(first, last) if pair.window.unit == "lines" else max(0, last - first)
            if pair.window.unit != "file" and gap > pair.window.size:
                return False
            order = [m.type for m in sorted(labels, key=lambda m: m.start)]
            if pair.in_order and order != list(pair.parts):
                return False
        return True


def _together(stage: Stage, parts: Sequence[str], *, pair: Pair | None = None) -> bool:
    """One whole pair, its parts on lines one after another."""
    pair_id = stage.next_id()
    return all(stage.put(part, pair_id=pair_id, pair=pair) for part in parts)


def _same_line(stage: Stage) -> bool:
    return stage.put_line(stage.pair.parts, stage.next_id())


def _next_lines(stage: Stage) -> bool:
    return _together(stage, stage.pair.parts)


def _other_order(stage: Stage) -> bool:
    parts = stage.pair.parts[::-1]
    if not stage.pair.in_order:
        return _together(stage, parts)
    return all(stage.put(part, stage.lone(part)) for part in parts)


def _spread(stage: Stage, size_bytes: int) -> bool:
    """The parts with filler between them: so much in a file-wide window, else as far as the window goes."""
    pair_id, window = stage.next_id(), stage.pair.window
    first, *middle, last = stage.pair.parts
    if not stage.put(first, pair_id=pair_id):
        return False
    edge = stage.document.labels[-1].end
    for part in middle:
        if window.unit == "file":
            stage.document.fill(size_bytes)
        if not stage.put(part, pair_id=pair_id):
            return False
    if window.unit != "file":
        return stage.put(last, pair_id=pair_id, after=(edge, window))
    stage.document.fill(size_bytes)
    return stage.put(last, pair_id=pair_id)


def _apart(stage: Stage) -> bool:
    return _spread(stage, 200 + stage.draw.below(min(3_000, stage.far_bytes)))


def _far_apart(stage: Stage) -> bool:
    return _spread(stage, stage.far_bytes // 8 + stage.draw.below(stage.far_bytes * 7 // 8))


def _beyond(stage: Stage) -> bool:
    """The last part one line or one byte outside the window; the others alone too, for they lack it."""
    window = stage.pair.window
    if window.unit == "file":
        return False
    first, *middle, last = stage.pair.parts
    if not stage.put(first, stage.lone(first)):
        return False
    edge = stage.document.labels[-1].end
    if not all(stage.put(part, stage.lone(part)) for part in middle):
        return False
    return stage.put(last, stage.lone(last), after=(edge, Window(window.unit, window.size + 1)))


def _alone(stage: Stage) -> bool:
    return stage.put(part := stage.draw.pick(stage.pair.parts), stage.lone(part))


def _one_missing(stage: Stage) -> bool:
    """Two parts of three."""
    if len(stage.pair.parts) < 3:
        return False
    missing = stage.draw.pick(stage.pair.parts)
    there = [p for p in stage.pair.parts if p != missing]
    # One that can be searched by itself brings the search to its neighbours: all of them are near misses.
    expect: Expect = "near_miss" if any(stage.lone(p) == "near_miss" for p in there) else "nothing"
    return all(stage.put(part, expect) for part in there)


def _made_up_partner(stage: Stage) -> bool:
    """All parts, but one of them a placeholder."""
    faked = stage.draw.pick(stage.pair.parts)
    expects: dict[str, Expect] = {p: stage.lone(p) for p in stage.pair.parts if p != faked}
    if "near_miss" in expects.values():
        expects = dict.fromkeys(expects, "near_miss") if len(expects) > 1 else expects
    for part in stage.pair.parts:
        if part != faked:
            if not stage.put(part, expects[part]):
                return False
            continue
        snippet = stage.imitator.placeholder(stage.document.place, part, stage.format_of(part))
        if snippet is None:
            return False
        stage.document.add(snippet)
    return True


def _two_close(stage: Stage) -> bool:
    if not _together(stage, stage.pair.parts):
        return False
    stage.document.fill(stage.draw.pick((0, 0, 60, 150)))
    return _together(stage, stage.pair.parts)


def _crossed(stage: Stage) -> bool:
    """All first parts, then all second ones, in the same order: the arcs between partners cross."""
    one, two = stage.next_id(), stage.next_id()
    return all(stage.put(part, pair_id=k) for part in stage.pair.parts for k in (one, two))


def _table(stage: Stage) -> bool:
    """A pair a line, several lines on end."""
    return all(stage.put_line(stage.pair.parts, stage.next_id()) for _ in range(3 + stage.draw.below(6)))


def _among_decoys(stage: Stage) -> bool:
    """A pair close together, and hashes and ids of all kinds farther off than its parts are from each other."""
    if stage.pair.window.unit == "file":
        for decoy in stage.decoys(3):
            stage.document.add(decoy)
        stage.document.fill(1_500)
    if not _together(stage, stage.pair.parts):
        return False
    stage.document.fill(1_500)
    for decoy in stage.decoys(3):
        stage.document.add(decoy)
    return True


def _alone_among_decoys(stage: Stage) -> bool:
    """A part that brings the search for its partner, and only hashes and ids where that should be."""
    leaders = [p for p in stage.pair.parts if stage.lone(p) == "near_miss"]
    if not leaders:
        return False
    decoys = stage.decoys(6)
    for decoy in decoys[:3]:
        stage.document.add(decoy)
    if not stage.put(stage.draw.pick(leaders), "near_miss"):
        return False
    for decoy in decoys[3:]:
        stage.document.add(decoy)
    return True


def _beside_a_relative(stage: Stage) -> bool:
    """A pair of another type that shares a part with this one, and then this one."""
    others = [p for p in stage.rules.pairs.values()
              if p.type != stage.pair.type and set(p.parts) & set(stage.pair.parts)]
    if not others or not _together(stage, (other := stage.draw.pick(others)).parts, pair=other):
        return False
    stage.document.fill(100)
    return _together(stage, stage.pair.parts)


ARRANGEMENTS: dict[str, Callable[[Stage], bool]] = {
    "same line": _same_line,
    "next lines": _next_lines,
    "other order": _other_order,
    "apart": _apart,
    "far apart": _far_apart,
    "beyond the window": _beyond,
    "alone": _alone,
    "one missing": _one_missing,
    "made-up partner": _made_up_partner,
    "two close together": _two_close,
    "crossed": _crossed,
    "a table": _table,
    "among decoys": _among_decoys,
    "alone among decoys": _alone_among_decoys,
    "beside a relative": _beside_a_relative,
}
"""Every arrangement by name; the name stands in the labels' ``why``."""


def arrange(stage: Stage, name: str) -> bool:
    """Write arrangement ``name``; False when this place or the pair's window cannot hold it (the stage is spent)."""
    stage.name = name
    return ARRANGEMENTS[name](stage) and stage.fits()
