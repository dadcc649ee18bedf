"""An export: a folder that holds, for each provider, the files to send to it.

``DIR/manifest.json`` lists the providers' folders and the hash of each one's own ``manifest.json``, which lists its
files. A provider's folder says nothing of other providers and can be sent as it stands. Everything is made in a
sibling folder and renamed when it is whole; what an earlier export left under that name is replaced, anything else is
refused.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from tqdm import tqdm

from workbench.errors import ExportError, PlaceTaken, UsageError, WorkbenchError
from workbench.partners.folder import folder_names
from workbench.partners.formats import FORMATS, create
from workbench.partners.payload import Payload, Payloads
from workbench.store.process import process_exists

MANIFEST = "manifest.json"
KIND = "secret-workbench export"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of the export: its path below the folder of its manifest, SHA-256 in hex, size in bytes."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ExportedProvider:
    """What one provider gets: alerts, the objects they make, and how many tokens are not valid UTF-8."""

    provider: str
    folder: str
    alerts: int
    objects: int
    tokens_not_utf8: int
    files: tuple[ExportedFile, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export. ``run_status`` is how the store's last run ended; None when there was none."""

    folder: Path
    providers: tuple[ExportedProvider, ...]
    run_status: str | None = None


def export_alerts(store: str | Path, out: str | Path, *, key: bytes | None = None, partners: Sequence[str] = (),
                  formats: Sequence[str] = (), first_location_only: bool = False, wait_s: float = 30.0,
                  progress: bool = False) -> Export:
    """Export the open partner alerts of a store to the folder ``out``, which is replaced as a whole.

    ``partners`` names providers (default: all that have alerts), ``formats`` some of ``FORMATS`` (default: all).
    Raises UsageError for a provider or format there is none of, WrongKey, StoreError, and ExportError when the export
    cannot be written; ``out`` is then as it was before.
    """
    target = Path(out).absolute()
    chosen = _formats(formats)
    payloads = Payloads(store, key=key, wait_s=wait_s)
    folders = folder_names(payloads.providers)
    providers = _providers(partners, folders)
    temporary = _sibling(target, "new")
    try:
        _check_replaceable(target)
        _sweep(target, "new")  # whether or not this one comes to its end
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(mode=0o700)
        done = []
        for provider in tqdm(providers, desc="export", unit="provider", disable=not progress):
            payload = payloads.of(provider, first_location_only=first_location_only)
            if payload.objects.num_rows or partners:
                done.append(_write_provider(payload, temporary / folders[provider], chosen, _about(payloads)))
        _write_index(temporary, done, _about(payloads))
        _replace(temporary, target)
    except WorkbenchError:
        raise
    except (OSError, duckdb.Error, pa.ArrowException) as error:
        reason = _reason(error)
        raise ExportError(f"Could not export to {target}: {reason}. Nothing of it was left behind.") from None
    finally:
        # Also after an interrupt: half an export would be raw tokens that nobody looks after.
        shutil.rmtree(temporary, ignore_errors=True)
    _sweep(target, "old")
    return Export(target, tuple(done), payloads.run_status)


def _formats(formats: Sequence[str]) -> tuple[str, ...]:
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise UsageError(f"Expected formats among {', '.join(FORMATS)} but got {', '.join(unknown)}")
    return tuple(name for name in FORMATS if name in formats or not formats)


def _providers(partners: Sequence[str], folders: dict[str, str]) -> list[str]:
    """The providers of those names, which may be given in any case or as the folder's name."""
    if not partners:
        return sorted(folders)
    known = {folder: provider for provider, folder in folders.items()}
    known |= {provider.casefold(): provider for provider in folders} | {provider: provider for provider in folders}
    found = []
    for name in partners:
        provider = known.get(name, known.get(name.casefold()))
        if provider is None:
            raise UsageError(f"Expected a provider with partner alerts but got {name!r}. The store knows: "
                             f"{', '.join(sorted(folders)) or 'none'}")
        found.append(provider)
    return sorted(set(found))


