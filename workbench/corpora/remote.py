"""A remote is where a repository is published: what it is called there, and the public address of a file in it.

Only GitHub's addresses are understood. A repository from elsewhere is called after its folder, and its locations have
no URL (the partner programme allows an empty one).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from urllib.parse import quote

from workbench.errors import UsageError

_GITHUB = re.compile(
    r"(?:(?:https?|git|ssh)://(?:[^@/]*@)?|[^@/:]+@)"
    r"(?P<host>(?:www\.|ssh\.|gist\.)?github\.com)(?::[0-9]+(?=/))?[:/]"
    r"(?P<path>[^?#]+?)(?:\.git)?/*"
)
_WIKI_PAGE = re.compile(
    rb"[^/]+\.(?:md|mkdn?|mdown|markdown|mediawiki|wiki|rst|textile|org|rdoc|asciidoc|adoc|pod|creole)"
)
_URL_SAFE = "/~!$&'()*+,;=:@"


class Kind(StrEnum):
    """What a repository is on GitHub; it decides the ``source`` of its locations and their URLs."""

    REPOSITORY = "repository"
    WIKI = "wiki"
    GIST = "gist"


SOURCES_OF_KIND: dict[Kind, tuple[str, str | None]] = {
    Kind.REPOSITORY: ("content", "commit"),
    Kind.WIKI: ("wiki_content", "wiki_commit"),
    Kind.GIST: ("gist_content", None),  # a gist's commits have no messages, and no source value is for them
}
"""The ``source`` of files and of commit messages, by kind."""


@dataclass(frozen=True, slots=True)
class Remote:
    """``name`` as it stands in locations; ``base`` is the public address, empty when there is none."""

    name: str
    kind: Kind
    base: str

    @property
    def key(self) -> str:
        """What the manifest remembers the repository under: a repository and its wiki share their name."""
        return self.name if self.kind is Kind.REPOSITORY else f"{self.kind}:{self.name}"

    def file_url(self, revision: str, path: bytes) -> str:
        """The public address of a file at a commit."""
        if not self.base or not path:
            return ""
        if self.kind is Kind.GIST:
            return f"{self.base}/{revision}"
        if self.kind is Kind.WIKI:
            if not _WIKI_PAGE.fullmatch(path):
                return ""  # only pages have an address that names a revision
            return f"{self.base}/{quote(path.rpartition(b'.')[0], safe=_URL_SAFE)}/{revision}"
        return f"{self.base}/blob/{revision}/{quote(path, safe=_URL_SAFE)}"

    def commit_url(self, revision: str) -> str:
        """The public address of a commit; wikis have none for it."""
        return f"{self.base}/commit/{revision}" if self.base and self.kind is Kind.REPOSITORY else ""


def remote_of(url: str | None, folder: PurePath, *, kind: Kind | None = None, name: str = "") -> Remote:
    """The remote of a repository in ``folder`` whose ``origin`` is ``url`` (None: it has none).

    ``kind`` and ``name`` are taken from the URL, else from the folder's name, unless given. Raises UsageError for a
    ``name`` that has white space at an end or control characters.
    """
    if name != name.strip() or not name.isprintable():
        raise UsageError(f"Expected a repository's name such as owner/name but got {name!r}")
    path, is_gist = _github_path(url or "")
    folder_name = _folder_name(folder)
    called = path or folder_name
    kind = kind or (Kind.GIST if is_gist else Kind.WIKI if called.endswith(".wiki") else Kind.REPOSITORY)
    called = called.removesuffix(".wiki") if kind is Kind.WIKI else called
    if not path:
        return Remote(name or called, kind, "")
    if is_gist or kind is Kind.GIST:
        return Remote(name or called, Kind.GIST, f"https://gist.github.com/{called}")
    base = f"https://github.com/{called}"
    return Remote(name or called, kind, f"{base}/wiki" if kind is Kind.WIKI else base)


def _github_path(url: str) -> tuple[str, bool]:
    """(``owner/name`` or a gist's id, whether it is a gist); empty when ``url`` is not one of GitHub's."""
    match = _GITHUB.fullmatch(url.strip())
    if not match:
        return "", False
    parts = match["path"].strip("/").split("/")
    is_gist = match["host"].startswith("gist.")
    if len(parts) != 2 and not (is_gist and len(parts) == 1):
        return "", False
    return "/".join(parts), is_gist


def _folder_name(folder: PurePath) -> str:
    own = folder.name if folder.name != ".git" else folder.parent.name
    name = own.removesuffix(".git") or own
    return name.encode("utf-8", "backslashreplace").decode() or "repository"
