"""Verifying reads everything in a corpus and compares it with what the manifest and the rows themselves say.

It goes on behind what is wrong, so that one run lists every problem.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.corpora.digests import DigestSet
from workbench.corpora.manifest import BLOBS_FOLDER, LOCATIONS_FOLDER, CorpusFile, Manifest
from workbench.corpora.reader import BATCH_BYTES, Shard, read_batches
from workbench.corpora.shape import check_footer
from workbench.corpora.writer import blob_id_of
from workbench.errors import CorpusError, ShardError, first_line
from workbench.model import SOURCES, ShardId
from workbench.schemas import BLOBS, LOCATIONS

VerifyProgress = Callable[[int, int], None]
"""Called with (bytes of files read, bytes in all)."""

_MAX_ROWS_NAMED = 3
_HASH_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with ``path``, which is relative to the corpus."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What :func:`verify` read, and what is wrong. ``strays`` are files that the manifest does not list: no problem."""

    files: int
    blobs: int
    locations: int
    content_bytes: int
    problems: tuple[Problem, ...]
    strays: tuple[str, ...]


def verify(folder: str | os.PathLike[str], *, progress: VerifyProgress | None = None) -> VerifyReport:
    """Check a corpus: hashes and sizes of its files, each blob's id and size, each location's blob, and all counts.

    Raises :class:`~workbench.errors.CorpusError` when there is no manifest to check against.
    """
    return _Verification(Path(folder), progress).run()


class _Verification:
    def __init__(self, folder: Path, progress: VerifyProgress | None) -> None:
        self._folder = folder
        self._manifest = Manifest.load(folder, check_files=False)
        self._progress = progress
        self._problems: list[Problem] = []
        self._ids = DigestSet()
        self._blobs = self._locations = self._content_bytes = self._read_bytes = 0

    def run(self) -> VerifyReport:
        manifest = self._manifest
        for file in manifest.blob_files:
            if self._is_readable(file, BLOBS):
                self._check_blobs(file)
            self._read(file)
        for file in manifest.location_files:
            if self._is_readable(file, LOCATIONS):
                self._check_locations(file)
            self._read(file)
        for what, expected, found in (
            ("blobs", manifest.blobs, self._blobs),
            ("locations", manifest.locations, self._locations),
            ("content_bytes", manifest.content_bytes, self._content_bytes),
        ):
            if expected != found:
                self._problem("manifest.json", f"Expected {what}={expected} but got {found}")
        return VerifyReport(
            len(manifest.files), self._blobs, self._locations, self._content_bytes, tuple(self._problems),
            tuple(self._strays()),
        )

    def _problem(self, path: str, what: str) -> None:
        self._problems.append(Problem(path, what))

    def _read(self, file: CorpusFile) -> None:
        self._read_bytes += file.bytes
        if self._progress:
            self._progress(self._read_bytes, sum(f.bytes for f in self._manifest.files))

    def _is_readable(self, file: CorpusFile, schema: pa.Schema) -> bool:
        """Check a file from the outside; False when there is no use in looking at its rows."""
        path = self._folder / file.path
        if not path.is_file():
            self._problem(file.path, "the file is missing")
            return False
        if _sha256(path) != file.sha256:
            self._problem(file.path, f"its SHA-256 is not the manifest's {file.sha256[:16]}...: the file was changed")
        try:
            check_footer(path, file, schema)
        except CorpusError as error:
            self._problem(file.path, str(error).removeprefix(f"{path}: "))
            return False
        return True

    def _check_blobs(self, file: CorpusFile) -> None:
        path = self._folder / file.path
        with pq.ParquetFile(path, pre_buffer=False) as parquet:
            groups = [parquet.metadata.row_group(g).num_rows for g in range(parquet.num_row_groups)]
        first = 0
        for group, rows in enumerate(groups):
            shard_id = ShardId(f"{file.sha256[:16]}:{group}-{group}")
            shard = Shard(shard_id, str(path), group, group, rows, 0, file.bytes, file.content_in)
            self._blobs += rows
            at = first
            try:
                for batch in read_batches(shard, batch_bytes=BATCH_BYTES, check_ids=False):
                    self._check_batch(file, batch, at)
                    at += batch.num_rows
            except ShardError as error:
                self._problem(file.path, f"row group {group} cannot be read: {error.__cause__}")
            first += rows

    def _check_batch(self, file: CorpusFile, batch: pa.RecordBatch, first: int) -> None:
        wrong: dict[str, list[int]] = {}
        rows = zip(batch.column("blob_id").to_pylist(), batch.column("size").to_pylist(), batch.column("content"),
                   strict=True)
        for row, (blob_id, size, scalar) in enumerate(rows, first):
            buffer = scalar.as_buffer()
            if buffer is None or blob_id is None:
                wrong.setdefault("a null", []).append(row)
                continue
            content = memoryview(buffer)
            self._content_bytes += len(content)
            if size != len(content):
                wrong.setdefault("a size that is not the content's", []).append(row)
            if blob_id_of(content) != blob_id:
                wrong.setdefault("a blob_id that is not the content's", []).append(row)
            elif not self._ids.add(bytes.fromhex(blob_id)):
                wrong.setdefault("a blob that stood in an earlier row", []).append(row)
        self._problems += [Problem(file.path, f"{what} in {_shown(rows)}") for what, rows in wrong.items()]

    def _check_locations(self, file: CorpusFile) -> None:
        path = self._folder / file.path
        orphans = unknown = 0
        try:
            with pq.ParquetFile(path, pre_buffer=False) as parquet:
                for batch in parquet.iter_batches(columns=["blob_id", "source"], use_threads=False):
                    self._locations += batch.num_rows
                    ids = [_unhex(i) for i in batch.column("blob_id").to_pylist()]
                    orphans += int((~self._ids.contains_many(ids)).sum())
                    known = pc.is_in(batch.column("source"), value_set=pa.array(SOURCES))
                    unknown += batch.num_rows - (pc.sum(known).as_py() or 0)
                for group in range(parquet.num_row_groups):  # the other columns, for whether they can be read
                    parquet.read_row_group(group, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            self._problem(file.path, f"cannot be read: {first_line(error)}")
        if orphans:
            self._problem(file.path, f"{orphans} locations are of blobs that the corpus does not have")
        if unknown:
            self._problem(file.path, f"{unknown} locations have a source that is none of {', '.join(SOURCES)}")

    def _strays(self) -> Iterator[str]:
        listed = {file.path for file in self._manifest.files}
        for sub in (BLOBS_FOLDER, LOCATIONS_FOLDER):
            for path in sorted((self._folder / sub).glob("*")):
                if (stray := f"{sub}/{path.name}") not in listed:
                    yield stray


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        while piece := data.read(_HASH_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _shown(rows: list[int]) -> str:
    named = ", ".join(map(str, rows[:_MAX_ROWS_NAMED]))
    more = f" and {len(rows) - _MAX_ROWS_NAMED} more" if len(rows) > _MAX_ROWS_NAMED else ""
    return f"row {named}" if len(rows) == 1 else f"rows {named}{more}"


def _unhex(blob_id: str | None) -> bytes:
    try:
        return bytes.fromhex(blob_id or "")[:20].ljust(20, b"\0")
    except ValueError:
        return bytes(20)
