"""A batch in which shards failed says why on the terminal: nobody is to open a notebook to learn that a file is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.scanned import KEY, begin, shard_id
from workbench.cli.batch import MOST_REASONS, _tell_failures
from workbench.store.store import Store


@pytest.mark.parametrize(("failed", "lines"), [(1, 1), (MOST_REASONS, MOST_REASONS), (MOST_REASONS + 2, MOST_REASONS + 1)])
def test_the_reasons_are_told_a_line_each(
        failed: int, lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "alerts.duckdb", key=KEY)
    earlier = begin(store)
    store.finish_run(earlier, "failed", failures={shard_id(0): "an earlier trouble"})
    run_id = begin(store)
    store.finish_run(run_id, "failed", failures={shard_id(n): f"page {n} is damaged\nand so on." for n in range(failed)})
    _tell_failures(str(store.path), run_id)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == lines
    assert told[0] == "Error: page 0 is damaged and so on."
    assert "earlier" not in "".join(told)
    assert failed == lines or told[-1].startswith("Error: 2 more such shards")
