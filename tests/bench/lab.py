"""Benches of the authoring lab: what an author waits for."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.bench import engine
from workbench.corpora.reader import Corpus
from workbench.corpora.sample import sample
from workbench.lab import Session
from workbench.lab.candidates import Candidates
from workbench.lab.frames import Flat, flatten
from workbench.lab.gaps import UNITS
from workbench.lab.places import Places
from workbench.lab.scanning import LabScan
from workbench.lab.slider import WindowSlider
from workbench.lab.sweep import Sweep
from workbench.rules.load import load
from workbench.schemas import MATCHES
from workbench.shipped import rules_folder

RULE = "aws_access_key"
"""A pair with a searchable half and one that is not: the dearest kind of rule to try."""

EDITS = ({"window": "5 lines"}, {"window": "200 bytes"}, {"window": "file"})
GAPS = 100_000
SAMPLED_BLOBS = 10_000  # what the command draws by itself
MOVES = ("0 lines", "20 lines", "50000 bytes")
SMALL = Path(__file__).parent.parent.parent.parent / "shared" / "corpora" / "commits-small"


def median_s(job: Callable[[], object], rounds: int = 5) -> float:
    """Median time of a job, in seconds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        job()
        taken.append(time.perf_counter() - started)
    return round(statistics.median(taken), 4)


def dry_run_against_decode(corpus: Path) -> dict:
    """The dry run of an edited rule, from the call to the shown table, against decoding the content on as many threads.

    ``same_triggers``: the edit was of a window, so the blobs with a trigger are known from the run before.
    ``new_triggers``: the whole corpus is read and scanned. Processor time is told too: wall time on a machine that
    others use says little.
    """
    session = Session(corpus, threads=2)
    session.masker()
    session.edit(RULE, window="5 lines")

    def same() -> None:
        session.dry_run(RULE)._repr_html_()

    def new() -> None:
        session._candidates = Candidates(session.corpus)
        session.dry_run(RULE)._repr_html_()

    def floor() -> None:
        engine.decode(corpus)

    out = {"same_triggers": engine.in_turns(same, floor), "new_triggers": engine.in_turns(new, floor)}
    return out | {"processor_seconds": {f.__name__: _processor_s(f) for f in (same, new, floor)}}


def small_dry_run(_: Path) -> dict:
    """The same on commits-small, a corpus of 190 MB."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = engine.as_lz4(SMALL, Path(folder) / "small")
        session = Session(corpus, threads=2)
        session.masker()
        edits = _in_a_circle(EDITS)

        def edit() -> None:
            session.edit(RULE, **next(edits))

        def dry_run() -> None:
            session.dry_run(RULE)._repr_html_()

        def new() -> None:
            session._candidates = Candidates(session.corpus)
            dry_run()

        return {
            "same_triggers_seconds": median_s(dry_run, 9),
            "new_triggers_seconds": median_s(new, 9),
            "edit_with_lint_and_tests_seconds": median_s(edit, 9),
            "against_seconds": median_s(lambda: engine.decode(corpus), 9),
            "first_in_a_session_seconds": _first(corpus),
        }


def sampled_dry_run(corpus: Path) -> dict:
    """The same on a sample of commits-large, as ``workbench corpus sample`` draws it for authoring."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "sample"
        started = time.perf_counter()
        sample(corpus, drawn, blobs=SAMPLED_BLOBS)
        drawing = time.perf_counter() - started
        session = Session(drawn, threads=2)
        session.masker()
        edits = _in_a_circle(EDITS)

        def dry_run() -> None:
            session.edit(RULE, **next(edits))
            session._candidates = Candidates(session.corpus)
            session.dry_run(RULE)._repr_html_()

        return {"blobs": SAMPLED_BLOBS, "content_bytes": session.corpus.manifest.content_bytes,
                "sample_seconds": round(drawing, 3), "edit_and_dry_run_seconds": median_s(dry_run, 9),
                "first_in_a_session_seconds": _first(drawn)}


def opening(corpus: Path) -> dict:
    """A session opened in a fresh process, with the shipped rules kept from before and without; imports are apart."""
    code = ("import time; t = time.perf_counter(); from workbench.lab import Session; a = time.perf_counter(); "
            f"s = Session({str(corpus)!r}); b = time.perf_counter(); s.rules; c = time.perf_counter(); s.masker(); "
            "d = time.perf_counter(); print(a - t, b - a, c - b, d - c)")
    out = {}
    with tempfile.TemporaryDirectory() as cache:
        for name in ("never_read", "kept"):
            run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                                 env={**os.environ, "XDG_CACHE_HOME": cache})
            imports, opened, rules, masker = (round(float(x), 3) for x in run.stdout.split())
            out[name] = {"import_seconds": imports, "open_seconds": opened, "then_all_rules_seconds": rules,
                         "then_masker_seconds": masker}
    return out


