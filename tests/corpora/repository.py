"""A repository made by the git command in a test's own folder, with fixed names and times."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_START = 1_600_000_000


class Repository:
    """A work tree; every commit is a minute after the one before."""

    def __init__(self, folder: Path, *options: str, remote: str = "") -> None:
        self.folder = folder
        self._time = _START
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", *options)
        if remote:
            self.git("remote", "add", "origin", remote)

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        """Run git here and return what it prints, without the end of the line."""
        return git(self.folder, *arguments, data=data, time=self._time)

    def write(self, path: str | bytes, content: bytes) -> None:
        full = os.path.join(os.fsencode(self.folder), os.fsencode(path))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as out:
            out.write(content)

    def commit(self, files: dict[str, bytes] | None = None, *, message: str = "") -> str:
        """Write ``files``, commit everything and return the commit's id. Messages are all different unless given."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self._time += 60
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m", message or f"commit {self._time}")
        return self.git("rev-parse", "HEAD")


def git(folder: Path, *arguments: str, data: bytes | None = None, time: int = _START) -> str:
    """Run git in ``folder``, untouched by whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = {
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "A U Thor", "GIT_AUTHOR_EMAIL": "author@example.com", "GIT_AUTHOR_DATE": f"{time} +0000",
        "GIT_COMMITTER_NAME": "C O Mitter", "GIT_COMMITTER_EMAIL": "committer@example.com",
        "GIT_COMMITTER_DATE": f"{time} +0000",
    }
    command = ["git", "-c", "protocol.file.allow=always", "-C", str(folder), *arguments]
    done = subprocess.run(command, input=data, capture_output=True, check=False, env=kept | own)
    assert done.returncode == 0, f"git {arguments[0]}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode(errors="replace").strip()
