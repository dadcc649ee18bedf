"""A place: a kind of file in which people leave secrets, and how one is written there.

Templates hold ``{name}`` (a variable, a key), ``{value}`` (the token) and ``{note}`` (free text, such as a comment).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.corpora.synthetic.vocabulary import NameStyle


@dataclass(frozen=True, slots=True)
class Inline:
    """Several values in one line: ``opening``, an ``item`` each, ``separator`` between them, ``closing``."""

    opening: str
    item: str
    separator: str
    closing: str


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of file.

    ``assign`` are ways to write a value, ``noted`` ways with free text in the same line, ``comment`` a line of free
    text alone, ``lines`` what else stands in such a file (slots: see :mod:`workbench.corpora.synthetic.filler`). Pieces
    end with ``joint``. A value that holds a byte of ``forbidden`` would have to be escaped here, so it is not written
    here.
    """

    name: str
    paths: tuple[str, ...]
    style: NameStyle
    assign: tuple[str, ...]
    noted: tuple[str, ...]
    comment: str
    inline: Inline
    lines: tuple[str, ...]
    forbidden: bytes = b"\r\n\"'\\"
    head: str = ""
    tail: str = ""
    joint: str = "\n"
    most_bytes: int = 200_000
    is_base64: bool = False

    def holds(self, value: bytes) -> bool:
        """Whether ``value`` can stand here as it is."""
        return len(value.translate(None, self.forbidden)) == len(value)


def filled(template: str, values: Sequence[bytes], *, name: str = "", note: str = "") -> tuple[bytes, list[int]]:
    """``template`` as bytes with ``values`` at its ``{value}`` slots, and the offset at which each of them begins."""
    pieces = template.replace("{name}", name).replace("{note}", note).split("{value}")
    out, starts = bytearray(pieces[0].encode()), []
    for piece, value in zip(pieces[1:], values, strict=True):
        starts.append(len(out))
        out += value
        out += piece.encode()
    return bytes(out), starts
