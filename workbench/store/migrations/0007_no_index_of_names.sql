-- Findings, their sealed tokens, alerts and matched blobs without an index over their names. The names are hashes, so
-- every shard touched the whole index anew: from 100,000 findings on that took most of the time of recording a shard,
-- and more than half of the file. The store, which is the only writer, keeps the names apart.

CREATE TABLE finding_0007 (
    fingerprint VARCHAR NOT NULL CHECK (length(fingerprint) = 32),
    secret_type VARCHAR NOT NULL,
    length_bytes BIGINT NOT NULL CHECK (length_bytes > 0),
    first_run VARCHAR NOT NULL
);
INSERT INTO finding_0007 FROM finding;
DROP TABLE finding;
ALTER TABLE finding_0007 RENAME TO finding;
COMMENT ON TABLE finding IS 'A secret type and a token, over all its locations';
COMMENT ON COLUMN finding.fingerprint IS 'Keyed BLAKE2b of secret type and token, 32 hex digits; cannot be tested against a guess without the key';
COMMENT ON COLUMN finding.secret_type IS 'Slug of the secret type';
COMMENT ON COLUMN finding.length_bytes IS 'Length of the token in bytes';
COMMENT ON COLUMN finding.first_run IS 'The run that found it first';

CREATE TABLE sealed_token_0007 (
    fingerprint VARCHAR NOT NULL CHECK (length(fingerprint) = 32),
    sealed BLOB NOT NULL
);
INSERT INTO sealed_token_0007 FROM sealed_token;
DROP TABLE sealed_token;
ALTER TABLE sealed_token_0007 RENAME TO sealed_token;
COMMENT ON TABLE sealed_token IS 'The encrypted tokens of findings that stand in an alert, apart from everything analysts read. Only an export unseals them; a snapshot leaves them out.';
COMMENT ON COLUMN sealed_token.fingerprint IS 'The finding';
COMMENT ON COLUMN sealed_token.sealed IS 'Version byte 1, 12 bytes of nonce, AES-256-GCM of the token; bound to secret type and fingerprint';

CREATE TABLE alert_0007 (
    alert_id VARCHAR NOT NULL CHECK (length(alert_id) = 32),
    kind VARCHAR NOT NULL CHECK (kind IN ('single', 'pair')),
    alert_type VARCHAR NOT NULL,
    findings VARCHAR[] NOT NULL CHECK (len(findings) >= 1),
    state VARCHAR NOT NULL CHECK (state IN ('open', 'closed')),
    resolution VARCHAR CHECK (resolution IN ('pattern_edited', 'pattern_deleted', 'false_positive', 'wont_fix',
                                             'revoked', 'used_in_tests')),
    first_run VARCHAR NOT NULL,
    opened_at TIMESTAMP NOT NULL,
    closed_at TIMESTAMP,
    CHECK ((kind = 'single') = (len(findings) = 1)),
    CHECK ((state = 'closed') = (resolution IS NOT NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
INSERT INTO alert_0007 FROM alert;
DROP TABLE alert;
ALTER TABLE alert_0007 RENAME TO alert;
COMMENT ON TABLE alert IS 'What goes out: a finding whose type alerts by itself, or the findings of a complete pair. Table rule_type says to whom.';
COMMENT ON COLUMN alert.alert_id IS 'Keyed BLAKE2b of kind, type and fingerprints, 32 hex digits; the same after every rescan with the same key';
COMMENT ON COLUMN alert.kind IS 'single: one finding; pair: one finding for each part';
COMMENT ON COLUMN alert.alert_type IS 'Slug of the secret type or of the pair type';
COMMENT ON COLUMN alert.findings IS 'Fingerprints of its findings, in rule order';
COMMENT ON COLUMN alert.state IS 'open or closed';
COMMENT ON COLUMN alert.resolution IS 'Why it is closed. pattern_edited: the edited rule finds it no more; pattern_deleted: its rule was retired; both reopen when it is found again, a verdict of a person does not';
COMMENT ON COLUMN alert.first_run IS 'The run that opened it first';
COMMENT ON COLUMN alert.opened_at IS 'When it was opened, or reopened, last; UTC';
COMMENT ON COLUMN alert.closed_at IS 'UTC; null while open';

CREATE TABLE matched_blob_0007 (
    blob_id VARCHAR NOT NULL CHECK (length(blob_id) = 40),
    sequence BIGINT NOT NULL CHECK (sequence >= 1)
);
INSERT INTO matched_blob_0007 FROM matched_blob;
DROP TABLE matched_blob;
ALTER TABLE matched_blob_0007 RENAME TO matched_blob;
COMMENT ON TABLE matched_blob IS 'Blobs that ever had a match: those whose locations are kept';
COMMENT ON COLUMN matched_blob.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN matched_blob.sequence IS 'Grows with every recorded shard; compared with location_file.looked_up_to';
