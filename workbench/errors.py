"""Exceptions. Each says what, where, got, expected and what to do; none ever carries a token.

Every class inherits :class:`WorkbenchError` and the nearest builtin, and keeps its values as attributes. The command
line prints the message and exits with :attr:`WorkbenchError.exit_code`, without a traceback; which code that is, is
decided here and nowhere else. What the caller has to give otherwise (a path that holds something else, a misspelt name,
a rule that cannot work) is usage; what may work when it is tried again, unchanged, is not: a full disk, a held lock, a
key that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from workbench.counting import counted


class ExitCode(IntEnum):
    """How a command ends, for schedulers."""

    DONE = 0
    STOPPED = 1
    USAGE = 2
    SHARDS_FAILED = 3
    CANARY_MISSED = 4
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODES = ("Exit codes: 0 done, 1 stopped by an error, 2 usage (an argument, path, rule or corpus that cannot be "
              "used as given), 3 some shards failed, 4 a canary was missed, 130 interrupted, 143 terminated.")
"""The same for people: help and README say it in these words."""


class WorkbenchError(Exception):
    """Anything the workbench expects to go wrong and can explain."""

    exit_code: ClassVar[int] = ExitCode.STOPPED

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows below the cell: the message, without frames of the workbench's own code."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(WorkbenchError, ValueError):
    """An argument or parameter that cannot be used as given."""

    exit_code = ExitCode.USAGE


class RulesError(WorkbenchError, ValueError):
    """Rules that cannot be loaded; ``problems`` lists every one of them, a line each."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(str(p) for p in problems)
        super().__init__(f"{counted(len(self.problems), 'problem')} in the rules\n" + "\n".join(self.problems))


class CorpusError(WorkbenchError, ValueError):
    """A corpus, or a file of one, that is missing, damaged or of another shape. ``path`` names it."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, path: object = None) -> None:
        self.path = path
        super().__init__(message)


class ShardError(WorkbenchError, RuntimeError):
    """One shard that could not be read or scanned. ``shard_id`` names it; other shards go on."""

    exit_code = ExitCode.SHARDS_FAILED

    def __init__(self, message: str, *, shard_id: str = "") -> None:
        self.shard_id = shard_id
        super().__init__(message)


class StoreError(WorkbenchError, RuntimeError):
    """The alert store cannot be opened, read or written."""


class NoStoreThere(StoreError, UsageError):
    """The path given for a store holds something else, nothing, or a store that is not for this use."""

    exit_code = ExitCode.USAGE


class StoreLocked(StoreError, BlockingIOError):
    """Another process holds the store. ``holder`` is its process id, or None when it is not known."""

    def __init__(self, message: str, *, holder: int | None = None) -> None:
        self.holder = holder
        super().__init__(message)


class WrongKey(StoreError, PermissionError):
    """The sealing key is missing, malformed, or not the one this store was sealed with."""


class CanaryMissed(WorkbenchError, RuntimeError):
    """A fresh sample of a secret type was not found by the run's own engine. ``missed`` lists the types."""

    exit_code = ExitCode.CANARY_MISSED

    def __init__(self, message: str, *, missed: Sequence[str] = ()) -> None:
        self.missed = tuple(missed)
        super().__init__(message)


class ExportError(WorkbenchError, OSError):
    """An export that could not be written whole; nothing of it is left behind."""


class PlaceTaken(ExportError, UsageError):
    """What stands where an export is to go is not an earlier export, and is left as it is."""

    exit_code = ExitCode.USAGE


def first_line(error: BaseException) -> str:
    """What a library's error says in its first line, without the full stop: a sentence follows. Arrow and DuckDB say more."""
    return str(error).splitlines()[0].rstrip(". ") if str(error) else type(error).__name__
