"""Judging: whether a string that a format's pattern found passes the format's other checks."""

from __future__ import annotations

from functools import lru_cache

import re2

from workbench.rules import checks, pattern
from workbench.rules.load import compile_re2
from workbench.rules.rule import Format


@lru_cache(maxsize=8192)
def compiled(expression: str) -> re2._Regexp:
    """``expression`` as an RE2 program, made once."""
    return compile_re2(expression)


def refusal(fmt: Format, token: bytes, *, skip: frozenset[str] = frozenset()) -> str | None:
    """Which check of ``fmt`` refuses ``token``: a stage's name, or None when all hold.

    The stages, in order: ``must_match``, ``must_not_match``, ``checksum``, ``placeholder``, ``entropy``; those named in
    ``skip`` are not run.
    """
    if "must_match" not in skip and any(not compiled(p).search(token) for p in fmt.must_match):
        return "must_match"
    if "must_not_match" not in skip and any(compiled(p).search(token) for p in fmt.must_not_match):
        return "must_not_match"
    if fmt.checksum is not None and "checksum" not in skip and not checks.CHECKSUMS[fmt.checksum].verify(token):
        return "checksum"
    if fmt.drop_placeholders and "placeholder" not in skip and checks.made_up(token, prefix=prefix_length(fmt)):
        return "placeholder"
    if fmt.min_entropy is not None and "entropy" not in skip and checks.entropy(token) < fmt.min_entropy:
        return "entropy"
    return None


@lru_cache(maxsize=8192)
def _prefix_length(expression: str) -> int:
    return len(pattern.literal_prefix(pattern.parse(expression)))


def prefix_length(fmt: Format) -> int:
    """Bytes at the start of every token of ``fmt`` that are the format's own."""
    return _prefix_length(fmt.pattern)
