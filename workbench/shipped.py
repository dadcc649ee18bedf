"""Shipped folders: the rules and notebooks that come with the workbench.

In a source tree they stand at its top; in an installed package, inside it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def _folder(name: str) -> Path:
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def rules_folder() -> Path:
    """The shipped rules."""
    return _folder("rules")


def notebooks_folder() -> Path:
    """The shipped notebooks."""
    return _folder("notebooks")
