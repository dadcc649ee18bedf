"""A file named after a token: the store keeps the place, and not the token."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.batch.params import BatchParams
from workbench.batch.plan import make_plan
from workbench.batch.run import run
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.engine.compiled import CompiledRules
from workbench.rules.samples import make_sample
from workbench.store.reader import StoreReader


@pytest.mark.parametrize("inside", [True, False])
def test_a_token_in_a_path_is_masked_in_the_store(tmp_path: Path, rules_folder: Path, house: CompiledRules,
                                                  inside: bool) -> None:
    """Its own content's token, or another one that stands in the path alone."""
    token = make_sample(house.rules.secret_types["acme_token"], 0, seed=1)
    other = token if inside else make_sample(house.rules.secret_types["acme_token"], 0, seed=2)
    content = b"key = " + token + b"\n"
    with CorpusWriter(tmp_path / "corpus", made="test") as writer:
        writer.add_blob(blob_id_of(content), content)
        path = f"keys/{other.decode()}.txt"
        writer.add_location(blob_id_of(content), source="content", repository="acme/app", revision="f" * 40, path=path,
                            committed_at=1_700_000_000_000_000, url=f"https://github.com/acme/app/blob/{'f' * 40}/{path}")
    store = tmp_path / "alerts.duckdb"
    plan = make_plan(BatchParams(str(tmp_path / "corpus"), (str(rules_folder),), str(store), progress=False))
    assert run(plan).alerts_opened == 1
    for secret in {token, other}:
        assert secret not in store.read_bytes()
    (row,) = StoreReader(store).query("SELECT path, url FROM location").to_pylist()
    assert row["path"].startswith("keys/") and row["path"].endswith(".txt") and row["url"].endswith(row["path"])
