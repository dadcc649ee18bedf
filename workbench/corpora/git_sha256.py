"""A SHA-256 repository is read through the git command alone, because libgit2 does not open such repositories.

One ``git cat-file`` process answers for single objects. A blob's id in a corpus is its SHA-1 id as everywhere: it
follows from the content.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from workbench.corpora.git_command import GitCommand
from workbench.corpora.git_objects import TYPES, DamagedObject, MissingObject, not_a_repository, read_shallow

_SHA256_CONFIG = re.compile(r"^\s*objectformat\s*=\s*\"?sha256\"?\s*$", re.IGNORECASE | re.MULTILINE)


class CommandObjects:
    """Objects read by ``git cat-file``. Needs git 2.29 or newer on the path."""

    id_bytes = 32

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = GitCommand(folder)
        self._common = Path(self._ask("rev-parse", "--git-common-dir").decode("utf-8", "surrogateescape").strip())
        self._single: subprocess.Popen[bytes] | None = None

    @property
    def remote_url(self) -> str | None:
        done = self.command.run("config", "--get", "remote.origin.url")
        return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None

    def refs(self) -> dict[str, bytes]:
        found = {}
        for line in self._ask("for-each-ref", "--format=%(objectname) %(symref)%00%(refname)").splitlines():
            head, _, name = line.partition(b"\0")
            object_id, _, symbolic = head.partition(b" ")
            if not symbolic:
                found[name.decode("utf-8", "backslashreplace")] = bytes.fromhex(object_id.decode())
        if self.command.run("symbolic-ref", "--quiet", "HEAD").returncode != 0:
            head = self.command.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").stdout.strip()
            if head:
                found["HEAD"] = bytes.fromhex(head.decode())
        return found

    def shallow(self) -> frozenset[bytes]:
        return read_shallow(self.folder / self._common)

    def kind(self, object_id: bytes) -> int:
        return self.read(object_id)[0]

    def read(self, object_id: bytes) -> tuple[int, bytes]:
        if self._single is None:
            self._single = self.command.start("cat-file", "--batch")
        try:
            self._single.stdin.write(object_id.hex().encode() + b"\n")
            self._single.stdin.flush()
            head = self._single.stdout.readline().split()
        except BrokenPipeError:
            head = []
        if len(head) == 2 and head[1] == b"missing":
            raise MissingObject(object_id.hex())
        if len(head) == 3:
            size = int(head[2])
            content = self._single.stdout.read(size)
            if self._single.stdout.read(1):
                return TYPES[head[1].decode()], content
        self.close()  # it has ended; the next object gets a new one
        raise DamagedObject(f"{object_id.hex()}: git cannot read it")

    def read_blobs(self, ids: list[bytes], max_bytes: int) -> Iterator[tuple[bytes, int, bytes | None]]:
        return self.command.blobs(ids, max_bytes)

    def close(self) -> None:
        if self._single is not None:
            self._single.kill()
            self._single.communicate()
            self._single = None

    def _ask(self, *arguments: str) -> bytes:
        done = self.command.run(*arguments)
        if done.returncode != 0:
            raise not_a_repository(self.folder, done.stderr.decode("utf-8", "replace"))
        return done.stdout


def is_sha256(folder: Path) -> bool:
    """Whether the repository in ``folder`` names its objects by SHA-256, as its configuration says."""
    for config in (folder / "config", folder / ".git" / "config"):
        try:
            return bool(_SHA256_CONFIG.search(config.read_text("utf-8", "replace")))
        except OSError:
            continue
    return False
