"""Synthesis makes a labelled corpus: files as repositories have them, with valid tokens of every type and pair of a
rule set in them, strings that only look like tokens, and ``labels.parquet``, which says what stands where.

The same rule set, seed and size give the same files and labels on every machine. Names are made up
(``example-org``), addresses lead nowhere, and no token was ever issued by anyone.
"""

from __future__ import annotations

import math
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.corpora.lock import LOCK_NAME, FolderLock
from workbench.corpora.manifest import MANIFEST_NAME, Manifest
from workbench.corpora.synthetic.arrangements import Stage, arrange
from workbench.corpora.synthetic.deck import PLACES, Card, Deck, FormatKey
from workbench.corpora.synthetic.document import CUT, LINE_ENDS, Document, Finished
from workbench.corpora.synthetic.filler import Filler, PhraseBook
from workbench.corpora.synthetic.hard_negatives import Imitator
from workbench.corpora.synthetic.noise import NOISE, write_noise
from workbench.corpora.synthetic.place import Place
from workbench.corpora.synthetic.plant import Planter, Planting, Snippet
from workbench.corpora.synthetic.truth import LABELS_NAME, LabelsWriter
from workbench.corpora.synthetic.vocabulary import Vocabulary, styled
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.errors import CorpusError, UsageError
from workbench.rules.rule import RuleSet

LEAST_FILE_BYTES, MOST_FILE_BYTES = 200, 200_000
_LARGE_FILE_BYTES = 1_000_000, 4_000_000
_LARGE_SHARE = 0.08
"""Of the files in places where large ones are common: about one file in a hundred."""
_LEAST_FOR_LARGE_BYTES = 64_000_000
_ROUND_OVERHEAD = 1.6
"""Bytes of a round over those of as many files of mean size: parts far apart, repeated lines, UTF-16."""
_VERSION = 1
"""Raised when the same seed gives other files."""

_OWNERS = ("example-org", "example-labs", "example-corp")
_EPOCH = datetime(2018, 1, 1, tzinfo=UTC)
_YEARS_S = 8 * 365 * 86_400


def synthesize(
    rules: RuleSet,
    folder: str | os.PathLike[str],
    *,
    seed: int | str = 0,
    size_bytes: int | None = None,
    blobs: int | None = None,
    progress: bool = False,
) -> Manifest:
    """Write a labelled corpus of about ``size_bytes`` of content, or of ``blobs`` files, to ``folder``.

    Files have 200 bytes to 200 kB, a few some megabytes; when ``size_bytes`` is too little for one round of every
    format and every pair at that, they are made smaller. A format that could not be planted anywhere is counted in the
    manifest's ``skipped``. ``progress`` draws a bar on standard error. Memory: a corpus writer's and about 100 MB.

    Raises UsageError unless exactly one size over 0 is given, CorpusError for a folder that already is a corpus, and
    RulesError for a format of which no sample can be made.
    """
    given = [n for n in (size_bytes, blobs) if n is not None]
    if len(given) != 1 or given[0] < 1:
        raise UsageError(f"Expected one of size_bytes and blobs, over 0, but got {size_bytes=} and {blobs=}")
    if (Path(folder) / MANIFEST_NAME).exists():
        raise CorpusError(f"Corpus {folder}: there is a corpus already, and labels must be of all its files. Choose a "
                          "new or an empty folder", path=folder)
    size = f"{size_bytes} bytes" if blobs is None else f"{blobs} blobs"
    made = f"synthesized {size} seed={seed} rules={rules.hash} version={_VERSION}"
    about = {"seed": str(seed), "rules_hash": rules.hash, "version": str(_VERSION)}
    _clear_up(Path(folder))
    with CorpusWriter(folder, made=made) as writer:
        try:
            # Inside the writer, so that a corpus that has a manifest has its labels.
            with LabelsWriter(folder, made_by=about) as labels:
                _write_files(rules, writer, labels, seed=f"{_VERSION}:{seed}", size_bytes=size_bytes, blobs=blobs,
                             progress=progress)
            return writer.publish()
        except BaseException:
            (Path(folder) / LABELS_NAME).unlink(missing_ok=True)
            raise


def _clear_up(folder: Path) -> None:
    """Delete the labels that a crash left between them and the manifest."""
    if (folder / LOCK_NAME).exists():
        lock = FolderLock(folder)
        try:
            if not (folder / MANIFEST_NAME).exists():
                (folder / LABELS_NAME).unlink(missing_ok=True)
        finally:
            lock.release()


