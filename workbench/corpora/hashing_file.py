"""A hashing file is written from front to back, and knows the SHA-256 of what it was given."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from pathlib import Path
from typing import Any

_SYNC_BYTES = 64 << 20
"""Whenever so much has been written it is sent to the disk, beside the writer: what is left for the end takes a while."""


class HashingFile:
    """A file open for writing that knows the SHA-256 of what it was given."""

    def __init__(self, path: Path) -> None:
        self._raw = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by close() or discard()
        self._file = io.BufferedWriter(self._raw, 1 << 20)
        self._hash = hashlib.sha256()
        self._position = self._sent_at = 0
        self._sender: threading.Thread | None = None
        self._error: OSError | None = None

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self._file.write(data)
        self._position += len(data)
        if self._position - self._sent_at >= _SYNC_BYTES:
            self._send()
        return len(data)

    def _send(self) -> None:
        if self._sender is None or not self._sender.is_alive():
            self._sent_at = self._position
            self._sender = threading.Thread(target=self._sync, daemon=True)
            self._sender.start()

    def _sync(self) -> None:
        try:
            os.fsync(self._raw.fileno())
        except OSError as error:  # kept: the system tells of it once, and would not again at the end
            self._error = error

    def _wait(self) -> None:
        if self._sender is not None:
            self._sender.join()
            self._sender = None

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Close the file once its bytes are on the disk."""
        if not self._file.closed:
            self._wait()
            if self._error is not None:
                raise self._error
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def discard(self) -> None:
        """Close the file without what is not on its way yet: a full disk would refuse that once more."""
        self._wait()
        self._raw.close()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
