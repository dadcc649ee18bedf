"""Synthetic corpora: the same from the same seed, labels that are true, and every kind of thing in them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import HOUSE_RULES, rules_of
from workbench.corpora.manifest import Manifest
from workbench.corpora.reader import Corpus
from workbench.corpora.synthesize import synthesize
from workbench.corpora.synthetic.arrangements import ARRANGEMENTS
from workbench.corpora.synthetic.deck import PLACES, Deck, FormatKey
from workbench.corpora.synthetic.document import CRLF, ENCODINGS, LINE_ENDS, UTF16_LE, Document
from workbench.corpora.synthetic.filler import Filler, PhraseBook
from workbench.corpora.synthetic.hard_negatives import IMITATIONS, NEUTRAL
from workbench.corpora.synthetic.noise import NOISE
from workbench.corpora.synthetic.place import Place
from workbench.corpora.synthetic.plant import Snippet
from workbench.corpora.synthetic.truth import LABELS_NAME, Label, read_labels, split_why
from workbench.corpora.synthetic.validity import found_in, holds
from workbench.corpora.verify import verify
from workbench.errors import CorpusError, RulesError, UsageError
from workbench.rules.judge import compiled, refusal
from workbench.rules.rule import RuleSet, Window

# Formats that are hard to plant, and pairs with windows of each kind.
AWKWARD = r"""
provider: Acme
secrets:
  - type: acme_password        # its `before` is words, not a border
    name: Acme Password
    formats:
      - pattern: '[A-Za-z0-9]{24}'
        before: '(?i:password|passwd)["'']?[ \t]{0,4}[=:][ \t]{0,4}["'']?'
        near: {keywords: [acme.example, acme_host], window: {bytes: 120}}
  - type: acme_line_key        # the keyword must stand in the token's own line
    name: Acme Line Key
    formats: [{pattern: '[0-9a-f]{40}', near: {keywords: [acme_token, acme-token], window: {lines: 0}}}]
  - type: acme_json            # braces, quotes and line breaks: few places can hold it
    name: Acme Json
    formats: [{pattern: '\{"acme":\n"[a-z]{20}"\}'}]
  - type: acme_encoded
    name: Acme Encoded
    base64: true
    formats: [{pattern: 'acmee_[A-Za-z0-9]{30}'}]
  - {type: acme_a, name: A, formats: [{pattern: 'acmea[0-9a-f]{20}'}]}
  - {type: acme_b, name: B, formats: [{pattern: 'acmeb[0-9a-f]{20}'}]}
  - {type: acme_c, name: C, formats: [{pattern: 'acmec[0-9a-f]{20}'}]}
  - {type: acme_d, name: D, formats: [{pattern: '[A-Za-z0-9/]{40}', must_match: ['[A-Z]', '[a-z]', '[0-9]']}]}
  - {type: acme_e, name: E, formats: [{pattern: 'acmef[0-9a-f]{20}'}]}
  - {type: acme_f, name: F, formats: [{pattern: 'acmeg[0-9a-f]{20}'}]}
pairs:
  - {type: acme_ab, name: AB, parts: [acme_a, acme_b], window: {bytes: 90}, order: as_listed}
  - {type: acme_cd, name: CD, parts: [acme_c, acme_d], window: {lines: 12}}
  - {type: acme_ef, name: EF, parts: [acme_e, acme_f], window: {lines: 0}}
"""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return rules_of(HOUSE_RULES)


@pytest.fixture(scope="module")
def awkward() -> RuleSet:
    return rules_of(AWKWARD)


class Made:
    """A corpus as these tests look at it: contents, paths and labels by blob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        corpus = Corpus.open(folder)
        self.manifest = corpus.manifest
        self.content: dict[str, bytes] = {}
        for file in corpus.blob_files:
            table = pq.read_table(file)
            self.content |= dict(zip(table["blob_id"].to_pylist(), table["content"].to_pylist(), strict=True))
        self.locations = corpus.locations().to_pylist()
        self.labels: dict[str, list[Label]] = {}
        for r in read_labels(folder).to_pylist():
            self.labels.setdefault(r.pop("blob_id"), []).append(Label(**r))

    def all(self) -> Iterator[tuple[bytes, Label]]:
        return ((self.content[b], m) for b, own in self.labels.items() for m in own)