def _write_files(rules: RuleSet, writer: CorpusWriter, labels: LabelsWriter, *, seed: str, size_bytes: int | None,
                 blobs: int | None, progress: bool) -> None:
    from tqdm import tqdm

    deck = Deck(rules, seed)
    most = MOST_FILE_BYTES if size_bytes is None else _most_file_bytes(size_bytes, len(deck.round(0)))
    bench = Bench(rules, seed, most_file_bytes=most, large_files=not size_bytes or size_bytes >= _LEAST_FOR_LARGE_BYTES)
    addresses = _Addresses(seed)
    written = 0
    bar = tqdm(total=size_bytes or blobs, unit="B" if size_bytes else " files", unit_scale=bool(size_bytes),
               leave=False, disable=not progress, file=sys.stderr, desc="synthesize")
    with bar:
        for made in bench.files(deck):
            blob_id = blob_id_of(made.file.content)
            if not writer.add_blob(blob_id, made.file.content):
                continue
            labels.add(blob_id, made.file.labels)
            for location in addresses.of(made.path):
                writer.add_location(blob_id, **location)
            written += 1
            bar.update(len(made.file.content) if size_bytes else 1)
            if written == blobs or (size_bytes is not None and writer.pending_bytes >= size_bytes):
                break
    for reason, count in sorted(bench.not_planted.items()):
        writer.skip(reason, count)


