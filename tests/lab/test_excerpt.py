"""Excerpts: what a reviewer sees of a file. Right lines, readable, and not a token among them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.lab.excerpt import CUT, MARGIN_LINES, MOST_COLUMNS, excerpts
from workbench.model import Span


def token(*what: object) -> bytes:
    """Looks like one and stands in no file."""
    return b"tk" + b"_" + hashlib.sha256(repr(what).encode()).hexdigest()[:34].encode()


def shown(blob: bytes, *judged: bytes, hidden: tuple[bytes, ...] = ()) -> list[list[str]]:
    """The excerpts as ``number|text`` lines, the match between [[ and ]]."""
    found = excerpts(
        blob, [span_of(blob, j) for j in judged], [(s.start, s.end) for s in (span_of(blob, h) for h in hidden)]
    )
    return [
        [
            f"{line.number}|" + "".join(f"[[{text}]]" if marked else text for text, marked in line.pieces)
            for line in lines
        ]
        for lines in found
    ]


def span_of(blob: bytes, value: bytes) -> Span:
    return Span(blob.index(value), blob.index(value) + len(value))


def test_the_match_stands_masked_among_its_numbered_lines() -> None:
    value = token(1)
    blob = b"one\ntwo\nkey = '" + value + b"'\nfour\n"
    assert shown(blob, value) == [["1|one", "2|two", f"3|key = '[[{value[:4].decode()}…(37)]]'", "4|four"]]


@pytest.mark.parametrize(("gap", "count"), [
    (1, 1),  # neighbours share an excerpt
    (2 * MARGIN_LINES, 1),  # their margins just touch
    (2 * MARGIN_LINES + 1, 2),  # a line between them is not shown
    (400, 2),
])
def test_parts_far_apart_have_an_excerpt_each(gap: int, count: int) -> None:
    first, second = token("a"), token("b")
    blob = b"id=" + first + b"\n" + b"filler\n" * gap + b"secret=" + second + b"\n"
    found = shown(blob, second, first)
    assert len(found) == count
    assert sum(line.count("[[") for lines in found for line in lines) == 2
    assert found[-1][-1].startswith(f"{gap + 2}|")


def test_a_long_line_is_cut_round_the_match_and_not_through_a_neighbour() -> None:
    value, other = token(1), token(2)
    blob = b"x=1;" * 1000 + value + b";" + b"y" * (MOST_COLUMNS // 2 - 10) + b";" + other + b";z=2" * 1000
    ((line,),) = shown(blob, value, hidden=(other,))
    assert line.startswith(f"1|{CUT}") and line.endswith(CUT) and "[[" in line
    assert len(line) < 2 * MOST_COLUMNS
    assert other[:8].decode() not in line  # cut by the edge: only said to be there


def test_a_cut_goes_between_characters() -> None:
    value = token(1)
    for shift in range(3):  # so that one of them would be cut, wherever the cut falls
        blob = b"x" * shift + "€".encode() * 300 + value + "€".encode() * 300
        ((line,),) = shown(blob, value)
        assert "�" not in line and line.count(CUT) == 2


def test_a_key_of_many_lines_shows_its_first_and_last() -> None:
    body = b"\n".join(hashlib.sha256(bytes([n])).hexdigest().encode() for n in range(20))
    value = b"-----BEGIN " + b"KEY-----\n" + body + b"\n-----END " + b"KEY-----"
    blob = b"a\n" + value + b"\nb\n"
    ((*lines,),) = shown(blob, value)
    assert [line.split("|")[0] for line in lines] == ["1", "2", "0", "23", "24"]
    assert "".join(lines).count("[[") == 2


@pytest.mark.parametrize(("bytes_", "text"), [
    (b"caf\xc3\xa9", "café"),
    (b"\xff\xfe", "��"),  # not UTF-8
    (b"a\tb", "a\tb"),  # a tab is text
    (b"\x1b[31mred", "\\x1b[31mred"),  # what a terminal would obey
    (b"a\xe2\x80\xaeb", "a\\u202eb"),  # what turns the direction of writing
    (b"a\xe2\x80\x8bb", "a\\u200bb"),  # what cannot be seen
    (b"dos\r", "dos"),
    (b"<script>", "<script>"),  # the page sets text, never markup
])
def test_what_would_be_obeyed_is_written_out(bytes_: bytes, text: str) -> None:
    value = token(1)
    assert shown(value + b"\n" + bytes_ + b"\nend", value)[0][1] == f"2|{text}"


def test_the_last_line_may_lack_its_newline() -> None:
    value = token(1)
    assert [line.split("|")[0] for line in shown(b"a\nb\n" + value, value)[0]] == ["1", "2", "3"]
    assert [line.split("|")[0] for line in shown(b"a\nb\n" + value + b"\n", value)[0]] == ["1", "2", "3"]


FILLER = st.sampled_from([b"\n", b" = ", b"'", b"x=1;" * 100, b"\xff", b"word ", b"\r\n", b"\t", b"\0"])


@given(pieces=st.lists(st.one_of(FILLER, st.integers(0, 5)), min_size=1, max_size=30), data=st.data())
def test_no_token_is_ever_shown(pieces: list[bytes | int], data: st.DataObject) -> None:
    blob, spans = b"", []
    for piece in pieces:
        if isinstance(piece, int):
            spans.append(Span(len(blob), len(blob) + 37))
            blob += token(piece)
        else:
            blob += piece
    if not spans:
        return
    judged = data.draw(st.lists(st.sampled_from(spans), min_size=1, max_size=3, unique=True))
    found = excerpts(blob, judged, [(s.start, s.end) for s in spans])
    text = "".join(text for lines in found for line in lines for text, _ in line.pieces)
    # Four leading characters are the mask's; any further one of the random part would be too many.
    assert not [s for s in spans if blob[s.start + 4 : s.start + 12].decode() in text]
    assert sum(marked for lines in found for line in lines for _, marked in line.pieces) >= 1
