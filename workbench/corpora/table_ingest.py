"""Other people's tables become blobs and locations: their contents are copied, or stay where they are.

Left in place, a table keeps its contents and the corpus gets an index of them (:mod:`workbench.corpora.foreign`);
the rows that count are the same.
"""

from __future__ import annotations

from binascii import unhexlify
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.corpora.content import MAX_BLOB_BYTES, skip_reason
from workbench.corpora.file_hash import sha256_of
from workbench.corpora.foreign_index import ForeignIndex
from workbench.corpora.located import LocatedSet, Row, add_rows, checked_url
from workbench.corpora.remote import Kind, Remote
from workbench.corpora.skips import NULL_CONTENT
from workbench.corpora.table_check import TableChecker
from workbench.corpora.table_rows import TableRows, open_table, read_rows
from workbench.corpora.tables import Column, TableMap, recognise, resolve
from workbench.corpora.writer import FILE_BYTES, CorpusWriter, blob_id_of
from workbench.errors import CorpusError, UsageError

TableProgress = Callable[[str, int, int], None]
"""Called with (file, bytes of files read, bytes in all)."""

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class TableReport:
    """What :func:`add_tables` did. ``failures`` are files that could not be taken, with why."""

    files: int
    unchanged: int
    rows: int
    blobs: int
    locations: int
    content_bytes: int
    skipped: Mapping[str, int]
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """A file that can be read to its end, and what is what in it. ``key`` is what the manifest calls it."""

    path: Path
    key: str
    table_map: TableMap
    columns: dict[str, Column]


def add_tables(
    writer: CorpusWriter,
    files: Sequence[Path],
    *,
    table_map: TableMap | None = None,
    in_place: bool = False,
    max_blob_bytes: int = MAX_BLOB_BYTES,
    checker: TableChecker | None = None,
    progress: TableProgress | None = None,
) -> TableReport:
    """Take Parquet files of others into the corpus of ``writer``, by ``table_map`` or as their columns are known.

    ``in_place``: the contents stay in the files, which must stand in the corpus's folder. Without a ``repository`` the
    file's name stands for it, without a ``path`` the number of the row. Rows whose content is null, binary or over
    ``max_blob_bytes`` are counted as skipped. A file that is damaged, or has other columns, is a failure of the report
    and nothing of it is taken: ``checker`` finds out first (default: one of the call's own). A file whose content the
    corpus has is not read again, unless under another map, which adds locations to those that it has. Memory: what the
    checker may take beside the writer's, at the very most.

    Raises UsageError without files and CorpusError when the corpus cannot be read.
    """
    if not files:
        raise UsageError("Expected at least one Parquet file but got none")
    if max_blob_bytes < 1:
        raise UsageError(f"Expected max_blob_bytes over 0 but got {max_blob_bytes}")
    with nullcontext(checker) if checker is not None else TableChecker() as ready:
        return _Run(writer, ready, table_map, in_place=in_place, max_blob_bytes=max_blob_bytes).add(files, progress)


