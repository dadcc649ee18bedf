"""Mentions: what a rules file seems to name, seen in its text alone, because reading a catalogue's YAML takes seconds.

It may see a type too many, never one too few; whoever needs to know reads the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

_TYPE = re.compile(r"\btype:\s*['\"]?([a-z0-9][a-z0-9_]*)")
_PROVIDER = re.compile(r"^provider:[ \t]*([^#\n\r]+)", re.MULTILINE)
_PARTS = re.compile(r"\bparts:\s*(?:\[([^\]]*)\]|((?:\s+-[^\n]*\n?)+))")
_WORD = re.compile(r"[a-z0-9][a-z0-9_]*")


@lru_cache(maxsize=2048)
def types_in(text: str) -> frozenset[str]:
    """What the text calls a type."""
    return frozenset(_TYPE.findall(text))


@lru_cache(maxsize=2048)
def parts_in(text: str) -> frozenset[str]:
    """What stands in lists of parts."""
    return frozenset(word for found in _PARTS.findall(text) for part in found for word in _WORD.findall(part))


@lru_cache(maxsize=2048)
def words_in(text: str) -> frozenset[str]:
    """Every word that could be a type."""
    return frozenset(_WORD.findall(text))


def provider_of(text: str) -> str:
    """The provider's name; "" where there is none."""
    found = _PROVIDER.search(text)
    return found.group(1).strip().strip("'\"") if found else ""


def together(texts: Mapping[Path, str], files: Iterable[Path]) -> set[Path]:
    """The files that must be read with ``files``: those that hold types they name, or pairs with types of theirs."""
    chosen: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file in chosen:
            continue
        chosen.add(file)
        own, words = types_in(texts[file]), words_in(texts[file])
        waiting += [f for f, text in texts.items() if f not in chosen and (
            words & types_in(text) - own or parts_in(text) & own - types_in(text))]
    return chosen
