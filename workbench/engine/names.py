"""Names: whose a token is said to be, by the words right before it.

A bare hash is told by a keyword near it. In a file of settings the keyword on the line above is another service's, and
the token's own line says so: ``WANDB_KEY=…`` and below it ``SSLMATE_KEY=…``. So a keyword elsewhere does not count for a
token whose own statement names another provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import re2

from workbench.rules.load import compile_re2

STATEMENT_BYTES = 80
"""How far before a token its own statement is looked for, in bytes."""

_STATEMENT_ENDS = re.compile(rb"[\n\r,;{}&()]")
_SHORTEST = 4
_SEPARATOR = "[ _.-]?"
_ORDINARY = frozenset({"generic", "proof", "ramp", "neon", "polar", "linear", "segment", "square", "readme", "prefect",
                       "temporal", "tableau", "mercury", "elastic", "docker", "notion", "iterative", "contributedsystems"})
"""Providers whose names are ordinary words of programs, and so say nothing."""


class Names:
    """The providers of a rule set, as words to look for."""

    def __init__(self, providers: Iterable[str]) -> None:
        self._by_word: dict[bytes, str] = {}
        self._words: list[str] = []
        for provider in sorted(set(providers)):
            parts = re.findall(r"[a-z0-9]+", provider.lower())
            word = "".join(parts)
            if len(word) >= _SHORTEST and word not in _ORDINARY and word.isascii():
                self._by_word[word.encode()] = provider
                self._words.append(_SEPARATOR.join(parts))
        self._program: re2._Regexp | None = None

    def someone_elses(self, blob: memoryview, start: int, provider: str, own: re2._Regexp) -> bool:
        """Whether the statement that ends at ``start`` names a provider that is not ``provider``, and no word of ``own``."""
        head = bytes(blob[max(0, start - STATEMENT_BYTES) : start])
        ends = [m.end() for m in _STATEMENT_ENDS.finditer(head)]
        head = head[ends[-1] :] if ends else head
        if not head or not self._words or own.search(head) is not None:
            return False
        if self._program is None:
            self._program = compile_re2("(?i:" + "|".join(sorted(self._words, key=len, reverse=True)) + ")")
        named = {self._by_word.get(re.sub(rb"[ _.-]", b"", m.group().lower())) for m in self._program.finditer(head)}
        return bool(named) and provider not in named
