"""An example: a test text of others with the secret type it is about, and whether that type's token stands in it.

A file of them is JSON Lines, an object a line: ``slug`` (a secret type, or several of which any counts), ``kind``
(``positive`` or ``negative``), ``text``, and ``secret`` (the token in the text, several, or null where only the text is
known). Other fields are let be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.errors import UsageError
from workbench.model import Span

Kind = Literal["positive", "negative"]


@dataclass(frozen=True, slots=True)
class Example:
    """One text. ``line`` is its 1-based line in the file it came from."""

    line: int
    slugs: tuple[str, ...]
    kind: Kind
    text: bytes
    secrets: tuple[bytes, ...] = ()

    def __repr__(self) -> str:  # the default would print tokens
        return f"Example(line {self.line}, {' or '.join(self.slugs)}, {self.kind}, {len(self.text)} bytes)"

    @property
    def is_placed(self) -> bool:
        """Whether it says where in the text its secret stands."""
        return any(secret in self.text for secret in self.secrets)

    def spans(self) -> tuple[Span, ...]:
        """Where its secrets stand in the text, every time they do; the whole text where it does not say."""
        if not self.is_placed:
            return (Span(0, len(self.text)),) if self.text else ()
        return tuple(span for secret in self.secrets for span in _occurrences(self.text, secret))


def _occurrences(text: bytes, secret: bytes) -> Iterator[Span]:
    at = text.find(secret)
    while at >= 0:
        yield Span(at, at + len(secret))
        at = text.find(secret, at + 1)


def read_examples(path: Path) -> list[Example]:
    """The examples of a JSON Lines file, in its order; blank lines are left out.

    Raises :class:`UsageError` for a file that cannot be read or has none, and for a line of another shape, naming it
    without its text.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageError(f"{path}: {reason}; name a readable file of JSON Lines") from None
    found = [_example(f"{path}:{number}", number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError(f"{path}: Expected an example a line but got none; nothing would be scored")
    return found


def _example(where: str, number: int, line: str) -> Example:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: Expected a JSON object but got {getattr(error, 'msg', error)}") from None
    if not isinstance(row, dict):
        raise UsageError(f"{where}: Expected a JSON object but got a {type(row).__name__}")
    slugs, secrets = _strings(where, row, "slug"), _strings(where, row, "secret")
    if not slugs:
        raise UsageError(f"{where}: Expected a secret type, or several, but got slug={row.get('slug')!r}")
    kind, text = row.get("kind"), row.get("text")
    if kind not in ("positive", "negative"):
        raise UsageError(f"{where}: Expected positive or negative but got kind={kind!r}")
    if not isinstance(text, str):
        raise UsageError(f"{where}: Expected a string but got a text of type {type(text).__name__}")
    return Example(number, tuple(slugs), kind, _bytes(text), tuple(_bytes(s) for s in secrets if s))


def _strings(where: str, row: dict[str, Any], field: str) -> list[str]:
    value = row.get(field)
    if value is None:
        return []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(i, str) for i in items):
        raise UsageError(f"{where}: Expected a string or a list of strings but got {field} of another type")
    return items


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
