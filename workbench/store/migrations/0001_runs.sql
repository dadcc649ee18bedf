-- The ledger: which runs there were, and which shards are done with which rules.

CREATE TABLE migration (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    name VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL CHECK (length(sha256) = 64),
    applied_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE migration IS 'Numbered SQL files applied to this store, each with its record in one transaction. All times of this database are UTC.';
COMMENT ON COLUMN migration.number IS 'Number of the file; applied in order without gaps';
COMMENT ON COLUMN migration.name IS 'Name of the file';
COMMENT ON COLUMN migration.sha256 IS 'SHA-256 of the file, lower-case hex';
COMMENT ON COLUMN migration.applied_at IS 'When it was applied, UTC';

CREATE TABLE sealing_key (
    key_check VARCHAR NOT NULL CHECK (length(key_check) = 64)
);
COMMENT ON TABLE sealing_key IS 'One row: tells whether a key is the one this store was made with. Empty in a snapshot, which holds no tokens.';
COMMENT ON COLUMN sealing_key.key_check IS 'HMAC-SHA-256 of a constant under a key derived from the sealing key, lower-case hex; says nothing of the key';

CREATE TABLE run (
    run_id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted', 'abandoned')),
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    corpus VARCHAR NOT NULL,
    rule_set_hash VARCHAR NOT NULL,
    params JSON NOT NULL,
    versions JSON NOT NULL,
    counts JSON NOT NULL,
    host VARCHAR NOT NULL,
    process_id INTEGER NOT NULL CHECK (process_id > 0),
    process_started VARCHAR NOT NULL,
    CHECK ((status = 'running') = (ended_at IS NULL)),
    CHECK (ended_at IS NULL OR ended_at >= started_at)
);
COMMENT ON TABLE run IS 'One batch run. At most one is running: the row is also the lease that keeps two batches apart.';
COMMENT ON COLUMN run.run_id IS '<UTC time>-<4 hex>';
COMMENT ON COLUMN run.status IS 'running; done: every shard is done; failed: some shards are not; interrupted: stopped by a person; abandoned: its process ended without saying so';
COMMENT ON COLUMN run.started_at IS 'UTC';
COMMENT ON COLUMN run.ended_at IS 'UTC; null while running; for an abandoned run, when that was noticed';
COMMENT ON COLUMN run.corpus IS 'Name of the corpus';
COMMENT ON COLUMN run.rule_set_hash IS 'Content hash of the rules loaded together';
COMMENT ON COLUMN run.params IS 'The parameters as given, a JSON object';
COMMENT ON COLUMN run.versions IS 'Versions of the workbench and its engines, a JSON object';
COMMENT ON COLUMN run.counts IS 'What the run did, a JSON object; empty while running';
COMMENT ON COLUMN run.host IS 'Machine the run''s process was on';
COMMENT ON COLUMN run.process_id IS 'Its process id there';
COMMENT ON COLUMN run.process_started IS 'When that process started, opaque; tells it from a later process of the same id';

CREATE TABLE rule (
    rule VARCHAR,
    rule_hash VARCHAR CHECK (length(rule_hash) = 16),
    first_run VARCHAR NOT NULL,
    PRIMARY KEY (rule, rule_hash)
);
COMMENT ON TABLE rule IS 'Every version of every rule that a run began with';
COMMENT ON COLUMN rule.rule IS 'Name of the rule';
COMMENT ON COLUMN rule.rule_hash IS 'Content hash of what the rule finds, 16 hex digits';
COMMENT ON COLUMN rule.first_run IS 'The first run with it';

CREATE TABLE rule_type (
    kind VARCHAR CHECK (kind IN ('secret', 'pair')),
    slug VARCHAR CHECK (slug <> ''),
    rule VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    partner_alert BOOLEAN NOT NULL,
    user_alert BOOLEAN NOT NULL,
    parts VARCHAR[] NOT NULL,
    PRIMARY KEY (kind, slug),
    CHECK ((kind = 'pair') = (len(parts) >= 2)),
    CHECK (kind = 'pair' OR len(parts) = 0)
);
COMMENT ON TABLE rule_type IS 'Secret types and pair types as the last run that had them knew them. Flags stand here and not in alerts, so that a changed flag needs no rescan.';
COMMENT ON COLUMN rule_type.kind IS 'secret: a secret type; pair: two or three secret types that alert together';
COMMENT ON COLUMN rule_type.slug IS 'Its slug, the type that partners and analysts see';
COMMENT ON COLUMN rule_type.rule IS 'The rule it belongs to';
COMMENT ON COLUMN rule_type.name IS 'Its name for people';
COMMENT ON COLUMN rule_type.provider IS 'Who issues the secret and gets the partner alert';
COMMENT ON COLUMN rule_type.partner_alert IS 'Whether its alerts go to the provider';
COMMENT ON COLUMN rule_type.user_alert IS 'Whether its alerts go to the owner of the repository';
COMMENT ON COLUMN rule_type.parts IS 'Secret types of a pair in rule order; empty for a secret type';

CREATE TABLE shard (
    shard_id VARCHAR,
    rule VARCHAR,
    rule_hash VARCHAR NOT NULL CHECK (length(rule_hash) = 16),
    run_id VARCHAR NOT NULL,
    done_at TIMESTAMP NOT NULL,
    blobs BIGINT NOT NULL CHECK (blobs >= 0),
    content_bytes BIGINT NOT NULL CHECK (content_bytes >= 0),
    skipped BIGINT NOT NULL CHECK (skipped BETWEEN 0 AND blobs),
    elapsed_s DOUBLE NOT NULL CHECK (elapsed_s >= 0),
    PRIMARY KEY (shard_id, rule)
);
COMMENT ON TABLE shard IS 'Done marks: this shard was scanned with this version of this rule. Written in one transaction with the shard''s rows.';
COMMENT ON COLUMN shard.shard_id IS '<first 16 hex of the blobs file''s SHA-256>:<first row group>-<last row group>';
COMMENT ON COLUMN shard.rule IS 'Name of the rule';
COMMENT ON COLUMN shard.rule_hash IS 'The version of the rule the shard is done with';
COMMENT ON COLUMN shard.run_id IS 'The run that did it';
COMMENT ON COLUMN shard.done_at IS 'UTC';
COMMENT ON COLUMN shard.blobs IS 'Blobs in the shard';
COMMENT ON COLUMN shard.content_bytes IS 'Bytes of their contents';
COMMENT ON COLUMN shard.skipped IS 'Blobs that were not scanned; table skipped_blob says why';
COMMENT ON COLUMN shard.elapsed_s IS 'Seconds the scan took, over all rules scanned with it';

CREATE TABLE skipped_blob (
    shard_id VARCHAR NOT NULL,
    blob_id VARCHAR NOT NULL CHECK (length(blob_id) = 40),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    reason VARCHAR NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE skipped_blob IS 'Blobs that the last scan of their shard left out';
COMMENT ON COLUMN skipped_blob.shard_id IS 'The shard';
COMMENT ON COLUMN skipped_blob.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN skipped_blob.size_bytes IS 'Size of the content in bytes';
COMMENT ON COLUMN skipped_blob.reason IS 'Why it was not scanned';

CREATE TABLE shard_failure (
    run_id VARCHAR NOT NULL,
    shard_id VARCHAR NOT NULL,
    failed_at TIMESTAMP NOT NULL,
    reason VARCHAR NOT NULL
);
COMMENT ON TABLE shard_failure IS 'Shards that a run could not do; the next run tries them again';
COMMENT ON COLUMN shard_failure.run_id IS 'The run';
COMMENT ON COLUMN shard_failure.shard_id IS 'The shard';
COMMENT ON COLUMN shard_failure.failed_at IS 'UTC';
COMMENT ON COLUMN shard_failure.reason IS 'What went wrong, a sentence without tokens';
