"""A plant: a fresh token written into a place so that its format's definition holds there, delimiters and keywords too.

A snippet is the lines that result, with labels whose spans count from its start. Templates that a format refuses are
passed over for others, and where all of a place's own fail, `before` and `after` are made from their patterns.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from workbench.corpora.synthetic.place import Place, filled
from workbench.corpora.synthetic.truth import Expect, Label
from workbench.corpora.synthetic.validity import holds
from workbench.corpora.synthetic.vocabulary import Vocabulary, styled
from workbench.rules.pattern import generate, parse
from workbench.rules.rule import Format, RuleSet
from workbench.rules.samples import make_sample

PLAIN_NAMES = ("token", "api_key", "secret", "password", "auth_token", "access_key", "key", "client_secret",
               "license_key",
                "credentials", "api_token", "private_key")
_PREFIXES = ((), (), (), (), ("prod",), ("my",), ("test",), ("default",))
_DRESSED_TRIES = 40
_CREDENTIAL = re.compile(r"Bearer|Authorization|token \{value|oauth|login|key=")
"""Wordings that make a credential of whatever stands in them."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Whole lines, the last joint included, and the labels in them."""

    text: bytes
    labels: tuple[Label, ...]

    def __repr__(self) -> str:  # the text holds valid samples
        return f"Snippet({len(self.text)} bytes, {len(self.labels)} labels)"


@dataclass(frozen=True, slots=True)
class Planting:
    """What is to be planted: a token of one format, and what its label says."""

    secret_type: str
    format: int
    expect: Expect = "match"
    arrangement: str = ""
    pair_type: str | None = None
    pair_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """A planting with its format and the token made for it."""

    planting: Planting
    format: Format
    token: bytes

    def __repr__(self) -> str:  # the default would print the token
        return f"_Part({self.planting})"


@dataclass(frozen=True, slots=True)
class _Wording:
    """One way to write parts: a template with its names filled in, the text for ``{note}``, and what stands directly
    before and after each token (mostly nothing)."""

    template: str
    note: str
    dresses: tuple[tuple[bytes, bytes], ...] = ((b"", b""),)


