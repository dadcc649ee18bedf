"""Git repositories become blobs and locations: their whole history, or what is new in it since last time.

Every reference counts, not branches only. A location is the first commit (parents before children, else the older
first) at which a content stands at a path, one for each pair of the two in a repository. Commit messages are blobs of
their own, at an empty path. What each repository's references pointed at stands in the manifest, and a refresh reads
only commits that cannot be reached from there.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from workbench.corpora.content import MAX_BLOB_BYTES
from workbench.corpora.digests import DigestSet
from workbench.corpora.git_history import History
from workbench.corpora.git_ingest import IngestCounts, RepositoryIngest, location_key
from workbench.corpora.git_objects import GitObjects, LibgitObjects
from workbench.corpora.git_sha256 import CommandObjects, is_sha256
from workbench.corpora.libgit import libgit_settings
from workbench.corpora.locations import location_batches
from workbench.corpora.remote import Kind, Remote, remote_of
from workbench.corpora.skips import MISSING, UNREADABLE
from workbench.corpora.writer import FILE_BYTES, CorpusWriter
from workbench.errors import CorpusError, UsageError

GitProgress = Callable[[str, int, int], None]
"""Called with (repository, commits done, commits in all), again and again."""


@dataclass(frozen=True, slots=True)
class GitReport:
    """What :func:`add_repositories` did. ``failures`` are the repositories that could not be read, with the reason."""

    repositories: int
    unchanged: int
    commits: int
    blobs: int
    locations: int
    content_bytes: int
    skipped: Mapping[str, int]
    failures: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class _Work:
    """A repository that has something new: where it is, what it is called, what its references point at."""

    folder: Path
    remote: Remote
    refs: dict[str, bytes]
    shallow: frozenset[bytes]


def add_repositories(
    writer: CorpusWriter,
    folders: Sequence[Path],
    *,
    kind: Kind | None = None,
    name: str = "",
    max_blob_bytes: int = MAX_BLOB_BYTES,
    progress: GitProgress | None = None,
) -> GitReport:
    """Take repositories (work trees or bare) into the corpus of ``writer``, or what is new in them since last time.

    ``kind`` says that they are wikis or gists where their remotes do not; ``name`` is for one repository without a
    remote. A folder that is named twice counts once. Blobs over ``max_blob_bytes``, binary ones and LFS pointers are
    counted as skipped. The corpus is published after each repository that brings it past another gigabyte, so that a
    crash costs little. Memory: 60 bytes a commit of the largest repository while its commits are put in order, then
    about 650 MB, whatever there is.

    A repository that cannot be read is a failure of the report and the others go on. Raises UsageError for arguments
    that do not fit together and CorpusError when the corpus cannot be read.
    """
    if not folders:
        raise UsageError("Expected at least one repository but got none. Name their folders, or a list of them")
    if name and len(folders) > 1:
        raise UsageError(f"Expected one repository with a name but got {len(folders)} for name={name!r}")
    if max_blob_bytes < 1:
        raise UsageError(f"Expected max_blob_bytes over 0 but got {max_blob_bytes}")
    with libgit_settings():
        distinct: dict[str, Path] = {}
        for folder in folders:
            distinct.setdefault(os.path.realpath(folder), folder)
        return _Run(writer, kind, name, max_blob_bytes).add(list(distinct.values()), progress)


def read_paths(list_file: Path) -> list[Path]:
    """Repositories listed in a text file, a path a line; a line that begins with ``#`` is a comment.

    A path that is not absolute is below the list's folder. Raises UsageError when the file cannot be read.
    """
    try:
        lines = list_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{list_file}: cannot be read as text: {reason}. Give a list of paths, one a line") from error
    return [list_file.parent / line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def open_objects(folder: Path) -> GitObjects:
    """The objects of the repository in ``folder``. Raises CorpusError when there is none that can be read."""
    return CommandObjects(folder) if is_sha256(folder) else LibgitObjects(folder)


class _Run:
    """One call of :func:`add_repositories`."""

    def __init__(self, writer: CorpusWriter, kind: Kind | None, name: str, max_blob_bytes: int) -> None:
        self._writer = writer
        self._kind = kind
        self._name = name
        self._max_blob_bytes = max_blob_bytes
        self._states: dict[str, Mapping[str, Any]] = dict(writer.manifest.repositories)
        self._located: dict[str, DigestSet] = {}
        self._total = IngestCounts()
        self._skipped: Counter[str] = Counter()
        self._failures: list[tuple[Path, str]] = []

    def add(self, folders: Sequence[Path], progress: GitProgress | None) -> GitReport:
        works, unchanged = self._survey(folders)
        names = Counter(work.remote.name for work in works)
        self._located = read_located(self._writer, names)
        for work in works:
            try:
                self._ingest(work, progress)
            except CorpusError as error:
                if error.path != work.folder:  # the corpus's own trouble is every repository's
                    raise
                self._failures.append((work.folder, str(error)))
            names[work.remote.name] -= 1
            if not names[work.remote.name]:
                self._located.pop(work.remote.name)
            if self._writer.pending_bytes >= FILE_BYTES:
                self._writer.publish()
        total = self._total
        return GitReport(
            repositories=len(folders) - len(self._failures),
            unchanged=unchanged,
            commits=total.commits,
            blobs=total.blobs,
            locations=total.locations,
            content_bytes=total.content_bytes,
            skipped=dict(+self._skipped),
            failures=tuple(self._failures),
        )

    def _survey(self, folders: Sequence[Path]) -> tuple[list[_Work], int]:
        """What has something new, and how many have not."""
        works, unchanged = [], 0
        claimed: dict[str, Path] = {}
        for folder in folders:
            try:
                with closing(open_objects(folder)) as objects:
                    remote = remote_of(objects.remote_url, folder.absolute(), kind=self._kind, name=self._name)
                    work = _Work(folder, remote, objects.refs(), objects.shallow())
            except CorpusError as error:
                self._failures.append((folder, str(error)))
                continue
            other = claimed.setdefault(remote.key, folder)
            if other is not folder and not remote.base:
                raise UsageError(
                    f"Repositories {other} and {folder} would both be called {remote.name!r}. Add them one at a time, "
                    "with --name"
                )
            if self._is_new(work):
                works.append(work)
            else:
                unchanged += 1
        return works, unchanged

    def _is_new(self, work: _Work) -> bool:
        state = self._states.get(work.remote.key)
        if state is None or self._is_outgrown(state, work):
            return True
        return not {tip.hex() for tip in work.refs.values()} <= set(state.get("refs", {}).values())

    def _is_outgrown(self, state: Mapping[str, Any], work: _Work) -> bool:
        """Whether what was read last time is not all that can be read of the same commits now."""
        return bool(
            state.get("incomplete")
            or state.get("max_blob_bytes", 0) < self._max_blob_bytes
            or set(state.get("shallow", ())) != {commit.hex() for commit in work.shallow}
        )

    def _ingest(self, work: _Work, progress: GitProgress | None) -> None:
        key, remote = work.remote.key, work.remote
        state = self._states.get(key, {})
        is_whole = not state or self._is_outgrown(state, work)
        known = [] if is_whole else [bytes.fromhex(tip) for tip in state.get("refs", {}).values()]
        tips = work.refs.values()
        with closing(open_objects(work.folder)) as objects:
            history = History(objects, (t for t in tips if t not in set(known)), known)
            ingest = RepositoryIngest(
                self._writer, objects, remote, self._located[remote.name], max_blob_bytes=self._max_blob_bytes
            )
            told = None if progress is None else partial(progress, remote.name)
            ingest.run(history, told)
        before = Counter(state.get("skipped", {}))
        # A whole walk meets again what was skipped last time: it replaces that count, it does not add to it.
        skipped = ingest.skipped if is_whole else before + ingest.skipped
        for reason in before | skipped:
            self._writer.skip(reason, skipped[reason] - before[reason])
        self._skipped += ingest.skipped
        self._count(ingest.counts)
        self._remember(key, work, state, skipped)

    def _count(self, counts: IngestCounts) -> None:
        total = self._total
        total.commits += counts.commits
        total.blobs += counts.blobs
        total.locations += counts.locations
        total.content_bytes += counts.content_bytes

    def _remember(self, key: str, work: _Work, before: Mapping[str, Any], skipped: Counter[str]) -> None:
        refs = {name: tip.hex() for name, tip in work.refs.items()}
        state: dict[str, Any] = {
            "kind": str(work.remote.kind),
            # References that are gone stay: what they pointed at has been read, and another clone may have them.
            "refs": dict(sorted({**before.get("refs", {}), **refs}.items())),
            "max_blob_bytes": max(self._max_blob_bytes, before.get("max_blob_bytes", 0)),
            "skipped": dict(sorted((+skipped).items())),
        }
        if work.shallow:
            state["shallow"] = sorted(commit.hex() for commit in work.shallow)
        if skipped[MISSING] or skipped[UNREADABLE]:
            state["incomplete"] = True  # read it all again next time: the objects may have come
        self._states[key] = state
        self._writer.set_repository(key, state)


def read_located(writer: CorpusWriter, names: Iterable[str]) -> dict[str, DigestSet]:
    """For each repository what :func:`location_key` gives for the locations it has in the corpus already."""
    located = {name: DigestSet() for name in names}
    files = [writer.folder / f.path for f in writer.manifest.location_files]
    if files and located:
        columns = ("repository", "source", "blob_id", "path")
        for batch in location_batches(files, repositories=located):
            for name, *parts in zip(*(batch.column(c).to_pylist() for c in columns), strict=True):
                located[name].add(location_key(*parts))
    return located
