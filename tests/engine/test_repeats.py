"""What repeats in a buffer is searched once, and every hit is found all the same."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import rules_of
from workbench.engine import repeats
from workbench.engine.compiled import CompiledRules
from workbench.engine.repeats import LEAST_REPEAT, Context, condense
from workbench.engine.scan import blob_batch, scan_batches
from workbench.rules.load import load
from workbench.rules.samples import make_sample
from workbench.shipped import rules_folder

compiled_part = pytest.mark.skipif(not repeats.IS_COMPILED, reason="the compiled part was not built: no C compiler")

WORDS = [b"key", b"key_1", b"\nkey", b"secret=", b"aa", b"zz\nq", b"longest-word-there-is"]
LENGTHS = np.array([len(w) for w in WORDS])
LONGEST = int(LENGTHS.max())


def occurrences(text: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(triggers, ends) of every word in ``text``, by end, then trigger."""
    found = []
    for number, word in enumerate(WORDS):
        at = text.find(word)
        while at >= 0:
            found.append((at + len(word), number))
            at = text.find(word, at + 1)
    found.sort()
    return np.array([t for _, t in found], np.int64), np.array([e for e, _ in found], np.int64)


def history(seed: int, revisions: int, lines: int) -> list[bytes]:
    """Revisions of a file: each changes, cuts or moves a little of the one before."""
    rng = random.Random(seed)

    def line() -> bytes:
        words = [rng.choice(WORDS) if rng.random() < 0.1 else rng.choice([b"x", b"of", b"return", b"a"]) for _ in range(6)]
        return b" ".join(words) + b"%d\n" % rng.randrange(50)

    file = [line() for _ in range(lines)]
    out = []
    for _ in range(revisions):
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(file))
            what = rng.randrange(4)
            if what == 0:
                file[at] = line()
            elif what == 1:
                file.insert(at, line())
            elif what == 2:
                file += file[at : at + rng.randrange(1, 40)]
            elif len(file) > 20:
                del file[at : at + rng.randrange(1, 10)]
        out.append(b"".join(file)[: None if rng.random() < 0.8 else -rng.randrange(1, 30)])
    return out


@compiled_part
@given(st.integers(0, 1 << 32), st.integers(2, 12), st.integers(10, 200), st.integers(0, 4), st.integers(0, 300))
def test_hits_are_those_of_the_whole_buffer(seed: int, revisions: int, lines: int, between: int, reach: int) -> None:
    blobs = [b for b in history(seed, revisions, lines) if b]
    text = bytes(between).join(blobs)
    sizes = np.array([len(b) for b in blobs])
    starts = np.cumsum(np.append(0, sizes[:-1] + between))
    stops = starts + sizes
    found = condense(memoryview(text), LONGEST)
    if found is None:
        return
    assert len(found.text) < len(text)
    context = Context(LENGTHS, LENGTHS + reach, np.full(len(WORDS), reach))
    hits = found.spread(*occurrences(found.text), context, starts, stops)
    triggers, ends = occurrences(text)
    assert hits.triggers.tolist() == triggers.tolist()
    assert hits.ends.tolist() == ends.tolist()
    blob = np.searchsorted(starts, ends - 1, "right") - 1
    for hit, first in enumerate(hits.firsts.tolist()):
        if first == hit:
            continue
        assert first < hit and triggers[first] == triggers[hit]
        around = []
        for k in (hit, first):
            low = max(int(ends[k]) - int(context.before[triggers[k]]), int(starts[blob[k]]))
            high = min(int(ends[k]) + reach, int(stops[blob[k]]))
            around.append((int(ends[k]) - low, text[low:high]))
        assert around[0] == around[1]


@compiled_part
def test_a_history_is_mostly_repeats() -> None:
    text = b"".join(history(1, 40, 400))
    found = condense(memoryview(text), LONGEST)
    assert found is not None
    assert len(found.text) < len(text) / 3
    hits = found.spread(*occurrences(found.text), Context(LENGTHS, LENGTHS, np.zeros_like(LENGTHS)), np.array([0]),
                        np.array([len(text)]))
    assert len(set(hits.firsts.tolist())) < len(hits.ends) / 2


@compiled_part
@pytest.mark.parametrize("text", [b"a" * 100_000, b"\n" * 100_000, b"key\n" * 50_000, b"0123456789abcdef" * 20 + b"\n",
                                  (b"x" * 191 + b"\n") * 1_000, bytes(range(256)) * 200])
def test_text_that_repeats_itself_at_once(text: bytes) -> None:
    text *= 3
    found = condense(memoryview(text), LONGEST)
    if found is None:
        return
    context = Context(LENGTHS, LENGTHS, np.zeros_like(LENGTHS))
    hits = found.spread(*occurrences(found.text), context, np.array([0]), np.array([len(text)]))
    triggers, ends = occurrences(text)
    assert (hits.triggers.tolist(), hits.ends.tolist()) == (triggers.tolist(), ends.tolist())


@compiled_part
def test_what_hardly_repeats_is_left_as_it_is() -> None:
    rng = random.Random(3)
    text = b"".join(b"%x\n" % rng.getrandbits(200) for _ in range(40_000))
    assert condense(memoryview(text), LONGEST) is None
    assert condense(memoryview(b"key\n" * 10), LONGEST) is None


@compiled_part
def test_wrong_columns_are_refused() -> None:
    text = b"".join(history(2, 20, 100))
    found = condense(memoryview(text), LONGEST)
    assert found is not None
    context = Context(LENGTHS, LENGTHS, np.zeros_like(LENGTHS))
    borders = np.array([0]), np.array([len(text)])
    for triggers, ends in (([len(WORDS)], [30]), ([-1], [30]), ([0], [len(found.text) + 1]), ([0, 0], [30])):
        with pytest.raises(ValueError, match="Expected"):
            found.spread(np.array(triggers), np.array(ends), context, *borders)
    assert repr(found).startswith("Condensed(") and "return" not in repr(found)


