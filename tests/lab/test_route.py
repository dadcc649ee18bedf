"""Routes: what comes next, whatever is filtered, judged or skipped."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.lab.route import Filter, Route
from workbench.lab.subjects import Place, Subject
from workbench.model import BlobId, Span

WHERE = [("config", "acme/shop/deploy.yaml"), ("test", "acme/shop/tests/a.py"), ("docs", "acme/site/readme.md"),
         ("config", "acme/site/.env"), ("source", "ben/tool/main.go"), ("test", "ben/tool/main_test.go")]


def subject(n: int, kind: str = "acme_token") -> Subject:
    blob = BlobId(hashlib.sha1(bytes([n])).hexdigest())
    return Subject("single", kind, hashlib.md5(bytes([n])).hexdigest(), (Place(blob, (Span(0, 8),), 1),) * (n + 1))


def route(count: int = len(WHERE)) -> Route:
    made = Route([subject(n, "acme_hash" if n == 2 else "acme_token") for n in range(count)], WHERE[:count])
    made.move_on()
    return made


def rest(made: Route) -> list[int]:
    """The numbers that are gone through when everything is judged as it comes."""
    seen = []
    while made.current is not None and len(seen) < 100:
        seen.append(made.current)
        made.mark(made.current, "true")
        made.move_on()
    return seen


def test_everything_comes_once() -> None:
    made = route()
    assert rest(made) == [0, 1, 2, 3, 4, 5]
    assert made.progress() == {"total": 6, "judged": 6, "true": 6, "false": 0, "unsure": 0, "skipped": 0, "places": 21}
    assert made.position() == (0, 0)


@pytest.mark.parametrize(("chosen", "numbers"), [
    (Filter(type="acme_hash"), [2]),
    (Filter(path_class="test"), [1, 5]),
    (Filter(text="SITE"), [2, 3]),  # in any case
    (Filter(text="acme yaml"), [0]),  # all words
    (Filter(path_class="config", text="ben"), []),
])
def test_a_filter_leaves_what_it_says(chosen: Filter, numbers: list[int]) -> None:
    made = route()
    made.choose(chosen)
    assert made.position() == ((1, len(numbers)) if numbers else (0, 0))
    assert rest(made) == numbers


def test_what_was_skipped_comes_again_when_nothing_else_is_left() -> None:
    made = route(4)
    assert made.skip() == 0  # 0
    made.mark(1, "false")
    made.move_on()
    made.skip()  # 2
    made.mark(3, "true")
    assert made.progress()["skipped"] == 2
    assert made.move_on() == 2
    assert rest(made) == [0, 2]


def test_what_was_judged_can_be_gone_through_again() -> None:
    made = route()
    for n, verdict in enumerate(["true", "false", "unsure", "true"]):
        made.mark(n, verdict)  # type: ignore[arg-type]
    made.choose(Filter("true"))
    assert (made.current, made.position()) == (0, (1, 2))
    made.step(1)
    made.step(1)  # not beyond the last
    assert made.current == 3
    made.step(-5)
    assert made.current == 0
    made.choose(Filter("judged"))
    assert made.position() == (1, 4)
    made.choose(Filter("all"))
    assert made.position() == (1, 6)


def test_going_back_from_a_subject_that_the_filter_hides() -> None:
    made = route()
    made.mark(2, "true")
    made.reopen(2)  # as an undo or a click does
    made.step(1)
    assert made.current == 3
    made.reopen(2)
    made.step(-1)
    assert made.current == 1


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="got 'done'"):
        Filter("done")  # type: ignore[arg-type]


def test_an_empty_sample_has_nothing_to_show() -> None:
    made = route(0)
    made.step(1)
    assert made.current is None and made.position() == (0, 0) and made.skip() == 0
    assert made.progress()["total"] == 0


@given(st.lists(st.sampled_from(["judge", "skip", "next", "back", "filter", "unfilter"]), max_size=40))
def test_the_current_subject_is_always_one_that_may_be_shown(steps: list[str]) -> None:
    made = route()
    for step in steps:
        if step == "judge" and made.current is not None:
            made.mark(made.current, "unsure")
            made.move_on()
        elif step == "skip":
            made.skip()
        elif step in ("next", "back"):
            made.step(1 if step == "next" else -1)
        elif step.endswith("filter"):
            made.choose(Filter(path_class="test" if step == "filter" else ""))
        at, count = made.position()
        counts = made.progress()
        assert at <= count and counts["judged"] + counts["skipped"] <= 6
        # Nothing is shown only when nothing is left to judge among what the filter lets through.
        left = 2 if made.filter.path_class else 6
        assert made.current is not None or counts["judged"] >= left
