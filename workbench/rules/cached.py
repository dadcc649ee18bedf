"""A cached rule set: what loading found in the same files before, kept in the user's cache folder.

Reading and checking the whole catalogue takes seconds, and nothing of it changes while the files do not. An entry is
named by everything that it depends on: the bytes of the files, what rules mean, the code of these packages, and the
versions of the libraries below. It is written whole or not at all, says its own digest, and is made again when anything
about it is wrong; deleting the folder is always safe.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workbench.model import RuleHash
from workbench.rules import load as plain
from workbench.rules import rule as r
from workbench.rules.source import rule_files

MOST_ENTRIES = 32
"""Entries of one kind that are kept; the least recently used go first."""

_LIBRARIES = ("secret-workbench", "google-re2", "pydantic", "ruamel.yaml")


def folder() -> Path:
    """Where entries are kept: ``secret-workbench`` in the user's cache folder (XDG_CACHE_HOME, or ~/.cache)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "secret-workbench"


def load(paths: Sequence[Path | str], *, cache: bool = True) -> r.RuleSet:
    """The rule set of ``paths``, as :func:`workbench.rules.load.load` gives it, from the cache where it is there.

    Raises :class:`workbench.errors.RulesError` as that does; rules with problems are never kept.
    """
    texts = _texts(paths) if cache else None
    if texts is None:
        return plain.load(paths)
    name = f"rules-{_key(text for _, text in texts)}.json"
    entry = read_entry(folder(), name)
    if entry is not None:
        try:
            return _from_json(json.loads(entry))
        except (ValueError, TypeError, KeyError, IndexError):
            pass  # its digest held, so it was written like this: by other code of the same name
    rules = plain.rule_set(plain.check_sources((file, text.decode()) for file, text in texts))
    write_entry(folder(), name, json.dumps(_to_json(rules), separators=(",", ":")).encode())
    return rules


def _texts(paths: Sequence[Path | str]) -> list[tuple[str, bytes]] | None:
    """Name and bytes of every rules file; None where something is wrong with them that plain loading explains."""
    try:
        texts = [(str(f), f.read_bytes()) for f in rule_files([Path(p) for p in paths])]
        for _, text in texts:
            text.decode()
    except (OSError, UnicodeDecodeError):
        return None
    return texts or None


def _key(texts: Iterable[bytes]) -> str:
    digest = hashlib.sha256(f"{r.MEANING}:{code_digest(Path(__file__).parent, *_LIBRARIES)}".encode())
    for text in texts:
        digest.update(b"%d:" % len(text))
        digest.update(text)
    return digest.hexdigest()[:32]


@lru_cache(maxsize=8)
def code_digest(package: Path, *libraries: str) -> str:
    """Digest of the code in a package's folder, and of the versions of the libraries it stands on."""
    digest = hashlib.sha256()
    for file in sorted(package.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    for library in libraries:
        digest.update(f"{library}={version(library)};".encode())
    return digest.hexdigest()


# ---------------------------------------------------------------------------------------------------------------------
# Entries


def read_entry(place: Path, name: str) -> bytes | None:
    """The entry ``name`` of the cache folder ``place``; None when it is not there, cannot be read or is damaged."""
    file = place / name
    try:
        data = file.read_bytes()
        os.utime(file)  # the least recently used go first
    except OSError:
        return None
    digest, _, entry = data.partition(b"\n")
    return entry if digest == hashlib.sha256(entry).hexdigest().encode() else None


def write_entry(place: Path, name: str, entry: bytes) -> None:
    """Keep ``entry`` in ``place``, whole or not at all; a cache that cannot be written is no reason to stop."""
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=place, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(hashlib.sha256(entry).hexdigest().encode() + b"\n" + entry)
            os.replace(temporary, place / name)
        except OSError:
            os.unlink(temporary)
            raise
        _prune(place, name.split("-")[0])
    except OSError:
        pass


def _prune(place: Path, kind: str) -> None:
    entries = sorted(place.glob(f"{kind}-*"), key=lambda f: f.stat().st_mtime)
    for old in entries[:-MOST_ENTRIES]:
        old.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------------------------------
# A rule set as JSON


def _to_json(rules: r.RuleSet) -> dict[str, Any]:
    return {"types": [astuple(s) for s in rules.secret_types.values()], "pairs": [astuple(p) for p in rules.pairs.values()],
            "rules": [astuple(rule) for rule in rules.rules.values()], "hash": rules.hash}


def _from_json(data: dict[str, Any]) -> r.RuleSet:
    """A rule set of rows in the order of the dataclasses' fields, which the code's digest vouches for."""
    types = [_secret_type(row) for row in data["types"]]
    pairs = [_pair(row) for row in data["pairs"]]
    rules = [r.Rule(name, provider, tuple(of_types), tuple(of_pairs), RuleHash(digest))
             for name, provider, of_types, of_pairs, digest in data["rules"]]
    return r.RuleSet({s.type: s for s in types}, {p.type: p for p in pairs}, {x.name: x for x in rules}, data["hash"])


def _secret_type(row: list[Any]) -> r.SecretType:
    values = dict(zip(_TYPE, row, strict=True))
    values["formats"] = tuple(_format(f) for f in values["formats"])
    values["references"] = tuple(values["references"])
    return r.SecretType(**values)


def _format(row: list[Any]) -> r.Format:
    values = dict(zip(_FORMAT, row, strict=True))
    values["must_match"], values["must_not_match"] = tuple(values["must_match"]), tuple(values["must_not_match"])
    if values["near"] is not None:
        keywords, window = values["near"]
        values["near"] = r.Near(tuple(keywords), r.Window(*window))
    return r.Format(**values)


def _pair(row: list[Any]) -> r.Pair:
    values = dict(zip(_PAIR, row, strict=True))
    values["parts"], values["window"] = tuple(values["parts"]), r.Window(*values["window"])
    return r.Pair(**values)


_TYPE, _FORMAT, _PAIR = (tuple(f.name for f in fields(c)) for c in (r.SecretType, r.Format, r.Pair))