@pytest.fixture(scope="module")
def made(rules: RuleSet, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made") / "c"
    synthesize(rules, folder, seed=7, blobs=1500)
    return Made(folder)


@pytest.fixture(scope="module")
def hard(awkward: RuleSet, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("hard") / "c"
    synthesize(awkward, folder, seed=3, size_bytes=3_000_000)
    return Made(folder)


def token_of(content: bytes, label: Label) -> bytes:
    """The token under a label, out of whatever encoding its file has."""
    raw = content[label.start : label.end]
    variant = split_why(label.why)[2]
    if variant in ENCODINGS:
        raw = raw.decode("utf-16-le" if variant == UTF16_LE else "utf-16-be").encode()
    if "base64" in label.why or split_why(label.why)[0] == "kubernetes secret":
        raw = base64.b64decode(raw).removesuffix(b"\n")
    return raw


def check_labels(made: Made, rules: RuleSet) -> int:
    """Every true label lies over a token of its type; where the file is plain, delimiters and keywords hold too."""
    count = 0
    for content, label in made.all():
        if not label.truth:
            continue
        count += 1
        token, formats = token_of(content, label), rules.secret_types[label.type].formats
        fit = [f for f in formats if compiled(f.pattern).fullmatch(token) and refusal(f, token) is None]
        assert fit, f"{label.why}: no token of {label.type}"
        if split_why(label.why)[2] in ("", CRLF) and split_why(label.why)[0] != "kubernetes secret":
            assert any(holds(f, content, label.start, label.end) for f in fit), (
                f"{label.why}: {label.type} does not hold"
            )
    return count


def test_true_labels_lie_over_valid_tokens(made: Made, rules: RuleSet) -> None:
    assert check_labels(made, rules) > 1000


def test_awkward_formats_are_planted_where_they_hold(hard: Made, awkward: RuleSet) -> None:
    check_labels(hard, awkward)
    assert {m.type for _, m in hard.all() if m.truth} == set(awkward.secret_types)
    assert not hard.manifest.skipped


def test_false_labels_lie_over_no_token_of_the_type_they_imitate(made: Made, rules: RuleSet) -> None:
    seen = set()
    for content, label in made.all():
        if label.truth or split_why(label.why)[2]:
            continue
        assert label.expect == "nothing"
        seen.add(split_why(label.why)[0])
        if label.type is not None:
            secret = rules.secret_types[label.type]
            assert found_in(secret, content, label.start, label.end) is None, label.why
    assert seen == set(IMITATIONS) | set(NEUTRAL) | {n.kind for n in NOISE}


def test_spans_lie_inside_their_files_and_apart_from_each_other(made: Made, hard: Made) -> None:
    for corpus in (made, hard):
        assert corpus.labels.keys() <= corpus.content.keys()
        for blob_id, own in corpus.labels.items():
            edges = [edge for m in own for edge in (m.start, m.end)]
            assert edges == sorted(edges), "labels are sorted and share no bytes"
            assert all(m.start < m.end for m in own)
            assert 0 <= edges[0] <= edges[-1] <= len(corpus.content[blob_id])


def test_everything_is_there(made: Made, rules: RuleSet) -> None:
    kinds, arrangements, variants, pairs = set(), set(), set(), set()
    for _, m in made.all():
        kind, arrangement, variant = split_why(m.why)
        if m.truth:
            kinds.add(kind)
            variants.add(variant)
            arrangements.add(arrangement)
            pairs.add(m.pair_type)
    no_base64 = {p.name for p in PLACES if not p.is_base64}
    assert kinds == no_base64  # none of these types is found in base64
    assert variants == {*LINE_ENDS, *ENCODINGS}
    assert arrangements - {""} == set(ARRANGEMENTS)
    assert pairs - {None} == set(rules.pairs)


def test_base64_stands_where_the_rule_asks_for_it(hard: Made) -> None:
    encoded = [m for _, m in hard.all() if m.why.startswith("kubernetes secret")]
    assert {m.type for m in encoded} == {"acme_encoded"}
    assert {split_why(m.why)[2] for m in encoded} <= {"base64", *LINE_ENDS}


def test_pairs_stand_together_as_their_labels_say(made: Made, hard: Made, rules: RuleSet, awkward: RuleSet) -> None:
    """All parts of a pair stand in one file, each once; a pair inside its window, the last part of one beyond it just
    outside."""
    for corpus, its_rules in ((made, rules), (hard, awkward)):
        for blob_id, own in corpus.labels.items():
            content = corpus.content[blob_id]
            together: dict[int, list[Label]] = {}
            for m in own:
                if m.expect == "pair":
                    together.setdefault(m.pair_id, []).append(m)
                if "beyond" in m.why:
                    assert m.expect == "near_miss" or m.type in ("acme_secret", "acme_d")
            for parts in together.values():
                pair = its_rules.pairs[parts[0].pair_type]
                assert sorted(m.type for m in parts) == sorted(pair.parts)
                assert gap(content, parts, pair.window) <= (pair.window.size if pair.window.unit != "file" else 1 << 30)
                if pair.in_order:
                    assert [m.type for m in parts] == list(pair.parts)


def gap(content: bytes, parts: list[Label], window: Window) -> int:
    first, last = min(m.end for m in parts), max(m.start for m in parts)
    return content.count(b"\n", first, max(first, last)) if window.unit == "lines" else max(0, last - first)


@pytest.mark.parametrize("pair", ["acme_ab", "acme_cd"])
def test_windows_are_tried_at_their_edge_and_just_beyond(hard: Made, awkward: RuleSet, pair: str) -> None:
    window, gaps = awkward.pairs[pair].window, {"apart": set(), "beyond the window": set()}
    for blob_id, own in hard.labels.items():
        for arrangement, found in gaps.items():
            parts = [m for m in own if m.pair_type == pair and split_why(m.why)[1] == arrangement
                     and "utf-16" not in m.why]
            if parts:
                found.add(gap(hard.content[blob_id], parts, window))
    assert gaps == {"apart": {window.size}, "beyond the window": {window.size + 1}}


def test_files_are_what_their_places_say(made: Made) -> None:
    """Whole JSON files and notebooks can be read as such, in spite of what was planted in them."""
    paths = {r["blob_id"]: r["path"] for r in made.locations}
    read = 0
    for blob_id, own in made.labels.items():
        kinds = {split_why(m.why)[0] for m in own if m.truth}
        if kinds & {"json", "json line", "notebook"} and "no newline" not in own[-1].why:
            content = made.content[blob_id]
            text = content.decode("utf-16") if content[:2] in (b"\xff\xfe", b"\xfe\xff") else content.decode()
            if not text.rstrip().endswith("}"):
                continue  # the last line was cut off, with the label before it
            assert isinstance(json.loads(text), dict), paths[blob_id]
            read += 1
    assert read > 50


def test_in_as_many_rounds_as_there_are_places_every_format_stands_in_all_of_them(rules: RuleSet) -> None:
    deck = Deck(rules, "s")
    plain = [k for k, p in enumerate(PLACES) if not p.is_base64]
    cards = [c for n in range(len(plain)) for c in deck.round(n)]
    stood = {(key, c.place) for c in cards if c.kind == "tokens" and not c.encoding for key in c.formats}
    alone = [FormatKey(s.type, i) for s in rules.secret_types.values() if s.type not in rules.part_types()
             for i in range(len(s.formats))]
    assert stood == {(key, place) for key in alone for place in plain}
    played = {(c.pair, c.arrangement) for c in deck.round(0) if c.kind == "pair"}
    assert played == {(pair, name) for pair in rules.pairs for name in ARRANGEMENTS}  # in each round


def test_sizes_range_from_notes_to_logs(made: Made) -> None:
    sizes = sorted(map(len, made.content.values()))
    assert sizes[0] < 1_000
    assert sizes[-1] > 1_000_000
    assert made.manifest.blobs == len(sizes) == 1500


def test_addresses_are_made_up(made: Made) -> None:
    for r in made.locations:
        owner = r["repository"].split("/")[0]
        assert owner.startswith("example-")
        assert r["url"] == f"https://github.com/{r['repository']}/blob/{r['revision']}/{r['path']}"
        assert r["committed_at"].year in range(2018, 2027)
    assert {r["blob_id"] for r in made.locations} == made.content.keys()
    assert len(made.locations) > len(made.content)  # some stand in several places


def test_the_same_seed_gives_the_same_corpus_and_another_seed_another(rules: RuleSet, tmp_path: Path) -> None:
    one, two, other = (tmp_path / n for n in ("one", "two", "other"))
    made_of = {folder: synthesize(rules, folder, seed=seed, blobs=150) for folder, seed in
               ((one, "s"), (two, "s"), (other, "t"))}
    assert [f.sha256 for f in made_of[one].files] == [f.sha256 for f in made_of[two].files]
    assert (one / LABELS_NAME).read_bytes() == (two / LABELS_NAME).read_bytes()
    assert made_of[one].made == made_of[two].made
    assert rules.hash in made_of[one].made and "seed=s" in made_of[one].made
    assert not set(Made(one).content) & set(Made(other).content)
    assert pq.read_schema(one / LABELS_NAME).metadata[b"rules_hash"] == rules.hash.encode()


def test_a_small_corpus_still_has_everything_once(awkward: RuleSet, tmp_path: Path) -> None:
    synthesize(awkward, tmp_path / "c", size_bytes=300_000)
    small = Made(tmp_path / "c")
    assert 300_000 <= small.manifest.content_bytes < 500_000
    assert {m.type for _, m in small.all() if m.truth} == set(awkward.secret_types)


@pytest.mark.parametrize("sizes", [{}, {"size_bytes": 1, "blobs": 1}, {"blobs": 0}, {"size_bytes": -1}])
def test_one_size_must_be_given(rules: RuleSet, tmp_path: Path, sizes: dict) -> None:
    with pytest.raises(UsageError, match="one of size_bytes and blobs"):
        synthesize(rules, tmp_path / "c", **sizes)
    assert not (tmp_path / "c").exists()


def test_labels_are_of_a_whole_corpus_so_none_is_added_to(rules: RuleSet, tmp_path: Path) -> None:
    synthesize(rules, tmp_path / "c", blobs=5)
    with pytest.raises(CorpusError, match="a corpus already"):
        synthesize(rules, tmp_path / "c", blobs=5)


def test_a_format_without_samples_is_an_error_and_leaves_no_corpus(tmp_path: Path) -> None:
    broken = rules_of("provider: Acme\nsecrets:\n  - type: acme_never\n    name: Never\n    formats:\n"
                      "      - {pattern: 'acmn_[a-z]{20}', must_match: ['[0-9]']}\n")
    with pytest.raises(RulesError, match="acme_never"):
        synthesize(broken, tmp_path / "c", blobs=50)
    assert not (tmp_path / "c").exists()


def test_a_run_that_was_killed_between_labels_and_manifest_may_be_given_again(tmp_path: Path, rules: RuleSet) -> None:
    synthesize(rules, tmp_path / "c", blobs=50)
    (tmp_path / "c" / "manifest.json").unlink()
    for path in tmp_path.glob("c/*/*"):
        path.rename(f"{path}.partial")
    assert synthesize(rules, tmp_path / "c", blobs=50).blobs == 50
    assert verify(tmp_path / "c").problems == ()


def test_a_format_that_no_place_can_hold_is_counted(tmp_path: Path) -> None:
    """A `before` that cannot be made: the byte class of `before` and the first one after a line break exclude all."""
    nowhere = rules_of("provider: Acme\nsecrets:\n  - type: acme_nowhere\n    name: Nowhere\n    formats:\n"
                       "      - {pattern: 'acmx_[a-z]{20}', before: '\\x01\\x02'}\n")
    manifest = synthesize(nowhere, tmp_path / "c", blobs=120)
    assert isinstance(manifest, Manifest)
    assert list(manifest.skipped) == ["not planted: acme_nowhere (v1)"]


# ---------------------------------------------------------------------------------------------------------------------
# Parts


@pytest.mark.parametrize(
    ("rule", "text", "ok"),
    [
        # A border on either side
        ("{pattern: 'acmt_[a-z]{6}'}", "x = <acmt_abcdef>;", True),
        ("{pattern: 'acmt_[a-z]{6}'}", "<acmt_abcdef>", True),
        # A letter before it, a digit after it
        ("{pattern: 'acmt_[a-z]{6}'}", "x<acmt_abcdef>", False),
        ("{pattern: 'acmt_[a-z]{6}'}", "<acmt_abcdef>7", False),
        # A part of a longer token
        ("{pattern: 'acmt_[a-z]{6,9}', after: '[^0-9]'}", "<acmt_abcdef>gh ", False),
        # Its own checks
        ("{pattern: 'acmt_[a-z]{6}', must_not_match: [abc]}", "<acmt_abcdef>", False),
        # Keywords in bytes: as far as the window, and one byte farther
        ("{pattern: '[a-f]{8}', near: {keywords: [acme], window: {bytes: 7}}}", "acme = <abcdefab>", True),
        ("{pattern: '[a-f]{8}', near: {keywords: [acme], window: {bytes: 7}}}", "acme =  <abcdefab>", False),
        # Keywords in lines, before and after, in any case
        ("{pattern: '[a-f]{8}', near: {keywords: [acme], window: {lines: 0}}}", "<abcdefab> # ACME", True),
        ("{pattern: '[a-f]{8}', near: {keywords: [acme], window: {lines: 0}}}", "acme\n<abcdefab>", False),
        ("{pattern: '[a-f]{8}', near: {keywords: [acme], window: {lines: 1}}}", "acme\n<abcdefab>", True),
        ("{pattern: '[a-f]{8}', near: {keywords: [acme], window: {lines: 1}}}", "<abcdefab>\n\nacme", False),
        # A keyword inside the token is none
        ("{pattern: '[a-m]{8}', near: {keywords: [acme], window: file}}", "<abacmeab>", False),
        # Another token of the format that runs into it: which of the two is meant cannot be told
        ("{pattern: 'acmq[a-z-]{8}', before: '[=-]', after: '[; ]'}", "x=acmqb-<acmqvbxwzrht>;", True),
        ("{pattern: 'acmq[a-z-]{8,16}', before: '[=-]', after: '[; ]'}", "x=acmqb-<acmqvbxwzrht>;", False),
    ],
)
def test_whether_a_definition_holds(rule: str, text: str, ok: bool) -> None:
    made = rules_of(f"provider: A\nsecrets:\n  - type: acme_t\n    name: T\n    formats:\n      - {rule}\n")
    start, end = text.index("<"), text.index(">") - 1
    plain = text.replace("<", "").replace(">", "").encode()
    assert holds(made.secret_types["acme_t"].formats[0], plain, start, end, alone=True) is ok


_DOTENV = next(p for p in PLACES if p.name == "dotenv")
_FILLER = Filler(_DOTENV, PhraseBook("s"), "s")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff"), max_size=40)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(sorted({*LINE_ENDS, *ENCODINGS})))
def test_a_variant_moves_every_label_with_its_token(texts: list[str], variant: str) -> None:
    """Whatever stands between them, labels lie over the same text before and after."""
    rules = rules_of("provider: A\nsecrets:\n  - {type: acme_t, name: T, formats: [{pattern: 'acmt[0-9]{8}'}]}\n")
    document = Document(_DOTENV, _FILLER)
    for k, text in enumerate(texts):
        head, token = f"{text}=".encode(), b"acmt%08d" % k
        document.add(
            Snippet(head + token + b"\n", (Label(len(head), len(head) + 12, "acme_t", True, "dotenv", "match"),))
        )
    finished = document.finish(variant, rules)
    for k, label in enumerate(finished.labels):
        assert token_of(finished.content, label) == b"acmt%08d" % k


@given(st.integers(0, 5000))
def test_filler_of_an_exact_size(size: int) -> None:
    text = _FILLER.exactly(size)
    assert len(text) == size and text.isascii()
    assert size == 0 or text.endswith(b"\n")


@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.name)
def test_a_places_templates_have_the_slots_they_need_and_no_others(place: Place) -> None:
    """A slot that nothing fills would stand in the files as it is."""
    for template in (*place.assign, *place.noted, place.comment, place.inline.opening, place.inline.item,
                     place.inline.closing):
        assert set(re.findall(r"\{(\w+)\}", template)) <= {"name", "value", "note"}, template
    assert all(t.count("{value}") == 1 for t in (*place.assign, *place.noted, place.inline.item))
    assert all("{note}" in t for t in (*place.noted, place.comment))
    assert not [t for t in place.lines if "{value}" in t or "{name}" in t or "{note}" in t]
    assert ": " not in place.name and ", " not in place.name  # they part a label's `why`
