"""A cached rule set: what loading found in the same files before, kept in the user's cache folder.

Reading and checking the whole catalogue takes seconds, and nothing of it changes while the files do not. An entry is
named by everything that it depends on: the bytes of the files, what rules mean, the code of these packages, and the
versions of the libraries below.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from workbench.model import RuleHash
from workbench.rules import load as plain
from workbench.rules import rule as r
from workbench.rules.entries import MOST_ENTRIES, code_digest, folder, read_entry, write_entry
from workbench.rules.source import rule_files

__all__ = ["MOST_ENTRIES", "code_digest", "folder", "load", "read_entry", "write_entry"]

_LIBRARIES = ("secret-workbench", "google-re2", "pydantic", "ruamel.yaml")


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


# ---------------------------------------------------------------------------------------------------------------------
# A rule set as JSON


def _to_json(rules: r.RuleSet) -> dict[str, Any]:
    return {"types": [astuple(s) for s in rules.secret_types.values()], "pairs": [astuple(p) for p in rules.pairs.values()],
            "rules": [astuple(rule) for rule in rules.rules.values()], "hash": rules.hash,
            "providers": sorted(rules.providers), "heads": sorted(h.decode("latin-1") for h in rules.heads)}


def _from_json(data: dict[str, Any]) -> r.RuleSet:
    """A rule set of rows in the order of the dataclasses' fields, which the code's digest vouches for."""
    types = [_secret_type(row) for row in data["types"]]
    pairs = [_pair(row) for row in data["pairs"]]
    rules = [r.Rule(name, provider, tuple(of_types), tuple(of_pairs), RuleHash(digest))
             for name, provider, of_types, of_pairs, digest in data["rules"]]
    return r.RuleSet({s.type: s for s in types}, {p.type: p for p in pairs}, {x.name: x for x in rules}, data["hash"],
                     frozenset(data["providers"]), frozenset(h.encode("latin-1") for h in data["heads"]))


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
