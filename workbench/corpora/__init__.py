"""Corpora: folders of Parquet that hold distinct contents (blobs) and where each occurs (locations).

A corpus is ``manifest.json``, ``blobs/*.parquet`` and ``locations/*.parquet``. Ingesters write one with
:class:`~workbench.corpora.writer.CorpusWriter`; everything else reads it with
:class:`~workbench.corpora.reader.Corpus`.
"""
