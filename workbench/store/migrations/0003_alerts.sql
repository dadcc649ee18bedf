-- Findings, the alerts they become, and the places they were found.

CREATE TABLE finding (
    fingerprint VARCHAR PRIMARY KEY CHECK (length(fingerprint) = 32),
    secret_type VARCHAR NOT NULL,
    length_bytes BIGINT NOT NULL CHECK (length_bytes > 0),
    first_run VARCHAR NOT NULL
);
COMMENT ON TABLE finding IS 'A secret type and a token, over all its locations';
COMMENT ON COLUMN finding.fingerprint IS 'Keyed BLAKE2b of secret type and token, 32 hex digits; cannot be tested against a guess without the key';
COMMENT ON COLUMN finding.secret_type IS 'Slug of the secret type';
COMMENT ON COLUMN finding.length_bytes IS 'Length of the token in bytes';
COMMENT ON COLUMN finding.first_run IS 'The run that found it first';

CREATE TABLE sealed_token (
    fingerprint VARCHAR PRIMARY KEY CHECK (length(fingerprint) = 32),
    sealed BLOB NOT NULL
);
COMMENT ON TABLE sealed_token IS 'The encrypted tokens of findings that stand in an alert, apart from everything analysts read. Only an export unseals them; a snapshot leaves them out.';
COMMENT ON COLUMN sealed_token.fingerprint IS 'The finding';
COMMENT ON COLUMN sealed_token.sealed IS 'Version byte 1, 12 bytes of nonce, AES-256-GCM of the token; bound to secret type and fingerprint';

CREATE TABLE alert (
    alert_id VARCHAR PRIMARY KEY CHECK (length(alert_id) = 32),
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

CREATE TABLE matched_blob (
    blob_id VARCHAR PRIMARY KEY CHECK (length(blob_id) = 40),
    sequence BIGINT NOT NULL CHECK (sequence >= 1)
);
COMMENT ON TABLE matched_blob IS 'Blobs that ever had a match: those whose locations are kept';
COMMENT ON COLUMN matched_blob.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN matched_blob.sequence IS 'Grows with every recorded shard; compared with location_file.looked_up_to';

CREATE TABLE location_file (
    sha256 VARCHAR PRIMARY KEY CHECK (sha256 <> ''),
    looked_up_to BIGINT NOT NULL CHECK (looked_up_to >= 0),
    run_id VARCHAR NOT NULL,
    read_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE location_file IS 'Location files of corpora and how far they were read: a file is read again only for blobs that matched since';
COMMENT ON COLUMN location_file.sha256 IS 'Content hash of the file';
COMMENT ON COLUMN location_file.looked_up_to IS 'The file was searched for every matched blob up to this sequence number';
COMMENT ON COLUMN location_file.run_id IS 'The run that read it last';
COMMENT ON COLUMN location_file.read_at IS 'UTC';

CREATE TABLE location (
    blob_id VARCHAR NOT NULL CHECK (length(blob_id) = 40),
    source VARCHAR NOT NULL CHECK (source IN (
        'content', 'commit', 'pull_request_title', 'pull_request_description', 'pull_request_comment', 'issue_title',
        'issue_description', 'issue_comment', 'discussion_title', 'discussion_body', 'discussion_comment',
        'commit_comment', 'gist_content', 'gist_comment', 'wiki_content', 'wiki_commit', 'npm', 'manual_submission',
        'unknown')),
    repository VARCHAR NOT NULL,
    revision VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    committed_at TIMESTAMP,
    url VARCHAR
);
COMMENT ON TABLE location IS 'One place a matched blob occurs. Not removed when the token is: what was public stays leaked.';
COMMENT ON COLUMN location.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN location.source IS 'Kind of place, one of the partner programme''s nineteen values';
COMMENT ON COLUMN location.repository IS 'owner/name, or an npm package''s name';
COMMENT ON COLUMN location.revision IS 'Commit id, or a package''s version';
COMMENT ON COLUMN location.path IS 'Path of the file there';
COMMENT ON COLUMN location.committed_at IS 'UTC; null when not known';
COMMENT ON COLUMN location.url IS 'Public address of the file; null when it has none';
