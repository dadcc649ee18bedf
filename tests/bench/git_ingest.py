"""Speed and memory of ``workbench corpus add-git``, against git reading the same repository.

    python -m tests.bench.git_ingest [--blobs 100000] [--keep FOLDER]

Makes two repositories of so many blobs each: ``evolving`` has files that change over many commits and packs into
deltas as cloned repositories do; ``wide`` has every blob in a file of its own and few commits. For each it times
``git cat-file --batch-all-objects --batch > /dev/null`` and an ingest by the command line, interpreter start and all,
each in a process of its own, three times in turns, and gives medians; peak memory (mapped pack files included) is the
system's word. A third measurement refreshes 1,000 repositories that have nothing new.

Fairness: both read from a warm page cache; cat-file also prints trees, commits and tags, which the ingest has to read
too; the ingest also finds the first commit of each path and content and writes compressed files with hashes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

WORDS = [f"{a}_{b}" for a in ("get", "set", "load", "store", "user", "path", "node", "cache", "token", "index")
         for b in ("value", "name", "config", "state", "request", "buffer", "offset", "result", "handler", "count")]
REPOSITORIES = 1000
ROUNDS = 3


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blobs", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="a folder to make the repositories in, or to find them in again")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="git-ingest-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        figures = {
            name: _measure(_made(folder / f"{name}-{options.blobs}.git", options.blobs, make), folder / "corpus")
            for name, make in (("evolving", _write_evolving), ("wide", _write_wide))
        }
        figures["refresh_of_unchanged"] = _measure_refresh(folder)
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    print(json.dumps(figures, indent=1))


def _measure(repository: Path, corpus: Path) -> dict[str, Any]:
    git = ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch"]
    _timed(git)  # warms the page cache
    readings, ingests = [], []
    for _ in range(ROUNDS):
        readings.append(_timed(git))
        shutil.rmtree(corpus, ignore_errors=True)
        ingests.append(_timed(_add_git([repository], corpus)))
    git_s, git_cpu_s, _ = (statistics.median(figures) for figures in zip(*readings, strict=True))
    elapsed_s, cpu_s, peak_bytes = (statistics.median(figures) for figures in zip(*ingests, strict=True))
    ratios = [ingest[0] / reading[0] for reading, ingest in zip(readings, ingests, strict=True)]
    manifest = json.loads((corpus / "manifest.json").read_text())
    content_mb = manifest["content_bytes"] / 1e6
    return {
        "blobs": manifest["blobs"],
        "locations": manifest["locations"],
        "content_mb": round(content_mb, 1),
        "git_cat_file_s": round(git_s, 2),
        "git_cat_file_cpu_s": round(git_cpu_s, 2),
        "add_git_s": round(elapsed_s, 2),
        "add_git_cpu_s": round(cpu_s, 2),
        "times_of_git": round(statistics.median(ratios), 2),
        "cpu_times_of_git": round(cpu_s / git_cpu_s, 2),
        "mb_per_cpu_s": round(content_mb / cpu_s, 1),
        "peak_mib": round(peak_bytes / (1 << 20)),
    }


def _measure_refresh(folder: Path) -> dict[str, Any]:
    many, corpus = folder / "many", folder / "corpus-of-many"
    if not many.is_dir():
        first = many / "0"
        _made(first, 20, _write_wide)
        for number in range(1, REPOSITORIES):
            shutil.copytree(first, many / str(number), ignore=shutil.ignore_patterns("hooks"))
    for number in range(REPOSITORIES):
        _git(many / str(number), "config", "remote.origin.url", f"https://github.com/bench/r{number}.git")
    repositories = sorted(many.iterdir())
    shutil.rmtree(corpus, ignore_errors=True)
    first_s, _, _ = _timed(_add_git(repositories, corpus))
    again_s, cpu_s, _ = (statistics.median(figures) for figures in zip(
        *(_timed(_add_git(repositories, corpus)) for _ in range(ROUNDS)), strict=True))
    return {"repositories": REPOSITORIES, "first_s": round(first_s, 2), "again_s": round(again_s, 2),
            "again_cpu_s": round(cpu_s, 2)}


def _add_git(repositories: list[Path], corpus: Path) -> list[str]:
    return [sys.executable, "-m", "workbench", "corpus", "add-git", *map(str, repositories), "--corpus", str(corpus)]


def _timed(command: list[str]) -> tuple[float, float, int]:
    """(elapsed seconds, CPU seconds, peak bytes of memory) of a command whose output goes nowhere."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak_bytes


def _made(repository: Path, blobs: int, write: Callable[[BinaryIO, int], None]) -> Path:
    """A bare repository of ``blobs`` blobs, packed as one that was cloned; made unless it is there."""
    if not repository.is_dir():
        repository.mkdir(parents=True)
        _git(repository, "init", "--quiet", "--bare")
        importer = subprocess.Popen(["git", "-C", str(repository), "fast-import", "--quiet"], stdin=subprocess.PIPE)
        write(importer.stdin, blobs)
        importer.stdin.close()
        if importer.wait():
            raise SystemExit("git fast-import failed")
        _git(repository, "repack", "-adfq")
    return repository


def _git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(repository), *arguments], check=True)


def _lines(rng: random.Random, count: int) -> list[str]:
    return [" " * 4 * rng.randrange(4) + " = ".join(rng.choices(WORDS, k=2)) + f"({rng.getrandbits(40):x})\n"
            for _ in range(count)]


def _commit(out: BinaryIO, number: int, files: list[tuple[str, bytes]]) -> None:
    message = f"Change {number}\n".encode()
    out.write(b"commit refs/heads/main\ncommitter A U Thor <author@example.com> %d +0000\n" % (1_500_000_000 + number))
    out.write(b"data %d\n%s" % (len(message), message))
    out.writelines(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
                   for path, content in files)
    out.write(b"\n")


def _write_evolving(out: BinaryIO, blobs: int) -> None:
    """Files of 20 to 300 lines, of which each commit changes a line or two in each of five."""
    rng = random.Random(1)
    files = [_lines(rng, rng.randrange(20, 300)) for _ in range(max(1, blobs // 25))]
    paths = [f"src/module_{i % 40}/{WORDS[i % len(WORDS)]}/file_{i}.py" for i in range(len(files))]
    made = 0
    while made < blobs:
        chosen = rng.sample(range(len(files)), min(5, len(files), blobs - made))
        for at in chosen:
            lines = files[at]
            lines[rng.randrange(len(lines))] = _lines(rng, 1)[0]
        _commit(out, made, [(paths[at], "".join(files[at]).encode()) for at in chosen])
        made += len(chosen)


def _write_wide(out: BinaryIO, blobs: int) -> None:
    """Every blob a file of its own, 500 a commit, a hundred a folder."""
    rng = random.Random(2)
    for first in range(0, blobs, 500):
        numbers = range(first, min(first + 500, blobs))
        texts = ["".join(_lines(rng, rng.randrange(10, 200))).encode() for _ in numbers]
        _commit(out, first, [(f"data/{n // 10000}/{n // 100}/{n}.txt", t) for n, t in zip(numbers, texts, strict=True)])


if __name__ == "__main__":
    main()
