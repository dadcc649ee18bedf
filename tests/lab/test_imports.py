"""What the lab takes in: not a grammar of addresses that takes over a second to build and that nothing here asks for."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

GRAMMAR = "rfc3987_syntax"

EVERYTHING = """
import sys
import pandas as pd
from workbench import charts
from workbench.lab import Session, demo, overview, slider, triage
from workbench.lab.tables import results
charts.prepare().join()  # as every sweep begins with, in a thread of its own
alt = charts.altair()
frame = pd.DataFrame({"a": ["x"], "n": [1]})
charts.render(alt.Chart(frame).mark_bar().encode(x="n", y="a"))
overview.chart(results({"a": ["x"], "n": [1]}), by="a", value="n")
results({"a": [1]}).browse()._repr_html_()
print("jsonschema" in sys.modules, [m for m in sys.modules if m.split(".")[0] == GRAMMAR and sys.modules[m]])
"""


@pytest.mark.skipif(find_spec(GRAMMAR) is None, reason="the grammar is not installed, so nothing can take it in")
def test_the_grammar_of_addresses_stays_out() -> None:
    """jsonschema takes it in wherever it is installed, altair takes in jsonschema, and a first chart then waits for it."""
    code = f"GRAMMAR = {GRAMMAR!r}\n{EVERYTHING}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split(maxsplit=1) == ["True", "[]\n"], "altair no longer needs jsonschema, or the grammar is back"
