"""An edit changes one rule in the text of its YAML file and leaves every other byte as its author wrote it.

Comments, order, quotes and line breaks survive because the file is not written anew: ruamel says where a value stands,
and only those characters are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node

from workbench.errors import RulesError, UsageError
from workbench.lab.yamltext import Entry, compose, entries, inserted, removed, replaced, section_end, taken_out, written
from workbench.rules.load import refusals
from workbench.rules.pattern import PatternError, parse
from workbench.rules.rule import Window
from workbench.rules.text import FormatText, PairText, SecretText

FORMAT_FIELDS = tuple(FormatText.model_fields)
SECRET_FIELDS = tuple(n for n in SecretText.model_fields if n not in ("type", "formats"))
PAIR_FIELDS = tuple(n for n in PairText.model_fields if n != "type")
_ORDERS = (("type", *FORMAT_FIELDS), tuple(SecretText.model_fields), tuple(PairText.model_fields))
_PATTERN_FIELDS = ("pattern", "before", "after", "sample", "must_match", "must_not_match")

_ABBREVIATIONS = frozenset({"api", "aws", "cli", "gcp", "id", "jwt", "npm", "sdk", "sso", "url"})

PLAINEST_TESTS = {"match": ["token = {secret}", '"key": "{secret}"', "https://example.org/?t={secret}&x=1"],
                  "no_match": ["X{secret}", "{secret}7", "token = {placeholder}"]}


def edited(text: str, name: str, fields: Mapping[str, Any], *, format: int | str | None = None) -> str:
    """``text`` with ``fields`` of the rule ``name`` (a secret type or a pair) set; None takes a field away.

    Fields of a format go to the one with index or label ``format``, by default the first. Raises UsageError for a field
    or format the rule does not have, and RulesError for a pattern that does not compile, saying where.
    """
    for field, value in fields.items():
        check_patterns(name, field, value)
        rule, is_pair = _rule(compose(text), name)
        target, order = _target(rule, is_pair, field, format, name)
        known = entries(target)
        if value is None:
            text = removed(text, target, field) if field in known else text
        elif field in known:
            text = replaced(text, target, field, _as_written(field, value))
        else:
            text = inserted(text, target, field, _as_written(field, value), order)
    return text


def appended(text: str, section: str, entry: Mapping[str, Any]) -> str:
    """``text`` with a new entry at the end of ``secrets`` or ``pairs``; an empty text becomes a file of that
    section."""
    block = "".join(f"  {line}" if line.strip() else line for line in written([entry]).splitlines(keepends=True))
    root = compose(text) if text.strip() else None
    if not isinstance(root, MappingNode) or section not in entries(root):
        return (text.rstrip("\n") + "\n\n" if text.strip() else "") + f"{section}:\n{block}"
    stop = section_end(text, entries(root)[section])
    return f"{text[:stop]}\n\n{block.rstrip()}{text[stop:]}"


def without(text: str, name: str) -> str | None:
    """``text`` without the secret type or pair ``name``, which stands in block style as :func:`appended` writes it;
    None when no secret type is left."""
    root = compose(text)
    rule, is_pair = _rule(root, name)
    section = entries(root)["pairs" if is_pair else "secrets"]  # type: ignore[arg-type]
    if len(section.value.value) > 1:
        return taken_out(text, rule)
    return taken_out(text, section) if is_pair else None


def new_entry(slug: str, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(section, entry) of a new secret type or, with ``parts``, a pair; fields of a format become its only format.

    A secret type without tests gets the plainest there are. Raises UsageError for an unknown field, and RulesError for
    a pattern that does not compile.
    """
    if not isinstance(slug, str):
        raise UsageError(f"Expected the name of a new secret type or pair but got {slug!r}")
    is_pair = "parts" in fields
    known = PAIR_FIELDS if is_pair else (*FORMAT_FIELDS, *SECRET_FIELDS, "formats")
    unknown = [n for n in fields if n not in known]
    if unknown:
        raise UsageError(f"Expected fields among {', '.join(known)} but got {', '.join(unknown)}")
    entry: dict[str, Any] = {"type": slug, "name": fields.get("name") or _titled(slug)}
    for field, value in fields.items():
        check_patterns(slug, field, value)
    if is_pair:
        return "pairs", entry | {n: _as_written(n, fields[n]) for n in PAIR_FIELDS if n in fields}
    own = {n: _as_written(n, fields[n]) for n in FORMAT_FIELDS if n in fields and n not in SECRET_FIELDS}
    if bool(own) == ("formats" in fields):
        raise UsageError("Expected either pattern=… with other fields of one format, or formats=[…], but got "
                         + ("both" if own else "neither"))
    entry |= {n: fields[n] for n in SECRET_FIELDS if n in fields and n != "tests"}
    formats = [dict(f) for f in fields.get("formats") or [own]]
    tests = fields.get("tests") or _plainest_tests(formats)
    return "secrets", entry | {"formats": formats, "tests": tests}


def _titled(slug: str) -> str:
    """A name from a slug, as the shipped rules write theirs: abbreviations in capitals."""
    return " ".join(w.upper() if w in _ABBREVIATIONS else w.title() for w in slug.split("_"))


