"""The lab's notebooks, each from top to bottom in a real kernel, on a small corpus."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from workbench.corpora.reader import Corpus, read_batches
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.lab import demo
from workbench.measure.ruletests import run as run_tests
from workbench.rules.load import load, read
from workbench.rules.rule import RuleSet, build
from workbench.shipped import notebooks_folder, rules_folder

NOTEBOOKS = ("01_explore_corpus", "02_author_a_rule", "03_tune_a_pair_window", "04_review_matches")
_FETCHED = re.compile(
    r"""(?:src|href)\s*=\s*["']?https?:[^>]*?\.(?:js|css|png|svg|woff2?)|@import|"""
    r"""\bfrom\s+["']https?:|import\(["']https?:"""
)


@pytest.fixture(scope="module")
def planted() -> RuleSet:
    """Few types, for a corpus that is made quickly."""
    own = demo._own_rules()
    others = load([rules_folder() / "npm.yaml", rules_folder() / "amazon_aws.yaml"]).subset(
        ["npm_access_token", "aws_access_key"]
    )
    return build(
        [*own.secret_types.values(), *others.secret_types.values()], [*own.pairs.values(), *others.pairs.values()]
    )


@pytest.fixture(scope="module")
def demo_corpus(tmp_path_factory: pytest.TempPathFactory, planted: RuleSet) -> Path:
    return demo.corpus(tmp_path_factory.mktemp("demo") / "corpus", size_bytes=1_500_000, rules=planted)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all kernels here, so that only the first reads the shipped rules."""
    return tmp_path_factory.mktemp("cache")


def execute(name: str, folder: Path, **parameters: Any) -> list[dict]:
    """The outputs of a notebook, run in ``folder``."""
    import papermill
    from traitlets.config import Config

    report = folder / f"{name}.ipynb"
    papermill.execute_notebook(
        notebooks_folder() / f"{name}.ipynb",
        report,
        parameters=parameters,
        kernel_name="python3",
        progress_bar=False,
        cwd=folder,
        config=Config({"KernelManager": {"transport": "ipc"}}),
    )
    return [o for cell in json.loads(report.read_text())["cells"] for o in cell.get("outputs", [])]


def tokens(corpus: Path, rules: RuleSet) -> set[str]:
    compiled = CompiledRules(rules)
    return {m["token"].decode("latin-1") for shard in Corpus.open(corpus).shards()
            for out in scan_batches(read_batches(shard), compiled) for row in out.to_pylist() for m in row["matches"]}


# The second is run in every test run; all of them take a minute together.
@pytest.mark.parametrize(
    "name", [n if n.startswith("02") else pytest.param(n, marks=pytest.mark.slow) for n in NOTEBOOKS]
)
def test_a_notebook_runs_from_top_to_bottom(
    name: str, tmp_path: Path, demo_corpus: Path, planted: RuleSet, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))
    monkeypatch.setenv("WORKBENCH_KEY", base64.urlsafe_b64encode(bytes(range(32))).decode())
    given = {"corpus": str(demo_corpus)} | ({"reviewer": "ada"} if name.startswith("04") else {})
    outputs = execute(name, tmp_path, **given)
    assert not [o for o in outputs if o["output_type"] == "error"]
    shown = json.dumps(outputs)
    known = tokens(demo_corpus, planted)
    assert len(known) > 60 and not [t for t in known if t in shown], "a raw token stands in a notebook"
    assert not _FETCHED.findall(shown), "an output would fetch something"
    if name.startswith(("01", "03")):
        assert "<svg" in shown
    if name.startswith(("02", "03")):
        saved = load([tmp_path / "my-rules"])
        assert {t for t in saved.secret_types if t.startswith("example_cloud")} == set(saved.secret_types)
        assert run_tests(read([tmp_path / "my-rules"])).failures == ()
    if name.startswith("03"):
        assert saved.pairs["example_cloud_account"].window.unit == "lines"
    if name.startswith("02"):
        assert saved.secret_types["example_cloud_api_key"].formats[0].checksum == "crc32_base62_body"
        assert re.search(r"0 gained, [1-9][0-9]* lost", shown), "the edit drops look-alikes"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_call_the_package_and_do_nothing_else(name: str) -> None:
    notebook = nbformat.read(notebooks_folder() / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        assert len(cell.source.splitlines()) <= 6 and not cell.outputs and cell.execution_count is None
        assert not re.search(r"^\s*(def|class|for|while|try|with)\b", cell.source, re.MULTILINE)
    assert "parameters" in notebook.cells[1].metadata.tags


def test_a_demo_corpus_is_made_once(tmp_path: Path, planted: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_CORPUS", raising=False)
    made = demo.corpus(size_bytes=40_000, rules=planted)
    written = (made / "manifest.json").stat().st_mtime_ns
    assert demo.corpus(size_bytes=40_000, rules=planted) == made == Path("demo-corpus")
    assert (made / "manifest.json").stat().st_mtime_ns == written
    monkeypatch.setenv("WORKBENCH_CORPUS", str(tmp_path / "demo-corpus"))
    assert demo.corpus() == tmp_path / "demo-corpus"
