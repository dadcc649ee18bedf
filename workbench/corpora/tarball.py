"""A tarball is someone else's archive, and hostile: its members are streamed past, and nothing of it reaches a disk.

What cannot be a file of the package is counted with a reason and passed over. A header that makes no sense does not
end the reading: it goes on at the next one that does, as the npm client's own reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from workbench.corpora.skips import BOMB, DAMAGED, LINK, SPECIAL, TOO_LARGE, UNSAFE_PATH

MOST_MEMBERS = 1 << 20
_BLOCK = 512
_MOST_PATH_BYTES = 1024
_MOST_META_BYTES = 1 << 20
_END = bytes(_BLOCK)
_OCTAL = re.compile(rb"[0-7]+")
_PAX_RECORD = re.compile(rb"([0-9]{1,7}) ([^=\n]{1,100})=")
_SEPARATORS = re.compile(rb"[/\\]")
_DRIVE = re.compile(rb"[A-Za-z]:")
_FILE_KINDS = (b"0", b"\0", b"7")
_LINK_KINDS = (b"1", b"2")
_DIRECTORY = b"5"
_DATALESS_KINDS = (*_LINK_KINDS, b"3", b"4", b"6", _DIRECTORY)
_PAX_KINDS = (b"x", b"g", b"X")


class Stream(Protocol):
    """What members are read from. ``is_cut`` says that it ended before its own end."""

    is_cut: bool

    def read(self, size: int) -> bytes: ...

    def skip(self, size: int) -> int: ...


class HeldStream:
    """A :class:`Stream` over bytes in memory."""

    is_cut = False

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        self._at += len(found)
        return found

    def skip(self, size: int) -> int:
        done = min(size, len(self._data) - self._at)
        self._at += done
        return done


class Member(NamedTuple):
    """A file of a tarball, or what was left out: then ``skipped`` is the reason and ``content`` None.

    ``path`` is without the first folder, which npm calls ``package`` and drops. Content that nobody wants is None too.
    """

    path: str
    size: int
    content: bytes | None
    skipped: str | None


@dataclass(slots=True)
class _Header:
    name: bytes
    size: int
    kind: bytes


def read_members(
    stream: Stream, *, max_bytes: int, wants: Callable[[str], bool] = lambda path: True
) -> Iterator[Member]:
    """The members of a tarball but its folders; of those whose path ``wants`` and not over ``max_bytes`` the content.

    Memory: a member's content. Ends after two empty blocks, at the end of ``stream``, or after 2^20 members. Raises
    what ``stream`` raises, and nothing else.
    """
    return _Reader(stream, max_bytes, wants).members()


class _Reader:
    def __init__(self, stream: Stream, max_bytes: int, wants: Callable[[str], bool]) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._wants = wants
        self._next: dict[bytes, bytes] = {}  # what special headers say of the next member
        self._all: dict[bytes, bytes] = {}  # and of every one to come

    def members(self) -> Iterator[Member]:
        is_lost = False  # inside something that is no header, which counts once
        was_empty = False
        count = 0
        while block := self._stream.read(_BLOCK):
            if block == _END:
                if was_empty:
                    return
                was_empty = True
                continue
            was_empty = False
            header = _parse_header(block)
            if header is None:
                if not is_lost:
                    yield _skipped(DAMAGED)
                is_lost = True
                continue
            is_lost = False
            member = self._member(header)
            if member is not None:
                count += 1
                yield member if count <= MOST_MEMBERS else _skipped(BOMB)
                if count > MOST_MEMBERS or member.skipped == BOMB:
                    return
        if self._stream.is_cut:
            yield _skipped(BOMB)

    def _member(self, header: _Header) -> Member | None:
        if header.kind in _PAX_KINDS or header.kind in (b"L", b"K"):
            return self._take_meta(header)
        said, self._next = {**self._all, **self._next}, {}
        name = said.get(b"path", header.name)
        size = header.size
        if b"size" in said:
            if not said[b"size"].isdigit() or len(said[b"size"]) > 19:
                return _skipped(DAMAGED)
            size = int(said[b"size"])
        if header.kind in _DATALESS_KINDS:
            size = 0
        path = _inner_path(name)
        reason = _kind_reason(header.kind)
        if header.kind == _DIRECTORY or (header.kind in _FILE_KINDS and name.endswith(b"/")):
            self._pass(size)
            return None
        if reason is None and path is None:
            reason = UNSAFE_PATH
        if reason is None and size > self._max_bytes:
            reason = TOO_LARGE
        path = path or ""
        if reason is not None or not self._wants(path):
            whole = self._pass(size)
            return Member(path, size, None, reason if whole else self._end_reason())
        content = self._stream.read(size)
        if len(content) < size or not self._pass(-size % _BLOCK, is_padding=True):
            return Member(path, size, None, self._end_reason())
        return Member(path, size, content, None)

    def _end_reason(self) -> str:
        return BOMB if self._stream.is_cut else DAMAGED

    def _pass(self, size: int, *, is_padding: bool = False) -> bool:
        """Go over a member's bytes and what fills its last block; False when they are not all there."""
        if self._stream.skip(size) < size:
            return False
        if not is_padding:
            self._stream.skip(-size % _BLOCK)  # the last member's padding may be missing
        return True

    def _take_meta(self, header: _Header) -> Member | None:
        """Remember what a special header says of the members after it."""
        if header.size > _MOST_META_BYTES:
            self._pass(header.size)
            return _skipped(DAMAGED)
        data = self._stream.read(header.size)
        if len(data) < header.size:
            return _skipped(self._end_reason())
        self._stream.skip(-header.size % _BLOCK)
        if header.kind == b"L":
            self._next[b"path"] = data.rstrip(b"\0")
        elif header.kind in _PAX_KINDS:
            records = _pax_records(data)
            if records is None:
                return _skipped(DAMAGED)
            (self._all if header.kind == b"g" else self._next).update(records)
        return None