def _plainest_tests(formats: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Tests of a type that nobody wrote any for; where keywords must stand near, they do."""
    near = next((f["near"] for f in formats if f.get("near")), None)
    if not isinstance(near, Mapping) or not near.get("keywords"):
        return PLAINEST_TESTS
    word = near["keywords"][0]
    return {"match": [f"{word} = {{secret}}", f'"{word}": "{{secret}}"', f"{word}={{secret}}&x=1"],
            "no_match": [f"{word} = X{{secret}}", f"{word} = {{secret}}7", "{secret}"]}


def new_pair(slug: str, part: str, partner: str) -> dict[str, Any]:
    """The entry of a pair of two parts within one file, with the plainest tests."""
    return {"type": slug, "name": _titled(slug), "parts": [partner, part], "tests": [
        {"text": f"id = {{{partner}:a}}\nsecret = {{{part}:a}}\n", "pairs": ["a"]},
        {"text": f"id = {{{partner}:a}}\n", "pairs": []}]}


def tests_beside(partner: str) -> dict[str, list[str]]:
    """The plainest tests of a part that is found only beside its partner."""
    head = f"id = {{{partner}}}\n"
    return {
        "match": [
            f"{head}secret = {{secret}}\n",
            f'{{"id": "{{{partner}}}", "key": "{{secret}}"}}',
            f"{{secret}} {{{partner}}}",
        ],
        "no_match": ["secret = {secret}", f"{head}secret = X{{secret}}\n", f"{head}secret = {{placeholder}}\n"],
    }


def new_file(provider: str, entry: Mapping[str, Any]) -> str:
    """A rules file of one secret type."""
    return f"{written({'provider': provider})}{appended('', 'secrets', entry)}"


def check_patterns(name: str, field: str, value: Any) -> None:
    """Raise RulesError when ``value`` has a pattern that does not compile: the pattern, and a caret where it fails.

    UsageError for what is no pattern.
    """
    if field not in _PATTERN_FIELDS or value is None:
        return
    patterns = list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise UsageError(f"Expected {field} as text but got {pattern!r} ({type(pattern).__name__}) for {name}")
        refused = refusals(pattern)
        if refused:
            engine, reason = refused[0]
            message = (
                f"{name}: {field}: got a pattern that {engine} refuses ({reason}), expected one of the subset that RE2 "
                f"and Hyperscan share, do mend it here:\n{_pointed(pattern, reason)}"
            )
            raise RulesError([message])


def _pointed(pattern: str, reason: str) -> str:
    """The pattern on one line, and below it where it fails, as far as anyone said where."""
    at: int | None = None
    try:
        parse(pattern)
    except PatternError as error:
        at = error.position
    # RE2 ends its reason with the piece it does not take.
    pieces = (reason.rpartition(": ")[2], "(?=", "(?!", "(?<", "(?>", "\\1", "(?(")
    if at is None:
        at = next((pattern.index(p) for p in pieces if p and p in pattern), None)
    shown = "".join(c if c.isprintable() else "·" for c in pattern)  # a caret points at one line
    start = max(0, (at or 0) - 60)
    caret = "" if at is None else f"\n    {' ' * (at - start)}^"
    return f"    {shown[start : start + 100]}{caret}"


# ---------------------------------------------------------------------------------------------------------------------
# Inside a document


def _rule(document: Node | None, name: str) -> tuple[MappingNode, bool]:
    sections = entries(document) if isinstance(document, MappingNode) else {}
    for section in ("secrets", "pairs"):
        for rule in sections[section].value.value if section in sections else ():
            if isinstance(rule, MappingNode) and _scalar(entries(rule).get("type")) == name:
                return rule, section == "pairs"
    raise UsageError(f"Expected a secret type or pair of the file but got {name!r}")


def _scalar(entry: Entry | None) -> str | None:
    return str(entry.value.value) if entry is not None else None


def _target(rule: MappingNode, is_pair: bool, field: str, format: int | str | None,
            name: str) -> tuple[MappingNode, tuple[str, ...]]:
    """The mapping that ``field`` belongs to, and the order of that mapping's fields."""
    if is_pair:
        if field in PAIR_FIELDS:
            return rule, _ORDERS[2]
        raise UsageError(f"Expected a field of a pair ({', '.join(PAIR_FIELDS)}) but got {field}=… for {name}; what a "
                         "part looks like is edited at its own type")
    if field in SECRET_FIELDS and (format is None or field not in FORMAT_FIELDS):
        return rule, _ORDERS[1]
    if field not in FORMAT_FIELDS:
        hint = "; the window belongs to the pair: name the pair" if field == "window" else ""
        raise UsageError(f"Expected a field of a secret type ({', '.join((*FORMAT_FIELDS, *SECRET_FIELDS))}) but got "
                         f"{field}=… for {name}{hint}")
    formats = entries(rule)["formats"].value.value
    labels = [_scalar(entries(f).get("label")) or f"v{len(formats) - k}" for k, f in enumerate(formats)]
    if format is None or format in labels:
        return formats[0 if format is None else labels.index(format)], _ORDERS[0]
    if isinstance(format, int) and 0 <= format < len(formats):
        return formats[format], _ORDERS[0]
    raise UsageError(f"Expected a format of {name} ({', '.join(labels)}, or an index) but got format={format!r}")


def _as_written(field: str, value: Any) -> Any:
    """A window as a file has it: ``file``, ``{lines: n}`` or ``{bytes: n}``; "5 lines" is read too, and inside
    ``near``."""
    if field == "near" and isinstance(value, Mapping):
        return {n: _as_written(n, v) for n, v in value.items()}
    if field != "window":
        return value
    if isinstance(value, Window):
        return "file" if value.unit == "file" else {value.unit: value.size}
    if not isinstance(value, str) or value == "file":
        return value
    words = value.split()
    if len(words) == 2 and words[0].isdigit() and words[1] in ("lines", "bytes"):
        return {words[1]: int(words[0])}
    raise UsageError(f"Expected window='file', '5 lines' or '200 bytes' but got {value!r}")
