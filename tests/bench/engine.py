"""Benches of reading, scanning and pairing, inside one process."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.batch.run import BATCH_BYTES
from workbench.corpora.parts import BLOB_OPTIONS
from workbench.corpora.reader import Corpus, Shard, read_batches
from workbench.engine.compiled import CompiledRules
from workbench.engine.pairing import Parts, assign
from workbench.engine.scan import scan_batches
from workbench.engine.turns import quick_turns
from workbench.rules.load import load
from workbench.rules.rule import FILE, Format, RuleSet, Window, build
from workbench.schemas import BLOBS
from workbench.shipped import rules_folder

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SHARD_BYTES = 64 << 20


def as_lz4(source: Path, folder: Path) -> Path:
    """The corpus ``source`` with its blobs rewritten as the project writes them: LZ4, row groups of 64 MiB, pages of
    12 MiB, no dictionary and no statistics on ``content``."""
    corpus = Corpus.open(source)
    (folder / "blobs").mkdir(parents=True)
    shutil.copytree(source / "locations", folder / "locations")
    path = folder / "blobs" / "part-0.parquet"
    with pq.ParquetWriter(path, BLOBS, **BLOB_OPTIONS) as writer:
        group: list[pa.RecordBatch] = []
        for shard in corpus.shards():
            for batch in read_batches(shard, batch_bytes=4 << 20):
                group.append(batch)
                if sum(b.column("content").nbytes for b in group) >= 62 << 20:
                    writer.write_table(pa.Table.from_batches(group, BLOBS), row_group_size=1 << 30)
                    group = []
        if group:
            writer.write_table(pa.Table.from_batches(group, BLOBS), row_group_size=1 << 30)
    manifest = json.loads((source / "manifest.json").read_text())
    with path.open("rb") as file:
        manifest["files"][0] |= {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def in_turns(one: Callable[[], object], other: Callable[[], object]) -> dict:
    """Times of two jobs, one after the other, with the median of the ratios of neighbours (one / other)."""
    one(), other()
    times: tuple[list[float], list[float]] = ([], [])
    processor: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for job, taken, spent in zip((one, other), times, processor, strict=True):
            started, at = time.perf_counter(), time.process_time()
            job()
            taken.append(time.perf_counter() - started)
            spent.append(time.process_time() - at)
    ratios = [a / b for a, b in zip(*times, strict=True)]
    cpu = [a / b for a, b in zip(*processor, strict=True)]
    return {"cpu_ratio": round(statistics.median(cpu), 3), "cpu_seconds": round(statistics.median(processor[0]), 3),
            "seconds": round(statistics.median(times[0]), 3), "against_seconds": round(statistics.median(times[1]), 3),
            "ratio": round(statistics.median(ratios), 3), "ratio_low": round(min(ratios), 3),
            "ratio_high": round(max(ratios), 3)}


def decode(corpus: Path, threads: int = 2) -> None:
    """The floor: the content column decoded, row group by row group, nothing else."""
    shards = Corpus.open(corpus).shards(SHARD_BYTES)

    def work(shard: Shard) -> int:
        with pq.ParquetFile(shard.path, pre_buffer=False) as file:
            return sum(file.read_row_group(g, columns=["content"], use_threads=False).nbytes
                       for g in range(shard.first, shard.last + 1))

    with ThreadPoolExecutor(threads) as pool:
        sum(pool.map(work, shards))


def scan(corpus: Path, compiled: CompiledRules, threads: int = 2) -> int:
    """What a batch's workers do, without the store."""
    shards = Corpus.open(corpus).shards(SHARD_BYTES)

    def work(shard: Shard) -> int:
        batches = read_batches(shard, batch_bytes=BATCH_BYTES, columns=("blob_id", "content"), in_place=True)
        return sum(len(out) for out in scan_batches(batches, compiled))

    with quick_turns(), ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(work, shards))


def shipped() -> RuleSet:
    return load([rules_folder()])


def scan_against_decode(corpus: Path) -> dict:
    return {"catalogue": _against_decode(corpus, shipped()), "foundation": _against_decode(corpus, foundation())}


def _against_decode(corpus: Path, rules: RuleSet) -> dict:
    compiled = CompiledRules(rules)
    out = in_turns(lambda: scan(corpus, compiled), lambda: decode(corpus))
    content = Corpus.open(corpus).manifest.content_bytes
    return out | {"types": len(rules.secret_types), "triggers": len(compiled.expressions),
                  "content_mb_per_second": round(content / out["seconds"] / 1e6)}


