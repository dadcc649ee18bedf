"""Tarballs: what the standard library writes is read back, and what an enemy writes is counted and passed over."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora.packages import BLOCK, END, header, member, pax, tar
from workbench.corpora.gzipped import GzipStream, unpacked_limit
from workbench.corpora.skips import BOMB, DAMAGED, LINK, SPECIAL, UNSAFE_PATH
from workbench.corpora.tarball import HeldStream, Member, read_members
from workbench.errors import CorpusError

MAX_BYTES = 1 << 16


def read(data: bytes, **options: object) -> list[Member]:
    return list(read_members(HeldStream(data), max_bytes=MAX_BYTES, **options))


def kept(data: bytes) -> dict[str, bytes]:
    return {m.path: m.content for m in read(data) if m.content is not None}


def skipped(data: bytes) -> Counter[str]:
    return Counter(m.skipped for m in read(data) if m.skipped is not None)


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/\\"), min_size=1, max_size=60)
paths = st.lists(names.filter(lambda n: n not in (".", "..")), min_size=1, max_size=5).map("/".join)


@settings(max_examples=60, deadline=None)
@given(files=st.dictionaries(paths, st.binary(max_size=2000), max_size=6),
       form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
def test_what_the_standard_library_writes_is_read_back(files: dict[str, bytes], form: int) -> None:
    found = kept(tar({f"package/{path}": content for path, content in files.items()}, form=form))
    assert found == files


GOOD = member(b"package/good.js", b"kept") + END


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        # A link has no content of its own, and what it points at is anybody's guess.
        (header(b"package/link", 0, kind=b"2"), LINK),
        (header(b"package/hard", 0, kind=b"1"), LINK),
        # A hard link that claims content has none: the size is not to be believed.
        (header(b"package/hard", 4096, kind=b"1"), LINK),
        (header(b"package/null", 0, kind=b"3"), SPECIAL),
        (header(b"package/disk", 0, kind=b"4"), SPECIAL),
        (header(b"package/pipe", 0, kind=b"6"), SPECIAL),
        # A kind nobody knows may have content, which is passed over.
        (member(b"package/odd", b"x" * 600, kind=b"Z"), SPECIAL),
        # Paths that climb out, by the name itself and by what an extended header says of it.
        (member(b"package/../../etc/passwd", b"x"), UNSAFE_PATH),
        (member(b"package\\..\\..\\boot.ini", b"x"), UNSAFE_PATH),
        (member(b"/etc/passwd", b"x"), UNSAFE_PATH),
        (member(b"C:/boot.ini", b"x"), UNSAFE_PATH),
        (member(b"", b"x"), UNSAFE_PATH),
        # Folders are no files, by their kind or, in old tarballs, by their slash.
        (header(b"package/lib", 0, kind=b"5") + header(b"package/lib/", 0), None),
        (pax({"path": "package/../../x"}) + member(b"package/x", b"x"), UNSAFE_PATH),
        (pax({"path": "package/" + "d/" * 600 + "x"}) + member(b"package/x", b"x"), UNSAFE_PATH),
        # Content over the limit is passed over without being read.
        (member(b"package/big", b"x" * (MAX_BYTES + 1)), "too_large"),
        # A header that fails its checksum, twice in a row, is one accident.
        (header(b"package/a", 0, checksum=1) * 2, DAMAGED),
        # Sizes that are no number, negative, or nothing at all with a letter in it.
        (header(b"package/a", b"7777777z777\0"), DAMAGED),
        (header(b"package/a", b"\xff" * 12), DAMAGED),
        (header(b"package/a", b"-0000000001\0"), DAMAGED),
        (pax({"size": "-5"}) + member(b"package/a", b""), DAMAGED),
        # An extended header whose record is longer than itself, and one that is too large to be true.
        (member(b"PaxHeader", b"99999 path=x\n", kind=b"x"), DAMAGED),
        (member(b"PaxHeader", b"0" * (2 << 20), kind=b"x"), DAMAGED),
        # A size that is too small: the rest of the content is no header.
        (header(b"package/a", 1) + b"x".ljust(BLOCK, b"\0") + b"more of it".ljust(BLOCK, b"."), DAMAGED),
    ],
)
def test_what_no_package_should_hold_is_counted_and_the_rest_is_read(start: bytes, reason: str | None) -> None:
    assert skipped(start + GOOD) == ({reason: 1} if reason else {})
    assert kept(start + GOOD)["good.js"] == b"kept"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (member(b"package/a.js", b"x"), "a.js"),
        (member(b"./package//lib/./a.js", b"x"), "lib/a.js"),
        # Packages of before call the folder otherwise, and some have none.
        (member(b"left-pad-1.0.0/a.js", b"x"), "a.js"),
        (member(b"a.js", b"x"), "a.js"),
        # Bytes that are no UTF-8 stay readable and distinct.
        (member(b"package/\xff.js", b"x"), "\\xff.js"),
        # A path in two pieces, a GNU long name, an extended header for one member and for all.
        (member(b"a.js", b"x", prefix=b"package/lib"), "lib/a.js"),
        (member(b"././@LongLink", b"package/long.js\0", kind=b"L") + member(b"package/lo", b"x"), "long.js"),
        (pax({"path": "package/told.js"}) + member(b"package/x", b"x"), "told.js"),
        (pax({"path": "package/all.js"}, kind=b"g") + member(b"package/x", b"x"), "all.js"),
        # A backslash is a character like any other where it climbs nowhere.
        (member(b"package/a\\b.js", b"x"), "a\\b.js"),
        (header(b"package/a.js", b"\x80" + bytes(10) + b"\x01") + b"x".ljust(BLOCK, b"\0"), "a.js"),
        # One empty block between members is not the end.
        (bytes(BLOCK) + member(b"package/a.js", b"x"), "a.js"),
    ],
)
def test_paths(data: bytes, path: str) -> None:
    assert kept(data + END) == {path: b"x"}


def test_an_extended_size_counts() -> None:
    data = pax({"size": "3"}) + header(b"package/a.js", 0) + b"abc".ljust(BLOCK, b"\0") + GOOD
    assert kept(data) == {"a.js": b"abc", "good.js": b"kept"}


def test_what_follows_the_end_is_nobodys() -> None:
    assert kept(GOOD + member(b"package/after.js", b"x")) == {"good.js": b"kept"}


@pytest.mark.parametrize("cut", range(0, 4 * BLOCK, 100))
def test_a_tar_that_stops_anywhere_gives_whole_members_only(cut: int) -> None:
    data = member(b"package/a.js", b"a" * 700) + member(b"package/b.js", b"b")
    assert set(kept(data[:cut]).items()) <= {("a.js", b"a" * 700), ("b.js", b"b")}
    assert set(skipped(data[:cut])) <= {DAMAGED}


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_changed_tar_never_raises_nor_gives_more_than_it_has(data: st.DataObject) -> None:
    sound = bytearray(
        pax({"path": "package/p.js"}) + member(b"package/x", b"p" * 600)
        + member(b"././@LongLink", b"package/long.js\0", kind=b"L") + member(b"package/lo", b"l" * 30)
        + header(b"package/link", 0, kind=b"2") + member(b"package/b.js", b"b" * 1500) + END
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(sound) - 1))
        sound[at] = data.draw(st.integers(0, 255))
    found = read(bytes(sound))
    assert sum(len(m.content) for m in found if m.content is not None) <= len(sound)


def write(folder: Path, data: bytes) -> Path:
    path = folder / "a.tgz"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(GOOD),
        # Members one after the other are one stream; what follows them is ignored, as npm does.
        gzip.compress(GOOD[:100]) + gzip.compress(GOOD[100:]),
        gzip.compress(GOOD) + bytes(1000),
        gzip.compress(GOOD) + b"trailing",
    ],
)
def test_a_gzip_stream_gives_what_was_packed(tmp_path: Path, data: bytes) -> None:
    with GzipStream(write(tmp_path, data), limit_bytes=1 << 20, hold_bytes=1 << 20) as stream:
        assert stream.read(600) + stream.read(1 << 20) == GOOD
        assert stream.held() == GOOD
        assert not stream.is_cut


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "an empty file"),
        (b"PK\3\4 a zip", "something else"),
        (gzip.compress(GOOD)[:-12], "cut short"),
        (gzip.compress(GOOD)[:5], "cut short"),
        (gzip.compress(GOOD)[:-6] + b"\0\0" + gzip.compress(GOOD)[-4:], "damaged"),
    ],
)
def test_damage_is_said(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message), GzipStream(write(tmp_path, data), limit_bytes=1 << 20) as stream:
        stream.read(1 << 20)
        stream.read(1)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="No such file"):
        GzipStream(tmp_path / "none.tgz", limit_bytes=1)


def bomb(size: int) -> bytes:
    """``size`` bytes of a tar whose one member is larger still, packed into a thousandth."""
    squeeze = zlib.compressobj(9, wbits=31)
    out = squeeze.compress(member(b"package/good.js", b"kept") + header(b"package/zeros", 8 << 30))
    zeros = bytes(1 << 20)
    return out + b"".join(squeeze.compress(zeros) for _ in range(size >> 20)) + squeeze.flush()


def test_a_bomb_is_cut_and_what_stood_before_it_kept(tmp_path: Path) -> None:
    path = write(tmp_path, bomb(64 << 20))
    with GzipStream(path, limit_bytes=20 << 20, hold_bytes=1 << 20) as stream:
        found = list(read_members(stream, max_bytes=MAX_BYTES))
        assert stream.unpacked_bytes == 20 << 20
        assert stream.held() is None
    assert [(m.path, m.skipped) for m in found] == [("good.js", None), ("zeros", BOMB)]


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.tuples(st.booleans(), st.integers(0, 400_000)), max_size=12),
       content=st.binary(max_size=50).map(lambda b: b * 20_000), limit=st.integers(1, 1_200_000))
def test_reading_and_skipping_are_what_they_are_on_bytes(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[tuple[bool, int]], content: bytes, limit: int
) -> None:
    path = write(tmp_path_factory.mktemp("gz"), gzip.compress(content, 1))
    with GzipStream(path, limit_bytes=limit) as stream:
        held = HeldStream(content[:limit])
        for is_read, size in sizes:
            if is_read:
                assert stream.read(size) == held.read(size)
            else:
                assert stream.skip(size) == held.skip(size)


def test_limits_follow_the_size_of_what_is_packed() -> None:
    assert unpacked_limit(1000, most_bytes=2 << 30) == (256 << 20) + 100_000
    assert unpacked_limit(1 << 30, most_bytes=2 << 30) == 2 << 30
