"""What a repository is called and where its files are shown: an alert's address comes from here."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from workbench.corpora.remote import Kind, remote_of
from workbench.errors import UsageError

REVISION = "0" * 40


@pytest.mark.parametrize(
    ("url", "name", "base"),
    [
        ("https://github.com/acme/app.git", "acme/app", "https://github.com/acme/app"),
        ("https://github.com/acme/app", "acme/app", "https://github.com/acme/app"),
        ("https://github.com/acme/app/", "acme/app", "https://github.com/acme/app"),
        ("http://www.github.com/acme/app.git", "acme/app", "https://github.com/acme/app"),
        ("git@github.com:acme/app.git", "acme/app", "https://github.com/acme/app"),
        ("ssh://git@github.com/acme/app.git", "acme/app", "https://github.com/acme/app"),
        ("ssh://git@ssh.github.com:443/acme/app.git", "acme/app", "https://github.com/acme/app"),
        ("git://github.com/acme/my.app", "acme/my.app", "https://github.com/acme/my.app"),
        # A password in a remote must not get into names and addresses.
        ("https://user:pass" + "word@github.com/acme/app.git", "acme/app", "https://github.com/acme/app"),
        ("https://gitlab.com/acme/app.git", "folder", ""),
        ("https://github.com.evil.example/acme/app", "folder", ""),
        ("https://github.com/acme", "folder", ""),
        ("https://github.com/acme/app/tree/main", "folder", ""),
        ("../elsewhere", "folder", ""),
        (None, "folder", ""),
    ],
)
def test_names_and_addresses(url: str | None, name: str, base: str) -> None:
    remote = remote_of(url, PurePath("/home/me/folder"))
    assert (remote.name, remote.base, remote.kind) == (name, base, Kind.REPOSITORY)
    assert remote.file_url(REVISION, b"a/b c#.py") == (f"{base}/blob/{REVISION}/a/b%20c%23.py" if base else "")


@pytest.mark.parametrize(
    ("url", "folder", "kind", "name", "file_url"),
    [
        ("https://github.com/acme/app.wiki.git", "x", Kind.WIKI, "acme/app",
         f"https://github.com/acme/app/wiki/Home/{REVISION}"),
        (None, "app.wiki", Kind.WIKI, "app", ""),
        ("https://gist.github.com/0a1b.git", "x", Kind.GIST, "0a1b", f"https://gist.github.com/0a1b/{REVISION}"),
        ("git@gist.github.com:me/0a1b.git", "x", Kind.GIST, "me/0a1b", f"https://gist.github.com/me/0a1b/{REVISION}"),
    ],
)
def test_wikis_and_gists(url: str | None, folder: str, kind: Kind, name: str, file_url: str) -> None:
    remote = remote_of(url, PurePath("/home/me") / folder)
    assert (remote.kind, remote.name) == (kind, name)
    assert remote.file_url(REVISION, b"Home.md") == file_url
    assert remote.commit_url(REVISION) == ""
    assert remote.key == f"{kind}:{name}"  # a repository and its wiki must not forget each other


@pytest.mark.parametrize(
    ("folder", "name"),
    [("/a/app", "app"), ("/a/app.git", "app"), ("/a/app/.git", "app"), ("/a/.git/.git", ".git"), ("/", "repository")],
)
def test_without_a_remote_the_folder_names_it(folder: str, name: str) -> None:
    assert remote_of(None, PurePath(folder)).name == name


def test_a_name_and_a_kind_that_are_given_win() -> None:
    remote = remote_of("https://github.com/acme/app", PurePath("/x"), kind=Kind.WIKI, name="other/name")
    assert (remote.name, remote.kind, remote.base) == ("other/name", Kind.WIKI, "https://github.com/acme/app/wiki")
    for name in (" a", "a\nb"):
        with pytest.raises(UsageError, match="Expected a repository's name"):
            remote_of(None, PurePath("/x"), name=name)
