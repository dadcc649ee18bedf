"""The catalogue: every secret type of a rules folder as people look it up, and ``README.md``, which is made of it.

Beside the types that the rules have stand those of GitHub's list whose format nobody publishes; they are listed, so that
"not found" is not taken for "not there". The rule language is told from the models' own field docs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from workbench.errors import RulesError
from workbench.rules import text as t
from workbench.rules.checks import CHECKSUMS
from workbench.rules.rule import RuleSet

README, SCHEMA, NOT_PUBLIC = "README.md", "schema.json", "format_not_public.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret type. ``checksums``, ``pairs`` and ``formats`` are names; ``formats`` is empty where none is public."""

    provider: str
    type: str
    name: str
    partner: bool
    user: bool
    push_protection: bool
    base64: bool
    checksums: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()


def entries(rules: RuleSet) -> list[Entry]:
    """An entry a secret type, by provider and type."""
    pairs: dict[str, list[str]] = {}
    for pair in rules.pairs.values():
        for part in pair.parts:
            pairs.setdefault(part, []).append(pair.type)
    found = [Entry(s.provider, s.type, s.name, s.partner, s.user, s.push_protection, s.base64,
                   tuple(dict.fromkeys(f.checksum for f in s.formats if f.checksum)), tuple(pairs.get(s.type, ())),
                   tuple(f.label for f in s.formats)) for s in rules.secret_types.values()]
    return sorted(found, key=lambda e: (e.provider.lower(), e.type))


def not_public(folder: Path) -> tuple[str, list[Entry]]:
    """The source, and the types, of ``format_not_public.json`` in ``folder``; ("", []) where there is none.

    Raises :class:`RulesError` for a file of another shape.
    """
    path = folder / NOT_PUBLIC
    if not path.is_file():
        return "", []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = [Entry(**row) for row in data["types"]]
    except (ValueError, TypeError, KeyError) as error:
        wanted = ", ".join(f.name for f in fields(Entry)[:7])
        reason = f"{path}: got {error}, expected an object with source and types, each with {wanted}, do mend it"
        raise RulesError([reason]) from None
    return str(data["source"]), sorted(found, key=lambda e: (e.provider.lower(), e.type))


# ---------------------------------------------------------------------------------------------------------------------
# README.md


def readme(rules: RuleSet, folder: Path) -> str:
    """The text of ``README.md`` for the rules of ``folder``, as Markdown. Raises RulesError as :func:`not_public`."""
    source, hidden = not_public(folder)
    known = entries(rules)
    hidden = [e for e in hidden if e.type not in rules.secret_types]
    return "\n".join([*_introduction(known, rules, hidden), "## Supported secrets", "", *_table(known), "",
                      *_hidden_table(source, hidden), *_language(), *_checksums()])


def _introduction(known: Sequence[Entry], rules: RuleSet, hidden: Sequence[Entry]) -> Iterator[str]:
    yield "<!-- Made by `workbench rules readme`; do not edit. A test compares it. -->"
    yield "# Rules"
    yield ""
    yield ("A YAML file a provider: its secret types, the formats their tokens have had, and the credentials that are "
           "found only as a pair. `workbench rules check` and `workbench rules test` say whether a file is right; "
           "`schema.json` lets an editor say it while you type; `CHANGELOG.md` and `lock.json` say what changed.")
    yield ""
    yield (f"{len(known)} secret types of {len({e.provider for e in known})} providers, {sum(e.partner for e in known)} of "
           f"them reported to partners, and {len(rules.pairs)} pairs. Of GitHub's list, {len(hidden)} types are left out "
           "because their format is not public.")
    yield ""


