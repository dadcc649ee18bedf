"""Benches: speed and memory, measured as ratios within one run; see README.md beside this file."""

import workbench  # noqa: F401  sets Arrow's allocator up, as it does for every command, before Arrow is loaded