@compiled_part
def test_copies_of_lines_of_one_length_are_found() -> None:
    """Only some lines are looked up; those of a copy are soon the same ones as those of its source."""
    easy = b"".join(b"line %d of what repeats\n" % k for k in range(3_000))
    period = b"".join(b"%03d\n" % k for k in range(65))
    text = easy * 2 + period * 4_000
    found = condense(memoryview(text), LONGEST)
    assert found is not None
    assert len(found.text) < len(easy) + 20_000


@compiled_part
@pytest.mark.parametrize("wrong", [[(10, 0, 8), (10, 10, 8)], [(10, 4, 8)], [(20, 0, 8), (10, 0, 8)], [(10, -1, 5)], [(10, 0, 0)]])
def test_repeats_that_are_none_are_refused(wrong: list[tuple[int, int, int]]) -> None:
    one = np.array([2])
    segments = np.array([(0, 100)], np.int64).tobytes()
    found = repeats.Condensed(b" " * 100, segments, np.array(wrong, np.int64).tobytes())
    with pytest.raises(ValueError, match="repeats in order"):
        found.spread(np.array([0]), np.array([5]), Context(one, one, one), np.array([0]), np.array([100]))


@compiled_part
def test_a_keyword_that_is_not_ascii_has_the_length_of_its_bytes() -> None:
    """Its hits across a repeat's border stand in a segment, and its window begins where it does."""
    words = ["\u043f\u0430\u0440\u043e\u043b\u044c", *(f"word{k}" for k in range(16))]
    rules = CompiledRules(rules_of(f"""
provider: Bee
secrets:
  - type: bee_key
    name: Bee Key
    formats: [{{pattern: '[0-9a-f]{{32}}', placeholders: keep, near: {{keywords: {words}, window: {{bytes: 40}}}}}}]
"""))
    rng = random.Random(7)
    block = b"".join(b"text %s of it\n" % (b"x" * rng.randrange(30)) for _ in range(300))
    secret = b"%032x" % rng.getrandbits(128)
    half, whole = words[0][:3].encode(), words[0].encode()
    texts = block + half + b"\n" + block, block + whole + b" = " + secret + b"\n" + block
    rows = [r for out in scan_batches([blob_batch([(str(k), t) for k, t in enumerate(texts)])], rules) for r in out.to_pylist()]
    assert [m["token"] for r in rows for m in r["matches"]] == [secret]
    assert int(rules.trigger_lengths.max()) == len(whole)


@compiled_part
def test_margins_are_wide_enough_for_long_triggers() -> None:
    """A trigger that a repeat's border cuts stands whole in a segment, however long it is."""
    word = b"k" * (LEAST_REPEAT + 50)
    block = b"".join(b"line %d of it\n" % k for k in range(200))
    text = block + word + block + word + b"other\n" + block
    found = condense(memoryview(text), len(word))
    assert found is not None
    assert found.text.count(word) >= 1
    where = [found.text.find(word) + len(word), found.text.rfind(word) + len(word)]
    ends = np.array(sorted(set(where)))
    size = np.array([len(word)])
    hits = found.spread(np.zeros_like(ends), ends, Context(size, size, np.array([0])), np.array([0]), np.array([len(text)]))
    assert hits.ends.tolist() == [len(block) + len(word), 2 * (len(block) + len(word))]


@compiled_part
def test_a_scan_finds_the_same_without_the_compiled_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Revisions of files with tokens of many shipped types, some cut in two by an edit, beside their keywords."""
    rng = random.Random(5)
    rules = CompiledRules(load([rules_folder()]))
    types = sorted(rules.rules.secret_types)
    blobs: list[tuple[str, bytes]] = []
    for file in range(8):
        lines = [b"some text of line %d\n" % rng.randrange(30) for _ in range(150)]
        for name in rng.sample(types, 12):
            token = make_sample(rules.rules.secret_types[name], 0, seed=f"{file}")
            near = rules.rules.secret_types[name].formats[0].near
            word = near.keywords[0].encode() if near else b"token"
            lines.insert(rng.randrange(len(lines)), b"%s = '%s'\n" % (word, token))
        for revision in range(12):
            at = rng.randrange(len(lines))
            lines[at] = lines[at][: rng.randrange(len(lines[at]))] + b"\n" if rng.random() < 0.5 else lines[at] + b"new\n"
            blobs.append((f"{file:020x}{revision:020x}", b"".join(lines)))
    batch = blob_batch(blobs)
    condensed: list[int] = []

    def counted(buffer: memoryview, longest: int) -> repeats.Condensed | None:
        found = condense(buffer, longest)
        condensed.append(0 if found is None else len(found.repeats))
        return found

    monkeypatch.setattr("workbench.engine.compiled.condense", counted)
    with_it = [out.to_pylist() for out in scan_batches([batch], rules)]
    monkeypatch.setattr(repeats, "_repeats", None)
    without = [out.to_pylist() for out in scan_batches([batch], rules)]
    assert condensed[0] > 0 and not any(condensed[1:])
    assert sum(len(row["matches"]) for row in with_it[0]) > 300
    assert with_it == without


def test_it_is_compiled_where_there_is_a_compiler() -> None:
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("no C compiler here")
    assert repeats.IS_COMPILED, "Install again (make does when the source changed): the compiled part is missing"
