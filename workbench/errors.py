"""Exceptions. Each says what, where, got, expected and what to do; none ever carries a token.

Every class inherits :class:`WorkbenchError` and the nearest builtin, and keeps its values as attributes. The command
line prints the message and exits with :attr:`WorkbenchError.exit_code`, without a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class WorkbenchError(Exception):
    """Anything the workbench expects to go wrong and can explain."""

    exit_code: ClassVar[int] = 1

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows below the cell: the message, without frames of the workbench's own code."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(WorkbenchError, ValueError):
    """An argument or parameter that cannot be used as given."""

    exit_code = 2


class RulesError(WorkbenchError, ValueError):
    """Rules that cannot be loaded; ``problems`` lists every one of them, a line each."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(str(p) for p in problems)
        count = len(self.problems)
        head = "1 problem in the rules" if count == 1 else f"{count} problems in the rules"
        super().__init__(f"{head}\n" + "\n".join(self.problems))


class CorpusError(WorkbenchError, ValueError):
    """A corpus, or a file of one, that is missing, damaged or of another shape. ``path`` names it."""

    exit_code = 2

    def __init__(self, message: str, *, path: object = None) -> None:
        self.path = path
        super().__init__(message)


class ShardError(WorkbenchError, RuntimeError):
    """One shard that could not be read or scanned. ``shard_id`` names it; other shards go on."""

    exit_code = 3

    def __init__(self, message: str, *, shard_id: str = "") -> None:
        self.shard_id = shard_id
        super().__init__(message)


class StoreError(WorkbenchError, RuntimeError):
    """The alert store cannot be opened, read or written."""


class StoreLocked(StoreError, BlockingIOError):
    """Another process holds the store. ``holder`` is its process id, or None when it is not known."""

    def __init__(self, message: str, *, holder: int | None = None) -> None:
        self.holder = holder
        super().__init__(message)


class WrongKey(StoreError, PermissionError):
    """The sealing key is missing, malformed, or not the one this store was sealed with."""


class CanaryMissed(WorkbenchError, RuntimeError):
    """A fresh sample of a secret type was not found by the run's own engine. ``missed`` lists the types."""

    exit_code = 4

    def __init__(self, message: str, *, missed: Sequence[str] = ()) -> None:
        self.missed = tuple(missed)
        super().__init__(message)


class ExportError(WorkbenchError, OSError):
    """An export that could not be written whole; nothing of it is left behind."""
