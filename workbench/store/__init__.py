"""The store: the only writer of DuckDB, where runs, matches and alerts stand and tokens rest sealed."""
