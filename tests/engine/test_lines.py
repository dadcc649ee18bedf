"""Lines: offsets, lines and ranges of lines agree with splitting the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.lines import Lines, around

texts = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\n\n", b"x" * 5000, b"\r\n"]), min_size=1, max_size=12).map(b"".join)


@given(texts, st.data())
def test_places_are_what_splitting_says(text: bytes, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text) - 1))
    before = text[:offset]
    lines = Lines(memoryview(text))
    assert lines.place(offset) == (before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1)


@given(texts, st.data(), st.integers(0, 4))
def test_ranges_of_lines_are_the_same_seen_near_or_whole(text: bytes, data: st.DataObject, margin: int) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    lines = Lines(memoryview(text))
    whole = lines.around(lines.line(start), lines.line(end - 1), margin)
    assert around(memoryview(text), start, end, margin, len(text)) == whole
    most = data.draw(st.integers(0, len(text)))
    low, high = around(memoryview(text), start, end, margin, most)
    assert (low, high) == (max(whole[0], start - most), min(whole[1], end + most))
    pieces = text.splitlines(keepends=True) if b"\r" not in text else text.replace(b"\r", b"x").splitlines(keepends=True)
    first, last = lines.line(start) - 1 - margin, lines.line(end - 1) + margin
    assert text[slice(*whole)] == text[sum(map(len, pieces[: max(0, first)])) : sum(map(len, pieces[:last]))]
