"""A text file: read as it is, line ends and all, and written whole or not at all."""

from __future__ import annotations

import difflib
import os
import tempfile
from pathlib import Path

from workbench.errors import RulesError, UsageError


def shortest(file: Path) -> Path:
    """The file as messages name it: as short as it can be said from here."""
    try:
        return file.relative_to(Path.cwd())
    except ValueError:
        return file


def read(file: Path) -> str:
    """The text of a rules file. Raises RulesError when it cannot be read."""
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        message = f"{file}:1: file: got bytes that cannot be read as UTF-8, expected a YAML file, do check it"
        raise RulesError([message]) from None


def difference(before: str, after: str, name: str) -> str:
    """A unified diff of two versions of the file ``name``; empty when they are the same."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (edited)", lineterm="", n=2)
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    """Replace the file, whole, keeping its mode. Raises UsageError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(text)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"{path}: it cannot be written ({error.strerror}); save to another folder with to=…") from None
