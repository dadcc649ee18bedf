"""Benches: measured ratios, run by hand with ``make bench``; see README.md."""
