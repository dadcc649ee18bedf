-- What a pair's gap is was described wrongly: it runs over the whole pair, as its window is measured, not between neighbours.

COMMENT ON COLUMN pair.gap_bytes IS 'Bytes from the end of the first part to the start of the last, 0 where they touch';
COMMENT ON COLUMN pair.gap_lines IS 'Lines from the end of the first part to the start of the last, 0 on one line';
COMMENT ON COLUMN pairs.gap_bytes IS 'Bytes from the end of the first part to the start of the last, 0 where they touch';
COMMENT ON COLUMN pairs.gap_lines IS 'Lines from the end of the first part to the start of the last, 0 on one line';
