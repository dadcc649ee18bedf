"""Numbers and nouns agree wherever a command prints them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.counting import counted

PACKAGE = Path(__file__).parent.parent.parent / "workbench"


@pytest.mark.parametrize(("count", "noun", "said"), [
    (1, "shard", "1 shard"), (0, "shard", "0 shards"), (2, "match", "2 matches"), (1, "match", "1 match"),
    (1200, "repository", "1,200 repositories"), (3, "near miss", "3 near misses"), (2, "key", "2 keys"),
    (1, "new blob", "1 new blob"), (2, "byte", "2 bytes")])
def test_a_number_and_its_noun_agree(count: int, noun: str, said: str) -> None:
    assert counted(count, noun) == said


def test_no_command_prints_a_number_before_a_fixed_plural() -> None:
    """``{n} shards`` says "1 shards" one day; counts that stand in a row of figures are written by ``counted`` too."""
    plain = re.compile(r"\} (?:shards|matches|files|rows|blobs|alerts|pairs|places|objects|providers|partners|commits|"
                       r"locations|tokens|labels|secret types|near misses)\b")
    rooms = ("batch", "cli", "partners", "measure")
    paths = [path for room in rooms for path in sorted((PACKAGE / room).rglob("*.py"))]
    found = [f"{path.relative_to(PACKAGE)}:{number}" for path in paths
             for number, line in enumerate(path.read_text().splitlines(), 1)
             if plain.search(line) and "counted(" not in line]
    assert found == []
