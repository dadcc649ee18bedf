"""A document: one synthetic file while it is written, and the labels in it; finished in one of several variants.

Variants are what a file may be besides plain UTF-8 with line feeds: ``crlf``, ``utf-16``, ``no newline at the end``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.corpora.synthetic.filler import Filler
from workbench.corpora.synthetic.place import Place
from workbench.corpora.synthetic.plant import Snippet
from workbench.corpora.synthetic.truth import Label
from workbench.corpora.synthetic.validity import holds
from workbench.rules.rule import RuleSet, Window

CRLF, UTF16_LE, UTF16_BE, CUT = "crlf", "utf-16", "utf-16 big-endian", "no newline at the end"
LINE_ENDS: tuple[str, ...] = ("", CRLF, "", "", CUT, "", "", CRLF, "", "")
"""Taken in turn, so that every ten documents hold each."""

ENCODINGS: tuple[str, ...] = (UTF16_LE, UTF16_BE)


@dataclass(frozen=True, slots=True)
class Finished:
    """A file's content, and its labels sorted by span."""

    content: bytes
    labels: tuple[Label, ...]

    def __repr__(self) -> str:  # the content holds valid samples
        return f"Finished({len(self.content)} bytes, {len(self.labels)} labels)"


class Document:
    """One file of ``place``, written from top to bottom."""

    def __init__(self, place: Place, filler: Filler) -> None:
        self.place = place
        self._filler = filler
        self._content = bytearray()
        self.labels: list[Label] = []
        if place.head:
            self._content += (place.head + place.joint).encode()

    def __len__(self) -> int:
        return len(self._content)

    def fill(self, size_bytes: int) -> None:
        """About so many bytes of whole lines."""
        for piece in self._filler.pieces(size_bytes):
            self._content += piece

    def add(self, snippet: Snippet) -> None:
        at = len(self._content)
        self._content += snippet.text
        self.labels += [replace(m, start=m.start + at, end=m.end + at) for m in snippet.labels]

    def add_at(self, snippet: Snippet, end: int, gap: Window) -> bool:
        """Add ``snippet`` so that its first label begins exactly ``gap`` (lines or bytes) after offset ``end``.

        False, and nothing is added, when what stands between them already is longer, or in lines where a file has none.
        """
        head = snippet.labels[0].start
        if gap.unit == "bytes":
            missing = gap.size - (len(self._content) - end) - head
            if missing < 0:
                return False
            self._content += self._filler.exactly(missing)
        else:
            lines = self._content.count(b"\n", end) + snippet.text.count(b"\n", 0, head)
            if lines > gap.size or self.place.joint != "\n":
                return False
            for _ in range(gap.size - lines):
                self._content += self._filler.line()
        self.add(snippet)
        return True

    def lines_between(self, first: int, last: int) -> int:
        """Line feeds between two offsets; 0 when the first is not before the last."""
        return self._content.count(b"\n", first, max(first, last))

    def finish(self, variant: str, rules: RuleSet) -> Finished:
        """The file with its end, in ``variant``, or plain where a token would not be one in that variant."""
        if self.place.tail and variant != CUT:  # a file that breaks off lacks its end too
            self._content += self.place.tail.encode() + b"\n"
        plain = Finished(bytes(self._content), tuple(sorted(self.labels, key=lambda m: (m.start, m.end))))
        if variant == CRLF:
            return _kept(_crlf(plain), rules) or plain
        if variant == CUT:
            return _kept(_cut(plain), rules) or plain
        if variant in (UTF16_LE, UTF16_BE):
            return _utf16(plain, variant) or plain
        return plain


def _kept(made: Finished | None, rules: RuleSet) -> Finished | None:
    """``made`` if every true label in it still is what it says; base64 is no token as it stands and is not asked."""
    if made is None:
        return None
    for m in made.labels:
        if m.truth and "base64" not in m.why:
            formats = rules.secret_types[m.type or ""].formats
            if not any(holds(f, made.content, m.start, m.end) for f in formats):
                return None
    return made


def _varied(labels: Sequence[Label], starts: Sequence[int], ends: Sequence[int], variant: str) -> tuple[Label, ...]:
    return tuple(replace(m, start=a, end=b, why=f"{m.why}, {variant}" if ", " not in m.why else m.why)
                 for m, a, b in zip(labels, starts, ends, strict=True))


def _crlf(plain: Finished) -> Finished | None:
    """Line feeds become CR LF. None where a token holds a line feed itself, or the file has none."""
    content = plain.content
    if b"\n" not in content or any(b"\n" in content[m.start : m.end] for m in plain.labels):
        return None
    shifts, at, count = [], 0, 0
    for m in plain.labels:
        count += content.count(b"\n", at, m.start)
        at = m.start
        shifts.append(count)
    starts = [m.start + s for m, s in zip(plain.labels, shifts, strict=True)]
    ends = [m.end + s for m, s in zip(plain.labels, shifts, strict=True)]
    return Finished(content.replace(b"\n", b"\r\n"), _varied(plain.labels, starts, ends, CRLF))


def _cut(plain: Finished) -> Finished:
    """The last line loses its end. Only labels in that line say so."""
    content = plain.content.rstrip(b"\n")
    last = content.rfind(b"\n") + 1
    labels = tuple(replace(m, why=f"{m.why}, {CUT}") if m.end > last and ", " not in m.why else m for m in plain.labels)
    return Finished(content, labels)


def _utf16(plain: Finished, variant: str) -> Finished | None:
    """UTF-16 with a byte order mark; spans count the bytes of the encoded file. None for bytes that are not UTF-8."""
    encoding = "utf-16-le" if variant == UTF16_LE else "utf-16-be"
    try:
        text = plain.content.decode()
        edges, at, size = [], 0, 2
        for m in plain.labels:
            for offset in (m.start, m.end):
                size += len(plain.content[at:offset].decode().encode(encoding))
                at = offset
                edges.append(size)
    except UnicodeDecodeError:
        return None
    labels = _varied(plain.labels, edges[::2], edges[1::2], variant)
    return Finished(f"\ufeff{text}".encode(encoding), labels)
