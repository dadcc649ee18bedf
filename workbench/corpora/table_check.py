"""A table check reads someone else's Parquet file to its end in a process of its own.

Arrow ends the process it runs in on some damaged files, and takes any memory that a page asks for. What the checker
has read to its end can be read here; what ends it, or needs more than it may take, is refused.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from workbench.corpora.table_rows import open_table, read_rows
from workbench.corpora.tables import TableMap, recognise, resolve
from workbench.errors import CorpusError, UsageError

MOST_MEMORY_BYTES = 640 << 20
"""What reading a table may take, the interpreter included."""

_FREE_BYTES = 1 << 30
_MOST_RATIO = 1000


class TableChecker:
    """Checks files one after the other, in a process that is started anew when a file ends it. A context manager."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def check(self, path: Path, table_map: TableMap | None) -> None:
        """Read all that is mapped (None: as the file's columns are known), and drop it.

        Raises CorpusError when something cannot be read, or when more comes out than can be meant (a dictionary lets a
        few bytes stand for gigabytes), and UsageError when the map does not fit the file.
        """
        question = {"path": os.path.abspath(path), "map": dict(table_map.columns) if table_map is not None else None}
        answer = self._ask(json.dumps(question).encode() + b"\n")
        if answer is None:
            raise CorpusError(f"{path}: damaged: Arrow breaks down on it. Copy it again", path=path)
        if answer["is_usage"]:
            raise UsageError(answer["error"].replace(question["path"], str(path)))
        if answer["error"]:
            raise CorpusError(answer["error"].replace(question["path"], str(path)), path=path)

    def _ask(self, question: bytes) -> dict[str, Any] | None:
        """The answer; None when the process ended over it."""
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(question)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        except BaseException:
            self._stop()
            raise
        if line:
            return json.loads(line)
        self._stop()
        return None

    def _start(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        return subprocess.Popen(
            [sys.executable, "-m", "workbench.corpora.table_check"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what C++ says when it ends a process
            env={**os.environ, "PYTHONPATH": paths},
        )

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _check(path: Path, columns: dict[str, str] | None) -> None:
    left = _FREE_BYTES + _MOST_RATIO * path.stat().st_size
    with open_table(path) as parquet:
        schema = parquet.schema_arrow
        table_map = TableMap(columns) if columns is not None else recognise(schema, path)
        for rows in read_rows(parquet, resolve(table_map, schema, path), path):
            left -= sum(len(content) for content in rows.contents if content is not None)
            if left < 0:
                raise CorpusError(f"{path}: unpacks to over {_MOST_RATIO} times its size. Write it anew without what "
                                  "repeats", path=path)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    path = Path(question["path"])
    try:
        _check(path, question["map"])
    except (CorpusError, UsageError) as error:
        return {"error": str(error), "is_usage": isinstance(error, UsageError)}
    except MemoryError:
        needs = f"needs over {MOST_MEMORY_BYTES >> 20} MiB of memory to read"
        return {"error": f"{path}: {needs}. Write it anew with smaller pages", "is_usage": False}
    return {"error": "", "is_usage": False}


def main() -> None:
    """Answer a line of JSON with a line of JSON, until there is none."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    for line in sys.stdin.buffer:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
