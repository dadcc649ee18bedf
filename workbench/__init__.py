"""Secret Workbench: make, measure and run secret-scanning partner patterns."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("secret-workbench")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
