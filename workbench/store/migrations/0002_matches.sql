-- What scans found, blob by blob. Spans are half-open byte offsets [start_byte, end_byte).

CREATE TABLE match (
    shard_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    blob_id VARCHAR NOT NULL CHECK (length(blob_id) = 40),
    match_no INTEGER NOT NULL CHECK (match_no >= 0),
    secret_type VARCHAR NOT NULL,
    format SMALLINT NOT NULL CHECK (format >= 0),
    start_byte BIGINT NOT NULL CHECK (start_byte >= 0),
    end_byte BIGINT NOT NULL CHECK (end_byte > start_byte),
    start_line INTEGER NOT NULL CHECK (start_line >= 1),
    start_column INTEGER NOT NULL CHECK (start_column >= 1),
    end_line INTEGER NOT NULL CHECK (end_line >= start_line),
    fingerprint VARCHAR NOT NULL CHECK (length(fingerprint) = 32),
    is_base64_encoded BOOLEAN NOT NULL,
    alertable BOOLEAN NOT NULL,
    alert_id VARCHAR CHECK (length(alert_id) = 32)
);
COMMENT ON TABLE match IS 'A confirmed span of a secret type in a blob. A blob that stands in two shards has its matches in both.';
COMMENT ON COLUMN match.shard_id IS 'The shard it was found in';
COMMENT ON COLUMN match.rule IS 'The rule that found it';
COMMENT ON COLUMN match.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN match.match_no IS 'Names the match within its shard, rule and blob; 0-based';
COMMENT ON COLUMN match.secret_type IS 'Slug of the secret type';
COMMENT ON COLUMN match.format IS 'Which of the type''s formats, 0-based';
COMMENT ON COLUMN match.start_byte IS 'Byte offset of the first byte in the blob';
COMMENT ON COLUMN match.end_byte IS 'Byte offset past the last byte';
COMMENT ON COLUMN match.start_line IS 'Line of the first byte, 1-based';
COMMENT ON COLUMN match.start_column IS 'Column of the first byte in its line, in bytes, 1-based';
COMMENT ON COLUMN match.end_line IS 'Line of the last byte, 1-based';
COMMENT ON COLUMN match.fingerprint IS 'The finding';
COMMENT ON COLUMN match.is_base64_encoded IS 'The token was found base64-encoded; the span is that of the encoded text';
COMMENT ON COLUMN match.alertable IS 'Whether the match, or the pair it completes, may become an alert';
COMMENT ON COLUMN match.alert_id IS 'The alert this match supports by itself; null when its type alerts only in pairs, or it is not alertable';

CREATE TABLE pair (
    shard_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    blob_id VARCHAR NOT NULL CHECK (length(blob_id) = 40),
    pair_type VARCHAR NOT NULL,
    parts INTEGER[] NOT NULL CHECK (len(parts) >= 2),
    gap_bytes BIGINT NOT NULL CHECK (gap_bytes >= 0),
    gap_lines INTEGER NOT NULL CHECK (gap_lines >= 0),
    alert_id VARCHAR CHECK (length(alert_id) = 32)
);
COMMENT ON TABLE pair IS 'Matches of all parts of a paired credential in one blob, inside its window';
COMMENT ON COLUMN pair.shard_id IS 'The shard it was found in';
COMMENT ON COLUMN pair.rule IS 'The rule that found it';
COMMENT ON COLUMN pair.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN pair.pair_type IS 'Slug of the pair type';
COMMENT ON COLUMN pair.parts IS 'match_no of the parts, in rule order';
COMMENT ON COLUMN pair.gap_bytes IS 'Sum of the byte gaps between neighbouring parts';
COMMENT ON COLUMN pair.gap_lines IS 'Largest line gap between neighbouring parts';
COMMENT ON COLUMN pair.alert_id IS 'The alert this pair supports; null when a part is not alertable';

CREATE TABLE near_miss (
    shard_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    blob_id VARCHAR NOT NULL CHECK (length(blob_id) = 40),
    pair_type VARCHAR NOT NULL,
    part INTEGER NOT NULL CHECK (part >= 0),
    missing_type VARCHAR NOT NULL,
    failed_limit VARCHAR NOT NULL,
    closest INTEGER CHECK (closest >= 0),
    gap_bytes BIGINT CHECK (gap_bytes >= 0),
    gap_lines INTEGER CHECK (gap_lines >= 0),
    exceeded_by BIGINT CHECK (exceeded_by >= 0)
);
COMMENT ON TABLE near_miss IS 'A part that did not pair, with the limit that failed and by how much';
COMMENT ON COLUMN near_miss.shard_id IS 'The shard it was found in';
COMMENT ON COLUMN near_miss.rule IS 'The rule that found it';
COMMENT ON COLUMN near_miss.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN near_miss.pair_type IS 'Slug of the pair type';
COMMENT ON COLUMN near_miss.part IS 'match_no of the part left alone';
COMMENT ON COLUMN near_miss.missing_type IS 'The secret type it lacked';
COMMENT ON COLUMN near_miss.failed_limit IS 'absent: no such part in the blob; bytes, lines: outside the window; order: on the wrong side; overlap: the spans share bytes; taken: the part in reach belongs to another pair; incomplete: a third part is missing';
COMMENT ON COLUMN near_miss.closest IS 'match_no of the closest such part; null when absent';
COMMENT ON COLUMN near_miss.gap_bytes IS 'Bytes between the two; null when absent';
COMMENT ON COLUMN near_miss.gap_lines IS 'Lines between the two; null when absent';
COMMENT ON COLUMN near_miss.exceeded_by IS 'Bytes or lines beyond the limit; null where the limit has no size';
