"""Not written: the system refused something that a corpus needed, most often room on the disk."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import CorpusError


class NotWritten(CorpusError):
    """A corpus that could not be written to its end. It is what it was when it was last published."""

    exit_code = 1  # nothing about the corpus is wrong

    def __init__(self, folder: Path, error: OSError, *, what: str = "it") -> None:
        super().__init__(
            f"Corpus {folder}: {what} cannot be written: {error}. What was published before stands: see to the disk, "
            "then give the same command again",
            path=folder,
        )