def _skipped(reason: str) -> Member:
    return Member("", 0, None, reason)


def _kind_reason(kind: bytes) -> str | None:
    if kind in _FILE_KINDS or kind == _DIRECTORY:
        return None
    return LINK if kind in _LINK_KINDS else SPECIAL


def _parse_header(block: bytes) -> _Header | None:
    """A header block; None when it is none, or says a size that cannot be."""
    if len(block) < _BLOCK:
        return None
    expected = _number(block[148:156])
    if expected is None:
        return None
    found = sum(block) - sum(block[148:156]) + 8 * 32  # the sum's own field counts as blanks
    if found != expected:
        high = sum(byte > 127 for byte in block[:148] + block[156:])
        if found - 256 * high != expected:  # old tools added signed bytes
            return None
    size = _number(block[124:136])
    if size is None:
        return None
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    return _Header(name, size, block[156:157])


def _number(field: bytes) -> int | None:
    """A header's number, in octal or, where the first bit is set, in base 256; None when it is neither, or negative."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big") if field[0] != 0xFF else None
    digits = field.partition(b"\0")[0].strip(b" ")
    if not digits:
        return 0 if not field.strip(b" \0") else None
    return int(digits, 8) if _OCTAL.fullmatch(digits) else None


def _pax_records(data: bytes) -> dict[bytes, bytes] | None:
    """The records of a pax header that matter here; None when it is malformed."""
    records = {}
    at = 0
    while at < len(data) and data[at]:
        match = _PAX_RECORD.match(data, at)
        if match is None:
            return None
        end = at + int(match[1])
        if end > len(data) or end <= match.end() or data[end - 1 : end] != b"\n":
            return None
        if match[2] in (b"path", b"size"):
            records[match[2]] = data[match.end() : end - 1]
        at = end
    return records


def _inner_path(name: bytes) -> str | None:
    """A member's path without its first folder, as text; None when no file in a package can have it."""
    if b"\0" in name or len(name) > _MOST_PATH_BYTES or name.startswith((b"/", b"\\")) or _DRIVE.match(name):
        return None
    if b".." in _SEPARATORS.split(name):
        return None
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if not parts:
        return None
    return b"/".join(parts[1:] or parts).decode("utf-8", "backslashreplace")