class Planter:
    """Plants tokens of a rule set. Each token is fresh; the same seed, source ``draw`` and calls give the same ones."""

    def __init__(self, rules: RuleSet, draw: Vocabulary, seed: str) -> None:
        self.rules = rules
        self.draw = draw
        self._seed = seed
        self._made = 0

    def fresh_seed(self) -> str:
        """Another seed at each call."""
        self._made += 1
        return f"{self._seed}/{self._made}"

    def plant(self, place: Place, planting: Planting) -> Snippet | None:
        """One token at ``place``; None when this place cannot hold it."""
        parts = self._parts(place, [planting])
        if not parts:
            return None
        return self._first(place, parts, self._wordings(place, planting.secret_type, parts[0].format))

    def plant_line(self, place: Place, plantings: Sequence[Planting]) -> Snippet | None:
        """Several tokens in one line of ``place``; None when this place cannot hold them so."""
        parts = self._parts(place, plantings)
        return self._first(place, parts, self._line_wordings(place, parts)) if parts else None

    def decoy(self, place: Place, value: bytes, label: Label, names: Sequence[str]) -> Snippet | None:
        """``value`` at ``place`` under one of ``names`` (words joined by ``_``), where nothing says that it is a
        credential; None when the place cannot hold it. ``label`` says what it is; its span is filled in."""
        if not place.holds(value) or place.is_base64:
            return None
        template = self.draw.pick([t for t in place.assign if not _CREDENTIAL.search(t)])
        text, (start,) = filled(template, [value], name=styled(self.draw.pick(names).split("_"), place.style))
        return Snippet(text + place.joint.encode(), (replace(label, start=start, end=start + len(value)),))

    # -- what is to be written -----------------------------------------------------------------------------------------

    def _parts(self, place: Place, plantings: Sequence[Planting]) -> list[_Part]:
        """Plantings with fresh tokens; none when the place cannot hold one of these."""
        parts = []
        for planting in plantings:
            secret = self.rules.secret_types[planting.secret_type]
            fmt = secret.formats[planting.format]
            token = make_sample(secret, planting.format, seed=self.fresh_seed())
            # In base64 a token stands by itself once it is decoded.
            if not place.holds(token) or (place.is_base64 and not (secret.base64 and holds(fmt, token, 0, len(token)))):
                return []
            parts.append(_Part(planting, fmt, token))
        return parts

    def _first(self, place: Place, parts: Sequence[_Part], wordings: Iterable[_Wording]) -> Snippet | None:
        """The snippet of the first wording in which every format holds."""
        write = self._encoded if place.is_base64 else _written
        return next((s for s in (write(place, wording, parts) for wording in wordings) if s is not None), None)

    def _encoded(self, place: Place, wording: _Wording, parts: Sequence[_Part]) -> Snippet:
        """Tokens in base64; one in five with the line feed that ``echo`` adds."""
        shown = [base64.b64encode(p.token + (b"\n" if self.draw.chance(0.2) else b"")) for p in parts]
        text, starts = filled(wording.template, shown, note=wording.note)
        spans = [(s, s + len(v)) for s, v in zip(starts, shown, strict=True)]
        return Snippet(text + place.joint.encode(), _labels(place, spans, parts, ", base64"))

    # -- wordings ------------------------------------------------------------------------------------------------------

    def _wordings(self, place: Place, secret_type: str, fmt: Format) -> Iterator[_Wording]:
        """Ways to write one token, in the order they are to be tried."""
        draw, names = self.draw, self._names(place, secret_type, fmt)
        keywords = list(fmt.near.keywords) if fmt.near else []
        if keywords and draw.chance(0.5):
            # Half the time the keyword is not in the name but in a comment, beside it or a line above.
            for name in names[-3:]:
                above = place.comment + place.joint + draw.pick(place.assign)
                template = above if draw.chance(0.4) else draw.pick(place.noted)
                yield _Wording(template.replace("{name}", name), self._note(draw.pick(keywords)))
        for name in names:
            yield _Wording(draw.pick(place.assign).replace("{name}", name), "")
        for name in names if keywords else ():
            yield _Wording(draw.pick(place.noted).replace("{name}", name), self._note(draw.pick(keywords)))
        for _ in range(_DRESSED_TRIES):
            template = draw.pick(place.noted if keywords else place.assign).replace("{name}", draw.pick(names))
            yield _Wording(template, draw.pick(keywords) if keywords else "", (self._dress(fmt),))

    def _line_wordings(self, place: Place, parts: Sequence[_Part]) -> Iterator[_Wording]:
        """Ways to write several tokens in one line."""
        line, draw = place.inline, self.draw
        for attempt in range(_DRESSED_TRIES):
            names = [self._names(place, p.planting.secret_type, p.format) for p in parts]
            items = [line.item.replace("{name}", own[min(attempt // 4, len(own) - 1)]) for own in names]
            template = line.opening + line.separator.join(items) + line.closing
            keywords = [draw.pick(p.format.near.keywords) for p in parts if p.format.near]
            if keywords and attempt % 2:
                template = place.comment + place.joint + template
            dresses = [self._dress(p.format) if attempt % 4 == 3 else (b"", b"") for p in parts]
            yield _Wording(template.replace("{name}", draw.word()), self._note(" ".join(keywords)), tuple(dresses))

    def _names(self, place: Place, secret_type: str, fmt: Format) -> list[str]:
        """Names for the variable or key, the likeliest first; for a format with keywords those that hold one lead."""
        draw = self.draw
        plain = [draw.pick(PLAIN_NAMES).split("_") for _ in range(4)]
        own = secret_type.split("_")
        words = [own, *plain] if draw.chance(0.6) else [*plain, own]
        names = [styled([*draw.pick(_PREFIXES), *w], place.style) for w in words]
        leading = []
        for keyword in draw.rng.sample(fmt.near.keywords, min(3, len(fmt.near.keywords))) if fmt.near else ():
            name = styled([w for w in re.split(r"[^A-Za-z0-9]+", keyword) if w], place.style)
            if keyword.lower() in name.lower():
                leading.append(name)
        return leading + names

    def _note(self, keyword: str) -> str:
        """A few words round the keyword."""
        before = self.draw.word() + " " if self.draw.chance(0.5) else ""
        return f"{before}{keyword} {self.draw.word()}"

    def _dress(self, fmt: Format) -> tuple[bytes, bytes]:
        """What `before` and `after` ask for, made from their patterns."""
        return generate(parse(fmt.before), self.draw.rng), generate(parse(fmt.after), self.draw.rng)


def lead(place: Place) -> bytes:
    """What stands before every piece of a file but the first."""
    return place.joint.encode() or b","


def _written(place: Place, wording: _Wording, parts: Sequence[_Part]) -> Snippet | None:
    """The snippet of one wording, or None when some format does not hold in it."""
    values = [before + p.token + after for (before, after), p in zip(wording.dresses, parts, strict=True)]
    if not all(map(place.holds, values)) or not all(_is_plain(b + a) for b, a in wording.dresses):
        return None
    text, starts = filled(wording.template, values, note=wording.note)
    text += place.joint.encode()
    first = lead(place)
    spans = []
    for start, (before, _), part in zip(starts, wording.dresses, parts, strict=True):
        span = start + len(before), start + len(before) + len(part.token)
        if not holds(part.format, first + text, len(first) + span[0], len(first) + span[1], alone=True):
            return None
        spans.append(span)
    return Snippet(text, _labels(place, spans, parts, ""))


def _is_plain(dress: bytes) -> bool:
    return not dress or (dress.isascii() and dress.decode().isprintable())


def _labels(place: Place, spans: Sequence[tuple[int, int]], parts: Sequence[_Part], variant: str) -> tuple[Label, ...]:
    out = []
    for (start, end), part in zip(spans, parts, strict=True):
        p = part.planting
        why = place.name + (f": {p.arrangement}" if p.arrangement else "") + variant
        out.append(Label(start, end, p.secret_type, True, why, p.expect, p.pair_type, p.pair_id))
    return tuple(out)
