"""A folder lock lets one writer at a time into a corpus. The system drops it when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from workbench.errors import CorpusError

LOCK_NAME = ".lock"


class FolderLock:
    """Holds ``folder/.lock`` from construction to :meth:`release`. Raises CorpusError when another holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._descriptor: int | None = None
        while self._descriptor is None:
            self._take(folder)
            if not self._is_there():  # its holder has removed it, and someone else may have another by now
                self.release()
        with suppress(OSError):  # a full disk: then others are not told who it is that holds it
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let others in. Harmless when done twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Delete the lock's file, while it is held."""
        self._path.unlink()

    def _take(self, folder: Path) -> None:
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
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

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False
