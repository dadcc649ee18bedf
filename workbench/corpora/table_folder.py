"""A table folder is someone else's folder of Parquet files, scanned where it stands: its corpus is kept elsewhere.

Nothing is written into the folder and no content is copied. The corpus is an index (:mod:`workbench.corpora.foreign`)
in a folder of its own, with a link named ``tables`` to the folder of the files. Which files were indexed, and when they
were last changed, stands in its manifest, so that an index that is up to date costs one look at each file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.corpora.content import MAX_BLOB_BYTES
from workbench.corpora.lock import FolderLock
from workbench.corpora.manifest import BLOBS_FOLDER, LOCATIONS_FOLDER, MANIFEST_NAME, Manifest
from workbench.corpora.table_ingest import TableProgress, TableReport, add_tables
from workbench.corpora.tables import TableMap
from workbench.corpora.writer import CorpusWriter
from workbench.counting import counted
from workbench.errors import CorpusError, UsageError

_LINK = "tables"
_KEY = "table_folder"

Files = dict[str, list[int]]
"""(size, time of the last change in nanoseconds) of each file, by its path from the folder."""


@dataclass(frozen=True, slots=True)
class TableFolder:
    """What :func:`index_folder` made: ``corpus`` is the folder to scan, ``report`` is None where nothing was new."""

    corpus: Path
    report: TableReport | None


@dataclass(frozen=True, slots=True)
class _Work:
    """Files of a folder that are to be indexed, and how."""

    folder: Path
    files: Files
    table_map: TableMap | None
    max_blob_bytes: int
    progress: TableProgress | None


def is_table_folder(folder: Path) -> bool:
    """Whether a folder holds Parquet files and is no corpus, not even one that lost its manifest."""
    own = [folder / name for name in (BLOBS_FOLDER, LOCATIONS_FOLDER)]
    return not (folder / MANIFEST_NAME).exists() and not all(path.is_dir() for path in own) and bool(_files(folder))


def index_folder(
    folder: Path,
    place: Path,
    *,
    table_map: TableMap | None = None,
    max_blob_bytes: int = MAX_BLOB_BYTES,
    progress: TableProgress | None = None,
) -> TableFolder:
    """Bring the corpus of the Parquet files below ``folder`` up to date. It is a folder in ``place``, made if need be.

    ``table_map`` says what the columns are, where they are not those of a known data set; each map has a corpus of its
    own. New files are added. Where one that was indexed has changed or is gone, all are indexed anew, beside the old
    corpus, which is then replaced: shards of files that are the same stay the same. Files and folders whose names begin
    with ``.`` or ``_`` are left out, as those who write such folders expect.

    Raises UsageError for a folder that is a corpus or holds no such files, CorpusError when none can be taken.
    """
    if (folder / MANIFEST_NAME).exists():
        raise UsageError(f"{folder}: Expected a folder of other people's Parquet files with a map but got a corpus. "
                         "Leave out the map")
    files = _files(folder)
    if not files:
        raise UsageError(f"{folder}: Expected a folder with Parquet files (*.parquet) but found none. Check the path")
    corpus = place / _name(folder, table_map)
    known = _remembered(corpus)
    is_lost = not known and (corpus / MANIFEST_NAME).exists()  # an index is nobody's only copy of anything
    work = _Work(folder, files, table_map, max_blob_bytes, progress)
    if is_lost or _is_changed(known, files):
        return TableFolder(corpus, _replace(work, corpus))
    if known.get("max_blob_bytes", 0) >= max_blob_bytes and known["files"] == files:
        _link(folder, corpus)  # which a copy of the store's folder may lack
        return TableFolder(corpus, None)
    return TableFolder(corpus, _index(work, corpus))


def _files(folder: Path) -> Files:
    found: Files = {}
    for path in folder.rglob("*.parquet"):
        parts = path.relative_to(folder).parts
        if not any(part.startswith((".", "_")) for part in parts) and path.is_file():
            stat = path.stat()
            found["/".join(parts)] = [stat.st_size, stat.st_mtime_ns]
    return dict(sorted(found.items()))


def _name(folder: Path, table_map: TableMap | None) -> str:
    """One for each folder and map: another folder of the same name is another corpus."""
    meant = repr((os.path.realpath(folder), table_map.state() if table_map is not None else None))
    digest = hashlib.sha256(meant.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{folder.absolute().name or 'root'}-{digest[:12]}"


def _remembered(corpus: Path) -> Mapping[str, Any]:
    """What the corpus knows of its files; nothing where there is no corpus that can be gone on with."""
    try:
        found = Manifest.load(corpus).extra.get(_KEY)
    except CorpusError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}


def _is_changed(known: Mapping[str, Any], files: Files) -> bool:
    return any(files.get(path) != stat for path, stat in known.get("files", {}).items())


def _replace(work: _Work, corpus: Path) -> TableReport:
    lock = FolderLock(corpus)
    try:
        beside, old = (corpus.with_name(f"{corpus.name}.{end}") for end in ("new", "old"))
        for left in (beside, old):  # by a run that crashed
            shutil.rmtree(left, ignore_errors=True)
        report = _index(work, beside, name=corpus.name)
        os.rename(corpus, old)
        os.rename(beside, corpus)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        lock.release()
    return report


def _index(work: _Work, corpus: Path, *, name: str = "") -> TableReport:
    folder = work.folder
    _link(folder, corpus)
    try:
        report = _add(work, corpus, name)
    except BaseException:
        if not (corpus / MANIFEST_NAME).exists():  # it came to nothing: leave nothing
            with suppress(OSError):
                (corpus / _LINK).unlink()
                corpus.rmdir()
        raise
    # Whoever reads them knows the files by where they stand, not by the link.
    failures = tuple((_as_named(path, corpus, folder), _as_named(why, corpus, folder)) for path, why in report.failures)
    return replace(report, failures=failures)


def _link(folder: Path, corpus: Path) -> None:
    try:
        corpus.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.symlink(os.path.realpath(folder), corpus / _LINK, target_is_directory=True)
    except OSError as error:
        raise CorpusError(f"{corpus}: the index of {folder} cannot be written: {error.strerror}. Name a store in a "
                          "folder that you may write to", path=corpus) from error


def _add(work: _Work, corpus: Path, name: str) -> TableReport:
    paths = {path: corpus / _LINK / path for path in work.files}
    with CorpusWriter(corpus, name=name, made="tables of others, where they stand", beside_others=True) as writer:
        report = add_tables(writer, list(paths.values()), table_map=work.table_map, in_place=True,
                            max_blob_bytes=work.max_blob_bytes, progress=work.progress)
        failed = dict(report.failures)
        taken = {path: stat for path, stat in work.files.items() if str(paths[path]) not in failed}
        if not taken:
            first = _as_named(report.failures[0][1], corpus, work.folder)
            more = f" (and {counted(len(failed) - 1, 'more file')} that cannot be taken)" if len(failed) > 1 else ""
            raise CorpusError(f"{first}{more}", path=work.folder)
        writer.set_extra(_KEY, {"max_blob_bytes": work.max_blob_bytes, "files": taken})
    return report


def _as_named(text: str, corpus: Path, folder: Path) -> str:
    return text.replace(str(corpus / _LINK), str(folder))
