"""A folder lock lets one writer at a time into a corpus. The system drops it when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from workbench.errors import CorpusError

LOCK_NAME = ".lock"


class FolderLock:
    """Holds ``folder/.lock`` from construction to :meth:`release`. Raises CorpusError when another holds it."""

    def __init__(self, folder: Path) -> None:
        try:
            self._descriptor: int | None = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise CorpusError(f"Corpus {folder}: cannot be written to: {error}. Check the folder's permissions",
                              path=folder) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", errors="replace").strip()
            os.close(self._descriptor)
            self._descriptor = None
            who = f"process {holder}" if holder else "another process"
            raise CorpusError(f"Corpus {folder}: {who} is writing to it. Wait until it is done", path=folder) from None
        except OSError as error:  # a file system without locks, as some network ones are
            os.close(self._descriptor)
            raise CorpusError(f"Corpus {folder}: cannot be locked: {error}. Make it on a local disk",
                              path=folder) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let others in. Harmless when done twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
