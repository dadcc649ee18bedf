"""A history is a repository's commits, parents before children, each with what it changed.

Walking costs what changed: a tree is compared with its parents' trees entry by entry and only subtrees that differ
are entered, so the history of a large tree costs no more than its new trees.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workbench.corpora.digests import KEPT_BYTES, DigestSet
from workbench.corpora.git_graph import CommitGraph
from workbench.corpora.git_objects import COMMIT, TAG, TREE, DamagedObject, GitObjects, MissingObject

_CACHED_ENTRIES = 400_000
"""Tree entries kept parsed, at about 110 bytes each."""
_MANY_COMMITS = 100
"""From so many on, a git process earns its start."""
_COMMITS_AT_ONCE = 100_000
"""Commits that one git process compares: it remembers every commit and tree it has met, at about 500 bytes a commit."""
_REMEMBERED_COMMITS = 50_000
_MAX_TAG_CHAIN = 100
_TAG_TARGET = re.compile(rb"object ([0-9a-f]+)\n")
_COMMIT_LINKS = re.compile(rb"tree ([0-9a-f]+)\n((?:parent [0-9a-f]+\n)*)")
_COMMITTER_TIME = re.compile(rb"\ncommitter [^\n]*> ?(-?[0-9]{1,20})(?: [+-][0-9]+)?\n")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as it is read: ids raw, ``time`` in seconds since 1970 in UTC, ``message`` as its bytes are."""

    commit_id: bytes
    tree: bytes
    parents: tuple[bytes, ...]
    time: int
    message: bytes


@dataclass(slots=True)
class Gaps:
    """What a walk had to leave out, each object once: a clone without trees lacks one for every commit.

    A submodule is told from others by its path and the commit it is at.
    """

    missing: DigestSet = field(default_factory=DigestSet)
    damaged: DigestSet = field(default_factory=DigestSet)
    submodules: DigestSet = field(default_factory=DigestSet)

    def add_submodule(self, path: bytes, commit_id: bytes) -> None:
        self.submodules.add(hashlib.blake2b(commit_id + path, digest_size=KEPT_BYTES).digest())


