"""A rules file's source: YAML 1.2 read into plain data, with the line of every value kept.

Lines are looked up by path: ``("secrets", 0, "formats", 1, "pattern")``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from workbench.rules.problem import Problem
from workbench.rules.remembered import Memory
from workbench.rules.text import (
    FormatText,
    MatchTest,
    NearText,
    PairTest,
    PairText,
    ProviderText,
    SecretTests,
    SecretText,
)

Path_ = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)


class RulesSource:
    """One file: its name as problems print it, its data, and the lines of its values (1-based)."""

    def __init__(self, name: str, data: Any, lines: dict[Path_, int]) -> None:
        self.name = name
        self.data = data
        self._lines = lines

    def line(self, path: Sequence[str | int]) -> int:
        """Line of ``path``, or of its nearest enclosing value that has one."""
        path = tuple(path)
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def to_json(self) -> dict[str, Any]:
        """Data and lines as plain lists and mappings; the name is the reader's."""
        return {"data": self.data, "paths": list(self._lines), "lines": list(self._lines.values())}

    @classmethod
    def from_json(cls, name: str, known: Mapping[str, Any]) -> RulesSource:
        """The source that :meth:`to_json` wrote down."""
        return cls(name, known["data"], dict(zip(map(tuple, known["paths"]), known["lines"], strict=True)))


