"""Synthetic files: made-up repositories in which real-looking tokens stand at known places.

From the ground up: a vocabulary of names, places (kinds of files), filler round what is planted, validity (whether a
format's own definition holds at a span), plants and pair arrangements, hard negatives, documents, and the truth that is
written beside the corpus. :mod:`workbench.corpora.synthesize` puts them together.
"""