def sweep(corpus: Path) -> dict:
    """Every window of 100,000 pairs, in bytes and in lines; ``gaps`` counts all there could be.

    ``gaps_seconds`` finds, once, from which window on each pair stands; from then on ``sweep_seconds`` makes the
    curves and the advice; ``first_seconds`` is both, what an author waits for after the scan; ``move_seconds`` is all
    that the kernel does when the slider is moved over all pairs or over some: exact figures and the table of what comes
    and goes. ``alone`` has one pair a blob; ``tangled`` has up to five parts a side in more than half of the blobs,
    which are assigned anew at every window.
    """
    rules = load([rules_folder() / "amazon_aws.yaml"]).subset([RULE])
    out = {}
    for name, sizes in (
        ("alone", [(1, 1)]),
        ("tangled", [(1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 3), (3, 2), (1, 3), (5, 4)]),
    ):
        flat = _parts(sizes)
        places = Places(Corpus.open(corpus))

        def gaps(flat: Flat = flat, places: Places = places) -> Sweep:
            made = Sweep(rules.pairs[RULE], LabScan(rules), flat, {}, places)
            made.at("file")
            return made

        def curves(made: Sweep) -> None:
            for unit in UNITS:
                made.curve(unit)
                made.advice(unit)

        made = gaps()
        slider = WindowSlider(made)
        out[name] = {"gaps": _gaps(flat), "pairs": made.at("file")["pairs"], "intervals": len(made.standing["bytes"]),
                     "gaps_seconds": median_s(gaps), "sweep_seconds": median_s(lambda m=made: curves(m)),
                     "first_seconds": median_s(lambda g=gaps: curves(g()), 15),
                     "move_seconds": {f"file to {to}": median_s(lambda s=slider, to=to: _move(s, to)) for to in MOVES},
                     "processor_seconds": {"gaps": _processor_s(gaps), "sweep": _processor_s(lambda m=made: curves(m))}}
    return out


def _gaps(flat: Flat) -> int:
    """Combinations of a part of each side in a blob."""
    blobs, sides = (flat.matches.column(n).combine_chunks().dictionary_encode().indices.to_numpy()
                    for n in ("blob_id", "secret_type"))
    counts = np.bincount(blobs * 2 + sides).reshape(-1, 2)
    return int(counts.prod(axis=1).sum())


def _move(slider: WindowSlider, to: str) -> None:
    """There and back: what is asked for twice would cost nothing."""
    slider.window = to
    slider.window = "file"


def _parts(sizes: list[tuple[int, int]]) -> Flat:
    """Matches of 100,000 gaps: blobs with so many parts of each side, in any order and at random distances."""
    rng = np.random.default_rng(5)
    rounds = -(-GAPS // sum(min(size) for size in sizes))
    blobs, kinds, starts = [], [], []
    for number, (n, m) in enumerate(sizes):
        blobs.append(np.repeat(np.arange(rounds) * len(sizes) + number, n + m))
        kinds.append(rng.permuted(np.tile(np.repeat([0, 1], [n, m]), (rounds, 1)), axis=1).ravel())
        starts.append(np.cumsum(rng.integers(60, 8_000, (rounds, n + m)), axis=1).ravel())
    blob, kind, start = (np.concatenate(c) for c in (blobs, kinds, starts))
    order = np.lexsort((start, blob))
    blob, kinds, start = blob[order], kind[order], start[order]
    names = np.array(["aws_access_key_id", "aws_secret_access_key"])[kinds]
    line = (start // 60 + 1).astype(np.int32)
    count = len(start)
    tokens = pa.array([b"%020d" % k for k in range(count)], pa.binary())
    flat = flatten([])
    columns = [
        pa.array([f"{b:040x}" for b in blob]),
        pa.array(np.zeros(count, np.int32)),
        pa.array(names.tolist()),
        pa.array(np.zeros(count, np.int16)),
        pa.array(start),
        pa.array(start + np.where(kinds, 40, 20)),
        pa.array(line),
        pa.array(np.ones(count, np.int32)),
        pa.array(line),
        tokens,
        pa.array(np.zeros(count, bool)),
        pa.array(np.ones(count, bool)),
    ]
    return Flat(pa.table(columns, schema=MATCHES), flat.pairs, flat.near_misses)


def _in_a_circle(edits: tuple[dict, ...]):
    while True:
        yield from edits


def _processor_s(job: Callable[[], object]) -> float:
    started = time.process_time()
    job()
    return round(time.process_time() - started, 3)


def _first(corpus: Path) -> float:
    """Seconds from opening a session to its first dry run shown, in a fresh process, imports left out."""
    code = ("import time, json; from workbench.lab import Session; t = time.perf_counter(); "
            f"Session({str(corpus)!r}).dry_run({RULE!r})._repr_html_(); print(json.dumps(time.perf_counter() - t))")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return round(json.loads(run.stdout), 3)
