"""Git objects are what a repository is made of: commits, trees, tags and blobs, each named by its hash.

Ids are raw bytes here (20, or 32 in a SHA-256 repository) and objects are the bytes git hashes, parsed by whoever asks
for them. Two readers exist: :class:`LibgitObjects` for all ordinary repositories, and
:class:`~workbench.corpora.git_sha256.CommandObjects` for SHA-256 repositories, which libgit2 does not open.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pygit2
from pygit2.enums import ObjectType, RepositoryOpenFlag

from workbench.corpora.git_command import SIZE_DAMAGED, SIZE_MISSING, GitCommand
from workbench.corpora.libgit import mapped_bytes
from workbench.corpora.loose import DamagedLooseObject, LooseObjects, object_folders
from workbench.corpora.packs import PackOrder, is_sound
from workbench.errors import CorpusError

COMMIT, TREE, BLOB, TAG = (int(t) for t in (ObjectType.COMMIT, ObjectType.TREE, ObjectType.BLOB, ObjectType.TAG))

TYPES = {"commit": COMMIT, "tree": TREE, "blob": BLOB, "tag": TAG}

_MANY_BLOBS = 500
"""From so many on, a git process earns its start."""

_READS_BETWEEN_LOOKS = 512
_MOST_MAPPED_BYTES = 96 << 20
"""Mapped pages of packs and their indices that may stay in memory; an index alone may have a gigabyte of them, and a
single look into it brings in 200 kB."""

_DAMAGED = (pygit2.GitError, ValueError, OSError, MemoryError)
"""What reading a damaged object raises; the last where it claims to be gigantic."""


class MissingObject(KeyError):
    """The repository does not have this object."""


class DamagedObject(ValueError):
    """The repository has this object but it cannot be read."""


class GitObjects(Protocol):
    """The objects of one repository. Close it when done."""

    folder: Path
    remote_url: str | None
    id_bytes: int
    command: GitCommand | None
    """The git command in this repository, where it may be used for what there is much of."""

    def refs(self) -> dict[str, bytes]:
        """Every reference (and ``HEAD`` when it is detached) and the id it points at, symbolic ones left out."""
        ...

    def shallow(self) -> frozenset[bytes]:
        """Commits whose parents a shallow clone left out."""
        ...

    def kind(self, object_id: bytes) -> int:
        """An object's type. Raises MissingObject or DamagedObject."""
        ...

    def read(self, object_id: bytes) -> tuple[int, bytes]:
        """An object's type and bytes. Raises MissingObject or DamagedObject."""
        ...

    def read_blobs(self, ids: list[bytes], max_bytes: int) -> Iterator[tuple[bytes, int, bytes | None]]:
        """(id, size, content) of each blob in an order that is quick to read.

        Content is None, and not kept, for blobs over ``max_bytes``, and where the size is SIZE_MISSING or
        SIZE_DAMAGED.
        """
        ...

    def close(self) -> None:
        """Let go of files and processes."""
        ...


