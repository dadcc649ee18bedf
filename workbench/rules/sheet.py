"""A sheet: everything there is to say about one secret type or pair, as lines to read."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.errors import UsageError
from workbench.rules import load
from workbench.rules.load import search_way, trigger_pattern
from workbench.rules.pattern import UNBOUNDED, Trigger, lengths, parse, triggers
from workbench.rules.rule import Format, Pair, RuleSet, SecretType
from workbench.rules.text import DEFAULT_AFTER, DEFAULT_BEFORE, PairText, SecretText


def sheet(loaded: load.Loaded, name: str) -> list[str]:
    """The lines of a secret type's or a pair's sheet. Raises UsageError for another name, RulesError for bad rules."""
    rules = load.rule_set(loaded)
    for file in loaded.files:
        for kind, items in (("secrets", file.text.secrets), ("pairs", file.text.pairs)):
            for i, item in load.numbered(items):
                if item.type == name:
                    place = f"{file.source.name}:{file.source.line((kind, i, 'type'))}"
                    if isinstance(item, SecretText):
                        return list(_type_lines(item, rules.secret_types[name], rules, place))
                    return list(_pair_lines(item, rules.pairs[name], rules, place))
    near = [n for n in (*rules.secret_types, *rules.pairs) if name in n][:5]
    hint = f"there are {', '.join(near)}" if near else "workbench rules list shows them"
    raise UsageError(f"Expected a secret type or pair of the rules but got {name}; {hint}")


def _line(word: str, text: object) -> str:
    return f"{word:<12}{text}"


def _type_lines(text: SecretText, secret: SecretType, rules: RuleSet, place: str) -> Iterator[str]:
    yield f"{secret.type}: {secret.name} ({secret.provider})"
    yield _line("where", place)
    yield _line("told to", _told(secret))
    rule = rules.rules[rules.rule_of()[secret.type]]
    yield _line("rule", f"{rule.name}, hash {rule.hash}")
    parts = [p for p in rules.pairs.values() if secret.type in p.parts]
    for pair in parts:
        yield _line("pair", f"{pair.type}: {' + '.join(pair.parts)}, window {pair.window}; it alerts only as a part of one")
    if secret.base64:
        yield _line("base64", "its encoded form is found too")
    for fmt in secret.formats:
        yield ""
        yield from _format_lines(fmt, bool(parts))
    yield ""
    for other, why in text.overlaps.items():
        yield _line("overlaps", f"{'any type' if other == '*' else other}: {why}")
    gaps = sum(getattr(t, "known_gap", None) is not None for t in (*text.tests.match, *text.tests.no_match))
    yield _line("tests", f"{len(text.tests.match)} match, {len(text.tests.no_match)} no_match, {gaps} known gaps")
    yield from (_line("reference", r) for r in text.references)
    if text.note:
        yield _line("note", text.note)


def _told(owner: SecretType | Pair) -> str:
    flags = [("the partner", owner.partner), ("the user", owner.user), ("push protection", owner.push_protection)]
    return ", ".join(word for word, is_set in flags if is_set) or "nobody"


def _format_lines(fmt: Format, is_part: bool) -> Iterator[str]:
    yield _line("format", fmt.label)
    yield _line("pattern", fmt.pattern)
    low, high = lengths(parse(fmt.pattern))
    yield _line("length", f"{low} bytes" if low == high else f"{low} bytes and more" if high >= UNBOUNDED
                else f"{low} to {high} bytes")
    if fmt.before != DEFAULT_BEFORE:
        yield _line("before", fmt.before)
    if fmt.after != DEFAULT_AFTER:
        yield _line("after", fmt.after)
    yield _line("searched", _way(fmt, is_part))
    yield from (_line("must match", p) for p in fmt.must_match)
    yield from (_line("must not", p) for p in fmt.must_not_match)
    if fmt.checksum:
        yield _line("checksum", fmt.checksum)
    if fmt.min_entropy is not None:
        yield _line("entropy", f"at least {fmt.min_entropy} bits a byte")
    yield _line("made up", "tokens that look invented are dropped" if fmt.drop_placeholders else "not looked at")


def _way(fmt: Format, is_part: bool) -> str:
    way = search_way(fmt, is_part=is_part)
    if way == "near" and fmt.near:
        return f"by a keyword within {fmt.near.window}: {', '.join(fmt.near.keywords)}"
    if way == "trigger":
        found = " or ".join(_readable(t) for t in triggers(trigger_pattern(fmt)))
        also = f", and a keyword within {fmt.near.window}: {', '.join(fmt.near.keywords)}" if fmt.near else ""
        return f"by its trigger {found}{also}"
    return "only in the window round its partner's match"


def _readable(trigger: Trigger) -> str:
    """A trigger as people read it: its fixed characters, and a dot for each place of several."""
    return "".join(m.decode("latin-1") if len(m) == 1 else f"[{m.decode('latin-1')}]" if len(m) == 2 else "."
                   for m in (c.members() for c in trigger.classes))


def _pair_lines(text: PairText, pair: Pair, rules: RuleSet, place: str) -> Iterator[str]:
    yield f"{pair.type}: {pair.name} ({pair.provider})"
    yield _line("where", place)
    yield _line("told to", _told(pair))
    rule = rules.rules[rules.rule_of()[pair.type]]
    yield _line("rule", f"{rule.name}, hash {rule.hash}")
    yield _line("parts", " + ".join(pair.parts) + (" in this order" if pair.in_order else " in any order"))
    yield _line("window", pair.window)
    yield _line("tests", f"{len(text.tests)}, {sum(t.known_gap is not None for t in text.tests)} known gaps")
    yield from (_line("reference", r) for r in text.references)
    if text.note:
        yield _line("note", text.note)