def _plain(node: Node, path: Path_, lines: dict[Path_, int], yaml: YAML, problems: list[tuple[int, str]]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in out:
                problems.append((key_node.start_mark.line + 1, key))
            lines[(*path, key)] = key_node.start_mark.line + 1
            out[key] = _plain(value_node, (*path, key), lines, yaml, problems)
        return out
    if isinstance(node, SequenceNode):
        return [_plain(item, (*path, i), lines, yaml, problems) for i, item in enumerate(node.value)]
    return _scalar(node)


_SCALARS = {"true": True, "false": False, "null": None, "~": None, "": None}


def _scalar(node: ScalarNode) -> Any:
    """A plain scalar by YAML 1.2's core schema; quoted ones stay strings."""
    tag = str(node.ctag) if hasattr(node, "ctag") else str(node.tag)
    value = node.value
    if tag.endswith(":str"):
        return value
    if tag.endswith((":bool", ":null")):
        return _SCALARS.get(value.lower(), value)
    if tag.endswith(":int"):
        try:
            return int(value.replace("_", ""), 0)
        except ValueError:
            return value
    if tag.endswith(":float"):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def read_source(name: str, text: str) -> tuple[RulesSource | None, list[Problem]]:
    """``text`` as data with lines, and what is wrong with it as YAML (then the source may be None)."""
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1
        reason = " ".join(str(error.problem or error.context or error).split())
        return None, [Problem(name, line, "yaml", reason, "YAML 1.2", "mend the syntax of this line")]
    except YAMLError as error:
        return None, [Problem(name, 1, "yaml", " ".join(str(error).split())[:200], "YAML 1.2", "mend the syntax")]
    if root is None:
        return None, [Problem(name, 1, "file", "an empty file", "provider: and secrets:", "write them or remove it")]
    lines: dict[Path_, int] = {}
    twice: list[tuple[int, str]] = []
    data = _plain(root, (), lines, yaml, twice)
    problems = [Problem(name, line, "yaml", f"the key {key} twice", "each key once", "keep one of them")
                for line, key in twice]
    return RulesSource(name, data, lines), problems


def remembered_source(name: str, text: str, memory: Memory) -> tuple[RulesSource | None, list[Problem]]:
    """As :func:`read_source`, which is asked only for a text that ``memory`` does not know as sound YAML."""
    read: list[tuple[RulesSource | None, list[Problem]]] = []

    def rows() -> dict[str, Any] | None:
        source, problems = read_source(name, text)
        read.append((source, problems))
        return None if source is None or problems else source.to_json()

    known = memory.ask("yaml", text, rows)
    if read:
        return read[0]
    return read_source(name, text) if known is None else (RulesSource.from_json(name, known), [])


def owner(data: Any, path: Path_) -> str:
    """The rule a path lies in, for the message: its type if it has one."""
    if len(path) >= 2 and path[0] in ("secrets", "pairs") and isinstance(path[1], int):
        try:
            return str(data[path[0]][path[1]]["type"])
        except (KeyError, IndexError, TypeError):
            return f"{path[0]}[{path[1]}]"
    return "file"


_LIMITS = {"greater_than": ("more than", "gt"), "greater_than_equal": ("at least", "ge"),
           "less_than": ("less than", "lt"), "less_than_equal": ("at most", "le")}
_KINDS = {"string": "a text", "bool": "true or false", "list": "a list", "dict": "a mapping of names to values",
          "model": "a mapping of fields to values", "int": "a whole number", "float": "a number", "finite": "a number"}
_EXPRESSIONS = {"type": "small letters, digits and _ that start with a letter or digit", "references": "an address that "
                "starts with https:// or http://", "overlaps": "a secret type's name, or *"}
_EXPRESSIONS["parts"] = _EXPRESSIONS["type"]


def _describe(error: ErrorDetails, path: Path_) -> tuple[str, str, str]:
    """What a form error got, what was expected, and what to do, in this project's words and not the checker's."""
    kind, value, context = error["type"], error.get("input"), error.get("ctx", {})
    field = next((str(p) for p in reversed(path) if not isinstance(p, int)), "file")
    what = f"an item of {field}" if path and isinstance(path[-1], int) else field
    got = f"{field}={_shown(value)}"
    if kind == "extra_forbidden":
        near = _alike(field, path)
        return f"the unknown field {field}", "a field of the rule language", f"write {near}" if near else "remove or correct it"
    if kind == "missing":
        return f"no {field}", "the field to be there", f"add {field}:"
    if kind == "window":
        return got, "file, {lines: n} or {bytes: n}", "write one of these"
    if kind == "literal_error":
        return got, str(context.get("expected", "")).replace("'", ""), "write one of these"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return got, f"a number of {words} {context[key]:g}", "write one within the limit"
    if kind == "string_pattern_mismatch":
        if "overlaps" in path[-2:]:
            return f"the name {path[-1]!s:.60} in overlaps", _EXPRESSIONS["overlaps"], "correct the name"
        return got, _EXPRESSIONS.get(field, "text of another form"), f"correct {what}"
    if kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        return _sized(kind, field, what, value, context)
    if kind == "bool_type" and isinstance(value, str):
        return got, "true or false", "write true or false without quotes (in YAML 1.2 yes, no, on and off are words)"
    expected = _KINDS.get(kind.split("_")[0], "another value")
    return got, expected, f"write {expected} for {what}"


def _shown(value: Any) -> str:
    """A value as far as a line has room for it."""
    if isinstance(value, list | dict) and len(value) > 3:
        return f"{'a list' if isinstance(value, list) else 'a mapping'} of {len(value)} things"
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else repr(value)[:60]


def _sized(kind: str, field: str, what: str, value: Any, context: Mapping[str, Any]) -> tuple[str, str, str]:
    short = kind.endswith("short")
    limit = context["min_length" if short else "max_length"]
    noun = "character" if kind.startswith("string") else "item"
    bound = f"{'at least' if short else 'at most'} {limit} {noun}{'' if limit == 1 else 's'}"
    count = len(value) if isinstance(value, str | list | dict) else 0
    got = f"an empty {field}" if not count else f"{what} of {count} {noun}{'' if count == 1 else 's'}"
    return got, bound, f"{'add to' if short else 'shorten'} {what}" if count else f"fill {field} in, or remove it"


def _alike(field: str, path: Path_) -> str | None:
    """The field that an unknown one may have been meant to be."""
    within = tuple(p for p in path[:-1] if not isinstance(p, int))
    places: dict[tuple, type[BaseModel]] = {(): ProviderText, ("secrets",): SecretText, ("pairs",): PairText, ("secrets", "formats"): FormatText,
              ("secrets", "formats", "near"): NearText, ("secrets", "tests"): SecretTests, ("pairs", "tests"): PairTest}
    near = difflib.get_close_matches(field, places.get(within, MatchTest).model_fields, n=1)
    return near[0] if near else None


_TRIED = re.compile(r"LinesText|BytesText|MatchTest|constrained-str|str|literal\[.*\]|function-.*|\[key\]")


def _trim(loc: Sequence[Any]) -> Path_:
    """pydantic's location without the names of union members it tried."""
    return tuple(p for p in loc if isinstance(p, int) or not _TRIED.fullmatch(str(p)))


def _other_form(error: ErrorDetails) -> bool:
    """Whether it is about the form that a test text does not have: a mapping where it is a text, or the reverse."""
    tried = {str(p) for p in error["loc"]}
    if error["type"] == "model_type" and "MatchTest" in tried:
        return isinstance(error["input"], str)
    return error["type"] == "string_type" and "constrained-str" in tried and isinstance(error["input"], dict)


def _at(data: Any, path: Path_) -> Any:
    """The value at ``path``, which is there."""
    for step in path:
        data = data[step]
    return data


@dataclass(frozen=True, slots=True)
class Checked:
    """A file's text with None for every secret and pair whose form was refused, and what of these can be checked on.

    ``drafts`` holds the refused ones by section and place, with a blank for every value that did not hold; ``refused``
    are the paths of those values. Drafts are for finding more problems: no rule is made of one.
    """

    text: ProviderText
    drafts: Mapping[Path_, SecretText | PairText]
    refused: frozenset[Path_]


def check_text(source: RulesSource) -> tuple[Checked | None, list[Problem]]:
    """The source's data checked field by field, and every field that is wrong; None for data of no known shape."""
    try:
        return Checked(ProviderText.model_validate(source.data), {}, frozenset()), []
    except ValidationError as error:
        seen: dict[Path_, Problem] = {}
        for item in error.errors(include_url=False):
            if _other_form(item):
                continue
            path = _trim(item["loc"])
            if "window" in path:  # a union reports each form it tried; the author wants one sentence
                path = path[: path.index("window") + 1]
                item["type"] = "window"
                item["input"] = _at(source.data, path)
            got, expected, do = _describe(item, path)
            seen.setdefault(path, Problem(source.name, source.line(path), owner(source.data, path), got, expected, do))
        return _sound_part(source.data, frozenset(seen)), list(seen.values())


def _sound_part(data: Any, refused: frozenset[Path_]) -> Checked | None:
    """The secrets and pairs of ``data`` that hold by themselves, and drafts of the others."""
    if not isinstance(data, dict):
        return None
    kept: dict[str, list[Any]] = {"secrets": [], "pairs": []}
    drafts: dict[Path_, SecretText | PairText] = {}
    for field, model in (("secrets", SecretText), ("pairs", PairText)):
        items = data.get(field)
        for i, item in enumerate(items if isinstance(items, list) else []):
            try:
                kept[field].append(model.model_validate(item))
            except ValidationError:
                kept[field].append(None)
                if isinstance(item, dict):
                    drafts[(field, i)] = _draft(model, _without(item, (field, i), refused))
    text = ProviderText.model_construct(provider=str(data.get("provider", "")), **kept)
    return Checked(text, drafts, refused)


_BLANKS: dict[str, Any] = {"type": "", "name": "", "pattern": "", "text": "", "formats": [], "parts": [], "keywords": []}


def _without(value: Any, path: Path_, refused: frozenset[Path_]) -> Any:
    """``value`` without the refused values in it; in a list a blank keeps the place of each."""
    if isinstance(value, dict):
        return {k: _without(v, (*path, k), refused) for k, v in value.items() if (*path, k) not in refused}
    if isinstance(value, list):
        return ["" if (*path, k) in refused else _without(v, (*path, k), refused) for k, v in enumerate(value)]
    return value


def _draft(model: type[_Model], fields: Any) -> _Model:
    """A model of what is left of its fields; what it needs and does not have is blank."""
    fields = dict(fields) if isinstance(fields, dict) else {}
    given = {name: fields[name] for name in model.model_fields if name in fields}
    if "formats" in given:
        given["formats"] = [_draft(FormatText, item) for item in given["formats"]]
    if "near" in given:
        given["near"] = _draft(NearText, given["near"])
    if model is SecretText and "tests" in given:
        given["tests"] = SecretTests.model_construct(**{
            kind: [_draft(MatchTest, t) if isinstance(t, dict) else t for t in texts]
            for kind, texts in given["tests"].items() if kind in SecretTests.model_fields})
    if model is PairText and "tests" in given:
        given["tests"] = [_draft(PairTest, item) for item in given["tests"]]
    needed = {n: _BLANKS[n] for n, f in model.model_fields.items() if f.is_required() and n in _BLANKS}
    return model.model_construct(**(needed | given))


def rule_files(paths: Sequence[Path]) -> list[Path]:
    """The YAML files of the given files and folders (not their subfolders), in name order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml") and p.is_file())
        else:
            found.append(path)
    return found
