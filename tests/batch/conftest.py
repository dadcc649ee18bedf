"""Corpora with planted tokens, for batches that really run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import HOUSE_RULES
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.engine.compiled import CompiledRules
from workbench.rules.testtext import fill

TEXTS = ("t = {acme_token:a}\n", "nothing here\n", "{acme_id:a}\n{acme_secret:a}\n", "half: {acme_id:b}\n",
         "again {acme_token:a}", "acmehash {acme_hash:a}")


@pytest.fixture
def rules_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "acme.yaml").write_text(HOUSE_RULES)
    return folder


@pytest.fixture
def add_to(house: CompiledRules) -> Callable[..., None]:
    """Adds ``count`` blobs to a corpus, each with a token of its own every third time; a row group every few."""

    def add(folder: Path, count: int, *, first: int = 0, row_group_bytes: int = 2_000) -> None:
        with CorpusWriter(folder, made="test", row_group_bytes=row_group_bytes) as writer:
            for k in range(first, first + count):
                text = fill(TEXTS[k % len(TEXTS)], house.rules, seed=k // len(TEXTS)).content + b"# %d\n" % k
                blob_id = blob_id_of(text)
                writer.add_blob(blob_id, text)
                writer.add_location(blob_id, source="content", repository="acme/app", revision="f" * 40,
                                    path=f"src/{k}.env", committed_at=1_700_000_000_000_000 + k,
                                    url=f"https://github.com/acme/app/blob/{'f' * 40}/src/{k}.env")

    return add