class History:
    """The commits reachable from ``tips`` that are not reachable from ``known``.

    ``known`` may name objects that are gone. Objects that are missing or damaged end the walk there and are kept in
    :attr:`gaps`; what can be reached is reached. ``bare_objects`` are trees and blobs that a tag or reference points
    at with no commit between, as (type, id).
    """

    def __init__(self, objects: GitObjects, tips: Iterable[bytes], known: Iterable[bytes] = ()) -> None:
        self.gaps = Gaps()
        self.bare_objects: list[tuple[int, bytes]] = []
        self._objects = objects
        self._shallow = objects.shallow()
        self._trees: OrderedDict[bytes, frozenset[bytes]] = OrderedDict()
        self._cached_entries = 0
        self._tree_of: dict[bytes, bytes] = {}
        self._entry = re.compile(rb"[0-7]+ [^\0]+\0.{%d}" % objects.id_bytes, re.DOTALL)
        wanted = [commit for tip in dict.fromkeys(tips) if (commit := self._peel(tip)) is not None]
        hidden = [commit for tip in dict.fromkeys(known) if (commit := self._peel(tip, is_known=True)) is not None]
        self.bare_objects = list(dict.fromkeys(self.bare_objects))
        self._order = CommitGraph(self._links, id_bytes=objects.id_bytes).order(wanted, hidden)

    def __len__(self) -> int:
        """How many commits it has."""
        return len(self._order) // self._objects.id_bytes

    def walk(self) -> Iterator[tuple[Commit, Iterable[tuple[bytes, bytes]]]]:
        """Each commit, parents before children, else the older first, and what :meth:`changes` says of it.

        A commit may come more than once in a row, each time with some of its changes, and a change more than once.
        """
        if self._objects.command is None or len(self) < _MANY_COMMITS:
            for commit in self._commits(self._ids(0, len(self))):
                yield commit, self.changes(commit)
            return
        for first in range(0, len(self), _COMMITS_AT_ONCE):
            ids = list(self._ids(first, first + _COMMITS_AT_ONCE))
            done = 0
            for done, files, submodules in self._objects.command.changes(ids):
                if done < len(ids) and (commit := self._commit(ids[done])) is not None:
                    for object_id, path in submodules:
                        self.gaps.add_submodule(path, object_id)
                    yield commit, files
            for commit in self._commits(ids[done:]):  # none, unless git came upon an object that it cannot read
                yield commit, self.changes(commit)

    def _ids(self, first: int, end: int) -> Iterator[bytes]:
        """Ids of the commits ``first`` to ``end``, the last one excepted."""
        width = self._objects.id_bytes
        for at in range(first * width, min(end * width, len(self._order)), width):
            yield bytes(self._order[at : at + width])

    def _commits(self, ids: Iterable[bytes]) -> Iterator[Commit]:
        for commit_id in ids:
            commit = self._commit(commit_id)
            if commit is not None:
                if len(self._tree_of) >= _REMEMBERED_COMMITS:
                    self._tree_of.clear()
                self._tree_of[commit.commit_id] = commit.tree
                yield commit

    def changes(self, commit: Commit) -> Iterator[tuple[bytes, bytes]]:
        """(blob id, path) of the files of ``commit`` that none of its parents has, in no particular order.

        A rename and a merge's own resolution are changes; a merge of what one of its parents has is none.
        """
        trees = [self._tree_of.get(parent) or self._tree_of_unread(parent) for parent in commit.parents]
        return self.tree_changes(commit.tree, [tree for tree in trees if tree is not None])

    def tree_changes(self, tree: bytes, parents: Iterable[bytes] = ()) -> Iterator[tuple[bytes, bytes]]:
        """(blob id, path) of the files under ``tree`` that stand in none of the trees ``parents`` at the same path."""
        width = self._objects.id_bytes
        waiting = [(tree, tuple(parents), b"")]
        while waiting:
            tree, olds, prefix = waiting.pop()
            if tree in olds:
                continue
            entries = self._entries(tree)
            old_entries = [self._entries(old) for old in olds]
            fresh = entries.difference(*old_entries)
            subtrees = []
            for entry in fresh:
                mode, _, rest = entry.partition(b" ")
                name, object_id = rest[: -width - 1], rest[-width:]
                mode = mode.lstrip(b"0")
                if mode == b"40000":
                    subtrees.append((object_id, name))
                elif mode == b"160000":
                    self.gaps.add_submodule(prefix + name, object_id)
                else:
                    yield object_id, prefix + name
            if subtrees:
                befores = [_subtrees(old - entries, width) for old in old_entries]
                for object_id, name in subtrees:
                    before = tuple(found[name] for found in befores if name in found)
                    waiting.append((object_id, before, prefix + name + b"/"))

    def _tree_of_unread(self, commit_id: bytes) -> bytes | None:
        commit = self._commit(commit_id)
        return commit.tree if commit else None

    def _entries(self, tree: bytes) -> frozenset[bytes]:
        """A tree's entries as git stores them: mode, space, name, NUL, id."""
        found = self._trees.get(tree)
        if found is not None:
            self._trees.move_to_end(tree)
            return found
        data = self._read(tree, TREE)
        found = frozenset(self._entry.findall(data)) if data else frozenset()
        self._trees[tree] = found
        self._cached_entries += len(found) + 1
        while self._cached_entries > _CACHED_ENTRIES and len(self._trees) > 1:
            _, dropped = self._trees.popitem(last=False)
            self._cached_entries -= len(dropped) + 1
        return found

    def _links(self, commit_id: bytes) -> tuple[tuple[bytes, ...], int] | None:
        commit = self._commit(commit_id)
        return (commit.parents, commit.time) if commit else None

    def _commit(self, commit_id: bytes) -> Commit | None:
        data = self._read(commit_id, COMMIT)
        if data is None:
            return None
        commit = parse_commit(commit_id, data)
        if commit is None:
            self.gaps.damaged.add(commit_id)
        elif commit_id in self._shallow:
            return Commit(commit_id, commit.tree, (), commit.time, commit.message)
        return commit

    def _read(self, object_id: bytes, kind: int) -> bytes | None:
        try:
            found, data = self._objects.read(object_id)
        except MissingObject:
            self.gaps.missing.add(object_id)
            return None
        except DamagedObject:
            self.gaps.damaged.add(object_id)
            return None
        if found != kind:
            self.gaps.damaged.add(object_id)
            return None
        return data

    def _peel(self, tip: bytes, *, is_known: bool = False) -> bytes | None:
        """The commit that a reference's ``tip`` comes down to through its tags, if it does."""
        for _ in range(_MAX_TAG_CHAIN):
            try:
                kind = self._objects.kind(tip)
            except (MissingObject, DamagedObject):
                if not is_known:  # a tip of last time may be gone since
                    self.gaps.missing.add(tip)
                return None
            if kind == COMMIT:
                return tip
            if kind != TAG:
                if not is_known:
                    self.bare_objects.append((kind, tip))
                return None
            target = _TAG_TARGET.match(self._read(tip, TAG) or b"")
            if not target or len(target[1]) != 2 * len(tip):
                return None
            tip = bytes.fromhex(target[1].decode())
        return None


def parse_commit(commit_id: bytes, data: bytes) -> Commit | None:
    """A commit from the bytes git stores; None when they are not a commit's."""
    head, _, message = data.partition(b"\n\n")
    links = _COMMIT_LINKS.match(head + b"\n")
    if not links:
        return None
    ids = [links[1], *(line[7:] for line in links[2].splitlines())]
    if any(len(digits) != 2 * len(commit_id) for digits in ids):
        return None
    tree, *parents = (bytes.fromhex(digits.decode()) for digits in ids)
    time = _COMMITTER_TIME.search(head + b"\n", links.end() - 1)
    return Commit(commit_id, tree, tuple(parents), int(time[1]) if time else 0, message)


def _subtrees(entries: frozenset[bytes], width: int) -> dict[bytes, bytes]:
    """Ids of the trees among ``entries``, by name."""
    found = {}
    for entry in entries:
        mode, _, rest = entry.partition(b" ")
        if mode.lstrip(b"0") == b"40000":
            found[rest[: -width - 1]] = rest[-width:]
    return found
