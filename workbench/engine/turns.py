"""Turns: how soon a scanning thread that wants Python gets it from another that has it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

TURN_SECONDS = 0.0003
"""Hyperscan calls back for every hit, and waits until the other thread lets go of the interpreter: 5 ms by Python's own
setting, in which two cores lost 6 % of a scan of commits-large to waiting."""


@contextmanager
def quick_turns() -> Iterator[None]:
    """Make threads take turns quickly, in the whole process; put back at the end."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
