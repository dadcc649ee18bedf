"""The sealing key: 32 secret bytes that stand outside the store and without which its tokens cannot be read.

It comes from the environment variable ``WORKBENCH_KEY`` (32 bytes as base64url) or, where that is not set, from the
file ``secret-workbench/key`` in the user's configuration folder, made on first use and readable by its owner alone.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from workbench.errors import WrongKey

KEY_BYTES = 32
KEY_VARIABLE = "WORKBENCH_KEY"


def key_file() -> Path:
    """Where the key file stands: under ``XDG_CONFIG_HOME``, or ``~/.config`` where that is not set."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG convention: a relative path there is to be ignored.
    root = Path(folder) if os.path.isabs(folder) else Path.home() / ".config"
    return root / "secret-workbench" / "key"


def load_key(*, create: bool = True) -> bytes:
    """The 32 bytes of the key.

    With ``create`` a missing key file is made. Raises WrongKey when the key is missing, malformed, or readable by
    others than its owner.
    """
    text = os.environ.get(KEY_VARIABLE)
    if text is not None:
        return _decode(text, where=f"the environment variable {KEY_VARIABLE}")
    path = key_file()
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    if not create:
        raise WrongKey(
            f"No sealing key: {KEY_VARIABLE} is not set and {path} does not exist. "
            "Set the variable, or restore the file, to the key this store was made with."
        )
    try:
        _make(path)
        return _read(path)
    except OSError as error:
        raise WrongKey(
            f"Could not make the sealing key {path}: {error.strerror}. Set {KEY_VARIABLE} to 32 bytes as base64url."
        ) from error


def encode_key(key: bytes) -> str:
    """The key as ``WORKBENCH_KEY`` and the key file hold it."""
    return base64.urlsafe_b64encode(key).decode("ascii")


def _decode(text: str, *, where: str) -> bytes:
    """The key in ``text``, whose value no message repeats."""
    stripped = text.strip()
    try:
        key = base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise WrongKey(
            f"Malformed sealing key in {where}: expected {KEY_BYTES} bytes as base64url (43 or 44 characters) "
            f"but got {len(stripped)} characters that are not. Restore the key this store was made with."
        )
    return key


def _read(path: Path) -> bytes:
    """The key in the file. Permissions are those of the opened file, so nobody can swap it in between."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(1024)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise WrongKey(f"Could not read the sealing key {path}: {error.strerror}.") from error
    if mode & 0o077:
        raise WrongKey(
            f"The sealing key {path} may be read by others (mode {mode:04o}, expected 0600). "
            f"Run: chmod 600 '{path}'"
        )
    return _decode(text, where=str(path))


def _make(path: Path) -> None:
    """Write a new key beside ``path`` and link it there: whole or not at all, and never over an existing key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".key-{secrets.token_hex(8)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as stream:
            stream.write(encode_key(secrets.token_bytes(KEY_BYTES)) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process made one first, and that is the key from now on
    finally:
        temporary.unlink()
