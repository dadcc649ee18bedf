"""Measuring: rule tests, and later labels, sampling, precision and recall."""