def _about(payloads: Payloads) -> dict[str, Any]:
    return {
        "kind": KIND,
        "schema_version": SCHEMA_VERSION,
        "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "rule_set_hash": payloads.rule_set_hash,
        "run_id": payloads.run_id,
        "run_status": payloads.run_status,
    }


def _write_provider(payload: Payload, folder: Path, formats: Sequence[str], about: dict[str, Any]) -> ExportedProvider:
    folder.mkdir(mode=0o700)
    files = []
    for name in formats:
        file_name, write = FORMATS[name]
        write(payload, folder / file_name)
        files.append(_file(folder / file_name, file_name))
    counts = {"alerts": payload.alerts, "objects": payload.objects.num_rows, "tokens_not_utf8": payload.not_utf8}
    _write_manifest(folder, {**about, "provider": payload.provider, **counts, "files": [asdict(f) for f in files]})
    return ExportedProvider(payload.provider, folder.name, files=tuple(files), **counts)


def _write_index(folder: Path, providers: Sequence[ExportedProvider], about: dict[str, Any]) -> None:
    entries = []
    for done in providers:
        manifest = _file(folder / done.folder / MANIFEST, f"{done.folder}/{MANIFEST}")
        entries.append({"provider": done.provider, "folder": done.folder, "alerts": done.alerts,
                        "objects": done.objects, "tokens_not_utf8": done.tokens_not_utf8, "manifest": asdict(manifest),
                        "files": [file.path for file in done.files]})
    totals = {name: sum(getattr(done, name) for done in providers) for name in ("alerts", "objects")}
    _write_manifest(folder, {**about, **totals, "providers": entries})


def _write_manifest(folder: Path, content: dict[str, Any]) -> None:
    with create(folder / MANIFEST) as file:
        file.write(json.dumps(content, indent=1, ensure_ascii=True).encode() + b"\n")


def _file(path: Path, name: str) -> ExportedFile:
    """What the manifest says of a written file, which reaches the disk first."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ExportedFile(name, digest, path.stat().st_size)


def _check_replaceable(target: Path) -> None:
    """Raises PlaceTaken unless ``target`` is missing, an empty folder, or an earlier export and nothing besides."""
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or target.is_symlink():
        raise PlaceTaken(f"Expected a folder to export to but {target} is something else. Name another.")
    held = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    if not held:
        return
    try:
        index = json.loads((target / MANIFEST).read_bytes())
        ours = {MANIFEST} if index["kind"] == KIND else set()
        for entry in index["providers"]:
            ours |= {f"{entry['folder']}/{name}" for name in (MANIFEST, *entry["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    if held - ours:
        raise PlaceTaken(f"Expected {target} to be empty or an earlier export but it holds {min(held - ours)}, "
                         "which no export wrote. Name another folder, or move that away.")


def _replace(temporary: Path, target: Path) -> None:
    """Put the new folder in place of the old one, which comes back should that fail."""
    if not target.exists():
        os.rename(temporary, target)
        return
    old = _sibling(target, "old")
    os.rename(target, old)
    try:
        os.rename(temporary, target)
    except BaseException:
        os.rename(old, target)
        raise
    shutil.rmtree(old)


def _sibling(target: Path, what: str) -> Path:
    """A name beside ``target`` that tells which process works there."""
    return target.with_name(f".{target.name}.{what}-{os.getpid()}-{secrets.token_hex(4)}")


def _sweep(target: Path, what: str) -> None:
    """Remove what exports that were killed left beside ``target``: their files hold raw tokens.

    ``old`` ones are whole, and go when there is a newer one.
    """
    for path in target.parent.glob(f"{glob.escape(f'.{target.name}.{what}-')}*"):
        found = re.fullmatch(r"(\d+)-[0-9a-f]{8}", path.name.removeprefix(f".{target.name}.{what}-"))
        if found and int(found.group(1)) != os.getpid() and not process_exists(int(found.group(1))):
            shutil.rmtree(path, ignore_errors=True)


def _reason(error: Exception) -> str:
    """What went wrong, without DuckDB's or Arrow's own text: theirs may quote a value, and values here are tokens."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return f"{type(error).__name__} while a file was written, as when the disk is full or read-only"