def _most_file_bytes(size_bytes: int, cards: int) -> int:
    """The upper end of file sizes at which one round of so many files takes about ``size_bytes``."""
    low, high = 2 * LEAST_FILE_BYTES, MOST_FILE_BYTES
    while high - low > 100:
        middle = (low + high) // 2
        mean = (middle - LEAST_FILE_BYTES) / math.log(middle / LEAST_FILE_BYTES)
        low, high = (middle, high) if mean * cards * _ROUND_OVERHEAD < size_bytes else (low, middle)
    return high


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A finished file and where it might stand."""

    file: Finished
    path: str


class Bench:
    """Writes the files of a deck. ``not_planted`` counts what no place could hold, by format."""

    def __init__(self, rules: RuleSet, seed: str, *, most_file_bytes: int = MOST_FILE_BYTES,
                 large_files: bool = True) -> None:
        self._large = large_files
        self._rules = rules
        self._seed = seed
        self._most = most_file_bytes
        self._draw = Vocabulary(random.Random(f"{seed}:bench"))
        self._planter = Planter(rules, self._draw, seed)
        self._imitator = Imitator(self._planter)
        self._book = PhraseBook(seed)
        self._fillers: dict[str, Filler] = {}
        self._documents = 0
        self._pairs = 0
        self.not_planted: Counter[str] = Counter()

    def files(self, deck: Deck) -> Iterator[MadeFile]:
        """Files without end, round after round."""
        number = 0
        while True:
            for card in deck.round(number):
                yield from self.play(card)
            number += 1

    def play(self, card: Card) -> Iterator[MadeFile]:
        """The file of one card; none when no place can hold it, and more when its place could not hold all of it."""
        if card.kind == "noise":
            noise = NOISE[card.place]
            yield MadeFile(write_noise(noise, self._size(60_000), self._draw), self._path(noise.paths))
        elif card.kind == "pair":
            yield from self._pair(card)
        elif card.kind == "tokens":
            yield from self._tokens(card)
        else:
            place = PLACES[card.place]
            snippets = [self._imitator.imitate(place, kind, key.secret_type, key.format)
                        for key, kind in zip(card.formats, card.kinds, strict=True)]
            yield self._with(place, [s for s in snippets if s is not None])

    # -- kinds of files ------------------------------------------------------------------------------------------------

    def _tokens(self, card: Card) -> Iterator[MadeFile]:
        place = PLACES[card.place]
        snippets = []
        for key in card.formats:
            snippet = self._planter.plant(place, Planting(key.secret_type, key.format))
            if snippet is None:
                yield from self._elsewhere(card, key)
            else:
                snippets.append(snippet)
        if not snippets:
            return
        if self._draw.chance(0.3):
            snippets += self._imitator.neutral(place, 1 + self._draw.below(2))
        yield self._with(place, snippets, card.encoding)

    def _elsewhere(self, card: Card, key: FormatKey) -> Iterator[MadeFile]:
        """A format that one place could not hold, in the next that can."""
        for k in range(1, len(PLACES)):
            place = PLACES[(card.place + k) % len(PLACES)]
            snippet = self._planter.plant(place, Planting(key.secret_type, key.format))
            if snippet is not None:
                yield self._with(place, [snippet], card.encoding)
                return
        label = self._rules.secret_types[key.secret_type].formats[key.format].label
        self.not_planted[f"not planted: {key.secret_type} ({label})"] += 1

    def _pair(self, card: Card) -> Iterator[MadeFile]:
        pair = self._rules.pairs[card.pair]
        for k in range(len(PLACES)):
            place = PLACES[(card.place + k) % len(PLACES)]
            document = Document(place, self._filler(place))
            before, after = (self._size(place.most_bytes) // 2 for _ in range(2))
            document.fill(before)
            stage = Stage(document, self._planter, self._imitator, pair, card.version, self._next_pair,
                          far_bytes=min(150_000, 2 * self._most))
            if arrange(stage, card.arrangement):
                variant = card.encoding or self._line_ends()
                if variant != CUT:
                    document.fill(after)
                    # A window in bytes is another one once line feeds are doubled or characters widened.
                    variant = "" if pair.window.unit == "bytes" else variant
                yield self._made(document, variant)
                return

    def _next_pair(self) -> int:
        self._pairs += 1
        return self._pairs

    # -- files ---------------------------------------------------------------------------------------------------------

    def _with(self, place: Place, snippets: list[Snippet], encoding: str = "") -> MadeFile:
        """A file of ``place`` with ``snippets`` in order, and filler before, between and after them."""
        document, variant = Document(place, self._filler(place)), encoding or self._line_ends()
        rest = self._size(place.most_bytes) - sum(len(s.text) for s in snippets)
        weights = [self._draw.rng.random() ** 2 for _ in range(len(snippets) + 1)]
        if variant == CUT and snippets:
            weights[-1] = 0.0
        for snippet, weight in zip([*snippets, None], weights, strict=True):
            document.fill(int(rest * weight / sum(weights)))
            if snippet is not None:
                document.add(snippet)
        return self._made(document, variant)

    def _made(self, document: Document, variant: str) -> MadeFile:
        self._documents += 1
        return MadeFile(document.finish(variant, self._rules), self._path(document.place.paths))

    def _line_ends(self) -> str:
        return LINE_ENDS[self._documents % len(LINE_ENDS)]

    def _filler(self, place: Place) -> Filler:
        if place.name not in self._fillers:
            self._fillers[place.name] = Filler(place, self._book, self._seed)
        return self._fillers[place.name]

    def _size(self, most: int) -> int:
        """A size in bytes: as many files between 1 and 10 kB as between 10 and 100."""
        draw = self._draw
        if self._large and most > MOST_FILE_BYTES and draw.chance(_LARGE_SHARE):
            least, wide = _LARGE_FILE_BYTES
            return min(most, least + draw.below(wide - least))
        high = max(2 * LEAST_FILE_BYTES, min(most, self._most))
        return int(LEAST_FILE_BYTES * math.exp(draw.rng.random() * math.log(high / LEAST_FILE_BYTES)))

    def _path(self, templates: tuple[str, ...]) -> str:
        return re.sub(r"\{w\}", lambda _: self._draw.word(), self._draw.pick(templates))


class _Addresses:
    """Where files stand: made-up repositories, revisions and times."""

    def __init__(self, seed: str) -> None:
        self._draw = Vocabulary(random.Random(f"{seed}:addresses"))
        draw = self._draw
        self._repositories = sorted({f"{draw.pick(_OWNERS)}/{styled([draw.word(), draw.word()], 'kebab')}"
                                     for _ in range(200)})

    def of(self, path: str) -> Iterator[dict]:
        """One location, and sometimes a copy or a later revision or two, as arguments of ``add_location``."""
        draw = self._draw
        repository = draw.pick(self._repositories)
        for _ in range(1 + (draw.below(3) if draw.chance(0.15) else 0)):
            revision = draw.hex(40)
            moment = int(_EPOCH.timestamp() + draw.below(_YEARS_S)) * 1_000_000
            yield {"source": "content", "repository": repository, "revision": revision, "path": path,
                   "committed_at": moment, "url": f"https://github.com/{repository}/blob/{revision}/{path}"}
            repository = draw.pick(self._repositories) if draw.chance(0.5) else repository
