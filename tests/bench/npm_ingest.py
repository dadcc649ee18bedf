"""Speed and memory of ``workbench corpus add-npm`` on tarballs, and of a refresh that has nothing new.

    python -m tests.bench.npm_ingest [--packages 40] [--mb 16] [--tarballs FOLDER]

Makes packages of source files of a few kilobytes and bundles of megabytes that gzip to about a fourth, three versions
of each with a third of the files changed, unless ``--tarballs`` names a folder with ``.tgz`` files of one's own (``npm
pack`` makes them). The command line runs in a process of its own, interpreter start and all; its peak memory is the
system's word. ``gunzip_mb_per_s`` is Python's zlib on the same files with nothing else to do, in the same run: the
share of the machine that there was. A last measurement is a bomb: a megabyte that unpacks to a gigabyte.

Fairness: all from a warm page cache. The ingest also checks each gzip member, hashes every file, tells new from known,
writes compressed Parquet and waits for the disk.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = ["function", "return", "const", "value", "index", "module", "exports", "require", "options", "callback", "this",
         "prototype", "undefined", "length", "string", "object", "array", "request", "response", "buffer"]
VERSIONS = 3


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=int, default=40)
    parser.add_argument("--mb", type=float, default=16, help="unpacked size of a package, in MB")
    parser.add_argument("--tarballs", type=Path, help="a folder with .tgz files of one's own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="npm-ingest-") as name:
        folder = Path(name)
        if options.tarballs:
            tarballs = sorted(options.tarballs.glob("*.tgz"))
        else:
            count = max(1, options.packages // VERSIONS)
            tarballs = [path for number in range(count) for path in _make(folder, number, options.mb)]
        print(json.dumps(_measure(tarballs, folder), indent=1))


def _measure(tarballs: list[Path], folder: Path) -> dict[str, Any]:
    corpus = folder / "corpus"
    start = time.perf_counter()
    unpacked = sum(_gunzipped(path) for path in tarballs)
    gunzip_s = time.perf_counter() - start
    first = _timed([*map(str, tarballs)], corpus)
    again = _timed([*map(str, tarballs)], corpus)
    manifest = json.loads((corpus / "manifest.json").read_text())
    bomb = _bomb(folder)
    last = _timed([str(bomb)], corpus)
    return {
        "tarballs": len(tarballs),
        "packed_mb": round(sum(path.stat().st_size for path in tarballs) / 1e6, 1),
        "unpacked_mb": round(unpacked / 1e6, 1),
        "blobs": manifest["blobs"],
        "locations": manifest["locations"],
        "gunzip_mb_per_s": round(unpacked / 1e6 / gunzip_s),
        "mb_per_s": round(unpacked / 1e6 / first["elapsed_s"]),
        "mb_per_cpu_s": round(unpacked / 1e6 / first["cpu_s"]),
        "first": first,
        "again": again,
        "bomb": last | {"packed_mb": round(bomb.stat().st_size / 1e6, 1)},
    }


def _timed(items: list[str], corpus: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "workbench", "corpus", "add-npm", *items, "--corpus", str(corpus)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"add-npm ended with {process.returncode}")
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"elapsed_s": round(time.perf_counter() - start, 2), "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_mib": round(peak_bytes / (1 << 20))}


def _gunzipped(path: Path) -> int:
    total = 0
    with gzip.open(path) as data:
        while piece := data.read(1 << 18):
            total += len(piece)
    return total


def _make(folder: Path, number: int, size_mb: float) -> Iterator[Path]:
    """Three versions of a package; memory is a version's."""
    rng = random.Random(number)
    files = _files(rng, int(size_mb * 1e6))
    for version in range(VERSIONS):
        path = folder / f"bench-{number}-{version}.tgz"
        with tarfile.open(path, "w:gz", compresslevel=6) as archive:
            description = json.dumps({"name": f"bench-{number}", "version": f"1.{version}.0"}).encode()
            for name, content in [("package.json", description), *files.items()]:
                info = tarfile.TarInfo(f"package/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        for name in rng.sample(sorted(files), len(files) // 3):
            files[name] += b"// %d\n" % version
        yield path


def _files(rng: random.Random, size_bytes: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = size_bytes
    while left > 0:
        is_bundle = rng.random() < 0.002
        content = _source(rng, rng.randrange(1 << 20, 3 << 20) if is_bundle else rng.randrange(200, 20_000))
        number = len(files)
        files[f"dist/bundle-{number}.min.js" if is_bundle else f"lib/dir-{number % 30}/file-{number}.js"] = content
        left -= len(content)
    return files


def _source(rng: random.Random, size: int) -> bytes:
    words = rng.choices(WORDS, k=size // 8)
    return "".join(f"{word}{'(' if at % 5 else f'_{rng.getrandbits(24):x};'}" for at, word in enumerate(words)).encode()


def _bomb(folder: Path) -> Path:
    """A sound package whose last file has a gigabyte of zeros."""
    path = folder / "bomb.tgz"
    description = b'{"name": "bomb", "version": "1.0.0"}'
    squeeze = zlib.compressobj(9, wbits=31)
    with open(path, "wb") as out:
        for name, size, content in (("package.json", len(description), description), ("zeros", 1 << 30, b"")):
            info = tarfile.TarInfo(f"package/{name}")
            info.size = size
            out.write(squeeze.compress(info.tobuf() + content + bytes(-len(content) % 512)))
        out.writelines(squeeze.compress(bytes(1 << 20)) for _ in range(1 << 10))
        out.write(squeeze.flush())
    return path


if __name__ == "__main__":
    main()
