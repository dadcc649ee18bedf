"""A memory: what was found out before about a text, a pattern or a secret type, kept by content.

An author changes one rule and asks for all to be checked again. Reading YAML, compiling a pattern with Hyperscan and
trying a format's samples take seconds over the whole catalogue and depend on nothing but what they are asked of and on
the code that does them; so the answers of the last checks stand in one entry of the cache folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.rules.entries import code_digest, read_entry, write_entry

MOST_ANSWERS = 8000
"""Answers that are kept, some six times what the shipped rules ask for; those not asked for go first."""

_LIBRARIES = ("hyperscan", "google-re2", "pydantic", "ruamel.yaml")


class Memory:
    """Answers by question; without a ``place`` it knows nothing and keeps nothing."""

    def __init__(self, place: Path | None = None) -> None:
        self._place = place
        self._name = ""
        self._known: dict[str, Any] = {}
        self._asked: dict[str, Any] = {}
        self._is_new = False
        if place is not None:
            self._name = f"lint-{code_digest(Path(__file__).parent, *_LIBRARIES)[:32]}.json"
            self._known = _answers(read_entry(place, self._name))

    def ask(self, kind: str, content: str, find: Callable[[], Any]) -> Any:
        """The answer to a ``kind`` of question about ``content``: the known one, or what ``find`` says, as JSON."""
        if self._place is None:
            return find()
        key = f"{kind}:{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
        if key not in self._asked:
            if key not in self._known:
                self._is_new = True
            self._asked[key] = self._known[key] if key in self._known else find()
        return self._asked[key]

    def keep(self) -> None:
        """Write down what was asked, if any of it is new; a folder that cannot be written is no reason to stop."""
        if self._place is None or not self._is_new:
            return
        others = {key: answer for key, answer in self._known.items() if key not in self._asked}
        both = {**others, **self._asked}
        kept = dict(list(both.items())[-MOST_ANSWERS:])
        write_entry(self._place, self._name, json.dumps(kept, separators=(",", ":")).encode())


def _answers(entry: bytes | None) -> dict[str, Any]:
    if entry is None:
        return {}
    try:
        data = json.loads(entry)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
