"""Order and changes of histories: what a location's commit is follows from them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora.repository import Repository, git
from workbench.corpora import git_history, git_objects
from workbench.corpora.git import add_repositories
from workbench.corpora.git_graph import CommitGraph
from workbench.corpora.git_history import parse_commit
from workbench.corpora.reader import Corpus
from workbench.corpora.writer import CorpusWriter

Graph = dict[bytes, tuple[tuple[bytes, ...], int]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Commits with parents among those before them, and clocks that may be wrong."""
    graph: Graph = {}
    for number in range(draw(st.integers(1, 25))):
        known = list(graph)
        parents = draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else []
        graph[b"%020d" % number] = (tuple(parents), draw(st.integers(-5, 40)))
    return graph


def ancestors(graph: Graph, tips: list[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    waiting = list(tips)
    while waiting:
        commit = waiting.pop()
        if commit in graph and commit not in found:
            found.add(commit)
            waiting += graph[commit][0]
    return found


def ordered(graph: Graph, tips: list[bytes], known: list[bytes]) -> list[bytes]:
    order = CommitGraph(graph.get).order(tips, known)
    return [bytes(order[at : at + 20]) for at in range(0, len(order), 20)]


@settings(deadline=None)  # machines may be busy
@given(graphs(), st.data())
def test_each_commit_once_and_after_its_parents(graph: Graph, data: st.DataObject) -> None:
    tips = data.draw(st.lists(st.sampled_from(sorted(graph)), min_size=1))
    order = ordered(graph, tips, [])
    assert sorted(order) == sorted(ancestors(graph, tips))
    place = {commit: at for at, commit in enumerate(order)}
    assert all(place[parent] < place[commit] for commit in order for parent in graph[commit][0])


@settings(deadline=None)  # machines may be busy
@given(graphs(), st.data())
def test_known_commits_are_left_out_and_new_ones_never(graph: Graph, data: st.DataObject) -> None:
    tips = data.draw(st.lists(st.sampled_from(sorted(graph)), min_size=1))
    known = data.draw(st.lists(st.sampled_from(sorted(graph))))
    order = set(ordered(graph, tips, [*known, b"gone".ljust(20)]))
    new = ancestors(graph, tips) - ancestors(graph, known)
    assert order >= new and order <= ancestors(graph, tips)  # wrong clocks may let known ones through
    if all(graph[p][1] < time for parents, time in graph.values() for p in parents):
        assert order == new


@settings(deadline=None)  # machines may be busy
@given(graphs(), st.data())
def test_missing_commits_end_the_walk_there(graph: Graph, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(graph))))
    left = {commit: links for commit, links in graph.items() if commit not in gone}
    order = ordered(left, sorted(graph), [])
    assert sorted(order) == sorted(left)


def test_the_older_comes_first_where_neither_is_the_others_parent() -> None:
    graph: Graph = {b"r" * 20: ((), 0), b"a" * 20: ((b"r" * 20,), 9), b"b" * 20: ((b"r" * 20,), 5)}
    assert ordered(graph, [b"a" * 20, b"b" * 20], []) == [b"r" * 20, b"b" * 20, b"a" * 20]


@pytest.mark.parametrize(
    ("head", "time"),
    [
        (b"committer A <a@b> 1600000000 +0200", 1_600_000_000),
        (b"committer A <a@b> -86400 +0000", -86_400),  # before 1970
        (b"committer A> B <a@b>> 12 +0000", 12),  # names may hold anything
        (b"committer A <a@b>", 0),  # none at all
        (b"committer A <a@b> 99999999999999999999 +0000", 99_999_999_999_999_999_999),
        # Headers go on behind it, and a message may look like one.
        (b"committer A <a@b> 7 +0000\nencoding latin-1\ngpgsig -----BEGIN\n committer B <b@c> 8 +0000", 7),
    ],
)
def test_commit_headers_as_they_are_found(head: bytes, time: int) -> None:
    links = b"tree %s\nparent %s\nauthor A <a@b> 1 +0000\n" % (b"1" * 40, b"2" * 40)
    data = links + head + b"\n\ncommitter C <c@d> 3 +0000\n"
    commit = parse_commit(b"x" * 20, data)
    assert commit is not None
    assert (commit.time, commit.parents, commit.tree) == (time, (bytes.fromhex("22" * 20),), bytes.fromhex("11" * 20))
    assert commit.message == b"committer C <c@d> 3 +0000\n"


def _random_history(seed: int) -> bytes:
    """A fast-import stream: branches, merges of up to three, renames, deletions, a file where a folder was."""
    rng = random.Random(seed)
    out, branches = [], ["main"]
    paths = ["a", "b/c", "b/d/e", "b/d/f g", "x/y", "x", "z.txt"]
    for number in range(1, 90):
        branch = rng.choice(branches)
        others = [b for b in branches if b != branch]
        lines = [f"commit refs/heads/{branch}", f"committer A <a@b> {1_500_000_000 + rng.randrange(10_000)} +0000",
                 "data 9", f"commit {number:02d}"]
        if number > 5 and rng.random() < 0.3:
            lines += [f"merge refs/heads/{b}" for b in rng.sample(others, min(len(others), rng.randrange(1, 3)))]
        for path in rng.sample(paths, rng.randrange(4)):
            if rng.random() < 0.2:
                lines.append(f"D {path}")
            else:
                mode = rng.choice(["100644", "100644", "100755", "120000"])
                lines += [f"M {mode} inline {path}", "data 2", f"{rng.randrange(30):02d}"]
        if number % 7 == 0:
            name = f"b{number}"
            out += ["\n".join(lines), f"reset refs/heads/{name}", f"from refs/heads/{branch}", ""]
            branches.append(name)
        else:
            out += ["\n".join(lines), ""]
    return "\n".join(out).encode() + b"\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git command")
@pytest.mark.parametrize("seed", range(4))
def test_git_command_and_libgit2_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    repo = Repository(tmp_path / "app")
    git(repo.folder, "fast-import", "--quiet", "--force", data=_random_history(seed))
    told = []
    for way, few in (("command", 0), ("libgit2", 1 << 60)):
        monkeypatch.setattr(git_history, "_MANY_COMMITS", few)
        monkeypatch.setattr(git_objects, "_MANY_BLOBS", few)
        with CorpusWriter(tmp_path / way) as writer:
            report = add_repositories(writer, [repo.folder])
        table = Corpus.open(tmp_path / way).locations()
        told.append((report, sorted(table.to_pylist(), key=lambda r: (r["source"], r["path"], r["blob_id"]))))
    assert told[0] == told[1]
    # And git itself, asked for all contents of all trees, knows no other pair of content and path.
    pairs = set()
    for commit in repo.git("rev-list", "--all").split():
        for line in repo.git("ls-tree", "-r", commit).splitlines():
            head, path = line.split("\t")
            pairs.add((head.split()[2], path))
    assert {(r["blob_id"], r["path"]) for r in told[0][1] if r["source"] == "content"} == pairs
