"""GH Archive's files become blobs and locations: issues, pull requests, discussions, wiki pages and their comments.

Each text is a blob; the location's URL is the event's ``html_url`` and its path what follows the repository in it.
The same text at the same place, which many events repeat, is one location.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from workbench.corpora.archive_events import MOST_LINE_BYTES, EventText, read_events
from workbench.corpora.content import MAX_BLOB_BYTES, skip_reason
from workbench.corpora.file_hash import sha256_of
from workbench.corpora.gzipped import GZIP_MAGIC, GzipStream, unpacked_limit
from workbench.corpora.located import LocatedSet, Row, add_rows, checked_url
from workbench.corpora.skips import MALFORMED, TOO_LARGE
from workbench.corpora.writer import FILE_BYTES, CorpusWriter, blob_id_of
from workbench.counting import counted
from workbench.errors import CorpusError, UsageError

ArchiveProgress = Callable[[str, int, int], None]
"""Called with (file, bytes of files read, bytes in all)."""

_MOST_BYTES = 1 << 40
_PIECE_BYTES = 1 << 20
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What :func:`add_archives` did; ``events`` are lines. ``failures`` are files that could not be read, with why."""

    files: int
    unchanged: int
    events: int
    blobs: int
    locations: int
    content_bytes: int
    skipped: Mapping[str, int]
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Archive:
    """A file that has been read once: gzip sound, lines of a length that a line may have.

    ``key`` is what the manifest calls it.
    """

    path: Path
    key: str
    events: int
    is_gzipped: bool


def add_archives(
    writer: CorpusWriter,
    files: Sequence[Path],
    *,
    max_blob_bytes: int = MAX_BLOB_BYTES,
    progress: ArchiveProgress | None = None,
) -> ArchiveReport:
    """Take files of events (``.json.gz`` or plain, one JSON object a line) into the corpus of ``writer``.

    Lines that are no events, and texts over ``max_blob_bytes``, are counted as skipped. A file that is damaged, or has
    no event at all, is a failure of the report, nothing of it is taken, and the others go on. A file whose content the
    corpus has is not read again. Memory: 470 MB beside the writer's.

    Raises UsageError without files and CorpusError when the corpus cannot be read.
    """
    if not files:
        raise UsageError("Expected at least one file of events but got none")
    if max_blob_bytes < 1:
        raise UsageError(f"Expected max_blob_bytes over 0 but got {max_blob_bytes}")
    return _Run(writer, max_blob_bytes).add(files, progress)


