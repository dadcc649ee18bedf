"""A custom pattern: a rule in the form that GitHub's own custom patterns have, for a repository or an organisation.

It has one regular expression with delimiters and additional match requirements, and nothing else: what a rule says beyond
that (checksums, entropy, keywords near, pairs) is lost when it goes out, and is told, a line a format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import UsageError
from workbench.rules.load import refusals, search_way
from workbench.rules.rule import Format, RuleSet, SecretType
from workbench.rules.text import DEFAULT_AFTER, DEFAULT_BEFORE

MOST_IN_A_REQUEST = 100
"""Custom patterns that GitHub creates in one request."""

_FIELDS = ("name", "slug", "pattern", "start_delimiter", "end_delimiter", "must_match", "must_not_match",
           "push_protection_enabled")
_IGNORED = frozenset({"id", "state", "custom_pattern_version", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Translated:
    """What came out of a translation: the data, and a line for everything that did not translate."""

    data: Any
    lines: tuple[str, ...]


# ---------------------------------------------------------------------------------------------------------------------
# Out


def export_patterns(rules: RuleSet, *, only: Sequence[str] = ()) -> Translated:
    """Every format of the rules (or of the types in ``only``) as one custom pattern, in a list as GitHub's API takes it.

    Formats that are found by keywords or partners alone are left out: without them their patterns match anything.
    Raises :class:`UsageError` for a type that the rules do not have.
    """
    unknown = [name for name in only if name not in rules.secret_types]
    if unknown:
        raise UsageError(f"Expected a secret type of the rules but got {unknown[0]}; workbench rules list shows them")
    parts = rules.part_types()
    out, lines = [], []
    for secret in rules.secret_types.values():
        if only and secret.type not in only:
            continue
        for fmt in secret.formats:
            where = f"{secret.type} ({fmt.label})"
            if search_way(fmt, is_part=secret.type in parts) != "trigger":
                how = "keywords near it" if fmt.near else "its partner in a pair"
                lines.append(f"{where}: left out: it is found only by {how}, which a custom pattern cannot ask for")
                continue
            out.append(_custom_pattern(secret, fmt))
            lines += [f"{where}: {loss}" for loss in _losses(secret, fmt, secret.type in parts)]
    if len(out) > MOST_IN_A_REQUEST:
        lines.append(f"all: {len(out)} patterns; GitHub creates at most {MOST_IN_A_REQUEST} in one request")
    return Translated(out, tuple(lines))


def _custom_pattern(secret: SecretType, fmt: Format) -> dict[str, Any]:
    row: dict[str, Any] = {"name": secret.name if len(secret.formats) == 1 else f"{secret.name} ({fmt.label})",
                           "slug": secret.type, "pattern": fmt.pattern}
    if fmt.before != DEFAULT_BEFORE:
        row["start_delimiter"] = fmt.before
    if fmt.after != DEFAULT_AFTER:
        row["end_delimiter"] = fmt.after
    if fmt.must_match:
        row["must_match"] = list(fmt.must_match)
    if fmt.must_not_match:
        row["must_not_match"] = list(fmt.must_not_match)
    if fmt.push_protection:
        row["push_protection_enabled"] = True
    return row


def _losses(secret: SecretType, fmt: Format, is_part: bool) -> list[str]:
    found = []
    if fmt.checksum:
        found.append(f"the checksum {fmt.checksum} is not checked")
    if fmt.min_entropy is not None:
        found.append(f"min_entropy {fmt.min_entropy} is not checked")
    if fmt.near:
        found.append("keywords need not stand near")
    if fmt.drop_placeholders:
        found.append("made-up tokens are not dropped")
    if secret.base64:
        found.append("the base64-encoded form is not found")
    if is_part:
        found.append("it alerts without its partner")
    return found


def to_text(patterns: Any) -> str:
    """The patterns as GitHub's API takes them in a request."""
    return json.dumps({"patterns": patterns}, indent=2) + "\n"


# ---------------------------------------------------------------------------------------------------------------------
# In


def import_patterns(text: str, *, provider: str) -> Translated:
    """A rules file's data from custom patterns: a JSON list, or an object with ``patterns``.

    Patterns with one slug become formats of one type. Raises :class:`UsageError` for JSON of another shape.
    """
    rows = _rows(text)
    secrets: dict[str, dict[str, Any]] = {}
    lines: list[str] = []
    for number, row in enumerate(rows, start=1):
        where = f"pattern {number} ({row.get('name', 'without a name')})"
        unknown = sorted(set(row) - set(_FIELDS) - _IGNORED)
        lines += [f"{where}: {field} is not known and was left out" for field in unknown]
        if not isinstance(row.get("pattern"), str) or not row["pattern"]:
            lines.append(f"{where}: left out: it has no pattern")
            continue
        bad = [f"{engine}: {why}" for field in ("pattern", "start_delimiter", "end_delimiter") if row.get(field)
               for engine, why in refusals(row[field])]
        if bad:
            lines.append(f"{where}: left out: {bad[0]}")
            continue
        slug = _slug(str(row.get("slug") or row.get("name") or f"pattern_{number}"))
        known = secrets.setdefault(slug, {"type": slug, "name": _name(row, slug), "formats": []})
        known["formats"].append(_format(row))
    return Translated({"provider": provider, "secrets": list(secrets.values())}, tuple(lines))


def _rows(text: str) -> list[Mapping[str, Any]]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UsageError(f"Expected a JSON list of custom patterns but got {error}") from None
    rows = data.get("patterns") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise UsageError("Expected a JSON list of custom patterns, or an object with patterns, but got neither")
    return rows


def _format(row: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    label = re.search(r"\((.+)\)$", str(row.get("name", "")))
    if label:
        out["label"] = label.group(1)
    out["pattern"] = row["pattern"]
    for field, theirs in (("before", "start_delimiter"), ("after", "end_delimiter"), ("must_match", "must_match"),
                          ("must_not_match", "must_not_match")):
        if row.get(theirs):
            out[field] = row[theirs]
    if row.get("push_protection_enabled"):
        out["push_protection"] = True
    return out


def _name(row: Mapping[str, Any], slug: str) -> str:
    return re.sub(r" \(.+\)$", "", str(row.get("name") or slug))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:100] or "pattern"
