"""Objects of a SHA-256 repository, read through the ``git`` command because libgit2 does not open such repositories.

One ``git cat-file`` process answers for single objects; blobs stream through processes of their own.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from workbench.corpora.git_objects import (
    BLOB,
    COMMIT,
    SIZE_DAMAGED,
    SIZE_MISSING,
    TAG,
    TREE,
    DamagedObject,
    MissingObject,
    not_a_repository,
    read_shallow,
)
from workbench.errors import CorpusError

_TYPES = {b"commit": COMMIT, b"tree": TREE, b"blob": BLOB, b"tag": TAG}
_SHA256_CONFIG = re.compile(r"^\s*objectformat\s*=\s*\"?sha256\"?\s*$", re.IGNORECASE | re.MULTILINE)


class CommandObjects:
    """Objects read by ``git cat-file``. Needs git 2.29 or newer on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._common = Path(self._ask("rev-parse", "--git-common-dir").decode("utf-8", "surrogateescape").strip())
        self.id_bytes = 32 if self._ask("rev-parse", "--show-object-format").strip() == b"sha256" else 20
        self._single = self._start("cat-file", "--batch")
        self._check = self._start("cat-file", "--batch-check")

    @property
    def remote_url(self) -> str | None:
        done = self._run("config", "--get", "remote.origin.url")
        return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None

    def refs(self) -> dict[str, bytes]:
        found = {}
        for line in self._ask("for-each-ref", "--format=%(objectname) %(symref)%00%(refname)").splitlines():
            head, _, name = line.partition(b"\0")
            object_id, _, symbolic = head.partition(b" ")
            if not symbolic:
                found[name.decode("utf-8", "backslashreplace")] = bytes.fromhex(object_id.decode())
        if self._run("symbolic-ref", "--quiet", "HEAD").returncode != 0:
            head = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").stdout.strip()
            if head:
                found["HEAD"] = bytes.fromhex(head.decode())
        return found

    def shallow(self) -> frozenset[bytes]:
        return read_shallow(self.folder / self._common)

    def kind(self, object_id: bytes) -> int:
        kind, _ = self._header(self._check, object_id)
        return kind

    def read(self, object_id: bytes) -> tuple[int, bytes]:
        kind, size = self._header(self._single, object_id)
        content = _content(self._single.stdout, size)
        if content is None:
            self._restart()
            raise DamagedObject(f"{object_id.hex()}: git cannot read it")
        return kind, content

    def read_blobs(self, ids: list[bytes], max_bytes: int) -> Iterator[tuple[bytes, int, bytes | None]]:
        sizes = dict(self._sizes(ids))
        wanted = [i for i in ids if 0 <= sizes[i] <= max_bytes]
        yield from ((i, sizes[i], None) for i in ids if not 0 <= sizes[i] <= max_bytes)
        while wanted:
            done = 0
            with self._start("cat-file", "--batch", "--buffer") as process:
                for object_id in _fed(process, wanted):
                    done += 1
                    head = process.stdout.readline().split()
                    content = _content(process.stdout, int(head[2])) if len(head) == 3 else None
                    yield object_id, SIZE_DAMAGED if content is None else sizes[object_id], content
                    if content is None:  # git gives up at a damaged object: a new process goes on behind it
                        process.kill()
                        break
            wanted = wanted[done:]

    def close(self) -> None:
        for process in (self._single, self._check):
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def _sizes(self, ids: list[bytes]) -> Iterator[tuple[bytes, int]]:
        with self._start("cat-file", "--batch-check", "--buffer") as process:
            for object_id in _fed(process, ids):
                head = process.stdout.readline().split()
                yield object_id, int(head[2]) if len(head) == 3 else SIZE_MISSING

    def _header(self, process: subprocess.Popen[bytes], object_id: bytes) -> tuple[int, int]:
        try:
            process.stdin.write(object_id.hex().encode() + b"\n")
            process.stdin.flush()
            head = process.stdout.readline().split()
        except BrokenPipeError:
            head = []
        if len(head) == 2 and head[1] == b"missing":
            raise MissingObject(object_id.hex())
        if len(head) != 3:
            self._restart()
            raise DamagedObject(f"{object_id.hex()}: git cannot read it")
        return _TYPES[head[1]], int(head[2])

    def _restart(self) -> None:
        self.close()
        self._single = self._start("cat-file", "--batch")
        self._check = self._start("cat-file", "--batch-check")

    def _command(self, *arguments: str) -> list[str]:
        # The folder may be someone else's: reading objects runs none of its hooks or filters.
        return ["git", "-c", "safe.directory=*", "-C", str(self.folder), *arguments]

    def _environment(self) -> dict[str, str]:
        # A partial clone must not fetch what it lacks, and nothing may ask for a password.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        return {**kept, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(self._command(*arguments), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL,
                                env=self._environment(), bufsize=1 << 20)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(self._command(*arguments), capture_output=True, check=False, env=self._environment())
        except FileNotFoundError:
            raise CorpusError(
                f"{self.folder}: a SHA-256 repository is read with the git command, and there is none on the path. "
                "Install git 2.29 or newer",
                path=self.folder,
            ) from None

    def _ask(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
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


def _fed(process: subprocess.Popen[bytes], ids: list[bytes]) -> Iterator[bytes]:
    """Each id, while a thread writes all of them to ``process``: asked one by one, every id would cost a wait."""

    def feed() -> None:
        try:
            for object_id in ids:
                process.stdin.write(object_id.hex().encode() + b"\n")
            process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass  # the process ended early; whoever reads its answers notices

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    yield from ids
    thread.join()


def _content(stream: IO[bytes], size: int) -> bytes | None:
    """An object's bytes, or None when git stopped in the middle of it."""
    data = stream.read(size)
    stream.read(1)  # the line feed behind each object
    return data if len(data) == size else None
