"""The lock: for every rule the version it is at and the hash of what it says, in ``lock.json`` beside the rules.

It makes a change of a rule visible three times: in the rule, in its version, and in a line of ``CHANGELOG.md`` that
names it. A rule's first version stands in a list under "New rules", every later one in a line ``- `rule` 2: why`` under
"Rule modifications", and one that is gone under "Removed rules".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import RulesError
from workbench.rules.rule import Format, Rule, RuleSet

LOCK, CHANGELOG = "lock.json", "CHANGELOG.md"
NEW, MODIFIED, REMOVED = "New rules", "Rule modifications", "Removed rules"

_NAME = re.compile(r"`([a-z0-9_]+)`(?: (\d+))?")


@dataclass(frozen=True, slots=True)
class Locked:
    """One rule: its version (1 and up), the hash of what it says it finds, and a hash of whom its findings are told.

    The first is not :attr:`Rule.hash`, which also changes, for all rules at once, when the engine reads them otherwise.
    """

    version: int
    hash: str
    told: str


Lock = Mapping[str, Locked]


def current(rules: RuleSet, known: Lock) -> dict[str, Locked]:
    """The lock as the rules now are: a changed rule has the next version, a new one the first."""
    out = {}
    for name, rule in rules.rules.items():
        found, told = _found(rules, rule), _told(rules, rule)
        old = known.get(name)
        if old is None:
            out[name] = Locked(1, found, told)
        else:
            same = (old.hash, old.told) == (found, told)
            out[name] = Locked(old.version if same else old.version + 1, found, told)
    return out


def _found(rules: RuleSet, rule: Rule) -> str:
    types = [[s.type, s.base64, [_format(f) for f in s.formats]] for s in map(rules.secret_types.__getitem__, rule.secret_types)]
    pairs = [[p.type, p.parts, str(p.window), p.in_order] for p in map(rules.pairs.__getitem__, rule.pairs)]
    return _digest([types, pairs], 16)


def _format(f: Format) -> list[object]:
    near = [sorted(k.lower() for k in f.near.keywords), str(f.near.window)] if f.near else None
    return [f.pattern, f.before, f.after, f.must_match, f.must_not_match, f.checksum, f.min_entropy, near,
            f.drop_placeholders]


def _told(rules: RuleSet, rule: Rule) -> str:
    flags = [[s.type, s.partner, s.user, [s.push_protection, *(f.push_protection for f in s.formats)]]
             for s in map(rules.secret_types.__getitem__, rule.secret_types)]
    flags += [[p.type, p.partner, p.user, [p.push_protection]] for p in map(rules.pairs.__getitem__, rule.pairs)]
    return _digest(flags, 8)


def _digest(value: object, digits: int) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:digits]


def read_lock(folder: Path) -> dict[str, Locked]:
    """The lock of a rules folder; empty where there is none. Raises :class:`RulesError` for a file of another shape."""
    path = folder / LOCK
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rules"]
        return {name: Locked(int(row["version"]), str(row["hash"]), str(row["told"])) for name, row in rows.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RulesError([f"{path}: got {error!r}, expected what workbench rules lock writes, do restore it"]) from None


def lock_text(lock: Lock) -> str:
    """The text of ``lock.json``: a line a rule, so that two changes do not meet in one line."""
    rows = [f'    {json.dumps(name)}: {json.dumps({"version": x.version, "hash": x.hash, "told": x.told})}'
            for name, x in sorted(lock.items())]
    return '{\n  "about": "Made by workbench rules lock; a test compares it.",\n  "rules": {\n' + ",\n".join(rows) + "\n  }\n}\n"


def write_lock(rules: RuleSet, folder: Path) -> list[str]:
    """Bring ``lock.json`` of ``folder`` up to date; returns a line for every rule that is new, changed or removed.

    Raises :class:`RulesError`, and writes nothing, while the changelog does not name every one of them.
    """
    known = read_lock(folder)
    lock = current(rules, known)
    missing = [str(m) for m in _unnamed(lock, known, folder)]
    if missing:
        raise RulesError(missing)
    (folder / LOCK).write_text(lock_text(lock), encoding="utf-8")
    changed = [f"{name} {x.version}" for name, x in sorted(lock.items()) if known.get(name) != x]
    return changed + [f"{name} removed" for name in sorted(set(known) - set(lock))]


def check_lock(rules: RuleSet, folder: Path) -> list[str]:
    """What is wrong with the lock of ``folder`` and its changelog, a line each; none when all is said."""
    known = read_lock(folder)
    lock = current(rules, known)
    wrong = []
    for name, x in sorted(lock.items()):
        if name not in known:
            wrong.append(_line(folder / LOCK, name, "no version of it", "every rule in the lock"))
        elif known[name] != x:
            wrong.append(_line(folder / LOCK, name, f"version {known[name].version} with another hash",
                               f"version {x.version} for a rule that changed"))
    wrong += [_line(folder / LOCK, name, "a rule that is no more", "only rules that are there")
              for name in sorted(set(known) - set(lock))]
    return wrong + [str(m) for m in _unnamed(lock, known, folder)]


def _line(path: Path, rule: str, got: str, expected: str) -> str:
    return f"{path}: {rule}: got {got}, expected {expected}, do say the change in {CHANGELOG} and run workbench rules lock"


def _unnamed(lock: Lock, known: Lock, folder: Path) -> Iterator[str]:
    """A line for every version that the changelog does not name where it should."""
    path = folder / CHANGELOG
    named = _named(path.read_text(encoding="utf-8") if path.is_file() else "")
    for name, x in sorted(lock.items()):
        if (NEW, name, None) not in named:
            yield f"{path}: {name}: got no line for the new rule, expected `{name}` under {NEW}, do add it"
        for version in range(2, x.version + 1):
            if (MODIFIED, name, version) not in named:
                yield (f"{path}: {name}: got no line for its version {version}, expected one under {MODIFIED}, do add "
                       f"- `{name}` {version}: what changed and why")
    for name in sorted(set(known) - set(lock)):
        if (REMOVED, name, None) not in named:
            yield f"{path}: {name}: got no line for the removed rule, expected `{name}` under {REMOVED}, do add it"


def _named(changelog: str) -> set[tuple[str, str, int | None]]:
    """(list, rule, version) of every rule that the changelog names under one of its three kinds of list."""
    found: set[tuple[str, str, int | None]] = set()
    section = ""
    for line in changelog.splitlines():
        if line.startswith("#"):
            section = line.lstrip("#").strip()
        elif section in (NEW, REMOVED):
            found |= {(section, name, None) for name, _ in _NAME.findall(line)}
        elif section == MODIFIED and line.startswith("- "):
            found |= {(section, name, int(version)) for name, version in _NAME.findall(line.split(":")[0]) if version}
    return found
