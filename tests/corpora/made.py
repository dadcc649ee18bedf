"""Corpora and Parquet files made for a test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.corpora.writer import CorpusWriter, blob_id_of


def write(folder: Path, contents: Iterable[bytes], *, path: str = "src/a.py", repository: str = "o/r",
          **options: Any) -> list[str]:
    """Write contents with a location each into a corpus. Returns their blob ids."""
    ids = []
    with CorpusWriter(folder, **options) as writer:
        for number, content in enumerate(contents):
            ids.append(blob_id_of(content))
            writer.add_blob(ids[-1], content)
            writer.add_location(ids[-1], source="content", repository=repository, revision=f"{number:040x}",
                                path=path, committed_at=number * 1_000_000)
    return ids


def blobs_table(contents: Iterable[bytes | None], content_type: pa.DataType | None = None) -> pa.Table:
    contents = list(contents)
    return pa.table({
        "blob_id": [blob_id_of(c or b"") for c in contents],
        "size": pa.array([len(c or b"") for c in contents], pa.int64()),
        "content": pa.array(contents, pa.binary()).cast(content_type or pa.large_binary()),
    })


def corpus_of_files(folder: Path, tables: dict[str, pa.Table], **options: Any) -> Path:
    """A corpus whose Parquet files another program wrote: ``tables`` by path (``blobs/x.parquet``)."""
    files, blobs, locations, content_bytes = [], 0, 0, 0
    for path, table in tables.items():
        full = folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, full, **options)
        data = full.read_bytes()
        files.append({"path": path, "sha256": hashlib.sha256(data).hexdigest(), "rows": len(table),
                      "bytes": len(data)})
        if path.startswith("blobs/"):
            blobs += len(table)
            if "content" in table.column_names and "size" in table.column_names:
                content_bytes += sum(s for s, c in zip(table["size"].to_pylist(), table["content"], strict=True)
                                     if c.is_valid and isinstance(s, int))
        else:
            locations += len(table)
    (folder / "manifest.json").write_text(json.dumps({
        "schema_version": 1, "name": folder.name, "content_bytes": content_bytes, "blobs": blobs,
        "locations": locations, "files": files, "made": "by another program",
    }))
    return folder