def one_thread_against_two(corpus: Path) -> dict:
    """One thread's time over two threads', with decoding alone, which holds no lock, as what the machine itself gives."""
    out = {"decode": in_turns(lambda: decode(corpus, 1), lambda: decode(corpus, 2))}
    for name, rules in (("catalogue", shipped()), ("foundation", foundation())):
        compiled = CompiledRules(rules)
        out[name] = in_turns(lambda c=compiled: scan(corpus, c, 1), lambda c=compiled: scan(corpus, c, 2))
    return out


def twice_the_rules(corpus: Path) -> dict:
    """Every type and pair again under another name, with other letters in its literals and other keywords near it; for
    the whole catalogue, and for a set of the size that the bar was written for."""
    return {"catalogue": _doubled(corpus, shipped()), "foundation": _doubled(corpus, foundation())}


def _doubled(corpus: Path, rules: RuleSet) -> dict:
    types, pairs = list(rules.secret_types.values()), list(rules.pairs.values())
    for s in rules.secret_types.values():
        types.append(replace(s, type="twin_" + s.type, formats=tuple(_twin(f) for f in s.formats)))
    for p in rules.pairs.values():
        pairs.append(replace(p, type="twin_" + p.type, parts=tuple("twin_" + x for x in p.parts)))
    once, twice = CompiledRules(rules), CompiledRules(build(types, pairs))
    out = in_turns(lambda: scan(corpus, twice), lambda: scan(corpus, once))
    return out | {"types": len(rules.secret_types), "triggers": len(once.expressions),
                  "triggers_doubled": len(twice.expressions)}


def _twin(fmt: Format) -> Format:
    near = fmt.near and replace(fmt.near, keywords=tuple(w[::-1] for w in fmt.near.keywords))
    return replace(fmt, pattern=_other_letters(fmt.pattern), before=_other_letters(fmt.before), near=near, sample=None)


_PLAIN_LETTERS = re.compile(r"\\x[0-9a-f]{2}|\\.|\[(?:\\.|[^\]\\])*\]|\(\?[a-z]*:|\{[0-9,]*\}|[A-Za-z]")


def _other_letters(pattern: str) -> str:
    """``pattern`` with every plain letter moved on by seven; classes, escapes and counts stay."""
    def moved(found: re.Match[str]) -> str:
        text = found.group()
        if len(text) > 1:
            return text
        base = 65 if text.isupper() else 97
        return chr((ord(text) - base + 7) % 26 + base)

    return _PLAIN_LETTERS.sub(moved, pattern)


FOUNDATION = ("github", "npm", "pypi", "gitlab", "slack", "stripe", "sendgrid", "twilio", "openai", "anthropic",
              "hugging_face", "digitalocean", "shopify", "telegram", "amazon_aws", "alibaba", "ebay", "google",
              "login_with_amazon", "plivo", "salesforce", "snowflake")
"""Rules files of the first thirty-odd types and all twelve multi-part ones."""


def foundation() -> RuleSet:
    return load([rules_folder() / f"{name}.yaml" for name in FOUNDATION])


def pairing(_: Path) -> dict:
    """20,000 spans of each of two parts in one blob, in several layouts and windows."""
    count, rng = 20_000, np.random.default_rng(1)
    places = rng.permutation(2 * count) * 60

    def side(starts: np.ndarray) -> Parts:
        start = np.sort(starts).astype(np.int64)
        return Parts(start, start + 20, start // 80 + 1, (start + 20) // 80 + 1, np.arange(len(start)))

    layouts = {"random": (places[:count], places[count:]), "alternating": (np.arange(count) * 120, np.arange(count) * 120 + 60),
               "blocks": (np.arange(count) * 60, (np.arange(count) + count) * 60),
               "uneven": (places[:count], places[count : count + 17_000])}
    out = {}
    for name, (a, b) in layouts.items():
        for window in (FILE, Window("bytes", 200), Window("bytes", 20_000), Window("lines", 5)):
            started = time.perf_counter()
            found = assign([side(a), side(b)], window, False)
            out[f"{name}, {window}"] = {"seconds": round(time.perf_counter() - started, 3), "pairs": len(found)}
    return {"slowest_seconds": max(o["seconds"] for o in out.values()), "layouts": out}