class _Run:
    """One call of :func:`add_tables`."""

    def __init__(
        self,
        writer: CorpusWriter,
        checker: TableChecker,
        table_map: TableMap | None,
        *,
        in_place: bool,
        max_blob_bytes: int,
    ) -> None:
        self._writer = writer
        self._checker = checker
        self._map = table_map
        self._in_place = in_place
        self._max_blob_bytes = max_blob_bytes
        self._states: dict[str, Mapping[str, Any]] = dict(writer.manifest.repositories)
        self._located: LocatedSet | None = None
        self._skipped: Counter[str] = Counter()
        self._failures: list[tuple[str, str]] = []
        self._files = self._unchanged = self._rows = self._blobs = self._locations = self._content_bytes = 0

    def add(self, files: Sequence[Path], progress: TableProgress | None) -> TableReport:
        sizes = [path.stat().st_size if path.is_file() else 0 for path in files]
        done = 0
        for path, size in zip(files, sizes, strict=True):
            try:
                table = self._checked(path)
            except (CorpusError, UsageError) as error:
                self._failures.append((str(path), str(error)))
            else:
                self._add_table(table)
            done += size
            if progress:
                progress(path.name, done, sum(sizes))
        return TableReport(
            files=self._files,
            unchanged=self._unchanged,
            rows=self._rows,
            blobs=self._blobs,
            locations=self._locations,
            content_bytes=self._content_bytes,
            skipped=dict(sorted((+self._skipped).items())),
            failures=tuple(self._failures),
        )

    def _checked(self, path: Path) -> _Table | None:
        """A file that can be read to its end; None when the corpus has it."""
        if self._in_place:
            ForeignIndex.check_place(self._writer.folder, path)
        key = f"table:{sha256_of(path)}"
        before = self._states.get(key)
        if before is not None and before.get("max_blob_bytes", 0) >= self._max_blob_bytes and self._is_mapped(before):
            return None
        self._checker.check(path, self._map)
        with open_table(path) as parquet:
            schema = parquet.schema_arrow
        table_map = self._map if self._map is not None else recognise(schema, path)
        columns = resolve(table_map, schema, path)
        return _Table(path, key, table_map, columns)

    def _is_mapped(self, before: Mapping[str, Any]) -> bool:
        """Whether a file was read before as it would be now; a map of one's own may have been corrected since."""
        wanted = self._map
        return wanted is None or wanted.state() == {name: before.get(name) for name in wanted.state()}

    def _add_table(self, table: _Table | None) -> None:
        if table is None:
            self._unchanged += 1
            return
        path, key, table_map = table.path, table.key, table.table_map
        before = self._states.get(key)
        skipped = self._read(table)
        earlier = Counter(before.get("skipped", {}) if before is not None else {})
        for reason in earlier | skipped:
            self._writer.skip(reason, skipped[reason] - earlier[reason])
        self._skipped += skipped
        self._files += 1
        self._states[key] = {"kind": "table", "file": path.name, "max_blob_bytes": self._max_blob_bytes,
                             **table_map.state(), "skipped": dict(sorted(skipped.items()))}
        self._writer.set_repository(key, self._states[key])
        if self._writer.pending_bytes >= FILE_BYTES:
            self._writer.publish()

    def _read(self, table: _Table) -> Counter[str]:
        """Add the rows of a file. Returns what was left out, by reason."""
        if self._located is None:
            self._located = LocatedSet.read(self._writer)
        skipped: Counter[str] = Counter()
        path, columns = table.path, table.columns
        index = ForeignIndex(self._writer, path, columns["content"].name) if self._in_place else None
        places: list[Row] = []
        number = 0
        try:
            with open_table(path) as parquet:
                for rows in read_rows(parquet, columns, path):
                    blob_ids = self._add_contents(rows, skipped, index)
                    places += _locations(rows, blob_ids, table.table_map, path, number)
                    number += len(rows.contents)
                    if len(places) >= _ROWS_AT_ONCE:
                        self._locations += add_rows(self._writer, self._located, places)
                        places = []
            self._locations += add_rows(self._writer, self._located, places)
            if index is not None:
                index.finish()
        except BaseException:
            if index is not None:
                index.discard()
            raise
        self._rows += number
        return skipped

    def _add_contents(
        self, rows: TableRows, skipped: Counter[str], index: ForeignIndex | None
    ) -> list[str | None]:
        """Add what is new of the contents. Returns each one's blob id, None where it is left out."""
        blob_ids: list[str | None] = []
        listed: list[tuple[str, int, int]] = []
        for row, content in enumerate(rows.contents, rows.first):
            reason = NULL_CONTENT if content is None else skip_reason(content, max_bytes=self._max_blob_bytes)
            if reason is not None or content is None:
                skipped[str(reason)] += 1
                blob_ids.append(None)
                continue
            blob_id = blob_id_of(content)
            blob_ids.append(blob_id)
            if index is None:
                is_new = self._writer.add_blob(blob_id, content)
            elif is_new := self._writer.known.add(unhexlify(blob_id)):
                listed.append((blob_id, len(content), row))
            if is_new:
                self._blobs += 1
                self._content_bytes += len(content)
        if index is not None:
            index.add(rows, listed)
        return blob_ids


def _locations(
    rows: TableRows, blob_ids: list[str | None], table_map: TableMap, path: Path, number: int
) -> list[Row]:
    """The places of a piece of a file, whose first row is row ``number``; those of contents left out excepted."""
    nothing = [""] * len(blob_ids)
    repositories = rows.places.get("repository", [path.name] * len(blob_ids))
    paths = rows.places.get("path", [f"row {number + at}" for at in range(len(blob_ids))])
    if table_map.is_github:  # The Stack v2 writes them with a slash, which no path in a repository begins with
        paths = [where.lstrip("/") for where in paths]
    revisions = rows.places.get("revision", nothing)
    times = rows.places.get("committed_at", [None] * len(blob_ids))
    urls = [checked_url(url) for url in rows.places.get("url", nothing)]
    found = zip(blob_ids, repositories, revisions, paths, times, urls, strict=True)
    return [
        (blob_id, table_map.source, repository, revision, where, time,
         url or _github_url(table_map, repository, revision, where))
        for blob_id, repository, revision, where, time, url in found
        if blob_id is not None
    ]


def _github_url(table_map: TableMap, repository: str, revision: str, path: str) -> str:
    """The address of a file, or of a commit, where the map says that repositories are GitHub's."""
    if not table_map.is_github or not revision or repository.count("/") != 1 or not repository.isascii():
        return ""
    remote = Remote(repository, Kind.REPOSITORY, f"https://github.com/{repository}")
    url = remote.commit_url(revision) if table_map.source == "commit" else remote.file_url(revision, path.encode())
    return checked_url(url)
