"""Tables in a real JupyterLab: however long a result is, the page gets a part of it and stays usable."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import THEMES
from tests.browser.jupyter import Notebook, Server

ROWS = 100_000
MAKE = f"""from workbench.lab.tables import results
many = results({{"type": ["acme_token"] * {ROWS}, "line": list(range({ROWS})),
                "path": [f"src/part{{k}}/keys.py" for k in range({ROWS})]}}, caption="many")
many"""


def test_a_hundred_thousand_results_can_be_browsed(
    server: Server, page: Page, open_notebook: Callable[[str], Notebook], tmp_path: Path
) -> None:
    server.theme(THEMES[1])
    server.notebook("many.ipynb", MAKE, "many.browse()", "1 + 1")
    notebook = open_notebook("many.ipynb")
    notebook.run_all()
    plain = page.locator(".jp-OutputArea-output").filter(has_text=f"20 of {ROWS:,} rows").first
    expect(plain.locator("tbody tr")).to_have_count(20)
    told = page.locator(".dt-info")
    told.scroll_into_view_if_needed()
    expect(told).to_contain_text(f"from {ROWS:,} rows")  # it says that these are not all
    found = re.search(r"of ([\d,]+) entries", told.inner_text())
    assert found and 1_000 < int(found[1].replace(",", "")) < ROWS
    rows = page.locator(".dt-container tbody tr")
    page.locator(".dt-search input").fill("part17/")
    expect(told).to_contain_text("filtered")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("src/part17/keys.py")
    page.screenshot(path=tmp_path / "many.png")
    notebook.save()
    assert (server.folder / "many.ipynb").stat().st_size < 8_000_000
    notebook.reload()
    expect(page.locator(".dt-info")).to_contain_text("entries")
