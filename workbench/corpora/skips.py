"""A skip is something that an ingester left out of a corpus, counted in the manifest under one of the reasons below.

Git repositories count contents, each once; packages, archives and tables count files, texts and rows. What is read once
more, under a larger limit say, is counted anew and not twice.
"""

from __future__ import annotations

from collections.abc import Mapping

TOO_LARGE = "too_large"
BINARY = "binary"
LFS_POINTER = "lfs_pointer"
MISSING = "missing_object"
UNREADABLE = "unreadable_object"
SUBMODULE = "submodule"
LINK = "link"
SPECIAL = "special_file"
UNSAFE_PATH = "unsafe_path"
DAMAGED = "damaged_member"
BOMB = "bomb"
MALFORMED = "malformed_event"
NULL_CONTENT = "null_content"

SKIP_REASONS: dict[str, str] = {
    # Whatever it was read from.
    TOO_LARGE: "larger than the limit (--max-blob-mib)",
    BINARY: "a NUL in the first 8000 bytes, and not UTF-16 text",
    LFS_POINTER: "a pointer of Git LFS: the content itself stands elsewhere",
    # Git repositories.
    MISSING: "an object that the repository does not have (a partial clone, or damage)",
    UNREADABLE: "an object that is damaged",
    SUBMODULE: "a repository inside the repository, whose content is its own",
    # Packages.
    LINK: "a symbolic or hard link in a package",
    SPECIAL: "a device, pipe, sparse file or member of an unknown kind in a package",
    UNSAFE_PATH: "a file of a package whose path is absolute, climbs out of the package, or is none",
    DAMAGED: "a place in a package where no sound header stands, or a file that is cut short",
    BOMB: "the rest of a package that unpacks to more than its size allows (--max-package-mib)",
    # Archives of events.
    MALFORMED: "a line that is no JSON object with a type",
    # Tables.
    NULL_CONTENT: "a row whose content is null",
}
"""What each reason means."""


def explain(skipped: Mapping[str, int]) -> list[str]:
    """A line for each reason: how many, the reason, and what it means if it is one of ``SKIP_REASONS``."""
    meanings = {reason: f": {meaning}" for reason, meaning in SKIP_REASONS.items()}
    return [f"{count:>14,}  {reason}{meanings.get(reason, '')}" for reason, count in sorted(skipped.items())]
