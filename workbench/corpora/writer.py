"""A corpus writer adds blobs and their locations to a corpus; every ingester uses it.

It only ever adds files. New ones are written under a ``.partial`` name and renamed when whole, and the manifest is
replaced last, so a crash at any point leaves the corpus as it was. A lock lets one writer at a time into a folder.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from workbench.corpora.blob_index import blob_id_digits
from workbench.corpora.digests import DigestSet
from workbench.corpora.journal import clean, replace_manifest
from workbench.corpora.lock import FolderLock
from workbench.corpora.manifest import BLOBS_FOLDER, LOCATIONS_FOLDER, MANIFEST_NAME, CorpusFile, Manifest
from workbench.corpora.not_written import NotWritten
from workbench.corpora.parts import BlobParts, LocationParts
from workbench.errors import CorpusError, UsageError
from workbench.model import SOURCES, BlobId

ROW_GROUP_BYTES = 64 << 20
FILE_BYTES = 1 << 30


def blob_id_of(content: bytes | memoryview) -> BlobId:
    """Git's id of ``content`` as a blob: 40 lower-case hex digits."""
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return BlobId(digest.hexdigest())


class CorpusWriter:
    """Adds to the corpus in ``folder``, which is made when it is not there.

    A context manager: leaving it publishes what was added, leaving it by an exception drops what was not yet
    published. ``name`` is for a new corpus (default: the folder's name); ``made`` says in a few words how what is
    added came to be. ``beside_others`` allows a folder with other files in it, which are left alone. Memory: about 4
    times ``row_group_bytes``, and some 70 MB to know which blobs the corpus holds, however many.

    Raises :class:`~workbench.errors.CorpusError` when the folder holds something other than a corpus or another
    process is writing to it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str = "",
        made: str = "",
        row_group_bytes: int = ROW_GROUP_BYTES,
        file_bytes: int = FILE_BYTES,
        beside_others: bool = False,
    ) -> None:
        if row_group_bytes < 1 or file_bytes < 1:
            raise UsageError(f"Expected sizes over 0 but got {row_group_bytes=} and {file_bytes=}")
        self.folder = Path(folder)
        self._made = made
        self._is_own_folder = not self.folder.exists()
        self._prepare_folder(beside_others)
        self._lock = FolderLock(self.folder)
        try:
            self._is_new = not (self.folder / MANIFEST_NAME).exists()
            new = Manifest(name=name or self.folder.resolve().name)
            self.manifest = new if self._is_new else Manifest.load(self.folder)
            clean(self.folder, self.manifest)
        except BaseException:
            self._lock.release()
            raise
        self._dirty = self._is_new
        self._is_closed = False
        self._known: DigestSet | None = None
        self._skipped: Counter[str] = Counter()
        self._repositories: dict[str, Mapping[str, Any]] = {}
        self._extra: dict[str, Any] = {}
        self._taken: list[tuple[Path, CorpusFile, int]] = []
        self._blobs = BlobParts(self.folder / BLOBS_FOLDER, row_group_bytes=row_group_bytes, file_bytes=file_bytes)
        self._locations = LocationParts(self.folder / LOCATIONS_FOLDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        self.abort()
        if isinstance(error, OSError):  # of a temporary file, say; what the parts meet has been told by them
            raise NotWritten(self.folder, error) from error

    @property
    def known(self) -> DigestSet:
        """The ids (20 bytes each) of all blobs the corpus holds or has been given. Read from disk on first use."""
        if self._known is None:
            self._known = self._read_known()
        return self._known

    @property
    def pending_bytes(self) -> int:
        """Bytes of content added since the corpus was last published."""
        return self._blobs.content_bytes

    def has_blob(self, blob_id: BlobId | str) -> bool:
        """Whether the corpus holds the blob or has been given it."""
        return _digest(blob_id) in self.known

    def add_blob(self, blob_id: BlobId | str, content: bytes) -> bool:
        """Add a blob; False when the corpus has it already. ``blob_id`` is the caller's word (:func:`blob_id_of`).

        Raises CorpusError for a content over 2 GiB, which Parquet cannot hold.
        """
        if not self.known.add(_digest(blob_id)):
            return False
        self._blobs.add(blob_id, content)
        return True

    def add_new_blobs(self, blobs: Iterable[tuple[str, bytes]]) -> tuple[int, int]:
        """Add (blob id, content) pairs that the caller has found to be new, by :attr:`known`, and each given once.

        For many blobs at once: a quarter of the time of :meth:`add_blob`. Returns (blobs, bytes of content).
        """
        ids: list[str] = []
        before = self._blobs.content_bytes
        known = self.known  # read before the first is added
        try:
            for blob_id, content in blobs:
                self._blobs.add(blob_id, content)
                ids.append(blob_id)
        finally:
            known.add_hex("".join(ids).encode())
        return len(ids), self._blobs.content_bytes - before

    def take_blob_file(self, partial: Path, file: CorpusFile, content_bytes: int) -> None:
        """Add a blobs file that the caller has written as ``partial`` and that is to be called ``file.path``.

        Its blobs are new by :attr:`known`, and the caller has put them in there. ``content_bytes`` is their content's.
        """
        self._taken.append((partial, file, content_bytes))

    def add_location(
        self,
        blob_id: BlobId | str,
        *,
        source: str,
        repository: str,
        revision: str,
        path: str,
        committed_at: datetime | int | None = None,
        url: str = "",
    ) -> None:
        """Add one place where a blob occurs; the columns are those of ``schemas.LOCATIONS``.

        ``committed_at`` is a datetime with a time zone, or microseconds since 1970 in UTC. Raises UsageError for a
        source that is not one of ``model.SOURCES``.
        """
        if source not in SOURCES:
            raise UsageError(f"Expected one of {', '.join(SOURCES)} but got source={source!r}")
        self._locations.add((blob_id, source, repository, revision, path, committed_at, url))

    def add_locations(
        self,
        blob_ids: list[str],
        *,
        source: str,
        repository: str,
        revisions: list[str],
        paths: list[str],
        committed_at: list[datetime | int | None],
        urls: list[str],
    ) -> None:
        """Add many places in one repository at once: lists of one length, otherwise as :meth:`add_location`."""
        if source not in SOURCES:
            raise UsageError(f"Expected one of {', '.join(SOURCES)} but got source={source!r}")
        rows = len(blob_ids)
        self._locations.extend(
            [blob_ids, [source] * rows, [repository] * rows, revisions, paths, committed_at, urls]
        )

    def add_location_batch(self, locations: pa.RecordBatch) -> None:
        """Add locations as :func:`~workbench.corpora.locations.location_batches` gives them."""
        self._locations.add_batch(locations)

    def skip(self, reason: str, count: int = 1) -> None:
        """Count something left out; a negative ``count`` takes back what an earlier run counted."""
        self._skipped[reason] += count

    def set_repository(self, repository: str, state: Mapping[str, Any]) -> None:
        """Remember ``state`` (JSON values) for a repository, in place of what was remembered before."""
        self._repositories[repository] = state

    def set_extra(self, key: str, value: Any) -> None:
        """Put a key of one's own (JSON) into the manifest."""
        self._extra[key] = value

    def publish(self) -> Manifest:
        """Make everything added so far part of the corpus, and go on. Safe against a crash at any point."""
        self._blobs.flush()  # encoded while the locations are
        location_files, _ = self._locations.finish()
        blob_files, _, content_bytes = self._blobs.finish()
        blob_files += [file for _, file, _ in self._taken]
        content_bytes += sum(taken_bytes for _, _, taken_bytes in self._taken)
        noted = self._skipped or self._repositories or self._extra
        if self._dirty or blob_files or location_files or noted:
            old = self.manifest
            files = (*old.files, *blob_files, *location_files)
            self.manifest = replace(
                old,
                files=files,
                blobs=old.blobs + sum(f.rows for f in blob_files),
                locations=old.locations + sum(f.rows for f in location_files),
                content_bytes=old.content_bytes + content_bytes,
                made=_joined(old.made, self._made),
                skipped={reason: count for reason, count in sorted(self._all_skipped().items()) if count > 0},
                repositories={**old.repositories, **self._repositories},
                extra={**old.extra, **self._extra},
            )
            replace_manifest(self.folder, old, self.manifest, self._name_parts)
        self._dirty = self._is_new = False
        self._skipped.clear()
        self._repositories.clear()
        self._extra.clear()
        return self.manifest

    def close(self) -> Manifest:
        """Publish, and let the next writer in, unless that has been done. Returns the corpus's new manifest."""
        if self._is_closed:
            return self.manifest
        try:
            manifest = self.publish()
        except OSError as error:
            self.abort()
            raise NotWritten(self.folder, error) from error
        except BaseException:
            self.abort()
            raise
        self._is_closed = True
        self._blobs.stop()
        self._locations.stop()
        self._lock.release()
        return manifest

    def abort(self) -> None:
        """Drop what was added since the last :meth:`publish`, and let the next writer in.

        Of a new corpus of which nothing was published, nothing stays.
        """
        self._is_closed = True
        self._blobs.discard()
        self._locations.discard()
        for partial, _, _ in self._taken:
            partial.unlink(missing_ok=True)
        if self._is_new:
            self._take_away()
        self._lock.release()

    def _take_away(self) -> None:
        """Remove the folders that were made for a corpus that came to nothing, where nobody uses them."""
        with suppress(OSError):
            for sub in (BLOBS_FOLDER, LOCATIONS_FOLDER):
                (self.folder / sub).rmdir()
            self._lock.remove()
            if self._is_own_folder:
                self.folder.rmdir()

    def _prepare_folder(self, beside_others: bool) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise CorpusError(f"Corpus {self.folder}: Expected a folder but found a file. Choose another path",
                              path=self.folder)
        if self.folder.is_dir() and not (self.folder / MANIFEST_NAME).exists():
            own = {BLOBS_FOLDER, LOCATIONS_FOLDER}
            others = sorted(p.name for p in self.folder.iterdir() if p.name not in own and not p.name.startswith("."))
            if others and not beside_others:
                raise CorpusError(
                    f"Corpus {self.folder}: the folder has no {MANIFEST_NAME} but holds {others[0]!r}. "
                    "Choose a new or an empty folder",
                    path=self.folder,
                )
        try:
            for sub in (BLOBS_FOLDER, LOCATIONS_FOLDER):
                (self.folder / sub).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CorpusError(f"Corpus {self.folder}: the folder cannot be made: {error}. Choose another path",
                              path=self.folder) from error

    def _name_parts(self) -> None:
        self._blobs.name_parts()
        self._locations.name_parts()
        for partial, file, _ in self._taken:
            os.rename(partial, self.folder / file.path)
        self._taken = []

    def _all_skipped(self) -> Counter[str]:
        counts = Counter(self.manifest.skipped)
        counts.update(self._skipped)
        return counts

    def _read_known(self) -> DigestSet:
        known = DigestSet()
        for file in self.manifest.blob_files:
            path = self.folder / file.path
            for digits in blob_id_digits(path):
                try:
                    known.add_hex(digits)
                except ValueError as error:
                    raise CorpusError(f"{path}: Expected hex digits in blob_id: {error}", path=path) from error
        return known


def _digest(blob_id: str) -> bytes:
    try:
        digest = bytes.fromhex(blob_id)
    except ValueError:
        digest = b""
    if len(digest) != 20:
        raise UsageError(f"Expected 40 hex digits but got blob_id={blob_id!r}")
    return digest


def _joined(before: str, now: str) -> str:
    """``made`` of a corpus that several ingesters wrote: each said once."""
    if not now or now in before.split("; "):
        return before
    return f"{before}; {now}" if before else now
