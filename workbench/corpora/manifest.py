"""A manifest is the table of contents of a corpus: which files belong to it, what they hold, how it was made.

``manifest.json`` is written last and replaced atomically, so what it lists is whole by construction; a file in the
folder that it does not list is no part of the corpus. Keys this version does not know are kept as they were.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.errors import CorpusError
from workbench.schemas import CORPUS_SCHEMA_VERSION

MANIFEST_NAME = "manifest.json"
BLOBS_FOLDER = "blobs"
LOCATIONS_FOLDER = "locations"


@dataclass(frozen=True, slots=True)
class ContentIn:
    """Where a blobs file's content stands when it is not in the file itself (see ``foreign``).

    ``path`` is relative to the corpus and inside it, ``column`` as Parquet names it, ``bytes`` the file's size.
    """

    path: str
    column: str
    bytes: int


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One Parquet file of a corpus: ``path`` is relative to the corpus, with forward slashes."""

    path: str
    sha256: str
    rows: int
    bytes: int
    content_in: ContentIn | None = None

    @property
    def folder(self) -> str:
        """``blobs`` or ``locations``."""
        return PurePosixPath(self.path).parts[0]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands in a corpus folder.

    ``blobs`` and ``locations`` are row counts and ``content_bytes`` the sum of the blobs' sizes. ``skipped`` counts
    what ingesters left out, by reason. ``repositories`` is what an ingester has to remember of each repository to
    read only what is new next time. ``extra`` holds keys of the file that are not this version's.
    """

    name: str
    files: tuple[CorpusFile, ...] = ()
    blobs: int = 0
    locations: int = 0
    content_bytes: int = 0
    made: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    repositories: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    schema_version: int = CORPUS_SCHEMA_VERSION
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blob_files(self) -> tuple[CorpusFile, ...]:
        return tuple(f for f in self.files if f.folder == BLOBS_FOLDER)

    @property
    def location_files(self) -> tuple[CorpusFile, ...]:
        return tuple(f for f in self.files if f.folder == LOCATIONS_FOLDER)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, check_files: bool = True) -> Manifest:
        """Read ``folder/manifest.json``.

        Raises :class:`~workbench.errors.CorpusError` when there is no folder, no manifest, when it is malformed or of
        a newer schema version, or, unless told not to look, when a file it lists is missing.
        """
        root = Path(folder)
        manifest = cls.from_json(_read_document(root), where=root / MANIFEST_NAME)
        missing = [f.path for f in manifest.files if check_files and not (root / f.path).is_file()]
        if missing:
            shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
            raise CorpusError(
                f"Corpus {root}: {len(missing)} of {len(manifest.files)} listed files missing: {shown}. "
                "Copy the corpus again, or make it anew",
                path=root / missing[0],
            )
        return manifest

    @classmethod
    def from_json(cls, document: Any, *, where: str | os.PathLike[str]) -> Manifest:
        """A manifest from its parsed JSON; ``where`` names it in messages. Raises CorpusError."""
        if not isinstance(document, dict):
            raise CorpusError(f"{where}: Expected a JSON object but got {type(document).__name__}", path=where)
        known = dict(document)
        version = _take(known, "schema_version", int, where)
        if version > CORPUS_SCHEMA_VERSION:
            raise CorpusError(
                f"{where}: schema_version={version} is newer than {CORPUS_SCHEMA_VERSION}, the newest this version of "
                "the workbench reads. Upgrade the workbench",
                path=where,
            )
        return cls(
            schema_version=version,
            name=_take(known, "name", str, where),
            files=tuple(_corpus_file(item, where) for item in _take(known, "files", list, where)),
            blobs=_take(known, "blobs", int, where),
            locations=_take(known, "locations", int, where),
            content_bytes=_take(known, "content_bytes", int, where),
            made=_take(known, "made", str, where, default=""),
            skipped=_take(known, "skipped", dict, where, default={}),
            repositories=_take(known, "repositories", dict, where, default={}),
            extra=known,
        )

    def to_json(self) -> dict[str, Any]:
        """The document as it is saved."""
        document: dict[str, Any] = {
            "schema_version": self.schema_version,
            "name": self.name,
            "content_bytes": self.content_bytes,
            "blobs": self.blobs,
            "locations": self.locations,
            "files": [_file_json(f) for f in self.files],
            "made": self.made,
        }
        if self.skipped:
            document["skipped"] = dict(sorted(self.skipped.items()))
        if self.repositories:
            document["repositories"] = {key: dict(state) for key, state in sorted(self.repositories.items())}
        return document | dict(self.extra)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Replace ``folder/manifest.json`` atomically: a reader sees the old one or the new one, whole."""
        root = Path(folder)
        temporary = root / f".{MANIFEST_NAME}.{os.getpid()}.partial"
        try:
            with open(temporary, "w", encoding="utf-8") as out:
                json.dump(self.to_json(), out, indent=1, ensure_ascii=False)
                out.write("\n")
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, root / MANIFEST_NAME)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(root)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make renames inside ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_document(root: Path) -> Any:
    if not root.is_dir():
        what = "a file" if root.exists() else "nothing there"
        raise CorpusError(f"Corpus {root}: Expected a folder but found {what}. Check the path", path=root)
    path = root / MANIFEST_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CorpusError(
            f"Corpus {root}: no {MANIFEST_NAME} in this folder. Make a corpus with `workbench corpus add-git`, or name "
            "the folder that holds the manifest",
            path=path,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}", path=path) from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"{path}:{error.lineno}: not JSON: {error.msg}. Restore the manifest", path=path) from error


