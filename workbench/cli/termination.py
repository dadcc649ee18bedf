"""A termination (SIGTERM, as schedulers and shutdowns send it) unwinds what is under way, as an interrupt does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


@contextmanager
def unwinding() -> Iterator[None]:
    """A block that SIGTERM leaves by an exception: what was not published goes, and so do temporary files.

    For the main thread only, which is the one that the system's signals go to. The process ends with 143.
    """
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second one must not stop the first one's tidying
    raise SystemExit(128 + number)
