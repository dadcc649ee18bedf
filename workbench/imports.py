"""Imports: taking in a large library without a part of it that takes long to load and that nothing here asks for."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def without_grammar() -> Iterator[None]:
    """Imports as if rfc3987_syntax were not installed: jsonschema, which papermill and altair import, would take it in to
    check addresses. No schema here asks for that, and it builds a parser at import that takes over a second."""
    name = "rfc3987_syntax"
    with _ONE_AT_A_TIME:
        if name in sys.modules:
            yield
            return
        sys.modules[name] = None  # type: ignore[assignment]
        try:
            yield
        finally:
            del sys.modules[name]
