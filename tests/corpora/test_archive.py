"""GH Archive's events: every text at its address with its source, and no line of a file that can do harm."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from workbench.cli import app
from workbench.corpora.archive import ArchiveReport, add_archives, path_of
from workbench.corpora.reader import Corpus
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter
from workbench.errors import UsageError
from workbench.model import SOURCES

WEB = "https://github.com/acme/kit"
ISSUE = {"title": "it breaks", "body": "see log", "html_url": f"{WEB}/issues/1"}
PULL = {"title": "fix it", "body": "as told", "html_url": f"{WEB}/pull/2"}
# How an issue's event shows a pull request.
PULL_AS_ISSUE = {**PULL, "pull_request": {"url": "there"}}


def event(kind: str, payload: Any, **more: Any) -> dict[str, Any]:
    return {"id": "1", "type": kind, "repo": {"id": 1, "name": "acme/kit"}, "payload": payload,
            "created_at": "2024-05-01T10:00:00Z", **more}


def write(folder: Path, *lines: Any, name: str = "2024-05-01-10.json.gz") -> Path:
    path = folder / name
    data = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def add(folder: Path, *files: Path, **options: Any) -> ArchiveReport:
    with CorpusWriter(folder / "corpus") as writer:
        return add_archives(writer, files, **options)


def texts(folder: Path) -> list[tuple[str, str, str]]:
    """(source, path, text) of each location, in the order they were added."""
    corpus = Corpus.open(folder / "corpus")
    return [(r["source"], r["path"], corpus.blob(r["blob_id"]).decode()) for r in corpus.locations().to_pylist()]


ISSUE_TEXTS = [("issue_title", "issues/1", "it breaks"), ("issue_description", "issues/1", "see log")]
PULL_TEXTS = [("pull_request_title", "pull/2", "fix it"), ("pull_request_description", "pull/2", "as told")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (event("IssuesEvent", {"issue": ISSUE}), ISSUE_TEXTS),
        (event("PullRequestEvent", {"pull_request": PULL}), PULL_TEXTS),
        # An issue's comment brings the issue as it stands; of a pull request, both are the pull request's.
        (event("IssueCommentEvent", {"issue": ISSUE, "comment": {"body": "me too", "html_url": f"{WEB}/issues/1#c5"}}),
         [*ISSUE_TEXTS, ("issue_comment", "issues/1#c5", "me too")]),
        (event("IssueCommentEvent", {"issue": PULL_AS_ISSUE, "comment": {"body": "nice",
                                                                         "html_url": f"{WEB}/pull/2#c6"}}),
         [*PULL_TEXTS, ("pull_request_comment", "pull/2#c6", "nice")]),
        (event("PullRequestReviewEvent", {"review": {"body": "no", "html_url": f"{WEB}/pull/2#r1"},
                                          "pull_request": PULL}),
         [*PULL_TEXTS, ("pull_request_comment", "pull/2#r1", "no")]),
        (event("PullRequestReviewCommentEvent", {"comment": {"body": "this line", "html_url": f"{WEB}/pull/2#d1"}}),
         [("pull_request_comment", "pull/2#d1", "this line")]),
        (event("CommitCommentEvent", {"comment": {"body": "oops", "html_url": f"{WEB}/commit/ab#c1"}}),
         [("commit_comment", "commit/ab#c1", "oops")]),
        (event("DiscussionEvent", {"discussion": {"title": "ideas", "body": "one",
                                                  "html_url": f"{WEB}/discussions/3"}}),
         [("discussion_title", "discussions/3", "ideas"), ("discussion_body", "discussions/3", "one")]),
        (event("DiscussionCommentEvent", {"comment": {"body": "two", "html_url": f"{WEB}/discussions/3#c1"}}),
         [("discussion_comment", "discussions/3#c1", "two")]),
        (event("GollumEvent", {"pages": [{"title": "Home", "summary": "typo", "html_url": f"{WEB}/wiki/Home"},
                                         {"title": "Keys", "summary": None, "html_url": f"{WEB}/wiki/Keys"}]}),
         [("wiki_content", "wiki/Home", "Home"), ("wiki_content", "wiki/Keys", "Keys"),
          ("wiki_commit", "wiki/Home", "typo")]),
        # A kind of comment that is not known yet is scanned all the same.
        (event("GistCommentEvent", {"comment": {"body": "new", "html_url": f"{WEB}/x"}}), [("unknown", "x", "new")]),
        # Events without a text, and texts that are empty.
        (event("WatchEvent", {"action": "started"}), []),
        (event("PushEvent", {"commits": [{"message": "m"}]}), []),
        (event("IssuesEvent", {"issue": {"title": "", "body": None, "html_url": f"{WEB}/issues/1"}}), []),
        # Another shape than expected is scanned as it stands, or has nothing to scan.
        (event("IssuesEvent", {"issue": {"title": {"a": "b"}, "html_url": f"{WEB}/issues/1"}}),
         [("issue_title", "issues/1", '{"a":"b"}')]),
        (event("IssuesEvent", [1, 2]), []),
        (event("GollumEvent", {"pages": "none"}), []),
        (event("GollumEvent", {"pages": [5, None, {"title": None}]}), []),
        ({"type": "IssuesEvent", "payload": {"issue": {"title": "alone"}}}, [("issue_title", "", "alone")]),
    ],
)
def test_each_text_has_its_source_and_its_place(tmp_path: Path, given: Any, expected: list[Any]) -> None:
    report = add(tmp_path, write(tmp_path, given))
    assert texts(tmp_path) == expected
    assert (report.events, report.skipped, report.failures) == (1, {}, ())
    assert {source for source, _, _ in expected} <= set(SOURCES)


def test_a_location_says_when_where_and_at_which_commit(tmp_path: Path) -> None:
    review = {"body": "no", "html_url": f"{WEB}/pull/2#r1", "commit_id": "c" * 40}
    add(
        tmp_path,
        write(tmp_path, event("PullRequestReviewEvent", {"review": review}, created_at="2024-05-01T12:00:00+02:00")),
    )
    (row,) = Corpus.open(tmp_path / "corpus").locations().to_pylist()
    assert (row["repository"], row["revision"], row["url"]) == ("acme/kit", "c" * 40, f"{WEB}/pull/2#r1")
    assert row["committed_at"].isoformat() == "2024-05-01T10:00:00+00:00"


@pytest.mark.parametrize("when", ["infinity", "-infinity", "294247-01-10", "0001-01-01", "yesterday", None, 5, {}])
def test_a_time_that_is_none_is_left_out(tmp_path: Path, when: Any) -> None:
    add(tmp_path, write(tmp_path, event("IssuesEvent", {"issue": ISSUE}, created_at=when)))
    assert [row["committed_at"] for row in Corpus.open(tmp_path / "corpus").locations().to_pylist()] == [None, None]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x/ y", "https://x/\u202e", "x" * 3000, 7, None])
def test_only_an_address_is_an_address(tmp_path: Path, url: Any) -> None:
    add(tmp_path, write(tmp_path, event("IssuesEvent", {"issue": {**ISSUE, "html_url": url}})))
    assert {row["url"] for row in Corpus.open(tmp_path / "corpus").locations().to_pylist()} == {""}


def test_paths_are_what_follows_the_repository() -> None:
    assert path_of(f"{WEB}/issues/1#c", "Acme/Kit") == "issues/1#c"
    assert path_of(f"{WEB}/issues/1#c", "other/name") == "acme/kit/issues/1#c"
    assert path_of("", "acme/kit") == ""


def test_repeated_texts_are_one_blob_and_one_location(tmp_path: Path) -> None:
    comments = [event("IssueCommentEvent", {"issue": ISSUE, "comment": {"body": b, "html_url": f"{WEB}/issues/1#{b}"}})
                for b in ("one", "two", "one")]
    first = write(tmp_path, *comments[:2], name="1.json.gz")
    second = write(tmp_path, *comments, name="2.json.gz")
    assert add(tmp_path, first, second).locations == 4
    # A file is known by what is in it, not by its name.
    again = add(tmp_path, first, shutil.copy(second, tmp_path / "renamed.json.gz"))
    assert (again.files, again.unchanged, again.locations) == (0, 2, 0)


def test_lines_that_are_no_events_are_counted_once(tmp_path: Path) -> None:
    lines = [event("IssuesEvent", {"issue": ISSUE}), b"{broken", b"\xff\xfe", b'"\\ud83d"', 5, [1], "text", b"", b"   ",
             b"[" * 100_000, event("PullRequestEvent", {"pull_request": PULL})]
    path = write(tmp_path, *lines)
    report = add(tmp_path, path)
    assert report.skipped == {"malformed_event": 7}
    assert texts(tmp_path) == ISSUE_TEXTS + PULL_TEXTS
    add(tmp_path, path)
    assert Corpus.open(tmp_path / "corpus").manifest.skipped == {"malformed_event": 7}


@pytest.mark.parametrize("lines", [[b"%PDF-1.7", b"stream"], [{"name": "a", "version": "1.0.0"}]])
def test_a_file_without_any_event_is_none(tmp_path: Path, lines: list[Any]) -> None:
    report = add(tmp_path, write(tmp_path, *lines, name="report.pdf"))
    assert (report.files, report.events, report.skipped) == (0, 0, {})
    assert "Expected events" in report.failures[0][1]


def test_long_and_binary_texts_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, event("IssuesEvent", {"issue": {"title": "nul\0", "body": "é" * 600, "html_url": WEB}}))
    assert add(tmp_path, path, max_blob_bytes=1000).skipped == {"binary": 1, "too_large": 1}
    # With a higher limit the file is read again, and what is taken now is not counted any longer.
    assert add(tmp_path, path, max_blob_bytes=2000).locations == 1
    assert Corpus.open(tmp_path / "corpus").manifest.skipped == {"binary": 1}


@pytest.mark.parametrize("name", ["plain.json", "g[1]*?.json.gz", "it's.json.gz"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    assert add(tmp_path, write(tmp_path, event("IssuesEvent", {"issue": ISSUE}), name=name)).locations == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-9], "cut short"),
        (lambda data: data[:40] + b"\0\0\0\0" + data[44:], "damaged"),
        (lambda data: gzip.compress(b'{"type": "x", "y": "' + b"a" * (5 << 20) + b'"}\n'), ":1: a line of over 4 MiB"),
        (lambda data: data + gzip.compress(b"\n" * (8 << 20)) * 40, "unpacks to over"),
    ],
    ids=["truncated", "overwritten", "endless line", "bomb"],
)
def test_a_file_that_cannot_be_read_adds_nothing_and_a_sound_one_completes(
    tmp_path: Path, damage: Any, message: str
) -> None:
    other = write(tmp_path, event("PullRequestEvent", {"pull_request": PULL}), name="other.json.gz")
    path = write(tmp_path, event("IssuesEvent", {"issue": ISSUE, "pad": random.Random(1).randbytes(2000).hex()}))
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    report = add(tmp_path, path, other, tmp_path / "missing.json.gz")
    assert [what for what, _ in report.failures] == [str(path), str(tmp_path / "missing.json.gz")]
    assert message in report.failures[0][1]
    assert texts(tmp_path) == PULL_TEXTS
    path.write_bytes(sound)
    assert add(tmp_path, path, other).locations == 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 32), is_plain=st.booleans())
def test_changed_bytes_are_counted_or_refused_but_never_half(tmp_path: Path, seed: int, is_plain: bool) -> None:
    dice = random.Random(seed)
    data = bytearray(b"".join(json.dumps(event("IssuesEvent", {"issue": {**ISSUE,
                                                                         "body": f"body {k}"}})).encode() + b"\n"
                              for k in range(20)))
    if not is_plain:
        data = bytearray(gzip.compress(data))
    for _ in range(dice.randint(1, 6)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path = tmp_path / "fuzz.json.gz"
    path.write_bytes(data[: dice.randrange(len(data))] if dice.random() < 0.3 else data)
    shutil.rmtree(tmp_path / "corpus", ignore_errors=True)
    report = add(tmp_path, path)
    assert report.files + len(report.failures) == 1
    assert report.files or not report.locations
    assert verify(tmp_path / "corpus").problems == ()


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    path = write(tmp_path, event("IssuesEvent", {"issue": ISSUE}), b"{")
    result = CliRunner().invoke(app, ["corpus", "add-archive", str(path), "--corpus", str(tmp_path / "corpus")])
    assert result.exit_code == 0, result.output
    assert "1 file, 0 more that were there: 2 events, 2 new blobs (0.0 MB), 2 new locations" in result.output
    assert "1  malformed_event: a line that is no JSON object with a type" in result.output
    result = CliRunner().invoke(app, ["corpus", "add-archive", "none.gz", "--corpus", str(tmp_path / "corpus")])
    assert (result.exit_code, "none.gz: cannot be read" in result.output) == (1, True)


def test_limits_make_sense(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one file"):
        add(tmp_path)
