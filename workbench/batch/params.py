"""Batch parameters: what an operator gave, as one frozen, checked object.

They are plain data: no file is opened here. An unknown name is refused, because papermill would only log it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from workbench.corpora.reader import SHARD_BYTES
from workbench.engine.scan import MOST_BLOB_BYTES
from workbench.errors import UsageError

WAIT_S = 600.0
"""How long a run waits for a connection of another process, in seconds. Who reads by other means than ours may keep the
store for a while; a run that has scanned for hours is not to end for it."""


@dataclass(frozen=True, slots=True)
class BatchParams:
    """``corpus`` and ``store`` are paths, ``rules`` files or folders; ``threads`` 0 means one a core; sizes in bytes.

    ``report_file`` is where the executed notebook goes, "" when nobody keeps it: the ledger has it, so that a run can be
    told from others of the same store.
    """

    corpus: str
    rules: tuple[str, ...]
    store: str
    threads: int = 0
    shard_bytes: int = SHARD_BYTES
    most_blob_bytes: int = MOST_BLOB_BYTES
    progress: bool = True
    report_file: str = ""

    def __post_init__(self) -> None:
        for name in ("corpus", "store"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise UsageError(f"Expected a path but got {name}={getattr(self, name)!r}")
        if not self.rules or not all(isinstance(r, str) and r for r in self.rules):
            raise UsageError(f"Expected at least one rules file or folder but got rules={self.rules!r}")
        for name, least in (("threads", 0), ("shard_bytes", 1 << 20), ("most_blob_bytes", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise UsageError(f"Expected a whole number of at least {least} but got {name}={value!r}")
        if not isinstance(self.report_file, str):
            raise UsageError(f"Expected a path but got report_file={self.report_file!r}")
        if not isinstance(self.progress, bool):
            raise UsageError(f"Expected true or false but got progress={self.progress!r}")

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> BatchParams:
        """The parameters of a mapping, as from a notebook's cell or a JSON file.

        Raises :class:`UsageError` for a name that is no parameter, one that is missing, or a value of the wrong kind.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise UsageError(f"Expected parameters among {', '.join(sorted(known))} but got {', '.join(unknown)}")
        missing = [name for name in ("corpus", "rules", "store") if name not in given]
        if missing:
            raise UsageError(f"Expected the parameter {missing[0]} but got none; it has no default")
        rules = given["rules"]
        if not isinstance(rules, (str, list, tuple)):
            raise UsageError(f"Expected rules files or folders but got rules={rules!r}")
        values = {**given, "rules": (rules,) if isinstance(rules, str) else tuple(rules)}
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Plain data that :meth:`from_mapping` takes; paths made absolute, for another working directory."""
        out = asdict(self)
        out["rules"] = [str(Path(r).absolute()) for r in self.rules]
        return out | {"corpus": str(Path(self.corpus).absolute()), "store": str(Path(self.store).absolute())}

    @property
    def thread_count(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))
