"""The authoring lab: what a notebook imports to make a rule good."""

from workbench.lab.session import Session

__all__ = ["Session"]
