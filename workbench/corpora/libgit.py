"""libgit2 is the library that reads git repositories in this process; here is how it is set for that."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

_MAPPED_BYTES = 128 << 20
_WINDOW_BYTES = 8 << 20
_MOST_TAKEN_BYTES = 2 << 30
"""Memory that may be taken while libgit2 is at work, over what there was: Arrow's allocator reserves half of that at
once. libgit2 takes what a damaged object claims to need, and fills it with zeros: one that claimed 20 GB took the
machine's memory, or seemed to read without end."""


@contextmanager
def libgit_settings() -> Iterator[None]:
    """libgit2 as ingesting needs it; its settings are the process's, so they are put back afterwards.

    Its check of each object's hash is off (it halves the speed; zlib's checksum still tells damage, and
    ``corpus verify`` recomputes every id), and so is its check of who owns the folder, which guards against hooks and
    filters that reading objects never runs. Its map of pack files is bounded, because mapped pages are memory too, and
    so is what it may take for one object.
    """
    settings = pygit2.settings
    owner, window, mapped = settings.owner_validation, settings.mwindow_size, settings.mwindow_mapped_limit
    settings.enable_strict_hash_verification(False)
    settings.enable_caching(False)  # each object is read once
    settings.owner_validation = False
    settings.mwindow_size, settings.mwindow_mapped_limit = _WINDOW_BYTES, _MAPPED_BYTES
    try:
        with _bounded_memory():
            yield
    finally:
        settings.enable_strict_hash_verification(True)
        settings.enable_caching(True)
        settings.owner_validation = owner
        settings.mwindow_size, settings.mwindow_mapped_limit = window, mapped


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Have the system refuse this process, and those it starts, more than ``_MOST_TAKEN_BYTES`` over what it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    taken = _memory_bytes(5)
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    if not taken:
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (min([taken + _MOST_TAKEN_BYTES, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def mapped_bytes() -> int:
    """Pages of files that stand in this process's memory; 0 where the system does not say."""
    return _memory_bytes(2)


def _memory_bytes(field: int) -> int:
    """Bytes of one of the fields of ``/proc/self/statm`` ("proc(5)"); 0 where the system does not say."""
    try:
        fields = Path("/proc/self/statm").read_text("ascii").split()
    except OSError:
        return 0
    return int(fields[field]) * resource.getpagesize()