class LibgitObjects:
    """Objects read with libgit2, in this process. Open it inside
    :func:`~workbench.corpora.libgit.libgit_settings`."""

    id_bytes = 20

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._repository = pygit2.Repository(str(folder), RepositoryOpenFlag.NO_SEARCH)
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise not_a_repository(folder, error) from error
        self._object_folders = object_folders(self._common_folder() / "objects")
        self._links: tempfile.TemporaryDirectory[str] | None = None
        self._sound_folders: dict[Path, Path] = {}
        self._packed = self._open_packed()
        self._lock = threading.Lock()  # a history is walked while its blobs are read
        self._reads = 0
        self._mapped_before = mapped_bytes()
        self._loose = LooseObjects(self._object_folders)
        self._order: PackOrder | None = None
        # In a partial clone git would go and fetch what is missing, object by object.
        may_use = GitCommand.is_installed() and not self._is_partial_clone()
        self.command = GitCommand(folder) if may_use else None

    @property
    def remote_url(self) -> str | None:
        try:
            return self._repository.config["remote.origin.url"]
        except (KeyError, pygit2.GitError, ValueError):
            return None

    def refs(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        try:
            for reference in self._repository.listall_reference_objects():  # leaves out broken ones, as git does
                target = reference.target
                if isinstance(target, pygit2.Oid):
                    found[reference.raw_name.decode("utf-8", "backslashreplace")] = target.raw
            if self._repository.head_is_detached:
                found["HEAD"] = self._repository.head.target.raw
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise CorpusError(f"{self.folder}: its references cannot be read: {error}. Run `git fsck` there",
                              path=self.folder) from error
        return found

    def shallow(self) -> frozenset[bytes]:
        return read_shallow(self._common_folder())

    def kind(self, object_id: bytes) -> int:
        return self._header(pygit2.Oid(raw=object_id))[0]

    def read(self, object_id: bytes) -> tuple[int, bytes]:
        return self._read(pygit2.Oid(raw=object_id))

    def read_blobs(self, ids: list[bytes], max_bytes: int) -> Iterator[tuple[bytes, int, bytes | None]]:
        if self._order is None:
            self._order = PackOrder(self._object_folders)
        ids = self._order.sort(ids)
        if self.command is not None and len(ids) >= _MANY_BLOBS:
            return self.command.blobs(ids, max_bytes)
        return self._read_blobs(ids, max_bytes)

    def _read_blobs(self, ids: list[bytes], max_bytes: int) -> Iterator[tuple[bytes, int, bytes | None]]:
        for object_id in ids:
            oid = pygit2.Oid(raw=object_id)
            try:
                # The size first: a blob of a gigabyte must not come into memory to be found too large.
                size = self._header(oid)[1]
                yield object_id, size, self._read(oid)[1] if size <= max_bytes else None
            except MissingObject:
                yield object_id, SIZE_MISSING, None
            except DamagedObject:
                yield object_id, SIZE_DAMAGED, None

    def _open_packed(self) -> pygit2.Odb:
        packed = pygit2.Odb()
        for priority, objects in enumerate(reversed(self._object_folders), 1):
            packed.add_backend(pygit2.OdbBackendPack(str(self._sound(objects))), priority)
        return packed

    def _sound(self, objects: Path) -> Path:
        """An objects folder, or one with links to those of its packs that have a sound index.

        The objects of the others are missing then. An index over many packs is left out as well: there is no telling
        whether it is sound.
        """
        if objects not in self._sound_folders:
            indices = sorted(objects.glob("pack/*.idx"))
            sound = [path for path in indices if is_sound(path)]
            self._sound_folders[objects] = objects
            if len(sound) < len(indices) or (objects / "pack" / "multi-pack-index").exists():
                if self._links is None:
                    self._links = tempfile.TemporaryDirectory(prefix="workbench-packs-")
                folder = Path(self._links.name, str(len(self._sound_folders)), "pack")
                folder.mkdir(parents=True)
                for path in (path.absolute().with_suffix(end) for path in sound for end in (".idx", ".pack")):
                    (folder / path.name).symlink_to(path)
                self._sound_folders[objects] = folder.parent
        return self._sound_folders[objects]

    def _let_go_of_pages(self) -> None:
        """Let go of mapped pages now and then: libgit2 keeps indices mapped as long as a pack is open."""
        self._reads += 1
        if self._reads % _READS_BETWEEN_LOOKS == 0 and mapped_bytes() - self._mapped_before > _MOST_MAPPED_BYTES:
            del self._packed  # first: a pack that is opened twice is one to libgit2
            self._packed = self._open_packed()

    def _header(self, oid: pygit2.Oid) -> tuple[int, int]:
        try:
            with self._lock:
                return self._packed.read_header(oid)
        except KeyError:
            return self._read_loose(oid, self._loose.header)
        except _DAMAGED as error:
            raise DamagedObject(f"{oid}: {error}") from None

    def _read(self, oid: pygit2.Oid) -> tuple[int, bytes]:
        try:
            with self._lock:
                self._let_go_of_pages()
                return self._packed.read(oid)
        except KeyError:
            return self._read_loose(oid, self._loose.read)
        except _DAMAGED as error:
            raise DamagedObject(f"{oid}: {error}") from None

    def _read_loose(self, oid: pygit2.Oid, read: Callable[[bytes], tuple[str, Any] | None]) -> tuple[int, Any]:
        try:
            found = read(oid.raw)
        except (DamagedLooseObject, MemoryError) as error:
            raise DamagedObject(f"{oid}: {error}") from None
        if found is None:
            raise MissingObject(str(oid))
        return TYPES[found[0]], found[1]

    def close(self) -> None:
        self._repository.free()
        if self._links is not None:
            self._links.cleanup()

    def _is_partial_clone(self) -> bool:
        config = self._repository.config
        return any(e.name.endswith(".promisor") or e.name == "extensions.partialclone" for e in config)

    def _common_folder(self) -> Path:
        """Where objects stand: of a linked work tree, its main repository's folder."""
        own = Path(self._repository.path)
        try:
            return own / (own / "commondir").read_text().strip()
        except OSError:
            return own


def read_shallow(common_folder: Path) -> frozenset[bytes]:
    """The commits a shallow clone ends at, from its ``shallow`` file."""
    try:
        lines = (common_folder / "shallow").read_text("ascii").split()
    except OSError:
        return frozenset()
    return frozenset(bytes.fromhex(line) for line in lines if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", line))


def not_a_repository(folder: Path, error: object) -> CorpusError:
    return CorpusError(
        f"{folder}: not a git repository that can be read: {str(error).strip()}. Name a work tree's top folder, or a "
        "bare repository",
        path=folder,
    )
