"""A table map says which columns of someone else's Parquet file are what: the content, and where it comes from.

Columns are named as Parquet does, ``a.b`` for a field of a struct. The shapes of well-known data sets are recognised
without a map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.errors import UsageError
from workbench.model import SOURCES

CONTENT = "content"
PLACES: tuple[str, ...] = ("repository", "revision", "path", "committed_at", "url")
"""What a map may name besides the content: columns of ``schemas.LOCATIONS``."""

_MOST_COLUMNS_NAMED = 24


@dataclass(frozen=True, slots=True)
class TableMap:
    """``columns`` maps ``content`` and some of ``PLACES`` to columns. ``source`` is that of every location.

    ``is_github``: repositories are GitHub's ``owner/name``, so that files have addresses.
    """

    columns: Mapping[str, str]
    source: str = "content"
    is_github: bool = False

    def __post_init__(self) -> None:
        known = (CONTENT, *PLACES)
        unknown = [name for name in self.columns if name not in known]
        if unknown or CONTENT not in self.columns or not all(self.columns.values()):
            got = ",".join(f"{name}={column}" for name, column in self.columns.items()) or "nothing"
            raise UsageError(f"Expected a map of content and any of {', '.join(PLACES)} to columns but got {got}. "
                             "Write it as content=COLUMN,repository=COLUMN")
        if self.source not in SOURCES:
            raise UsageError(f"Expected one of {', '.join(SOURCES)} but got source={self.source!r}")

    def state(self) -> dict[str, Any]:
        """The map as a manifest remembers it."""
        return {"map": dict(self.columns), "source": self.source, "github": self.is_github}


def parse_map(texts: Iterable[str], *, source: str = "content", is_github: bool = False) -> TableMap:
    """The map of texts as ``content=text,repository=repo.name``. Raises UsageError for what is none."""
    columns: dict[str, str] = {}
    for pair in (pair for text in texts for pair in text.split(",") if pair.strip()):
        name, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or name in columns:
            raise UsageError(f"Expected NAME=COLUMN, each name once, but got {pair.strip()!r}. Write the map as "
                             "content=COLUMN,repository=COLUMN")
        columns[name] = column
    return TableMap(columns, source, is_github)


@dataclass(frozen=True, slots=True)
class Shape:
    """A data set's columns: it is one whose file has all of ``needs``; ``optional`` are mapped where they exist."""

    name: str
    needs: Mapping[str, str]
    marks: tuple[str, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    source: str = "content"
    is_github: bool = True

    @property
    def required(self) -> tuple[str, ...]:
        return (*self.needs.values(), *self.marks)


SHAPES: tuple[Shape, ...] = (
    Shape("The Stack",
          {"content": "content", "repository": "max_stars_repo_name", "path": "max_stars_repo_path"},
          optional={"revision": "max_stars_repo_head_hexsha"}),
    Shape("The Stack v2, with contents",
          {"content": "content", "repository": "repo_name", "path": "path", "revision": "revision_id"},
          optional={"committed_at": "committer_date"}),
    Shape("The Stack, small", {"content": "content", "repository": "repository_name", "path": "path"}),
    Shape("GitHub Code", {"content": "code", "repository": "repo_name", "path": "path"}),
    Shape("BigQuery github_repos.sample_contents",
          {"content": "content", "repository": "sample_repo_name", "path": "sample_path", "revision": "sample_ref"}),
    Shape("BigQuery github_repos.contents", {"content": "content"}, marks=("id", "binary", "copies"), is_github=False),
    Shape("BigQuery github_repos.contents with files",
          {"content": "content", "repository": "repo_name", "path": "path"},
          optional={"revision": "ref"}),
    Shape("BigQuery github_repos.commits",
          {"content": "message", "repository": "repo_name", "revision": "commit"}, marks=("tree", "parent"),
          optional={"committed_at": "committer.date"}, source="commit"),
    Shape("Software Heritage revisions", {"content": "message", "revision": "id"}, marks=("directory", "committer"),
          optional={"committed_at": "committer_date"}, source="commit", is_github=False),
    Shape("Software Heritage contents", {"content": "data", "path": "sha1_git"}, marks=("sha256",), is_github=False),
    Shape("CredData", {"content": "content", "repository": "repo", "path": "path", "revision": "commit"}),
    Shape("A corpus's blobs", {"content": "content"}, marks=("blob_id", "size"), is_github=False),
)


def recognise(schema: pa.Schema, path: Path) -> TableMap:
    """The map of a file of a known shape; of several that fit, the one that asks most of it.

    Raises UsageError when none fits.
    """
    names = set(schema.names)
    fitting = [shape for shape in SHAPES if names.issuperset(column.partition(".")[0] for column in shape.required)]
    if not fitting:
        raise UsageError(f"{path}: Expected a known data set but got the columns {_shown(schema)}. Say what they are "
                         "with --map content=COLUMN,repository=COLUMN,path=COLUMN")
    shape = max(fitting, key=lambda shape: len(shape.required))
    optional = {name: column for name, column in shape.optional.items() if _find(schema, column) is not None}
    return TableMap({**shape.needs, **optional}, shape.source, shape.is_github)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is found in a file: its field, and the fields inside that lead to the value."""

    parts: tuple[str, ...]
    type: pa.DataType

    @property
    def name(self) -> str:
        return ".".join(self.parts)


def resolve(table_map: TableMap, schema: pa.Schema, path: Path) -> dict[str, Column]:
    """Where a file has what the map names. Raises UsageError for a column that is not there or of no use."""
    found = {}
    for name, column in table_map.columns.items():
        at = _find(schema, column)
        if at is None:
            raise UsageError(f"{path}: Expected a column {column!r} for {name} but got {_shown(schema)}. Correct --map")
        if not _is_of_use(name, at.type):
            kind = "text or bytes" if name == CONTENT else "a time" if name == "committed_at" else "text"
            got = f"Expected {kind} in column {column!r} for {name} but got {at.type}"
            raise UsageError(f"{path}: {got}. Correct --map")
        found[name] = at
    return found


def is_text(kind: pa.DataType) -> bool:
    """Whether values are strings or bytes, however they are stored."""
    is_type = pa.types
    if is_type.is_dictionary(kind):
        kind = kind.value_type
    return any(check(kind) for check in (
        is_type.is_string, is_type.is_large_string, is_type.is_string_view, is_type.is_binary, is_type.is_large_binary,
        is_type.is_binary_view, is_type.is_fixed_size_binary,
    ))


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists, of which the first element counts."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _find(schema: pa.Schema, column: str) -> Column | None:
    """A column by its whole name or, failing that, as a field of a struct; None when there is none, or two."""
    at = schema.get_field_index(column)
    if at >= 0:
        return Column((column,), schema.field(at).type)
    top, *rest = column.split(".")
    at = schema.get_field_index(top)
    if at < 0:
        return None
    kind = schema.field(at).type
    for part in rest:
        if not pa.types.is_struct(kind) or kind.get_field_index(part) < 0:
            return None
        kind = kind.field(part).type
    return Column((top, *rest), kind)


def _is_of_use(name: str, kind: pa.DataType) -> bool:
    if name == CONTENT:
        return is_text(kind)
    if name == "committed_at":
        return is_text(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    return is_text(kind) or pa.types.is_integer(kind) or (is_list(kind) and is_text(kind.value_type))


def _shown(schema: pa.Schema) -> str:
    """The columns of a file as a map would name them."""
    names: list[str] = []
    for part in schema:
        names += [f"{part.name}.{inner.name}" for inner in part.type] if pa.types.is_struct(part.type) else [part.name]
    more = f" and {len(names) - _MOST_COLUMNS_NAMED} more" if len(names) > _MOST_COLUMNS_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_COLUMNS_NAMED])) + more if names else "none"
