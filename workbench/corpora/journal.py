"""A journal names the files that are on their way into a corpus or out of it, while the manifest is replaced.

After a crash the next writer deletes those of them that the manifest does not list: new files that never got in, old
ones that are out already. Files that no journal names are left alone, whoever put them there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from workbench.corpora.manifest import (
    BLOBS_FOLDER,
    LOCATIONS_FOLDER,
    MANIFEST_NAME,
    CorpusFile,
    Manifest,
    is_corpus_path,
    sync_folder,
)

JOURNAL_NAME = ".journal.json"


def replace_manifest(
    folder: Path, old: Manifest, new: Manifest, name_files: Callable[[], object] = lambda: None
) -> None:
    """Make ``new`` the manifest of ``folder``; ``name_files`` gives the files it adds their names.

    Files that only ``old`` lists are deleted. A crash at any point leaves one of the two, whole, once
    :func:`clean` has run.
    """
    added = _paths(new.files) - _paths(old.files)
    removed = _paths(old.files) - _paths(new.files)
    if added or removed:
        with open(folder / JOURNAL_NAME, "w", encoding="utf-8") as out:
            json.dump(sorted(added | removed), out)
            out.flush()
            os.fsync(out.fileno())
        name_files()
        for sub in (BLOBS_FOLDER, LOCATIONS_FOLDER):
            sync_folder(folder / sub)
    new.save(folder)
    for path in removed:
        (folder / path).unlink(missing_ok=True)
    (folder / JOURNAL_NAME).unlink(missing_ok=True)


def clean(folder: Path, manifest: Manifest) -> None:
    """Delete what writers that crashed left in ``folder``. Only whoever holds the folder's lock may call this."""
    for pattern in (f"{BLOBS_FOLDER}/*.partial", f"{LOCATIONS_FOLDER}/*.partial", f".{MANIFEST_NAME}.*.partial"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    journal = folder / JOURNAL_NAME
    try:
        named = json.loads(journal.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        named = []  # the crash came while it was being written: no file had been named or deleted yet
    listed = _paths(manifest.files)
    for path in named if isinstance(named, list) else ():
        if is_corpus_path(path) and path not in listed:
            (folder / path).unlink(missing_ok=True)
    journal.unlink(missing_ok=True)


def _paths(files: Iterable[CorpusFile]) -> set[str]:
    return {file.path for file in files}