def is_corpus_path(path: object) -> bool:
    """Whether ``path`` is one that a corpus's file may have.

    A corpus may come from someone else: it must not be able to name a file outside its own folder.
    """
    parts = PurePosixPath(path).parts if isinstance(path, str) and path.isprintable() else ()
    return len(parts) == 2 and parts[0] in (BLOBS_FOLDER, LOCATIONS_FOLDER) and parts[1] != ".."


_REQUIRED: Any = object()


def _take(document: dict[str, Any], key: str, kind: type, where: object, default: Any = _REQUIRED) -> Any:
    """Remove and return ``document[key]``, checked to be a ``kind``."""
    value = document.pop(key, default)
    if value is _REQUIRED:
        raise CorpusError(f"{where}: key {key!r} is missing. Restore the manifest", path=where)
    # A bool is an int to isinstance, and -1 rows is no count.
    if not isinstance(value, kind) or isinstance(value, bool) or (kind is int and value < 0):
        raise CorpusError(f"{where}: Expected {kind.__name__} but got {key}={value!r}", path=where)
    return value


def _file_json(file: CorpusFile) -> dict[str, Any]:
    document = asdict(file)
    if file.content_in is None:
        del document["content_in"]
    return document


def _corpus_file(item: Any, where: object) -> CorpusFile:
    if not isinstance(item, dict):
        raise CorpusError(f"{where}: Expected an object in 'files' but got {item!r}", path=where)
    item = dict(item)
    path = _take(item, "path", str, where)
    if not is_corpus_path(path):
        raise CorpusError(
            f"{where}: Expected '{BLOBS_FOLDER}/<file>' or '{LOCATIONS_FOLDER}/<file>' but got path={path!r}",
            path=where,
        )
    return CorpusFile(
        path=path,
        sha256=_take(item, "sha256", str, where),
        rows=_take(item, "rows", int, where),
        bytes=_take(item, "bytes", int, where),
        content_in=_content_in(item, where),
    )


def _content_in(item: dict[str, Any], where: object) -> ContentIn | None:
    found = _take(item, "content_in", dict, where, default={})
    if not found:
        return None
    path = _take(found, "path", str, where)
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts:
        raise CorpusError(f"{where}: Expected a file inside the corpus but got content_in={path!r}", path=where)
    return ContentIn(path, _take(found, "column", str, where), _take(found, "bytes", int, where))