class _Run:
    """One call of :func:`add_archives`."""

    def __init__(self, writer: CorpusWriter, max_blob_bytes: int) -> None:
        self._writer = writer
        self._max_blob_bytes = max_blob_bytes
        self._states: dict[str, Mapping[str, Any]] = dict(writer.manifest.repositories)
        self._located: LocatedSet | None = None
        self._skipped: Counter[str] = Counter()
        self._failures: list[tuple[str, str]] = []
        self._files = self._unchanged = self._events = self._blobs = self._locations = self._content_bytes = 0

    def add(self, files: Sequence[Path], progress: ArchiveProgress | None) -> ArchiveReport:
        sizes = [path.stat().st_size if path.is_file() else 0 for path in files]
        done = 0
        for path, size in zip(files, sizes, strict=True):
            try:
                archive = self._checked(path)
            except CorpusError as error:
                self._failures.append((str(path), str(error)))
            else:
                self._add_archive(archive)
            done += size
            if progress:
                progress(path.name, done, sum(sizes))
        return ArchiveReport(
            files=self._files,
            unchanged=self._unchanged,
            events=self._events,
            blobs=self._blobs,
            locations=self._locations,
            content_bytes=self._content_bytes,
            skipped=dict(sorted((+self._skipped).items())),
            failures=tuple(self._failures),
        )

    def _checked(self, path: Path) -> _Archive | None:
        """A file that can be read to its end; None when the corpus has it."""
        key = f"archive:{sha256_of(path)[:16]}"
        before = self._states.get(key)
        if before is not None and before.get("max_blob_bytes", 0) >= self._max_blob_bytes:
            return None
        return _survey(path, key)

    def _add_archive(self, archive: _Archive | None) -> None:
        if archive is None:
            self._unchanged += 1
            return
        key = archive.key
        before = self._states.get(key)
        if self._located is None:
            self._located = LocatedSet.read(self._writer)
        skipped = self._read(archive, self._located)
        if archive.events and skipped[MALFORMED] == archive.events:
            message = (f"{archive.path}: Expected events, one JSON object with a type a line, but got none in "
                       f"{counted(archive.events, 'line')}. Leave the file out")
            self._failures.append((str(archive.path), message))
            return
        earlier = Counter(before.get("skipped", {}) if before is not None else {})
        for reason in earlier | skipped:
            self._writer.skip(reason, skipped[reason] - earlier[reason])
        self._skipped += skipped
        self._files += 1
        self._events += archive.events
        self._states[key] = {"kind": "archive", "file": archive.path.name, "max_blob_bytes": self._max_blob_bytes,
                             "skipped": dict(sorted(skipped.items()))}
        self._writer.set_repository(key, self._states[key])
        if self._writer.pending_bytes >= FILE_BYTES:
            self._writer.publish()

    def _read(self, archive: _Archive, located: LocatedSet) -> Counter[str]:
        """Add the texts of an archive. Returns what was left out, by reason."""
        skipped: Counter[str] = Counter()
        rows: list[Row] = []
        for text in read_events(archive.path, is_gzipped=archive.is_gzipped, max_bytes=self._max_blob_bytes):
            if text.source is None:
                skipped[MALFORMED] += 1
                continue
            content = (text.text or "").encode()
            reason = TOO_LARGE if text.text is None else skip_reason(content, max_bytes=self._max_blob_bytes)
            if reason is not None:
                skipped[reason] += 1
                continue
            blob_id = blob_id_of(content)
            if self._writer.add_blob(blob_id, content):
                self._blobs += 1
                self._content_bytes += len(content)
            rows.append(_row(text, blob_id))
            if len(rows) >= _ROWS_AT_ONCE:
                self._locations += add_rows(self._writer, located, rows)
                rows = []
        self._locations += add_rows(self._writer, located, rows)
        return skipped


def _row(text: EventText, blob_id: str) -> Row:
    url = checked_url(text.url)
    path = path_of(url, text.repository)
    return blob_id, str(text.source), text.repository, text.revision, path, text.created_at, url


def path_of(url: str, repository: str) -> str:
    """What follows the repository in an address: ``issues/7#issuecomment-1``; all of the path where it is another's."""
    _, _, rest = url.partition("://")
    path = rest.partition("/")[2]
    if path.lower().startswith(f"{repository.lower()}/"):
        return path[len(repository) + 1 :]
    return path


def _survey(path: Path, key: str) -> _Archive:
    """Read all of a file once. Raises CorpusError when it is damaged, cut short, or has a line that is no event."""
    with open(path, "rb") as data:
        is_gzipped = data.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        if not is_gzipped:
            data.seek(0)
            return _Archive(path, key, _count_lines(path, iter(partial(data.read, _PIECE_BYTES), b"")), is_gzipped)
    size = path.stat().st_size
    with GzipStream(path, limit_bytes=unpacked_limit(size, most_bytes=_MOST_BYTES)) as stream:
        events = _count_lines(path, iter(stream.read_piece, b""))
        if stream.is_cut:
            raise CorpusError(f"{path}: unpacks to over {stream.unpacked_bytes} bytes, too much for its {size}. "
                              "Expected an archive of events; leave the file out", path=path)
    return _Archive(path, key, events, is_gzipped)


def _count_lines(path: Path, pieces: Iterator[bytes]) -> int:
    """How many lines there are; raises CorpusError for one over ``MOST_LINE_BYTES``."""
    lines = length = 0
    for piece in pieces:
        newlines = piece.count(b"\n")
        first = piece.find(b"\n")
        if length + (first if newlines else len(piece)) > MOST_LINE_BYTES:
            raise CorpusError(f"{path}:{lines + 1}: a line of over {MOST_LINE_BYTES >> 20} MiB. Expected events, one "
                              "JSON object a line", path=path)
        lines += newlines
        length = len(piece) - 1 - piece.rfind(b"\n") if newlines else length + len(piece)
    return lines + (length > 0)
