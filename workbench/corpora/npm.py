"""npm packages become blobs and locations: one location for each file of each version, contents shared among them.

Everything text is kept, vendored and minified files too: a key in a bundle has leaked all the same. Which tarball of
a version was read stands in the manifest, and it is not read again.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from workbench.corpora.content import MAX_BLOB_BYTES, skip_reason
from workbench.corpora.file_hash import sha256_of
from workbench.corpora.located import LocatedSet, Row, add_rows
from workbench.corpora.npm_client import Fetched, NotFetched, NpmClient, Spec, is_tarball, parse_spec
from workbench.corpora.npm_package import MAX_PACKAGE_BYTES, Package, file_url_of, survey
from workbench.corpora.writer import FILE_BYTES, CorpusWriter, blob_id_of
from workbench.errors import CorpusError, UsageError

PackageProgress = Callable[[str, int, int], None]
"""Called with (package, packages done, packages in all)."""

SOURCE = "npm"
_KEY = "npm:"
_FETCHED_AT_ONCE = 16
_ROWS_AT_ONCE = 4096

T = TypeVar("T")
Piece = Path | Fetched | NotFetched
"""A tarball of the caller's, one that was fetched, or one that was not."""


@dataclass(frozen=True, slots=True)
class PackageReport:
    """What :func:`add_packages` did: ``packages`` are versions, ``failures`` those that could not be had, with why."""

    packages: int
    unchanged: int
    blobs: int
    locations: int
    content_bytes: int
    unpacked_bytes: int
    skipped: Mapping[str, int]
    failures: tuple[tuple[str, str], ...]


def add_packages(
    writer: CorpusWriter,
    items: Sequence[str],
    *,
    client: NpmClient | None = None,
    max_blob_bytes: int = MAX_BLOB_BYTES,
    max_package_bytes: int = MAX_PACKAGE_BYTES,
    progress: PackageProgress | None = None,
) -> PackageReport:
    """Take packages into the corpus of ``writer``: ``NAME``, ``NAME@VERSION``, or tarballs by their paths.

    Names are fetched by ``client`` (default: the one on the PATH, looked for only when there are names). Binary
    files and those over ``max_blob_bytes``, and what no package should hold, are counted as skipped. The corpus is
    published whenever another gigabyte has come together, so that a crash costs little.

    A package that cannot be had, or whose tarball is damaged, is a failure of the report and nothing of it is taken.
    Memory: about 200 MB beside the writer's. Raises UsageError for an item that is neither, before anything is done.
    """
    if not items:
        raise UsageError("Expected at least one package but got none. Name some, their .tgz files, or a list of them")
    for what, value in (("max_blob_bytes", max_blob_bytes), ("max_package_bytes", max_package_bytes)):
        if value < 1:
            raise UsageError(f"Expected {what} over 0 but got {value}")
    wanted: list[Spec | Path] = [Path(item) if is_tarball(item) else parse_spec(item) for item in items]
    if client is None and any(isinstance(item, Spec) for item in wanted):
        client = NpmClient()
    return _Run(writer, client, max_blob_bytes, max_package_bytes).add(wanted, progress)


