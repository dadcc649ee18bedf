"""A rules file's source: YAML 1.2 read into plain data, with the line of every value kept.

Lines are looked up by path: ``("secrets", 0, "formats", 1, "pattern")``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from workbench.rules.problem import Problem
from workbench.rules.text import PairText, ProviderText, SecretText

Path_ = tuple[str | int, ...]


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


def _owner(data: Any, path: Path_) -> str:
    """The rule a path lies in, for the message: its type if it has one."""
    if len(path) >= 2 and path[0] in ("secrets", "pairs") and isinstance(path[1], int):
        try:
            return str(data[path[0]][path[1]]["type"])
        except (KeyError, IndexError, TypeError):
            return f"{path[0]}[{path[1]}]"
    return "file"


_CURES = {
    "extra_forbidden": ("a field of the rule language", "remove or correct the field's name"),
    "missing": ("the field to be there", "add it"),
}


def _describe(error: dict[str, Any]) -> tuple[str, str, str]:
    kind, where = error["type"], ".".join(str(p) for p in error["loc"] if not isinstance(p, int))
    field = where.split(".")[-1] if where else "file"
    if kind in _CURES:
        expected, do = _CURES[kind]
        got = f"the unknown field {field}" if kind == "extra_forbidden" else f"no {field}"
        return got, expected, do
    value = error.get("input")
    shown = repr(value)[:60] if kind == "window" or not isinstance(value, dict | list) else type(value).__name__
    return f"{field}={shown}", error["msg"][:1].lower() + error["msg"][1:], f"correct {field}"


def _trim(loc: Sequence[Any]) -> Path_:
    """pydantic's location without the names of union members it tried."""
    unions = ("LinesText", "BytesText", "MatchTest", "literal", "constrained-str", "str", "function-")
    return tuple(p for p in loc if isinstance(p, int) or not any(str(p).startswith(u) for u in unions))


def check_text(source: RulesSource) -> tuple[ProviderText | None, list[Problem]]:
    """The source's data as a :class:`ProviderText`, and every field that is wrong.

    Where only some secrets or pairs are wrong the text holds the others, so that they are checked on in the same run.
    """
    try:
        return ProviderText.model_validate(source.data), []
    except ValidationError as error:
        seen: dict[Path_, Problem] = {}
        for item in error.errors(include_url=False):
            path = _trim(item["loc"])
            if "window" in path:  # a union reports each form it tried; the author wants one sentence
                path = path[: path.index("window") + 1]
                item |= {"type": "window", "msg": "file, {lines: n} or {bytes: n}"}
            item["loc"] = path
            got, expected, do = _describe(item)
            seen.setdefault(path, Problem(source.name, source.line(path), _owner(source.data, path), got, expected, do))
        return _sound_part(source.data), list(seen.values())


def _sound_part(data: Any) -> ProviderText | None:
    """The secrets and pairs of ``data`` that hold by themselves."""
    if not isinstance(data, dict) or not isinstance(data.get("secrets"), list):
        return None
    kept: dict[str, list[Any]] = {"secrets": [], "pairs": []}
    for field, model in (("secrets", SecretText), ("pairs", PairText)):
        items = data.get(field)
        for item in items if isinstance(items, list) else []:
            try:
                kept[field].append(model.model_validate(item))
            except ValidationError:
                kept[field].append(None)
    return ProviderText.model_construct(provider=str(data.get("provider", "")), **kept)


def rule_files(paths: Sequence[Path]) -> list[Path]:
    """The YAML files of the given files and folders (not their subfolders), in name order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml") and p.is_file())
        else:
            found.append(path)
    return found
