"""Events are what GH Archive records, one JSON object a line; DuckDB reads them and gives the texts people wrote.

An event carries a text or several: an issue's title and description, and the comment that was made on it. Which
``source`` a text has, and at which address it stands, is decided here.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from workbench.errors import CorpusError

MOST_LINE_BYTES = 4 << 20
"""GitHub's longest texts have 256 KiB; a line beyond this is no event."""

_MEMORY = "384MB"
_ROWS_AT_ONCE = 2048
_ROWS_IN_PYTHON = 64
_MOST_NAME = 512
"""Characters of a name: GitHub's have at most 140."""
_LAST_MICROSECOND = 253_402_300_799_999_999  # of the year 9999

_FIELDS = (
    "type", "repo.name", "created_at",
    "payload.issue.title", "payload.issue.body", "payload.issue.html_url", "payload.issue.pull_request.url",
    "payload.pull_request.title", "payload.pull_request.body", "payload.pull_request.html_url",
    "payload.pull_request.head.sha",
    "payload.comment.body", "payload.comment.html_url", "payload.comment.commit_id",
    "payload.review.body", "payload.review.html_url", "payload.review.commit_id",
    "payload.discussion.title", "payload.discussion.body", "payload.discussion.html_url",
)  # fmt: skip

_PAGES = '[{"title":"VARCHAR","summary":"VARCHAR","html_url":"VARCHAR","sha":"VARCHAR"}]'


def _text(source: str, text: str, url: str, revision: str = "''") -> str:
    """SQL of one text of an event, of fields by their paths."""
    place = {path: f"f[{at}]" for at, path in enumerate(_FIELDS, 1)}
    columns = {"source": source, "text": place.get(text, text), "url": place.get(url, url),
               "revision": place.get(revision, revision)}
    return "{" + ", ".join(f"{name}: {value}" for name, value in columns.items()) + "}"


def _if_pull_request(then: str, otherwise: str) -> str:
    return f"if(is_pull_request, '{then}', '{otherwise}')"


# A comment's kind follows from the event's; of a kind that is not known yet, the text is taken all the same.
_COMMENT_SOURCE = f"""CASE f[1]
    WHEN 'IssueCommentEvent' THEN {_if_pull_request("pull_request_comment", "issue_comment")}
    WHEN 'PullRequestReviewCommentEvent' THEN 'pull_request_comment'
    WHEN 'CommitCommentEvent' THEN 'commit_comment'
    WHEN 'DiscussionCommentEvent' THEN 'discussion_comment'
    ELSE 'unknown' END"""

# GitHub shows a pull request as an issue too: its issue's texts are the pull request's.
_TEXTS = ",\n        ".join((
    _text(_if_pull_request("pull_request_title", "issue_title"), "payload.issue.title", "payload.issue.html_url"),
    _text(_if_pull_request("pull_request_description", "issue_description"), "payload.issue.body",
          "payload.issue.html_url"),
    _text("'pull_request_title'", "payload.pull_request.title", "payload.pull_request.html_url"),
    _text("'pull_request_description'", "payload.pull_request.body", "payload.pull_request.html_url"),
    _text("'pull_request_comment'", "payload.review.body", "payload.review.html_url", "payload.review.commit_id"),
    _text(_COMMENT_SOURCE, "payload.comment.body", "payload.comment.html_url", "payload.comment.commit_id"),
    _text("'discussion_title'", "payload.discussion.title", "payload.discussion.html_url"),
    _text("'discussion_body'", "payload.discussion.body", "payload.discussion.html_url"),
))

# A wiki page's event has its title, and the message of the change.
_PAGE_TEXTS = """list_concat(
        list_transform(pages, lambda p: {source: 'wiki_content', text: p.title, url: p.html_url, revision: p.sha}),
        list_transform(pages, lambda p: {source: 'wiki_commit', text: p.summary, url: p.html_url, revision: p.sha}))"""

_QUERY = f"""
WITH lines AS (
    SELECT json, json_extract_string(json, {[f"$.{path}" for path in _FIELDS]}) AS f
    FROM read_ndjson_objects($path, compression = $compression, ignore_errors = true,
                             maximum_object_size = {MOST_LINE_BYTES})
), events AS (
    SELECT f, json IS NULL OR json_type(json) != 'OBJECT' OR f[1] IS NULL AS is_malformed,
           f[{_FIELDS.index("payload.issue.pull_request.url") + 1}] IS NOT NULL AS is_pull_request,
           CASE WHEN f[1] = 'GollumEvent' THEN from_json(json -> '$.payload.pages', '{_PAGES}') ELSE [] END AS pages
    FROM lines
), texts AS (
    SELECT f, unnest(list_concat([
        {_TEXTS},
        {{source: NULL, text: if(is_malformed, 'x', NULL), url: NULL, revision: NULL}}
    ], {_PAGE_TEXTS})) AS t FROM events
)
SELECT t.source AS source, left(coalesce(f[2], ''), {_MOST_NAME}) AS repository,
       left(coalesce(t.revision, ''), {_MOST_NAME}) AS revision, left(coalesce(t.url, ''), {_MOST_NAME * 8}) AS url,
       epoch_us(TRY_CAST(f[3] AS TIMESTAMPTZ)) AS created_at,
       CASE WHEN strlen(t.text) <= $max_bytes THEN t.text END AS text
FROM texts WHERE t.text != ''
"""


class EventText(NamedTuple):
    """A text somebody wrote. ``source`` is None for a line that is no event, ``text`` for one over the limit.

    ``created_at`` is in microseconds since 1970; ``repository``, ``revision`` and ``url`` may be empty.
    """

    source: str | None
    repository: str
    revision: str
    url: str
    created_at: int | None
    text: str | None


def read_events(path: Path, *, is_gzipped: bool, max_bytes: int) -> Iterator[EventText]:
    """The texts of the events in a file, in its order; those over ``max_bytes`` without the text itself.

    Memory: 384 MB at most. Raises CorpusError when DuckDB cannot read the file, or not with that.
    """
    given = {"path": glob.escape(os.fspath(path.absolute())), "compression": "gzip" if is_gzipped else "none",
             "max_bytes": max_bytes}
    # One thread: each holds 2048 whole events, and there is only one to inflate them anyway.
    settings = {"memory_limit": _MEMORY, "threads": 1, "autoinstall_known_extensions": False}
    with duckdb.connect(config=settings) as database:
        try:
            for batch in database.sql(_QUERY, params=given).to_arrow_reader(_ROWS_AT_ONCE):
                # A few at a time as Python's objects: a batch of long texts is not to be held twice.
                for at in range(0, batch.num_rows, _ROWS_IN_PYTHON):
                    piece = batch.slice(at, _ROWS_IN_PYTHON)
                    for row in zip(*(column.to_pylist() for column in piece.columns), strict=True):
                        yield _checked(EventText(*row))
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            is_too_much = "Out of Memory" in str(error)
            what = f"DuckDB cannot read it: {type(error).__name__}"
            if is_too_much:
                what = f"takes over {_MEMORY} of memory to read"
            # Not the error's own words, which may quote the file.
            message = f"{path}: {what}. Expected events, one JSON object a line; leave the file out"
            raise CorpusError(message, path=path) from None


def _checked(text: EventText) -> EventText:
    created_at = text.created_at
    if created_at is not None and not 0 <= created_at <= _LAST_MICROSECOND:
        return text._replace(created_at=None)
    return text
