"""A plant: a fresh token written into a place so that its format's definition holds there, delimiters and keywords too.

A snippet is the lines that result, with labels whose spans count from its start. Templates that a format refuses are
passed over for others, and where all of a place's own fail, `before` and `after` are made from their patterns.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from workbench.corpora.synthetic.place import Place, filled
from workbench.corpora.synthetic.truth import Expect, Label
from workbench.corpora.synthetic.validity import holds
from workbench.corpora.synthetic.vocabulary import Vocabulary, styled
from workbench.rules.pattern import generate, parse
from workbench.rules.rule import Format, RuleSet, SecretType
from workbench.rules.samples import make_sample

PLAIN_NAMES = ("token", "api_key", "secret", "password", "auth_token", "access_key", "key", "client_secret", "license_key",
                "credentials", "api_token", "private_key")
_PREFIXES = ((), (), (), (), ("prod",), ("my",), ("test",), ("default",))
_DRESSED_TRIES = 40
_CREDENTIAL = re.compile(r"Bearer|Authorization|token \{value|oauth|login|key=")
"""Wordings that make a credential of whatever stands in them."""
_ABOVE = "{comment}{joint}{assign}"


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


class Planter:
    """Plants tokens of a rule set. Every token is fresh; the same seed and calls give the same ones."""

    def __init__(self, rules: RuleSet, seed: str) -> None:
        self.rules = rules
        self._seed = seed
        self._made = 0

    def fresh_seed(self) -> str:
        """Another seed at each call."""
        self._made += 1
        return f"{self._seed}/{self._made}"

    def plant(self, place: Place, planting: Planting, draw: Vocabulary) -> Snippet | None:
        """One token at ``place``; None when this place cannot hold it."""
        return self._write(place, [planting], draw, in_line=False)

    def plant_line(self, place: Place, plantings: Sequence[Planting], draw: Vocabulary) -> Snippet | None:
        """Several tokens in one line of ``place``; None when this place cannot hold them so."""
        return self._write(place, plantings, draw, in_line=True)

    def decoy(self, place: Place, value: bytes, label: Label, names: Sequence[str], draw: Vocabulary) -> Snippet | None:
        """``value`` at ``place`` under one of ``names`` (words joined by ``_``), where nothing says that it is a credential;
        None when the place cannot hold it. ``label`` says what it is; its span is filled in."""
        if not place.holds(value) or place.is_base64:
            return None
        template = draw.pick([t for t in place.assign if not _CREDENTIAL.search(t)])
        text, (start,) = filled(template, [value], name=styled(draw.pick(names).split("_"), place.style))
        return Snippet(text + place.joint.encode(), (replace(label, start=start, end=start + len(value)),))

    # -- writing -------------------------------------------------------------------------------------------------------

    def _write(self, place: Place, plantings: Sequence[Planting], draw: Vocabulary, *, in_line: bool) -> Snippet | None:
        formats = [self.rules.secret_types[p.secret_type].formats[p.format] for p in plantings]
        tokens = [make_sample(self.rules.secret_types[p.secret_type], p.format, seed=self.fresh_seed()) for p in plantings]
        if place.is_base64 and not all(self._stands_alone(p, f, t) for p, f, t in zip(plantings, formats, tokens,
                                                                                      strict=True)):
            return None
        if not all(place.holds(t) for t in tokens):
            return None
        if in_line:
            ways = self._line_wordings(place, plantings, formats, draw)
        else:
            ways = self._wordings(place, self.rules.secret_types[plantings[0].secret_type], formats[0], draw)
        for template, note, dresses in ways:
            snippet = _written(place, template, note, dresses, tokens, plantings, formats, draw)
            if snippet is not None:
                return snippet
        return None

    def _stands_alone(self, planting: Planting, fmt: Format, token: bytes) -> bool:
        """Whether the token is one by itself, as it is once its base64 is decoded."""
        return self.rules.secret_types[planting.secret_type].base64 and holds(fmt, token, 0, len(token))

    def _wordings(self, place: Place, secret: SecretType, fmt: Format, draw: Vocabulary,
                  ) -> Iterator[tuple[str, str, list[tuple[bytes, bytes]]]]:
        """(template with its name, note, what stands directly round the token) to try, in turn."""
        bare = [(b"", b"")]
        names = self._names(place, secret, fmt, draw)
        above = _ABOVE.format(comment=place.comment, joint=place.joint, assign="{assign}")
        keywords = list(fmt.near.keywords) if fmt.near else []
        if keywords and draw.chance(0.5):
            # Half the time the keyword is not in the name but in a comment.
            for name in names[-3:]:
                template = above.replace("{assign}", draw.pick(place.assign)) if draw.chance(0.4) else draw.pick(place.noted)
                yield template.replace("{name}", name), _note(draw.pick(keywords), draw), bare
        for name in names:
            yield draw.pick(place.assign).replace("{name}", name), "", bare
        for name in names if keywords else ():
            yield draw.pick(place.noted).replace("{name}", name), _note(draw.pick(keywords), draw), bare
        for _ in range(_DRESSED_TRIES):
            template = draw.pick(place.noted if keywords else place.assign).replace("{name}", draw.pick(names))
            note = draw.pick(keywords) if keywords else ""
            yield template, note, [(generate(parse(fmt.before), draw.rng), generate(parse(fmt.after), draw.rng))]

    def _line_wordings(self, place: Place, plantings: Sequence[Planting], formats: Sequence[Format], draw: Vocabulary,
                       ) -> Iterator[tuple[str, str, list[tuple[bytes, bytes]]]]:
        line = place.inline
        for attempt in range(_DRESSED_TRIES):
            items, dresses = [], []
            for planting, fmt in zip(plantings, formats, strict=True):
                names = self._names(place, self.rules.secret_types[planting.secret_type], fmt, draw)
                items.append(line.item.replace("{name}", names[min(attempt // 4, len(names) - 1)]))
                dressed = attempt % 4 == 3
                dresses.append((generate(parse(fmt.before), draw.rng), b"") if dressed else (b"", b""))
            keywords = [draw.pick(f.near.keywords) for f in formats if f.near]
            template = line.opening + line.separator.join(items) + line.closing
            if keywords and attempt % 2:
                template = place.comment + place.joint + template
            yield template.replace("{name}", draw.word()), _note(" ".join(keywords), draw), dresses

    def _names(self, place: Place, secret: SecretType, fmt: Format, draw: Vocabulary) -> list[str]:
        """Names for the variable or key, the likeliest first; for a format with keywords those that hold one lead."""
        plain = [draw.pick(PLAIN_NAMES).split("_") for _ in range(4)]
        own = secret.type.split("_")
        words = [own, *plain] if draw.chance(0.6) else [*plain, own]
        names = [styled([*draw.pick(_PREFIXES), *w], place.style) for w in words]
        leading = []
        for keyword in draw.rng.sample(fmt.near.keywords, min(3, len(fmt.near.keywords))) if fmt.near else ():
            name = styled([w for w in re.split(r"[^A-Za-z0-9]+", keyword) if w], place.style)
            if keyword.lower() in name.lower():
                leading.append(name)
        return leading + names


def _note(keyword: str, draw: Vocabulary) -> str:
    """A few words round the keyword."""
    before = draw.word() + " " if draw.chance(0.5) else ""
    return f"{before}{keyword} {draw.word()}"


def lead(place: Place) -> bytes:
    """What stands before every piece of a file but the first."""
    return place.joint.encode() or b","


def _written(place: Place, template: str, note: str, dresses: Sequence[tuple[bytes, bytes]], tokens: Sequence[bytes],
             plantings: Sequence[Planting], formats: Sequence[Format], draw: Vocabulary) -> Snippet | None:
    """The snippet of one wording, or None when some format does not hold in it."""
    if place.is_base64:
        shown = [base64.b64encode(t + (b"\n" if draw.chance(0.2) else b"")) for t in tokens]
        text, starts = filled(template, shown, note=note)
        spans = [(s, s + len(v)) for s, v in zip(starts, shown, strict=True)]
        return Snippet(text + place.joint.encode(), _labels(place, spans, plantings, ", base64"))
    values = [before + token + after for (before, after), token in zip(dresses, tokens, strict=True)]
    if not all(place.holds(v) and _is_plain(b + a) for v, (b, a) in zip(values, dresses, strict=True)):
        return None
    text, starts = filled(template, values, note=note)
    text += place.joint.encode()
    spans = [(s + len(b), s + len(b) + len(t)) for s, (b, _), t in zip(starts, dresses, tokens, strict=True)]
    first = lead(place)
    for (start, end), fmt in zip(spans, formats, strict=True):
        if not holds(fmt, first + text, len(first) + start, len(first) + end, alone=True):
            return None
    return Snippet(text, _labels(place, spans, plantings, ""))


def _is_plain(dress: bytes) -> bool:
    return not dress or (dress.isascii() and dress.decode().isprintable())


def _labels(place: Place, spans: Sequence[tuple[int, int]], plantings: Sequence[Planting],
            variant: str) -> tuple[Label, ...]:
    return tuple(
        Label(start, end, p.secret_type, True, place.name + (f": {p.arrangement}" if p.arrangement else "") + variant,
              p.expect, p.pair_type, p.pair_id)
        for (start, end), p in zip(spans, plantings, strict=True))
