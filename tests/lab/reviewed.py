"""What the tests of a review judge: a small corpus of files with fresh samples, scanned with the tests' own rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.lab.frames import Flat, flatten
from workbench.rules.testtext import Filled

FILES: dict[str, str] = {
    "config/deploy.yaml": "region: eu\ntoken: {acme_token:a}\nretries: 3\n",
    "config/old.yaml": "# moved\ntoken: {acme_token:a}\n",
    "tests/test_client.py": "def test():\n    client('{acme_token:b}')\n",
    "README.md": "Use `{acme_token:c}` as your token.\n",
    "src/keys.py": "ID = '{acme_id:p}'\nSECRET = '{acme_secret:p}'\n",
    "src/more.py": "pass\n" * 30 + "TOKEN = '{acme_token:d}'\nOTHER = '{acme_token:e}'\n",
}
"""Five secrets that alert by themselves, one of them in two files, and a pair."""


def make_corpus(folder: Path, filled: Callable[..., Filled], files: dict[str, str] = FILES) -> Corpus:
    with CorpusWriter(folder, name="judged") as writer:
        for path, text in files.items():
            content = filled(text).content
            blob_id = blob_id_of(content)
            writer.add_blob(blob_id, content)
            writer.add_location(blob_id, source="content", repository="acme/shop", revision="1" * 40, path=path,
                                committed_at=datetime(2025, 5, 1, tzinfo=UTC), url="")
    return Corpus.open(folder)


def scan(corpus: Corpus, compiled: CompiledRules) -> Flat:
    return flatten(out for shard in corpus.shards() for out in scan_batches(read_batches(shard), compiled))


def tokens(found: Flat) -> set[bytes]:
    return set(found.matches["token"].to_pylist())
