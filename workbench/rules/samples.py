"""Samples: valid tokens made from a format, fresh at each use and the same for the same seed.

They stand for the test account a partner gives GitHub. No sample is ever written to a file of this project.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from workbench.errors import RulesError
from workbench.rules import checks, pattern
from workbench.rules.judge import compiled, prefix_length, refusal
from workbench.rules.rule import SecretType

_TRIES = 400


def make_sample(secret_type: SecretType, index: int, *, seed: int | str,
                fits: Callable[[bytes], bool] | None = None) -> bytes:
    """A valid token of format ``index`` of ``secret_type``, decided by ``seed``.

    ``fits`` says whether a string is, whole, one of the pattern's; given by who has a program that tells, for making
    one of the pattern costs more than the rest. Raises :class:`RulesError` when the format's own checks refuse every string its pattern makes.
    """
    fmt = secret_type.formats[index]
    rng = random.Random(f"{seed}:{secret_type.type}:{index}")
    tree = pattern.parse(fmt.sample or fmt.pattern)
    fits = fits or (lambda token: compiled(fmt.pattern).fullmatch(token) is not None)
    refused: dict[str, int] = {}
    for _ in range(_TRIES):
        token = pattern.generate(tree, rng)
        if fmt.checksum is not None:
            try:
                token = checks.CHECKSUMS[fmt.checksum].repair(token)
            except ValueError:
                refused["checksum"] = refused.get("checksum", 0) + 1
                continue
        stage = "pattern" if not fits(token) else refusal(fmt, token)
        if stage is None:
            return token
        refused[stage] = refused.get(stage, 0) + 1
    worst = max(refused, key=lambda k: refused[k])
    raise RulesError([(f"{secret_type.type}: got no sample of format {fmt.label} in {_TRIES} tries ({worst} refused "
                      f"{refused[worst]}), expected its checks to pass what its pattern makes, do narrow the pattern or "
                      "give sample: a pattern to make samples from")])


def spoil_checksum(secret_type: SecretType, index: int, *, seed: int | str) -> bytes:
    """A token of the format's shape whose checksum does not hold. Raises ValueError for a format without one."""
    fmt = secret_type.formats[index]
    if fmt.checksum is None:
        raise ValueError(f"Expected a format with a checksum but got {secret_type.type} {fmt.label}")
    check = checks.CHECKSUMS[fmt.checksum]
    return check.spoil(make_sample(secret_type, index, seed=seed))


def make_placeholder(secret_type: SecretType, index: int, *, seed: int | str) -> bytes:
    """A made-up token as documentation prints them: the sample's own prefix, then ``EXAMPLE`` or ``xxxxxxx``.

    It need not match the pattern: what matters is that nothing is reported for it.
    """
    fmt = secret_type.formats[index]
    token = make_sample(secret_type, index, seed=seed)
    keep = max(prefix_length(fmt), 4)
    body = len(token) - keep
    upper = token[keep:].upper() == token[keep:]
    filler = b"X" * body if upper else b"x" * body
    if body >= 14:
        word = b"EXAMPLE" if upper else b"example"
        filler = filler[: body - len(word)] + word
    return token[:keep] + filler
