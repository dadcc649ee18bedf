"""A problem: one thing wrong in a rules file, where it stands, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Prints as ``file:line: rule: got …, expected …, do …``."""

    file: str
    line: int
    rule: str
    got: str
    expected: str
    do: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else "warning: "
        return f"{self.file}:{self.line}: {mark}{self.rule}: got {self.got}, expected {self.expected}, do {self.do}"
