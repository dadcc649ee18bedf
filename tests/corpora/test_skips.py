"""What is left out is told with a reason, and every reason is written down where people look for it."""

from __future__ import annotations

from tests.conftest import ROOT
from workbench.corpora.skips import SKIP_REASONS, explain


def test_every_reason_stands_in_the_readme_with_what_it_means() -> None:
    lines = (ROOT / "datasets" / "README.md").read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    table = {name.strip(" `"): meaning.strip() for name, _, meaning in (row for row in rows if len(row) == 3)}
    assert {name: meaning for name, meaning in table.items() if name in SKIP_REASONS} == SKIP_REASONS


def test_reasons_of_other_versions_are_told_without_a_meaning() -> None:
    assert explain({"too_large": 1200, "of_another_version": 1}) == [
        "             1  of_another_version",
        "         1,200  too_large: larger than the limit (--max-blob-mib)",
    ]
