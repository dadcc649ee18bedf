"""The npm client fetches packages by their names: ``npm pack``, whose own configuration says from which registry.

It is given names of packages and nothing else that it would take (folders, addresses, git repositories: fetching
those runs their scripts).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import CorpusError, UsageError

_SPEC = re.compile(
    r"(?P<name>(?:@[A-Za-z0-9][\w.~-]*/)?[A-Za-z0-9][\w.~-]*)"
    r"(?:@(?P<version>[A-Za-z0-9.*^~<>=|+_-][A-Za-z0-9.*^~<>=|+ _-]*))?",
    re.ASCII,
)
_EXACT = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?")
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_UNKNOWN = ("E404", "ETARGET", "ENOVERSIONS")
_UNREACHED = ("ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH")
_TARBALL_ENDINGS = (".tgz", ".tar.gz")
_MOST_NAME = 214 + 100
"""npm's own limit for a name, and something for a version."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A package to fetch: ``version`` may be a version, a tag or a range, and is the tag ``latest`` when empty."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name

    @property
    def exact_version(self) -> str | None:
        """The version, where there is only one that fits."""
        return self.version if _EXACT.fullmatch(self.version) else None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A package's tarball as the client has fetched it; name and version are the registry's."""

    path: Path
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class NotFetched:
    """A package that the client could not fetch, and why."""

    spec: Spec
    reason: str


def parse_spec(text: str) -> Spec:
    """``NAME`` or ``NAME@VERSION`` as npm writes it. Raises UsageError for anything else, whatever npm makes of it."""
    match = _SPEC.fullmatch(text)
    if match is None or len(text) > _MOST_NAME or match["name"].endswith(".tar"):
        raise UsageError(
            f"Expected NAME, NAME@VERSION or a .tgz file but got {text!r}. Git repositories are added with "
            "`workbench corpus add-git`"
        )
    return Spec(match["name"], match["version"] or "")


def is_tarball(item: str) -> bool:
    """Whether ``item`` names a file rather than a package."""
    return item.endswith(_TARBALL_ENDINGS) and "://" not in item


def read_list(path: Path) -> list[str]:
    """Packages and tarballs listed in a text file, one a line; ``#`` begins a comment.

    Raises UsageError, with the line, for what is neither, and when the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: cannot be read as text: {reason}. Give a list of packages, one a line") from error
    items = []
    for number, line in enumerate(lines, 1):
        item = line.partition("#")[0].strip()
        if not item:
            continue
        if not is_tarball(item):
            try:
                parse_spec(item)
            except UsageError as error:
                raise UsageError(f"{path}:{number}: {error}") from None
        items.append(item)
    return items


class _NoAnswer(CorpusError):
    """The registry could not be reached."""


class NpmClient:
    """The npm client on the PATH, run in the working directory, so that a project's own configuration counts.

    Raises UsageError when there is none.
    """

    def __init__(self, command: str = "npm") -> None:
        found = shutil.which(command)
        if found is None:
            raise UsageError(
                f"Expected the npm client but found no program {command!r} on the PATH. Install Node.js, or give .tgz "
                "files"
            )
        self._command = found
        self._no_answer = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def fetch(self, specs: Sequence[Spec], folder: Path) -> Iterator[Fetched | NotFetched]:
        """Fetch packages into ``folder``, in their order. One that fails does not keep back the others.

        Where the registry cannot be reached the client tries for a minute; then it is not asked any more.
        """
        if self._no_answer:
            yield from (NotFetched(spec, self._no_answer) for spec in specs)
            return
        try:
            found = self._pack(specs, folder)
        except _NoAnswer as error:
            self._no_answer = str(error)
            yield from (NotFetched(spec, self._no_answer) for spec in specs)
            return
        except CorpusError as error:
            if len(specs) == 1:
                yield NotFetched(specs[0], str(error))
                return
            for spec in specs:  # the client gives up at the first that fails
                yield from self.fetch([spec], folder)
            return
        yield from found

    def stop(self) -> None:
        """End what another thread is fetching, and fetch nothing more: it would go on for a minute, or for hours."""
        self._is_stopped = True
        if (process := self._process) is not None:
            process.kill()

    def _pack(self, specs: Sequence[Spec], folder: Path) -> list[Fetched]:
        """Raises CorpusError with the client's own words when it fails."""
        arguments = ["pack", "--ignore-scripts", "--json", "--loglevel=error", "--pack-destination", str(folder), "--"]
        if self._is_stopped:
            raise _NoAnswer("npm pack: stopped")
        with subprocess.Popen([self._command, *arguments, *map(str, specs)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self._process = process
            if self._is_stopped:  # between the first look and now
                process.kill()
            said, complained = process.communicate()
        self._process = None
        try:
            answer = json.loads(said)
        except (ValueError, RecursionError):
            answer = None
        if process.returncode:
            raise _failure(answer, process.returncode, complained)
        entries = list(answer.values()) if isinstance(answer, dict) else answer
        if not isinstance(entries, list) or len(entries) != len(specs):
            raise CorpusError("npm pack: Expected a JSON list with an entry a package but got something else. Use npm "
                              "7 or later")
        return [_fetched(entry, folder) for entry in entries]


def _fetched(entry: Any, folder: Path) -> Fetched:
    said = [entry.get(key) if isinstance(entry, dict) else None for key in ("filename", "name", "version")]
    if not all(isinstance(value, str) and value for value in said):
        raise CorpusError("npm pack: Expected filename, name and version but got something else. Use npm 7 or later")
    filename, name, version = said
    # npm 7 and 8 say the scoped name here, and write the file under the other.
    path = folder / filename.replace("@", "").replace("/", "-")
    for candidate in (folder / Path(filename).name, path):
        if candidate.is_file():
            return Fetched(candidate, name, version)
    raise CorpusError(f"npm pack: said to have written {filename!r} but did not")


def _failure(answer: Any, code: int, complained: bytes) -> CorpusError:
    """Why the client failed and what to do, in a line, without credentials of an address."""
    error = answer.get("error") if isinstance(answer, dict) else None
    kind = _NoAnswer if isinstance(error, dict) and error.get("code") in _UNREACHED else CorpusError
    advice = "See to npm's own configuration (npm config list), or give its .tgz file"
    if isinstance(error, dict):
        if error.get("code") in _UNKNOWN:
            advice = "Check its name and version"
        said = f"{error.get('code') or 'failed'}: {error.get('summary') or error.get('detail') or ''}"
    else:
        lines = complained.decode("utf-8", "replace").strip().splitlines()
        said = lines[0] if lines else f"ended with {code} and said nothing"
    first_line = said.strip().splitlines()[0]
    return kind(f"npm pack: {_CREDENTIALS.sub('//', first_line).rstrip('.: ')}. {advice}")
