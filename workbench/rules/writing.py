"""Writing: a rule's data as the text of a rules file, in the order and the manner that authors write it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

_HEAD = "# yaml-language-server: $schema=./schema.json\n"


def yaml_text(data: Mapping[str, Any]) -> str:
    """The text of a rules file that reads back as ``data``. Patterns and test texts are quoted, so that YAML leaves them
    alone."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    yaml.default_flow_style = False
    out = io.StringIO()
    yaml.dump(_quoted(dict(data)), out)
    return _HEAD + out.getvalue()


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .-/")


def _quoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _quoted(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(v) for v in value]
    if isinstance(value, str) and "\n" not in value and not set(value) <= _PLAIN:
        return SingleQuotedScalarString(value)
    return value
