"""Secret Workbench: make, measure and run secret-scanning partner patterns."""

import os
from importlib.metadata import PackageNotFoundError, version

# Arrow's allocator gives freed memory back to the system after 10 milliseconds, about the time between two batches of a
# scan, and the kernel zeroes every page it hands out again: measured, a tenth to a half of a scan's time. So what was
# freed is kept for the next batch. Set before Arrow is loaded; a value of the user's own stands.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")  # milliseconds; never

try:
    __version__ = version("secret-workbench")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
