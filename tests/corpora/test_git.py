"""Repositories as git makes them, taken into a corpus: what gets in, under which name, commit and address."""

from __future__ import annotations

import codecs
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.corpora.repository import Repository, git
from workbench.corpora import git_history, git_objects
from workbench.corpora.git import GitReport, add_repositories
from workbench.corpora.git_command import GitCommand
from workbench.corpora.parts import BlobParts
from workbench.corpora.reader import Corpus
from workbench.corpora.remote import Kind
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.errors import CorpusError, UsageError

REMOTE = "https://github.com/acme/app.git"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git command")


@pytest.fixture(params=["command", "libgit2"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads with the git command from the first object on, or never with it."""
    few = 0 if request.param == "command" else 1 << 60
    monkeypatch.setattr(git_history, "_MANY_COMMITS", few)
    monkeypatch.setattr(git_objects, "_MANY_BLOBS", few)
    # As in histories of a million commits: a git process for every few, and packs that are let go of now and then.
    monkeypatch.setattr(git_history, "_COMMITS_AT_ONCE", 3)
    monkeypatch.setattr(git_objects, "_READS_BETWEEN_LOOKS", 5)
    monkeypatch.setattr(git_objects, "_MOST_MAPPED_BYTES", -1 << 40)


def add(corpus: Path, *folders: Path, **options: object) -> GitReport:
    with CorpusWriter(corpus) as writer:
        return add_repositories(writer, folders, **options)


def files(corpus: Path, source: str = "content") -> dict[str, set[str]]:
    """Path -> contents that stand there, as text."""
    found: dict[str, set[str]] = {}
    opened = Corpus.open(corpus)
    for row in opened.locations().to_pylist():
        if row["source"] == source:
            found.setdefault(row["path"], set()).add(opened.blob(row["blob_id"]).decode("utf-8", "replace"))
    return found


def rows(corpus: Path, source: str = "content") -> list[dict]:
    return [r for r in Corpus.open(corpus).locations().to_pylist() if r["source"] == source]


@pytest.mark.usefixtures("_either_way")
def test_whole_history_of_all_references_gets_in(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app", remote=REMOTE)
    first = repo.commit({"a.txt": b"one\n", "src/b.txt": b"b\n"})
    second = repo.commit({"a.txt": b"two\n"})
    repo.git("checkout", "--quiet", "-b", "side")
    side = repo.commit({"c.txt": b"only on a branch\n"})
    repo.git("checkout", "--quiet", "main")
    repo.git("rm", "--quiet", "src/b.txt")
    repo.commit()
    # A reference that is no branch: a pull request's head, as GitHub keeps it.
    pull = repo.git("commit-tree", f"{side}^{{tree}}", "-p", side, "-m", "from a fork")
    repo.git("update-ref", "refs/pull/1/head", pull)

    report = add(tmp_path / "corpus", repo.folder)

    assert files(tmp_path / "corpus") == {
        "a.txt": {"one\n", "two\n"}, "src/b.txt": {"b\n"}, "c.txt": {"only on a branch\n"},
    }
    by_content = {(r["path"], r["blob_id"]): r for r in rows(tmp_path / "corpus")}
    one = by_content["a.txt", blob_id_of(b"one\n")]
    assert one["revision"] == first
    assert one["repository"] == "acme/app"
    assert one["url"] == f"https://github.com/acme/app/blob/{first}/a.txt"
    assert one["committed_at"].timestamp() == 1_600_000_060
    assert by_content["a.txt", blob_id_of(b"two\n")]["revision"] == second
    assert (report.repositories, report.unchanged, report.commits) == (1, 0, 5)
    assert report.blobs == 4 + 5  # contents and commit messages
    assert verify(tmp_path / "corpus").problems == ()


@pytest.mark.usefixtures("_either_way")
def test_a_location_is_the_first_commit_with_the_content_at_the_path(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app", remote=REMOTE)
    first = repo.commit({"a.txt": b"x\n"})
    repo.commit({"a.txt": b"y\n"})
    repo.commit({"a.txt": b"x\n"})  # reverted: the same content at the same path is no new location
    moved = repo.commit({"b.txt": b"x\n"})  # at another path it is one
    add(tmp_path / "corpus", repo.folder)
    found = {(r["path"], r["revision"]) for r in rows(tmp_path / "corpus") if r["blob_id"] == blob_id_of(b"x\n")}
    assert found == {("a.txt", first), ("b.txt", moved)}


@pytest.mark.usefixtures("_either_way")
def test_merges_add_only_what_they_resolve(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"base\n", "d/x.txt": b"x\n"})
    repo.git("checkout", "--quiet", "-b", "left")
    left = repo.commit({"a.txt": b"left\n", "d/left.txt": b"l\n"})
    repo.git("checkout", "--quiet", "-b", "right", "main")
    right = repo.commit({"a.txt": b"right\n", "d/right.txt": b"r\n"})
    repo.write("a.txt", b"both\n")
    repo.write("d/left.txt", b"l\n")
    repo.git("add", "--all")
    tree = repo.git("write-tree")
    merge = repo.git("commit-tree", tree, "-p", right, "-p", left, "-m", "merge")
    repo.git("update-ref", "refs/heads/merged", merge)
    add(tmp_path / "corpus", repo.folder)
    found = {(r["path"], r["revision"]) for r in rows(tmp_path / "corpus") if r["revision"] in (left, right, merge)}
    assert found == {
        ("a.txt", left), ("d/left.txt", left), ("a.txt", right), ("d/right.txt", right), ("a.txt", merge),
    }


@pytest.mark.usefixtures("_either_way")
def test_commit_messages_are_blobs_of_their_own(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app", remote=REMOTE)
    first = repo.commit({"a.txt": b"a\n"}, message="The password is in the vault\n\nnot here\n")
    repo.commit({"a.txt": b"b\n"}, message="The password is in the vault\n\nnot here\n")
    repo.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", "")  # nothing to scan
    add(tmp_path / "corpus", repo.folder)
    (row,) = rows(tmp_path / "corpus", "commit")
    assert (row["path"], row["revision"]) == ("", first)
    assert row["url"] == f"https://github.com/acme/app/commit/{first}"
    assert Corpus.open(tmp_path / "corpus").blob(row["blob_id"]) == b"The password is in the vault\n\nnot here\n"


@pytest.mark.usefixtures("_either_way")
def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    wide = codecs.BOM_UTF16_LE + "Connection = säge\r\n".encode("utf-16-le")
    repo.commit({
        "picture.png": b"\x89PNG\0\0",
        "late.bin": b"x" * 8000 + b"\0",  # a NUL after the first 8000 bytes: text, by git's rule
        "settings.reg": wide,
        "bom.bin": codecs.BOM_UTF16_LE + b"\0\xd8\0\0",  # a mark, but no UTF-16 behind it
        "model.bin": pointer,
        "notes.txt": pointer + b"and a word of mine\n",  # begins like a pointer, and is a text
        "big.txt": b"b" * 2000 + b"\n" * 7000,
        "empty.txt": b"",
    })
    repo.commit({"copy/picture.png": b"\x89PNG\0\0"})  # counted once
    report = add(tmp_path / "corpus", repo.folder, max_blob_bytes=8500)
    assert report.skipped == {"binary": 2, "too_large": 1, "lfs_pointer": 1}
    assert set(files(tmp_path / "corpus")) == {"late.bin", "settings.reg", "notes.txt", "empty.txt"}
    assert Corpus.open(tmp_path / "corpus").blob(blob_id_of(wide)) == wide
    assert Corpus.open(tmp_path / "corpus").manifest.skipped == report.skipped


@pytest.mark.usefixtures("_either_way")
def test_symbolic_links_submodules_and_odd_paths(tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    other.commit({"inner.txt": b"inner\n"})
    repo = Repository(tmp_path / "app", remote=REMOTE)
    os.symlink("target/of link", repo.folder / "link")
    repo.write("with space/ü%#?.txt", b"odd\n")
    repo.write(b"latin-\xe9.txt", b"bytes\n")
    repo.write("new\nline.txt", b"line\n")
    repo.git("submodule", "--quiet", "add", str(other.folder), "sub")
    commit = repo.commit()
    report = add(tmp_path / "corpus", repo.folder)
    found = files(tmp_path / "corpus")
    assert found["link"] == {"target/of link"}  # a link's content is its target
    assert "inner.txt" not in str(found) and report.skipped == {"submodule": 1}
    urls = {r["path"]: r["url"] for r in rows(tmp_path / "corpus")}
    base = f"https://github.com/acme/app/blob/{commit}/"
    assert urls["with space/ü%#?.txt"] == base + "with%20space/%C3%BC%25%23%3F.txt"
    assert urls["latin-\\xe9.txt"] == base + "latin-%E9.txt"
    assert urls["new\nline.txt"] == base + "new%0Aline.txt"


@pytest.mark.usefixtures("_either_way")
def test_references_may_point_at_tags_trees_and_blobs(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"a\n"})
    repo.git("tag", "-a", "v1", "-m", "one")
    repo.git("tag", "-a", "v1-signed", "v1", "-m", "a tag of a tag")
    lonely = repo.git("hash-object", "-w", "--stdin", data=b"a key that only a tag holds\n")
    repo.git("tag", "key", lonely)
    tree = repo.git("mktree", data=f"100644 blob {lonely}\tkey.txt\n".encode())
    repo.git("tag", "a-tree", tree)
    add(tmp_path / "corpus", repo.folder)
    assert files(tmp_path / "corpus") == {
        "a.txt": {"a\n"}, "": {"a key that only a tag holds\n"}, "key.txt": {"a key that only a tag holds\n"},
    }
    assert {r["revision"] for r in rows(tmp_path / "corpus") if r["path"] == "key.txt"} == {tree}


def test_a_replaced_object_is_read_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_objects, "_MANY_BLOBS", 0)
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"real\n"})
    repo.git("replace", blob_id_of(b"real\n"), repo.git("hash-object", "-w", "--stdin", data=b"fake\n"))
    add(tmp_path / "corpus", repo.folder)
    assert verify(tmp_path / "corpus").problems == ()
    assert files(tmp_path / "corpus")["a.txt"] == {"real\n"}


def test_content_is_kept_once_for_many_repositories(tmp_path: Path) -> None:
    one = Repository(tmp_path / "one", remote="git@github.com:acme/one.git")
    two = Repository(tmp_path / "two", remote="ssh://git@github.com/acme/two")
    for repo in (one, two):
        repo.commit({"LICENSE": b"the same\n"}, message="start")
    report = add(tmp_path / "corpus", one.folder, two.folder)
    assert report.blobs == 2
    assert [r["repository"] for r in rows(tmp_path / "corpus")] == ["acme/one", "acme/two"]


def test_bare_repositories_and_packs_and_alternates(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app", remote=REMOTE)
    for number in range(5):
        repo.commit({"a.txt": b"line\n" * 200 + str(number).encode()})
    repo.git("repack", "-adq")
    git(tmp_path, "clone", "--quiet", "--bare", "--shared", str(repo.folder), "borrower.git")  # objects by alternates
    report = add(tmp_path / "corpus", tmp_path / "borrower.git")
    assert report.blobs == 10
    assert {r["repository"] for r in rows(tmp_path / "corpus")} == {"borrower"}
    assert {r["url"] for r in rows(tmp_path / "corpus")} == {""}
    # A linked work tree keeps its objects with the repository it came from.
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    assert add(tmp_path / "corpus2", tmp_path / "linked").blobs == 10


def test_an_empty_repository_is_no_error(tmp_path: Path) -> None:
    Repository(tmp_path / "app")
    report = add(tmp_path / "corpus", tmp_path / "app")
    assert (report.repositories, report.blobs, report.failures) == (1, 0, ())
    assert Corpus.open(tmp_path / "corpus").shards() == []


def test_a_folder_that_is_no_repository_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    inside = Repository(tmp_path / "app")
    inside.commit({"sub/a.txt": b"a\n"})
    # A folder inside a work tree is not the repository: naming it is a mistake, not a wish for the whole.
    report = add(tmp_path / "corpus", tmp_path / "nothing", inside.folder / "sub", inside.folder)
    assert report.repositories == 1 and report.blobs == 2
    assert [folder for folder, _ in report.failures] == [tmp_path / "nothing", inside.folder / "sub"]
    assert all("not a git repository" in message for _, message in report.failures)


def test_two_folders_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    for owner in ("a", "b"):
        Repository(tmp_path / owner / "app").commit({"a.txt": owner.encode()})
    with pytest.raises(UsageError, match="would both be called 'app'"):
        add(tmp_path / "corpus", tmp_path / "a" / "app", tmp_path / "b" / "app")
    add(tmp_path / "corpus", tmp_path / "a" / "app", name="a/app")
    add(tmp_path / "corpus", tmp_path / "b" / "app", name="b/app")
    assert {r["repository"] for r in rows(tmp_path / "corpus")} == {"a/app", "b/app"}


def test_a_folder_named_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"a\n"})
    monkeypatch.chdir(tmp_path)
    report = add(tmp_path / "corpus", Path("app"), repo.folder, tmp_path / "app" / ".." / "app")
    assert (report.repositories, report.locations) == (1, 2)


def test_wikis_and_gists(tmp_path: Path) -> None:
    wiki = Repository(tmp_path / "wiki", remote="https://github.com/acme/app.wiki.git")
    page = wiki.commit({"How To.md": b"# How\n", "image.txt": b"no page\n"}, message="a page")
    gist = Repository(tmp_path / "gist", remote="https://gist.github.com/somebody/0123abcd.git")
    shown = gist.commit({"key.py": b"key = 1\n"}, message="not scanned")
    plain = Repository(tmp_path / "plain")
    plain.commit({"Home.md": b"home\n"}, message="plain")
    add(tmp_path / "corpus", wiki.folder, gist.folder)
    add(tmp_path / "corpus", plain.folder, kind=Kind.WIKI)
    by_path = {(r["source"], r["path"]): r for r in Corpus.open(tmp_path / "corpus").locations().to_pylist()}
    assert by_path["wiki_content", "How To.md"]["url"] == f"https://github.com/acme/app/wiki/How%20To/{page}"
    assert by_path["wiki_content", "How To.md"]["repository"] == "acme/app"
    assert by_path["wiki_content", "image.txt"]["url"] == ""
    assert by_path["wiki_commit", ""]["repository"] in ("acme/app", "plain")
    assert by_path["gist_content", "key.py"]["url"] == f"https://gist.github.com/somebody/0123abcd/{shown}"
    assert by_path["wiki_content", "Home.md"]["repository"] == "plain"
    assert "gist_commit" not in {source for source, _ in by_path}


def test_a_sha256_repository_gets_sha1_blob_ids(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app", "--object-format=sha256", remote=REMOTE)
    repo.commit({"a.txt": b"one\n", "bin": b"\0", "d/b.txt": b"two\n"})
    second = repo.commit({"a.txt": b"three\n"})
    repo.git("tag", "-a", "v1", "-m", "one")
    report = add(tmp_path / "corpus", repo.folder)
    assert files(tmp_path / "corpus") == {"a.txt": {"one\n", "three\n"}, "d/b.txt": {"two\n"}}
    assert verify(tmp_path / "corpus").problems == ()
    assert report.skipped == {"binary": 1}
    by_id = {r["blob_id"]: r for r in rows(tmp_path / "corpus")}
    assert by_id[blob_id_of(b"three\n")]["revision"] == second and len(second) == 64
    repo.commit({"c.txt": b"two\n"})
    again = add(tmp_path / "corpus", repo.folder)
    assert (again.commits, again.blobs, again.locations) == (1, 1, 2)  # the message; its location and the path's
    assert add(tmp_path / "corpus", repo.folder).unchanged == 1


def test_a_shallow_clone_ends_where_it_ends_and_may_be_deepened(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    for number in range(4):
        repo.commit({"a.txt": str(number).encode()})
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{repo.folder}", "shallow")
    report = add(tmp_path / "corpus", tmp_path / "shallow", name="acme/app")
    assert (report.commits, report.skipped) == (2, {})
    assert files(tmp_path / "corpus") == {"a.txt": {"2", "3"}}
    assert add(tmp_path / "corpus", tmp_path / "shallow", name="acme/app").unchanged == 1
    git(tmp_path / "shallow", "fetch", "--quiet", "--unshallow")
    deeper = add(tmp_path / "corpus", tmp_path / "shallow", name="acme/app")  # the tip is the same, the past is not
    assert (deeper.unchanged, deeper.blobs) == (0, 4)
    assert files(tmp_path / "corpus") == {"a.txt": {"0", "1", "2", "3"}}


def test_a_partial_clone_is_read_as_far_as_it_goes_without_fetching(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"old\n"})
    repo.commit({"a.txt": b"new\n"})
    repo.git("config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{repo.folder}", "partial")
    report = add(tmp_path / "corpus", tmp_path / "partial")
    assert report.skipped == {"missing_object": 1}
    assert files(tmp_path / "corpus") == {"a.txt": {"new\n"}}  # what the work tree needed is there
    git(tmp_path / "partial", "cat-file", "-p", blob_id_of(b"old\n"))  # fetches it
    again = add(tmp_path / "corpus", tmp_path / "partial")
    assert files(tmp_path / "corpus") == {"a.txt": {"old\n", "new\n"}}
    assert (again.blobs, again.locations) == (1, 1)
    assert Corpus.open(tmp_path / "corpus").manifest.skipped == {}  # no longer so


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("victim", ["HEAD~1", "HEAD~1:", "HEAD:d", "HEAD~1:a.txt"])
@pytest.mark.parametrize("damage", ["remove", "garble"])
def test_a_missing_or_damaged_object_costs_only_what_hangs_on_it(tmp_path: Path, victim: str, damage: str) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"0\n", "d/b.txt": b"b0\n"})
    repo.commit({"a.txt": b"1\n"})
    repo.commit({"a.txt": b"2\n", "d/b.txt": b"b2\n"})
    object_id = repo.git("rev-parse", victim)
    path = repo.folder / ".git" / "objects" / object_id[:2] / object_id[2:]
    path.chmod(0o644)
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-6] + b"garble")
    report = add(tmp_path / "corpus", repo.folder)
    assert sum(report.skipped.values()) == 1
    assert set(report.skipped) == {"missing_object" if damage == "remove" else "unreadable_object"}
    found = files(tmp_path / "corpus")
    assert "2\n" in found["a.txt"]
    if victim == "HEAD~1:a.txt":
        assert found == {"a.txt": {"0\n", "2\n"}, "d/b.txt": {"b0\n", "b2\n"}}
    assert Corpus.open(tmp_path / "corpus").manifest.repositories["app"]["incomplete"]
    assert verify(tmp_path / "corpus").problems == ()


def test_a_broken_reference_costs_only_itself(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"a\n"})
    (repo.folder / ".git" / "refs" / "heads" / "broken").write_bytes(b"")  # as a crash leaves it
    report = add(tmp_path / "corpus", repo.folder)
    assert (report.blobs, report.failures) == (2, ())


@pytest.mark.parametrize("damage", ["fanout", "beyond the pack", "beyond the table", "longer", "over many packs"])
def test_an_index_that_leads_outside_costs_only_its_pack(tmp_path: Path, damage: str) -> None:
    """In a process of its own: libgit2 follows what an index says, and that ended the process."""
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"one\n"})
    repo.git("repack", "-adq")
    (index,) = (repo.folder / ".git" / "objects" / "pack").glob("*.idx")
    repo.commit({"b.txt": b"two\n"})
    repo.git("repack", "-dq")
    if damage == "over many packs":
        repo.git("multi-pack-index", "write")
        many = index.with_name("multi-pack-index")
        many.chmod(0o644)
        many.write_bytes(many.read_bytes()[:-300] + b"\xff" * 280 + many.read_bytes()[-20:])
    else:
        data, count = bytearray(index.read_bytes()), 3
        at = 8 + 1024 + 24 * count
        if damage == "fanout":
            data[8:1028] = b"\x7f" * 1020
        elif damage == "beyond the pack":
            data[at : at + 12] = b"\x7f" * 12
        elif damage == "beyond the table":
            data[at : at + 12] = b"\xff" * 12
        else:
            data[at:at] = b"\xfe" * 40
        index.chmod(0o644)
        index.write_bytes(data)
    command = [sys.executable, "-m", "workbench", "corpus", "add-git", str(repo.folder), "--corpus",
               str(tmp_path / "corpus")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""
    assert "b.txt" in files(tmp_path / "corpus") and verify(tmp_path / "corpus").problems == ()
    is_whole = damage == "over many packs"
    assert ("a.txt" in files(tmp_path / "corpus")) == is_whole and ("missing_object" in done.stdout) != is_whole


@pytest.mark.parametrize("cut", [-9, -1, 1, 30])
def test_a_pack_that_lost_or_gained_bytes_costs_only_itself(tmp_path: Path, cut: int) -> None:
    """libgit2 may read such a one without end."""
    repo = Repository(tmp_path / "app")
    for k in range(40):
        repo.commit({f"a{k}.txt": b"%d words\n" % k * (k + 1)})
    repo.git("repack", "-adq")
    (pack,) = (repo.folder / ".git" / "objects" / "pack").glob("*.pack")
    data = pack.read_bytes()
    middle = len(data) // 2
    repo.commit({"b.txt": b"two\n"})
    repo.git("repack", "-dq")
    pack.chmod(0o644)
    pack.write_bytes(data[: middle + min(cut, 0)] + bytes(range(max(cut, 0))) + data[middle:])
    command = [sys.executable, "-m", "workbench", "corpus", "add-git", str(repo.folder), "--corpus",
               str(tmp_path / "corpus")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and done.stderr == "" and "missing_object" in done.stdout
    assert "b.txt" in files(tmp_path / "corpus") and verify(tmp_path / "corpus").problems == ()


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "loose"])
@pytest.mark.parametrize("victim", ["HEAD", "HEAD:b.txt", "HEAD^{tree}"])
def test_an_object_that_claims_to_be_gigantic_costs_only_itself(tmp_path: Path, victim: str, *, packed: bool) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"one\n"})
    repo.commit({"b.txt": b"two\n"})
    object_id = repo.git("rev-parse", victim)
    kind = repo.git("cat-file", "-t", object_id)
    objects = repo.folder / ".git" / "objects"
    if packed:
        repo.git("repack", "-adq")
        (pack,), (index,) = objects.glob("pack/*.pack"), objects.glob("pack/*.idx")
        listed = [line.split() for line in repo.git("verify-pack", "-v", str(index)).splitlines()]
        (offset,) = [int(line[4]) for line in listed if line[0] == object_id]
        data = bytearray(pack.read_bytes())
        number = {"commit": 1, "tree": 2, "blob": 3}[kind]
        data[offset : offset + 9] = bytes([0x8F | number << 4, *[0xFF] * 7, 0x7F])
        pack.chmod(0o644)
        pack.write_bytes(data)
    else:
        loose = objects / object_id[:2] / object_id[2:]
        loose.chmod(0o644)
        loose.write_bytes(zlib.compress(f"{kind} {10**40}\0".encode() + b"x" * 500))

    report = add(tmp_path / "corpus", repo.folder)

    assert (report.failures, sum(report.skipped.values())) == ((), 1)
    assert verify(tmp_path / "corpus").problems == ()


@pytest.mark.parametrize("cut", [0, 1, 10, -4])
def test_a_loose_object_that_ends_early_is_damaged(tmp_path: Path, cut: int) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"some text that is not short\n" * 20})
    object_id = repo.git("rev-parse", "HEAD:a.txt")
    path = repo.folder / ".git" / "objects" / object_id[:2] / object_id[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:cut])
    assert add(tmp_path / "corpus", repo.folder).skipped == {"unreadable_object": 1}


@pytest.mark.usefixtures("_either_way")
def test_a_failure_in_the_middle_is_told_as_it_is_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({f"{n}.txt": b"%d" % n * 5000 for n in range(300)})  # more than pipes hold
    write, started = BlobParts.add, []

    def full(self: BlobParts, blob_id: str, content: bytes) -> None:
        if self.content_bytes > 10_000:
            raise OSError("no space left on device")
        write(self, blob_id, content)

    start = GitCommand.start
    monkeypatch.setattr(GitCommand, "start", lambda *a: started.append(start(*a)) or started[-1])
    monkeypatch.setattr(BlobParts, "add", full)
    with pytest.raises(CorpusError, match="cannot be written: no space left"):
        add(tmp_path / "corpus", repo.folder)
    assert all(process.returncode is not None for process in started)
    assert not (tmp_path / "corpus").exists()


@pytest.mark.usefixtures("_either_way")
def test_progress_follows_the_blobs_not_the_walk(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    for first in (0, 1500):
        repo.commit({f"{n}.txt": b"%d" % n for n in range(first, first + 1500)})
    told: list[tuple[str, int, int]] = []
    add(tmp_path / "corpus", repo.folder, progress=lambda *what: told.append(what))
    assert told == [("app", 0, 2), ("app", 0, 2), ("app", 1, 2), ("app", 2, 2)]


def test_refresh_reads_only_what_is_new(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app", remote=REMOTE)
    repo.commit({"a.txt": b"one\n"})
    repo.commit({"b.txt": b"two\n"})
    add(tmp_path / "corpus", repo.folder)
    before = Corpus.open(tmp_path / "corpus").manifest

    unchanged = add(tmp_path / "corpus", repo.folder)
    assert (unchanged.unchanged, unchanged.commits) == (1, 0)
    assert Corpus.open(tmp_path / "corpus").manifest == before

    third = repo.commit({"a.txt": b"three\n", "c.txt": b"one\n"})
    repo.commit({"a.txt": b"one\n"})  # as it was at the start: no new location
    report = add(tmp_path / "corpus", repo.folder)
    assert (report.commits, report.blobs, report.locations) == (2, 3, 4)  # two messages each time
    after = Corpus.open(tmp_path / "corpus").manifest
    assert after.files[: len(before.files)] == before.files  # old files are left as they are
    assert {r["path"] for r in rows(tmp_path / "corpus") if r["revision"] == third} == {"a.txt", "c.txt"}


def test_refresh_after_a_forced_push(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app", remote=REMOTE)
    base = repo.commit({"a.txt": b"base\n"})
    repo.commit({"a.txt": b"old\n"})
    add(tmp_path / "corpus", repo.folder)
    repo.git("reset", "--quiet", "--hard", base)
    repo.commit({"a.txt": b"new\n"}, message="another way")
    assert add(tmp_path / "corpus", repo.folder).commits == 1
    # The old tip may be collected before the next refresh.
    repo.git("reset", "--quiet", "--hard", base)
    repo.commit({"a.txt": b"newest\n"}, message="and another")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--quiet", "--prune=now")
    report = add(tmp_path / "corpus", repo.folder)
    assert report.blobs == 2
    assert files(tmp_path / "corpus") == {"a.txt": {"base\n", "old\n", "new\n", "newest\n"}}
    assert verify(tmp_path / "corpus").problems == ()
    # A branch that is deleted, and one that starts at an old commit, are nothing new.
    repo.git("branch", "again", base)
    assert add(tmp_path / "corpus", repo.folder).blobs == 0


def test_a_larger_limit_reads_what_was_too_large(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"big.txt": b"x" * 5000, "a.txt": b"a\n"})
    assert add(tmp_path / "corpus", repo.folder, max_blob_bytes=1000).skipped == {"too_large": 1}
    assert add(tmp_path / "corpus", repo.folder, max_blob_bytes=500).unchanged == 1
    report = add(tmp_path / "corpus", repo.folder, max_blob_bytes=9000)
    assert (report.blobs, report.locations) == (1, 1)
    assert Corpus.open(tmp_path / "corpus").manifest.skipped == {}


def test_a_git_command_that_is_not_there_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repository(tmp_path / "app")
    repo.commit({"a.txt": b"a\n"})
    monkeypatch.setattr(git_history, "_MANY_COMMITS", 0)
    monkeypatch.setattr(GitCommand, "is_installed", staticmethod(lambda: False))
    assert add(tmp_path / "corpus", repo.folder).blobs == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folders": []}, "at least one repository"),
        ({"folders": ["a", "b"], "name": "x"}, "one repository with a name"),
        ({"folders": ["a"], "max_blob_bytes": 0}, "max_blob_bytes over 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tmp_path: Path, options: dict, message: str) -> None:
    folders = [tmp_path / f for f in options.pop("folders")]
    with pytest.raises(UsageError, match=message):
        add(tmp_path / "corpus", *folders, **options)
