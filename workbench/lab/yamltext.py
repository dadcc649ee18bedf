"""YAML text: where the values of a mapping stand in a file, and the file with one of them replaced, added or
removed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString, SingleQuotedScalarString

from workbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping and its value."""

    key: Node
    value: Node

    @property
    def start(self) -> int:
        """Offset in characters of the key."""
        return self.key.start_mark.index

    @property
    def end(self) -> int:
        """Offset past the value's last character; for an empty value, past the colon."""
        return max(_end(self.value), self.key.end_mark.index + 1)


def compose(text: str) -> Node | None:
    """The document's nodes, with their marks. Raises ruamel's YAMLError for what is no YAML."""
    return YAML(typ="safe", pure=True).compose(text)


def entries(mapping: MappingNode) -> dict[str, Entry]:
    return {str(key.value): Entry(key, value) for key, value in mapping.value}


def _end(node: Node) -> int:
    """Offset past a node's last character. A block collection's own mark lies beyond the comments that follow it."""
    if isinstance(node, ScalarNode):
        return node.end_mark.index
    if node.flow_style or not node.value:
        return node.end_mark.index
    last = node.value[-1]
    return Entry(*last).end if isinstance(node, MappingNode) else _end(last)


def _trimmed(text: str, start: int, end: int) -> int:
    """``end`` moved before white space: a block scalar's mark is the start of what follows it."""
    return start + len(text[start:end].rstrip())


def section_end(text: str, entry: Entry) -> int:
    """Offset where another item of the section may be put: the end of its last line that is no comment."""
    return _line_end(text, _trimmed(text, entry.start, entry.end))


def taken_out(text: str, node: Node | Entry) -> str:
    """``text`` without the lines of an item of a list or of an entry, and without the empty ones before them."""
    start, end = (node.start, node.end) if isinstance(node, Entry) else (node.start_mark.index, _end(node))
    first = text.rfind("\n", 0, start) + 1
    before, after = text[:first].rstrip("\r\n"), text[_line_end(text, _trimmed(text, start, end)) :]
    return before + after


def _line_end(text: str, at: int) -> int:
    stop = text.find("\n", at)
    return len(text) if stop < 0 else stop


def replaced(text: str, mapping: MappingNode, name: str, value: Any) -> str:
    """``text`` with the value of ``name`` in ``mapping`` set."""
    entry = entries(mapping)[name]
    if mapping.flow_style:
        return text[: entry.start] + _in_flow(name, value) + text[entry.end :]
    quoted = isinstance(entry.value, ScalarNode) and entry.value.style == "'" and isinstance(value, str)
    stop = _trimmed(text, entry.start, entry.end)
    new = _in_block(name, SingleQuotedScalarString(value) if quoted else value, entry.key.start_mark.column, text[stop:])
    rest = text[stop : _line_end(text, stop)].strip()
    if rest and "\n" in new:  # a comment behind the old value would become part of the new one
        indent = " " * entry.key.start_mark.column
        return f"{text[: entry.start]}{rest}\n{indent}{new}{text[_line_end(text, stop):]}"
    return text[: entry.start] + new + text[stop:]


def inserted(text: str, mapping: MappingNode, name: str, value: Any, order: Sequence[str]) -> str:
    """``text`` with ``name`` added to ``mapping``, behind those of its keys that come before it in ``order``."""
    known = list(entries(mapping).items())
    if mapping.flow_style:
        at = mapping.end_mark.index - 1
        at = mapping.start_mark.index + len(text[mapping.start_mark.index : at].rstrip())
        return f"{text[:at]}{', ' if known else ''}{_in_flow(name, value)}{text[at:]}"
    earlier = [e for key, e in known if key in order and order.index(key) < order.index(name)]
    column = known[0][1].key.start_mark.column
    if not earlier:
        at = known[0][1].start
        return f"{text[:at]}{_in_block(name, value, column, text[at:])}\n{' ' * column}{text[at:]}"
    last = max(earlier, key=lambda e: e.start)
    at = _line_end(text, _trimmed(text, last.start, last.end))
    return f"{text[:at]}\n{' ' * column}{_in_block(name, value, column, text[at:])}{text[at:]}"


