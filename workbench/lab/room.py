"""Room: the memory that this process may still take, by the machine and by every control group that it stands in.

A container, a service or a job of a batch system runs in a control group (Linux), often one inside another, and each
may have a limit far below what the machine has. The system says where a process stands in ``/proc/self/cgroup``, of
both versions there are, and where those groups are to be read in ``/proc/self/mountinfo``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

UNLIMITED = 1 << 62
"""Bytes; more than any machine has. The first version of control groups says no limit by a number as large."""

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class _Version:
    """Names of a control group's files: its limits, what it uses, and what of that is only a copy of files on disk."""

    limits: tuple[str, ...]
    usage: str
    reclaimable: str


_FIRST = _Version(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
_SECOND = _Version(("memory.max", "memory.high"), "memory.current", "inactive_file")


class Room:
    """Measures, as often as it is asked. ``root`` is the system's root folder; tests have their own."""

    def __init__(self, root: Path | str = "/") -> None:
        self._root = Path(root)
        self._groups = tuple(dict.fromkeys(_groups(self._root)))

    def __repr__(self) -> str:
        return f"Room({self.free_bytes():,} bytes)"

    def free_bytes(self) -> int:
        """Bytes that can be taken without swapping and without passing any limit; 0 where the system does not tell."""
        return min(_machine(self._root), *(_left(folder, version) for folder, version in self._groups), UNLIMITED)


def _machine(root: Path) -> int:
    try:
        with open(root / "proc/meminfo", encoding="ascii") as file:
            return next((int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:")), 0)
    except OSError:
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (OSError, ValueError, AttributeError):
            return 0


def _left(folder: Path, version: _Version) -> int:
    """What a group may still take. Pages of files that were read once are given up before a limit is felt."""
    limit = min(_limit(folder / name) for name in version.limits)
    if limit >= UNLIMITED:
        return UNLIMITED
    try:
        used = int((folder / version.usage).read_text())
        stat = dict(line.split()[:2] for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return limit
    return max(0, limit - max(0, used - int(stat.get(version.reclaimable, 0))))


def _limit(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # the topmost group has no such file, and `max` is no number
        return UNLIMITED


def _groups(root: Path) -> Iterator[tuple[Path, _Version]]:
    """The folders of the groups that this process is in, from its own to the topmost that can be seen."""
    try:
        own = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = list(_mounts(root))
    except OSError:
        return
    for line in own:
        _, controllers, path = line.split(":", 2)
        version = _SECOND if not controllers else _FIRST if "memory" in controllers.split(",") else None
        for kind, top, point in mounts:
            if kind is version:
                folder = point / _inside(path, top)
                yield from ((f, kind) for f in (folder, *folder.parents) if f == point or point in f.parents)


def _mounts(root: Path) -> Iterator[tuple[_Version, str, Path]]:
    """Where groups are to be read: (version, the group that stands at the top there, folder)."""
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        first, _, last = line.partition(" - ")
        kind, _, options = last.split(" ", 2)
        version = _SECOND if kind == "cgroup2" else None
        if kind == "cgroup" and "memory" in options.split(","):
            version = _FIRST
        if version is not None:
            top, point = (_OCTAL.sub(lambda m: chr(int(m[1], 8)), name) for name in first.split()[3:5])
            yield version, top, root / point.lstrip("/")


def _inside(path: str, top: str) -> str:
    """The group ``path`` as seen from the group ``top``; "" when it is not below it, as in a container that is told
    the whole machine's path but sees only its own groups."""
    try:
        inside = PurePosixPath(path).relative_to(top)
    except ValueError:
        return ""
    return "" if ".." in inside.parts else str(inside)
