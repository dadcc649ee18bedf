"""An exhibit is what a reviewer is shown of a subject at one of its places: where it stands, the lines round it, and
what can be said of a token without showing it.

Made when it is looked at and not before, so a review of 100,000 subjects costs no more than one of ten.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from workbench.corpora.reader import Corpus
from workbench.errors import WorkbenchError
from workbench.lab.excerpt import Excerpt, excerpts
from workbench.lab.masking import Masker
from workbench.lab.places import Places
from workbench.lab.subjects import Place, Subject
from workbench.rules import checks
from workbench.rules.rule import RuleSet

KEPT_BLOBS = 8
"""Contents kept in memory: a reviewer goes back and forth."""

MOST_KEPT_BYTES = 32 << 20
_MOST_REPEATS = 1_000


class Exhibits:
    """Makes exhibits from a corpus. ``masker`` should know every rule there is, not only the one under edit."""

    def __init__(self, corpus: Corpus, masker: Masker, rules: RuleSet, places: Places | None = None) -> None:
        self._corpus = corpus
        self._masker = masker
        self._places = places or Places(corpus)
        self._named = {name: (t.name, t.provider) for name, t in (*rules.secret_types.items(), *rules.pairs.items())}
        self._parts = {name: pair.parts for name, pair in rules.pairs.items()}
        self._kept: OrderedDict[str, tuple[bytes, list[tuple[int, int]]]] = OrderedDict()

    def path_classes(self, subjects: tuple[Subject, ...]) -> list[tuple[str, str]]:
        """Path class, and the text filters look into (repository and path), of each subject's first place."""
        first = self._places.first({s.places[0].blob_id for s in subjects})
        columns = (first[name].tolist() for name in ("path_class", "repository", "path"))
        known = {blob_id: (str(kind), f"{repository}/{path}".lower())
                 for blob_id, kind, repository, path in zip(first.index.tolist(), *columns, strict=True)}
        return [known.get(s.places[0].blob_id, ("unknown", "")) for s in subjects]

    def show(self, subject: Subject, number: int) -> dict[str, Any]:
        """The exhibit of ``subject`` at its place ``number``, as JSON: masked text only.

        Where the corpus cannot be read any more, ``problem`` says so in a sentence and there are no excerpts.
        """
        place = subject.places[number]
        name, provider = self._named.get(subject.type, (subject.type, ""))
        shown: dict[str, Any] = {
            "key": subject.fingerprint,
            "kind": subject.kind,
            "type": subject.type,
            "name": name,
            "provider": provider,
            "place": number + 1,
            "places": len(subject.places),
            "line": place.line,
            "problem": "",
            "facts": [],
            "excerpts": [],
            "repository": "",
            "path": "",
            "path_class": "",
            "revision": "",
            "locations": 0,
        }
        try:
            blob, hidden = self._content(place)
            shown |= self._where(place)
        except WorkbenchError as error:
            return shown | {"problem": str(error)}
        return shown | {
            "facts": self._facts(subject, place, blob),
            "excerpts": [_as_json(e) for e in excerpts(blob, place.spans, [*hidden, *_repeats(blob, place)])],
        }

    def _content(self, place: Place) -> tuple[bytes, list[tuple[int, int]]]:
        """The blob's content and the spans of the tokens known in it."""
        if place.blob_id in self._kept:
            self._kept.move_to_end(place.blob_id)
            return self._kept[place.blob_id]
        blob = self._corpus.blob(place.blob_id)
        found = blob, self._masker.spans([(place.blob_id, blob)])[place.blob_id]
        self._kept[place.blob_id] = found
        while len(self._kept) > KEPT_BLOBS or (len(self._kept) > 1 and self._kept_bytes() > MOST_KEPT_BYTES):
            self._kept.popitem(last=False)
        return found

    def _kept_bytes(self) -> int:
        return sum(len(blob) for blob, _ in self._kept.values())

    def _where(self, place: Place) -> dict[str, Any]:
        table = self._places.of([place.blob_id])
        if not table.num_rows:
            return {}
        row = table.slice(0, 1).to_pylist()[0]
        return {"repository": row["repository"], "path": row["path"], "path_class": row["path_class"],
                "revision": row["revision"], "locations": table.num_rows}

    def _facts(self, subject: Subject, place: Place, blob: bytes) -> list[str]:
        names = self._parts.get(subject.type, ()) if subject.kind == "pair" else ()
        out = []
        for k, span in enumerate(place.spans):
            token = blob[span.start : span.end]
            fact = f"{len(token):,} bytes, {checks.entropy(token):.1f} bits a byte"
            reason = checks.made_up(token)
            out.append((f"{names[k]}: " if k < len(names) else "") + fact + (f", {reason}" if reason else ""))
        if len(place.spans) == 2:
            out.append(f"{place.spans[0].gap_bytes(place.spans[1]):,} bytes apart")
        return out


def _repeats(blob: bytes, place: Place) -> list[tuple[int, int]]:
    """Where the judged tokens stand once more, be it where no rule would look."""
    out: list[tuple[int, int]] = []
    for span in place.spans:
        token = blob[span.start : span.end]
        at = blob.find(token)
        while at >= 0 and len(out) < _MOST_REPEATS:
            out.append((at, at + len(token)))
            at = blob.find(token, at + len(token))
    return out


def _as_json(excerpt: Excerpt) -> list[dict[str, Any]]:
    return [{"number": line.number, "pieces": [[text, marked] for text, marked in line.pieces]} for line in excerpt]