def removed(text: str, mapping: MappingNode, name: str) -> str:
    """``text`` without ``name`` in ``mapping``. Raises UsageError when it is the only key there."""
    names = list(entries(mapping))
    if len(names) == 1:
        raise UsageError(f"Expected something to stay but {name} is all there is; set it to another value")
    place, known = names.index(name), entries(mapping)
    entry = known[name]
    if mapping.flow_style:
        if place + 1 < len(names):
            return text[: entry.start] + text[known[names[place + 1]].start :]
        return text[: known[names[place - 1]].end] + text[entry.end :]
    if place == 0:  # it stands behind the dash of its item
        return text[: entry.start] + text[known[names[1]].start :]
    line = text.rfind("\n", 0, entry.start) + 1
    return text[:line] + text[_line_end(text, _trimmed(text, entry.start, entry.end)) + 1 :]


# ---------------------------------------------------------------------------------------------------------------------
# Values as they are written


def written(value: Any) -> str:
    """Plain data in block style, as the shipped rules are written; ends with a line feed."""
    text = _dumped(_styled(value), value, flow=False)
    if isinstance(value, list):  # the offset of a list at the top is its reader's business
        text = "".join(line.removeprefix("  ") for line in text.splitlines(keepends=True))
    return text


def _dumped(styled: Any, value: Any, *, flow: bool) -> str:
    """YAML text of ``styled`` that reads as ``value``.

    ruamel writes some texts without the quotes they need in a flow collection (one that begins with a colon, for one),
    so what it wrote is read back, and where that fails every text is written between double quotes.
    """
    yaml = YAML()
    yaml.width = 1 << 16  # a pattern is not broken into lines
    yaml.indent(mapping=2, sequence=4, offset=2)
    if flow:
        yaml.default_flow_style = True
    for attempt in (styled, _quoted(styled)):
        out = io.StringIO()
        yaml.dump(attempt, out)
        try:
            if YAML(typ="safe", pure=True).load(out.getvalue()) == value:
                break
        except YAMLError:
            pass
    return out.getvalue()


def _quoted(styled: Any) -> Any:
    if isinstance(styled, str):
        return DoubleQuotedScalarString(styled)
    if isinstance(styled, Mapping):
        out = CommentedMap({k: _quoted(v) for k, v in styled.items()})
    elif isinstance(styled, Sequence):
        out = CommentedSeq([_quoted(v) for v in styled])
    else:
        return styled
    if isinstance(styled, CommentedMap | CommentedSeq) and styled.fa.flow_style():
        out.fa.set_flow_style()
    return out


def _in_block(name: str, value: Any, column: int, following: str) -> str:
    """``name: value`` in lines indented by ``column`` but for the first, to stand before ``following``."""
    if isinstance(value, str) and "\n" in value and following.lstrip().startswith("#"):
        value = _quoted(value)  # a comment behind a block of text would become part of it
    lines = written({name: value}).rstrip("\n").split("\n")
    return "\n".join([lines[0], *(" " * column + line if line else line for line in lines[1:])])


def _in_flow(name: str, value: Any) -> str:
    plain = {name: str(value) if isinstance(value, str) else value}
    return _dumped(plain, plain, flow=True).strip().removeprefix("{").removesuffix("}")


def _styled(value: Any) -> Any:
    """Plain data as ruamel is to write it: short lists and windows on one line, texts of several lines as blocks."""
    if isinstance(value, DoubleQuotedScalarString):
        return value
    if isinstance(value, str):
        # Only where a block says it plainly: what begins or ends otherwise needs signs that few can read.
        plain = value == value.strip() + "\n" and "\n" in value[:-1]
        return LiteralScalarString(value) if plain else value
    if isinstance(value, Mapping):
        out = CommentedMap({k: _styled(v) for k, v in value.items()})
        if set(value) <= {"lines", "bytes"} and value:
            out.fa.set_flow_style()
        return out
    if isinstance(value, Sequence):
        items = CommentedSeq([_styled(v) for v in value])
        if all(isinstance(v, str) and "\n" not in v for v in value) and sum(len(v) + 4 for v in value) < 90:
            items.fa.set_flow_style()
        return items
    return value
