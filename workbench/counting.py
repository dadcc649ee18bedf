"""A count as people read it: a number and its noun, which agree."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """``1 shard``, ``2 shards``, ``1,024 matches``, ``0 repositories``: ``noun`` is given as it stands after one."""
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The noun for none, and for more than one."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
