"""What tests of the authoring lab work on: a folder with the tests' own rules, and a small corpus with samples of
them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import HOUSE_RULES
from workbench.corpora.reader import Corpus, read_batches
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import scan_batches
from workbench.lab import Session
from workbench.rules.testtext import Filled

HOUSE_FILE = HOUSE_RULES.replace("name: Acme Token\n", """name: Acme Token  # what the console calls it
    references: [https://example.org/tokens]
    tests:
      match: ['t = {secret}', '"k": "{secret}"', 'https://example.org/?t={secret}&x']
      no_match: ['X{secret}', '{secret}7', 't = {placeholder}']
""")
"""The tests' own rules as a file: with a comment to lose and tests to fail."""

FILES: dict[str, str] = {
    "deploy/prod.env": "TOKEN={acme_token:a}\nREGION=eu\n",
    "deploy/again.env": "# the same token\nTOKEN={acme_token:a}\n",
    "src/near.py": "ID = '{acme_id:p}'\nSECRET = '{acme_secret:p}'\n",
    "src/far.py": "ID = '{acme_id:q}'\n" + "pass\n" * 8 + "SECRET = '{acme_secret:q}'\n",
    "src/lone.py": "ID = '{acme_id:r}'\n",
    "tests/test_it.py": "old = '{acme_token:b}', also '{acme_token:c}'\nacmehash = '{acme_hash:h}'\n",
    "docs/page.md": "Nothing to see here.\n",
}


def write_corpus(folder: Path, texts: dict[str, bytes], *, repository: str = "acme/shop") -> Path:
    """A corpus of these files, one location each."""
    with CorpusWriter(folder, name="authored", made="test") as writer:
        for path, content in texts.items():
            blob_id = blob_id_of(content)
            writer.add_blob(blob_id, content)
            writer.add_location(blob_id, source="content", repository=repository, revision="1" * 40, path=path,
                                committed_at=datetime(2025, 5, 1, tzinfo=UTC), url="")
    return folder


@pytest.fixture
def corpus(tmp_path: Path, filled: Callable[..., Filled]) -> Path:
    """The corpus of :data:`FILES`."""
    return write_corpus(tmp_path / "corpus", {p: filled(t).content for p, t in FILES.items()})


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with the tests' own rules in one file."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "acme.yaml").write_text(HOUSE_FILE)
    return folder


@pytest.fixture
def session(corpus: Path, rules: Path) -> Session:
    return Session(corpus, rules=rules)


@pytest.fixture
def tokens(house: CompiledRules) -> Callable[[Path], set[str]]:
    """Every token in a corpus, by the tests' own rules: what nothing may show."""

    def of(folder: Path) -> set[str]:
        return {m["token"].decode() for shard in Corpus.open(folder).shards()
                for out in scan_batches(read_batches(shard), house) for row in out.to_pylist() for m in row["matches"]}

    return of


def everything_shown(thing: object) -> str:
    """All that a notebook would get of an object."""
    bundle = thing._repr_mimebundle_() if hasattr(thing, "_repr_mimebundle_") else {}  # type: ignore[attr-defined]
    return "\n".join([repr(thing), str(thing), *bundle.values()])
