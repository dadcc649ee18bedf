"""Filler: what else stands in a file. Lines of its place's templates, filled with made-up names; it holds no token.

Slots: ``a`` a name in the place's own style, ``A`` ``U`` ``k`` one in PascalCase, UPPER_CASE, kebab-case, ``s`` one
short letter or two, ``w`` a word, ``t`` a sentence, ``n`` ``N`` a small and a large number, ``v`` a version, ``h`` a
host, ``d`` a time.

Writing lines is slower than anything else here, so pieces of files are kept and used again, in other orders and in
other company, while new ones keep taking the place of old ones.
"""

from __future__ import annotations

import random
import re

from workbench.corpora.synthetic.place import Place
from workbench.corpora.synthetic.vocabulary import WORDS, Vocabulary

_SLOT = re.compile(r"\{([aAUkswtnNvhd])\}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_KEPT_SMALL, _KEPT_LARGE = 64, 24
_RENEWED = 0.03
"""Share of asked pieces that are written anew although enough are kept."""
_SMALL_BYTES, _LARGE_BYTES = 300, 6_000


class PhraseBook:
    """What slots are filled with: for each slot a list to pick from. One serves all fillers of a corpus."""

    def __init__(self, seed: str) -> None:
        v = Vocabulary(random.Random(f"{seed}:phrases"))
        self.styles = {style: [v.name(style) for _ in range(1500)]
                       for style in ("upper", "snake", "camel", "pascal", "kebab")}
        self.slots: dict[str, list[str]] = {
            "A": self.styles["pascal"], "U": self.styles["upper"], "k": self.styles["kebab"], "w": list(WORDS),
            "t": [v.sentence() for _ in range(1200)], "n": [str(n) for n in range(100)],
            "N": [str(v.below(100_000)) for _ in range(1000)], "v": [v.version() for _ in range(200)],
            "h": [v.host() for _ in range(200)], "d": [v.moment() for _ in range(1000)],
            "s": [*_LETTERS, *(a + b for a in _LETTERS for b in "aeinrtu")],
        }


class Filler:
    """Filler for one place. The same seed, asked in the same order, gives the same bytes."""

    def __init__(self, place: Place, book: PhraseBook, seed: str) -> None:
        self._draw = Vocabulary(random.Random(f"{seed}:filler:{place.name}"))
        self._random = self._draw.rng.random
        self._joint = place.joint
        slots = book.slots | {"a": book.styles[place.style]}
        self._templates = [_parsed(line, slots) for line in place.lines]
        self._small: list[bytes] = []
        self._large: list[bytes] = []

    def line(self) -> bytes:
        """One line with its joint, of a template that has no line break inside."""
        while True:
            line = self._written()
            if "\n" not in line:
                return (line + self._joint).encode()

    def pieces(self, size_bytes: int) -> list[bytes]:
        """Whole lines of about ``size_bytes`` together; none when that is less than half a line's."""
        out, rest = [], size_bytes
        while rest >= _LARGE_BYTES:
            out.append(self._piece(self._large, _KEPT_LARGE, _LARGE_BYTES))
            rest -= len(out[-1])
        while rest >= _SMALL_BYTES:
            out.append(self._piece(self._small, _KEPT_SMALL, _SMALL_BYTES))
            rest -= len(out[-1])
        while rest > 20:
            out.append((self._written() + self._joint).encode())
            rest -= len(out[-1])
        return out

    def exactly(self, size_bytes: int) -> bytes:
        """So many bytes of ASCII filler, the last of them the joint where there is room; cut anywhere before it."""
        text = bytearray()
        joint = self._joint.encode()
        while len(text) < size_bytes:
            text += self.line().decode().encode("ascii", "ignore")
        del text[size_bytes:]
        if joint and size_bytes >= len(joint):
            text[-len(joint):] = joint
        return bytes(text)

    def _piece(self, kept: list[bytes], most: int, size_bytes: int) -> bytes:
        draw = self._draw
        if len(kept) == most and not draw.chance(_RENEWED):
            return draw.pick(kept)
        lines, size = [], 0
        while size < size_bytes:
            lines.append(self._written())
            size += len(lines[-1]) + 1
        piece = (self._joint.join(lines) + self._joint).encode()
        if len(kept) < most:
            kept.append(piece)
        else:
            kept[draw.below(most)] = piece
        return piece

    def _written(self) -> str:
        draw = self._random
        template = self._templates[int(draw() * len(self._templates))]
        return "".join([part if type(part) is str else part[int(draw() * len(part))] for part in template])


def _parsed(line: str, slots: dict[str, list[str]]) -> list[str | list[str]]:
    """Text, and lists to pick from, in turn."""
    return [slots[part] if k % 2 else part for k, part in enumerate(_SLOT.split(line))]
