"""A hashing file is written from front to back, and knows the SHA-256 of what it was given."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any


class HashingFile:
    """A file open for writing that knows the SHA-256 of what it was given."""

    def __init__(self, path: Path) -> None:
        self._raw = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by close() or discard()
        self._file = io.BufferedWriter(self._raw, 1 << 20)
        self._hash = hashlib.sha256()
        self._position = 0

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self._file.write(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Close the file once its bytes are on the disk."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def discard(self) -> None:
        """Close the file without what is not on its way yet: a full disk would refuse that once more."""
        self._raw.close()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
