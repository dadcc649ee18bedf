"""The engine: triggers, matcher, pairing, and :func:`workbench.engine.scan.scan_batches`, which everyone calls."""