def _table(rows: Sequence[Entry]) -> Iterator[str]:
    yield "| Provider | Type | Partner | User | Push protection | Checksum | Pair | Base64 | Formats |"
    yield "|---|---|:-:|:-:|:-:|---|---|:-:|---|"
    for e in rows:
        formats = "1" if len(e.formats) == 1 else f"{len(e.formats)}: {_cell(', '.join(e.formats))}"
        yield (f"| {_cell(e.provider)} | `{e.type}` | {_mark(e.partner)} | {_mark(e.user)} | {_mark(e.push_protection)} "
               f"| {_codes(e.checksums)} | {_codes(e.pairs)} | {_mark(e.base64)} | {formats} |")


def _hidden_table(source: str, rows: Sequence[Entry]) -> Iterator[str]:
    if not rows:
        return
    yield "### Format not public"
    yield ""
    yield f"GitHub scans for these too; nobody publishes what they look like. Source: {source}."
    yield ""
    yield "| Provider | Type | Partner | User | Push protection | Base64 |"
    yield "|---|---|:-:|:-:|:-:|:-:|"
    for e in rows:
        yield (f"| {_cell(e.provider)} | `{e.type}` | {_mark(e.partner)} | {_mark(e.user)} | {_mark(e.push_protection)} "
               f"| {_mark(e.base64)} |")
    yield ""


def _mark(value: bool) -> str:
    return "✓" if value else ""


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_MODELS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("A file", t.ProviderText), ("A secret type", t.SecretText), ("A format", t.FormatText), ("Near", t.NearText),
    ("A window", t.LinesText), ("", t.BytesText), ("Tests of a secret type", t.SecretTests), ("A test text", t.MatchTest),
    ("A pair", t.PairText), ("A test of a pair", t.PairTest),
)


def _language() -> Iterator[str]:
    yield "## The rule language"
    yield ""
    yield ("Patterns are written in the subset of regular expressions that RE2 and Hyperscan share, over bytes: no "
           "look-around, no back-references, no options but `(?i:…)` round a part.")
    yield ""
    for title, model in _MODELS:
        if title:
            yield f"### {title}"
            yield ""
            yield " ".join(_clean(model.__doc__ or "").split())
            yield ""
        schema = model.model_json_schema()
        for name, field in model.model_fields.items():
            words = " ".join((field.description or "").split())
            yield f"**`{name}`** ({_kind(field.annotation)}, {_default(name, schema)}). {words}"
            yield ""


def _clean(doc: str) -> str:
    return re.sub(r":(?:class|func|mod|data):`~?([^`]*)`", r"`\1`", doc)


def _kind(annotation: Any) -> str:
    """A field's type in an author's words."""
    if annotation == t.Window:
        return "`file`, `{lines: n}` or `{bytes: n}`"
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    name, origin = getattr(annotation, "__name__", ""), get_origin(annotation)
    if origin is list:
        return "a list"
    if origin is dict:
        return "names with texts"
    words = [f"`{a}`" if isinstance(a, str) else _kind(a) for a in get_args(annotation) if a is not type(None)]
    if words:
        return " or ".join(dict.fromkeys(words))
    known = {"str": "text", "bool": "`true` or `false`", "int": "a whole number", "float": "a number"}
    return known.get(name, "fields of its own")


def _default(name: str, schema: dict[str, Any]) -> str:
    if name in schema.get("required", ()):
        return "required"
    value = schema["properties"][name].get("default")
    if value in (None, [], {}) or isinstance(value, dict) and not any(value.values()):
        return "optional"
    return f"default `{value if isinstance(value, str) else json.dumps(value).replace(chr(34), '')}`"


def _checksums() -> Iterator[str]:
    yield "## Checksums"
    yield ""
    yield "Names that `checksum` may have: sums a token carries, and texts that it must hold once decoded."
    yield ""
    yield "| Name | Source |"
    yield "|---|---|"
    for name, check in sorted(CHECKSUMS.items()):
        yield f"| `{name}` | {_cell(check.source)} |"
    yield ""


def schema_text() -> str:
    """The text of ``schema.json``."""
    return json.dumps(t.json_schema(), indent=2) + "\n"