class _Run:
    """One call of :func:`add_packages`."""

    def __init__(
        self, writer: CorpusWriter, client: NpmClient | None, max_blob_bytes: int, max_package_bytes: int
    ) -> None:
        self._writer = writer
        self._client = client
        self._max_blob_bytes = max_blob_bytes
        self._max_package_bytes = max_package_bytes
        self._states: dict[str, dict[str, Any]] = {}
        self._read_before = {
            before.get("sha256", ""): (key.removeprefix(_KEY), version, before)
            for key, state in writer.manifest.repositories.items() if key.startswith(_KEY)
            for version, before in state.get("versions", {}).items()
        }
        self._skipped: Counter[str] = Counter()
        self._failures: list[tuple[str, str]] = []
        self._packages = self._unchanged = self._blobs = self._locations = 0
        self._content_bytes = self._unpacked_bytes = 0

    def add(self, wanted: Sequence[Spec | Path], progress: PackageProgress | None) -> PackageReport:
        missing = [item for item in wanted if not self._is_known(item)]
        self._unchanged = done = len(wanted) - len(missing)
        with tempfile.TemporaryDirectory(prefix="workbench-npm-") as folder:
            # The next tarball is fetched and surveyed while this one is read.
            stop = self._client.stop if self._client is not None else _nothing
            fetched = _ahead(self._fetch(missing, Path(folder)), stop)
            surveyed = _ahead(self._survey(piece for batch in fetched for piece in batch), stop)
            with closing(fetched), closing(surveyed):
                for piece, outcome in surveyed:
                    if outcome is None:
                        self._unchanged += 1
                    elif isinstance(outcome, Package):
                        self._add_package(outcome)
                    else:
                        self._failures.append((_label(piece), outcome))
                    if isinstance(piece, Fetched):
                        piece.path.unlink(missing_ok=True)
                    done += 1
                    if progress:
                        progress(_label(piece), done, len(wanted))
        return PackageReport(
            packages=self._packages,
            unchanged=self._unchanged,
            blobs=self._blobs,
            locations=self._locations,
            content_bytes=self._content_bytes,
            unpacked_bytes=self._unpacked_bytes,
            skipped=dict(sorted((+self._skipped).items())),
            failures=tuple(self._failures),
        )

    def _is_known(self, item: Spec | Path) -> bool:
        """Whether the corpus has a version that is named exactly: what the registry has under it never changes."""
        if isinstance(item, Path) or item.exact_version is None:
            return False
        before = self._state(item.name).get(item.exact_version)
        return before is not None and not self._is_outgrown(before)

    def _has_read(self, sha256: str, *, name: str = "", version: str = "") -> bool:
        """Whether the corpus has this tarball, as the version the registry says it is."""
        known_name, known_version, before = self._read_before.get(sha256, ("", "", {}))
        is_same = (name, version) in (("", ""), (known_name, known_version))
        return bool(before) and is_same and not self._is_outgrown(before)

    def _fetch(self, wanted: Sequence[Spec | Path], folder: Path) -> Iterator[list[Piece]]:
        at = 0
        while at < len(wanted):
            if isinstance(wanted[at], Path):
                yield [wanted[at]]
                at += 1
                continue
            specs: list[Spec] = []
            for item in wanted[at : at + _FETCHED_AT_ONCE]:
                if isinstance(item, Path):
                    break
                specs.append(item)
            own = Path(tempfile.mkdtemp(dir=folder))
            yield list(self._client.fetch(specs, own))
            at += len(specs)

    def _survey(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Package | str | None]]:
        """Each package surveyed, or why it could not be; None when the corpus has it."""
        for piece in pieces:
            if isinstance(piece, NotFetched):
                yield piece, f"{piece.spec}: {piece.reason}"
                continue
            path = piece.path if isinstance(piece, Fetched) else piece
            named = {"name": piece.name, "version": piece.version} if isinstance(piece, Fetched) else {}
            try:
                if self._has_read(sha256_of(path), **named):
                    yield piece, None
                    continue
                yield piece, survey(path, max_package_bytes=self._max_package_bytes, **named)
            except CorpusError as error:
                yield piece, str(error)

    def _add_package(self, package: Package) -> None:
        versions = self._state(package.name)
        before = versions.get(package.version)
        if before is not None and before.get("sha256") == package.sha256 and not self._is_outgrown(before):
            self._unchanged += 1
            return
        located = LocatedSet() if before is None else LocatedSet.read(self._writer, repositories=[package.name])
        skipped = self._read(package, located)
        earlier = Counter(before.get("skipped", {}) if before is not None else {})
        for reason in earlier | skipped:
            self._writer.skip(reason, skipped[reason] - earlier[reason])
        self._skipped += skipped
        self._packages += 1
        self._unpacked_bytes += package.unpacked_bytes
        self._remember(package, versions, skipped)
        if self._writer.pending_bytes >= FILE_BYTES:
            self._writer.publish()

    def _read(self, package: Package, located: LocatedSet) -> Counter[str]:
        """Add the files of a package. Returns what was left out, by reason."""
        skipped: Counter[str] = Counter()
        blob_ids: list[str] = []
        paths: list[str] = []
        for member in package.members(self._max_blob_bytes):
            reason = member.skipped
            if member.content is not None:
                reason = skip_reason(member.content, max_bytes=self._max_blob_bytes)
            if reason is not None or member.content is None:
                skipped[str(reason)] += 1
                continue
            blob_id = blob_id_of(member.content)
            if self._writer.add_blob(blob_id, member.content):
                self._blobs += 1
                self._content_bytes += len(member.content)
            blob_ids.append(blob_id)
            paths.append(member.path)
            if len(paths) >= _ROWS_AT_ONCE:
                self._locate(package, located, blob_ids, paths)
                blob_ids, paths = [], []
        self._locate(package, located, blob_ids, paths)
        return skipped

    def _locate(self, package: Package, located: LocatedSet, blob_ids: list[str], paths: list[str]) -> None:
        name, version = package.name, package.version
        url_of = file_url_of(name, version)
        rows: list[Row] = [
            (blob_id, SOURCE, name, version, path, None, url_of(path))
            for blob_id, path in zip(blob_ids, paths, strict=True)
        ]
        self._locations += add_rows(self._writer, located, rows)

    def _state(self, name: str) -> dict[str, Any]:
        """What the manifest remembers of a package's versions."""
        if name not in self._states:
            known = self._writer.manifest.repositories.get(_key(name), {})
            self._states[name] = dict(known.get("versions", {}))
        return self._states[name]

    def _is_outgrown(self, before: Mapping[str, Any]) -> bool:
        """Whether more would be taken of a version now than was when it was read."""
        given = {"max_blob_bytes": self._max_blob_bytes, "max_package_bytes": self._max_package_bytes}
        return any(before.get(name, 0) < value for name, value in given.items())

    def _remember(self, package: Package, versions: dict[str, Any], skipped: Counter[str]) -> None:
        before = versions.get(package.version, {})
        versions[package.version] = {
            "sha256": package.sha256,
            "max_blob_bytes": max(self._max_blob_bytes, before.get("max_blob_bytes", 0)),
            "max_package_bytes": max(self._max_package_bytes, before.get("max_package_bytes", 0)),
            "skipped": dict(sorted(skipped.items())),
        }
        self._writer.set_repository(_key(package.name), {"kind": SOURCE, "versions": dict(sorted(versions.items()))})


def _key(name: str) -> str:
    """What the manifest remembers a package under: a repository may have the same name."""
    return f"{_KEY}{name}"


def _label(piece: Piece) -> str:
    if isinstance(piece, Fetched):
        return f"{piece.name}@{piece.version}"
    return str(piece.spec if isinstance(piece, NotFetched) else piece)


def _nothing() -> None:
    pass


def _ahead(items: Iterator[T], stop: Callable[[], None]) -> Iterator[T]:
    """``items``, of which the next is made by another thread while this one is dealt with.

    ``stop`` is called when whoever takes them goes before the end: leaving waits for the other thread.
    """
    end: Any = object()
    with ThreadPoolExecutor(1, thread_name_prefix="npm") as pool:
        try:
            coming = pool.submit(next, items, end)
            while (item := coming.result()) is not end:
                coming = pool.submit(next, items, end)
                yield item
        except BaseException:
            stop()
            raise
