"""A test text: the text of a rule's test with samples filled in where its placeholders stand.

``{secret}`` is a valid sample of the format under test, ``{placeholder}`` a made-up token of its shape,
``{wrong_checksum}`` a sample whose checksum does not hold, ``{some_type}`` or ``{some_type:tag}`` a sample of that type.
Other braces, and ``${...}``, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.rules.rule import RuleSet, SecretType
from workbench.rules.samples import make_placeholder, make_sample, spoil_checksum

_SLOT = re.compile(r"(?<!\$)\{([a-z][a-z0-9_]*)(?::([a-z0-9_]+))?\}")
OWN = frozenset({"secret", "placeholder", "wrong_checksum"})


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a sample stands in a filled text: bytes ``[start, end)``, and whose it is."""

    name: str
    tag: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Filled:
    content: bytes
    slots: tuple[Slot, ...]

    def __repr__(self) -> str:  # the default would print samples
        return f"Filled({len(self.content)} bytes, {len(self.slots)} slots)"


def slot_names(text: str) -> Iterator[str]:
    """The names in braces that stand for samples."""
    for slot in _SLOT.finditer(text):
        yield slot.group(1)


def fill(text: str, rules: RuleSet, *, owner: SecretType | None = None, index: int = 0, seed: int | str = 0) -> Filled:
    """``text`` with its samples, as UTF-8 bytes.

    ``owner`` and ``index`` are the type and format that ``{secret}`` stands for; other types use their format
    ``index`` where they have as many. Raises KeyError for a name that is no secret type.
    """
    out = bytearray()
    slots = []
    position = 0
    for number, found in enumerate(_SLOT.finditer(text)):
        out += text[position : found.start()].encode()
        name, tag = found.group(1), found.group(2) or ""
        token = _token(name, tag, number, rules, owner, index, seed)
        slots.append(Slot(name, tag, len(out), len(out) + len(token)))
        out += token
        position = found.end()
    out += text[position:].encode()
    return Filled(bytes(out), tuple(slots))


def _token(name: str, tag: str, number: int, rules: RuleSet, owner: SecretType | None, index: int,
           seed: int | str) -> bytes:
    if name in OWN:
        if owner is None:
            raise KeyError(name)
        if name == "placeholder":
            return make_placeholder(owner, index, seed=f"{seed}/{number}")
        if name == "wrong_checksum":
            return spoil_checksum(owner, index, seed=f"{seed}/{number}")
        return make_sample(owner, index, seed=f"{seed}/{number}/{tag}")
    other = rules.secret_types[name]
    return make_sample(other, min(index, len(other.formats) - 1), seed=f"{seed}/{number}/{tag}")
