-- What analysts read: names instead of keys, no sealed tokens.

CREATE VIEW runs AS
SELECT run_id, status, started_at, ended_at,
       epoch(ended_at) - epoch(started_at) AS elapsed_s,
       corpus, rule_set_hash, params, versions, counts,
       (SELECT count(DISTINCT f.shard_id) FROM shard_failure f WHERE f.run_id = run.run_id) AS failed_shards
FROM run;
COMMENT ON VIEW runs IS 'Batch runs; newest last when ordered by started_at';
COMMENT ON COLUMN runs.run_id IS '<UTC time>-<4 hex>';
COMMENT ON COLUMN runs.status IS 'running, done, failed (some shards are not done), interrupted or abandoned';
COMMENT ON COLUMN runs.started_at IS 'UTC';
COMMENT ON COLUMN runs.ended_at IS 'UTC; null while running';
COMMENT ON COLUMN runs.elapsed_s IS 'Seconds from start to end; null while running';
COMMENT ON COLUMN runs.corpus IS 'Name of the corpus';
COMMENT ON COLUMN runs.rule_set_hash IS 'Content hash of the rules loaded together';
COMMENT ON COLUMN runs.params IS 'The parameters as given, a JSON object';
COMMENT ON COLUMN runs.versions IS 'Versions of the workbench and its engines, a JSON object';
COMMENT ON COLUMN runs.counts IS 'What the run did, a JSON object';
COMMENT ON COLUMN runs.failed_shards IS 'Shards the run could not do; table shard_failure says why';

CREATE VIEW matches AS
SELECT m.blob_id, m.secret_type, t.name, t.provider, m.format, m.start_byte, m.end_byte, m.start_line,
       m.start_column, m.end_line, m.fingerprint, m.is_base64_encoded, m.alertable, m.rule, m.shard_id, m.match_no
FROM match m LEFT JOIN rule_type t ON t.kind = 'secret' AND t.slug = m.secret_type;
COMMENT ON VIEW matches IS 'Matches with the names of their types';
COMMENT ON COLUMN matches.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN matches.secret_type IS 'Slug of the secret type';
COMMENT ON COLUMN matches.name IS 'Its name for people';
COMMENT ON COLUMN matches.provider IS 'Who issues the secret';
COMMENT ON COLUMN matches.format IS 'Which of the type''s formats, 0-based';
COMMENT ON COLUMN matches.start_byte IS 'Byte offset of the first byte in the blob';
COMMENT ON COLUMN matches.end_byte IS 'Byte offset past the last byte';
COMMENT ON COLUMN matches.start_line IS 'Line of the first byte, 1-based';
COMMENT ON COLUMN matches.start_column IS 'Column of the first byte in its line, in bytes, 1-based';
COMMENT ON COLUMN matches.end_line IS 'Line of the last byte, 1-based';
COMMENT ON COLUMN matches.fingerprint IS 'The finding, 32 hex digits';
COMMENT ON COLUMN matches.is_base64_encoded IS 'The token was found base64-encoded';
COMMENT ON COLUMN matches.alertable IS 'Whether the match, or the pair it completes, may become an alert';
COMMENT ON COLUMN matches.rule IS 'The rule that found it';
COMMENT ON COLUMN matches.shard_id IS 'The shard it was found in';
COMMENT ON COLUMN matches.match_no IS 'Names the match within its shard, rule and blob';

CREATE VIEW pairs AS
SELECT p.blob_id, p.pair_type, t.name, t.provider, p.gap_bytes, p.gap_lines, p.alert_id, p.parts, p.rule, p.shard_id
FROM pair p LEFT JOIN rule_type t ON t.kind = 'pair' AND t.slug = p.pair_type;
COMMENT ON VIEW pairs IS 'Pairs with the names of their types';
COMMENT ON COLUMN pairs.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN pairs.pair_type IS 'Slug of the pair type';
COMMENT ON COLUMN pairs.name IS 'Its name for people';
COMMENT ON COLUMN pairs.provider IS 'Who issues the credential';
COMMENT ON COLUMN pairs.gap_bytes IS 'Sum of the byte gaps between neighbouring parts';
COMMENT ON COLUMN pairs.gap_lines IS 'Largest line gap between neighbouring parts';
COMMENT ON COLUMN pairs.alert_id IS 'The alert it supports; null when a part is not alertable';
COMMENT ON COLUMN pairs.parts IS 'match_no of the parts, in rule order';
COMMENT ON COLUMN pairs.rule IS 'The rule that found it';
COMMENT ON COLUMN pairs.shard_id IS 'The shard it was found in';

CREATE VIEW near_misses AS
SELECT n.blob_id, n.pair_type, t.name, t.provider, part.secret_type AS part_type, n.missing_type, n.failed_limit,
       n.gap_bytes, n.gap_lines, n.exceeded_by, part.start_byte, part.end_byte, part.start_line,
       near.start_byte AS closest_start_byte, near.start_line AS closest_start_line, n.rule, n.shard_id
FROM near_miss n
JOIN match part ON (part.shard_id, part.rule, part.blob_id, part.match_no) = (n.shard_id, n.rule, n.blob_id, n.part)
LEFT JOIN match near
       ON (near.shard_id, near.rule, near.blob_id, near.match_no) = (n.shard_id, n.rule, n.blob_id, n.closest)
LEFT JOIN rule_type t ON t.kind = 'pair' AND t.slug = n.pair_type;
COMMENT ON VIEW near_misses IS 'Parts that did not pair, with where they stand';
COMMENT ON COLUMN near_misses.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN near_misses.pair_type IS 'Slug of the pair type';
COMMENT ON COLUMN near_misses.name IS 'Its name for people';
COMMENT ON COLUMN near_misses.provider IS 'Who issues the credential';
COMMENT ON COLUMN near_misses.part_type IS 'Secret type of the part left alone';
COMMENT ON COLUMN near_misses.missing_type IS 'The secret type it lacked';
COMMENT ON COLUMN near_misses.failed_limit IS 'The limit that failed; table near_miss lists them';
COMMENT ON COLUMN near_misses.gap_bytes IS 'Bytes to the closest such part; null when absent';
COMMENT ON COLUMN near_misses.gap_lines IS 'Lines to the closest such part; null when absent';
COMMENT ON COLUMN near_misses.exceeded_by IS 'Bytes or lines beyond the limit; null where the limit has no size';
COMMENT ON COLUMN near_misses.start_byte IS 'Byte offset of the part''s first byte';
COMMENT ON COLUMN near_misses.end_byte IS 'Byte offset past its last byte';
COMMENT ON COLUMN near_misses.start_line IS 'Line of the part, 1-based';
COMMENT ON COLUMN near_misses.closest_start_byte IS 'Byte offset of the closest such part; null when absent';
COMMENT ON COLUMN near_misses.closest_start_line IS 'Line of the closest such part, 1-based; null when absent';
COMMENT ON COLUMN near_misses.rule IS 'The rule that found it';
COMMENT ON COLUMN near_misses.shard_id IS 'The shard it was found in';

CREATE VIEW alert_blobs AS
WITH support AS (
    SELECT alert_id, blob_id, start_byte, start_line, start_column, end_line FROM match WHERE alert_id IS NOT NULL
    UNION ALL
    SELECT p.alert_id, p.blob_id, m.start_byte, m.start_line, m.start_column, m.end_line
    FROM pair p
    JOIN match m ON (m.shard_id, m.rule, m.blob_id, m.match_no) = (p.shard_id, p.rule, p.blob_id, p.parts[1])
    WHERE p.alert_id IS NOT NULL
)
SELECT alert_id, blob_id, min(start_byte) AS start_byte, arg_min(start_line, start_byte) AS start_line,
       arg_min(start_column, start_byte) AS start_column, arg_min(end_line, start_byte) AS end_line
FROM support GROUP BY alert_id, blob_id;
COMMENT ON VIEW alert_blobs IS 'Blobs that hold an alert''s finding, or the whole pair, with its first place in each';
COMMENT ON COLUMN alert_blobs.alert_id IS 'The alert';
COMMENT ON COLUMN alert_blobs.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN alert_blobs.start_byte IS 'Byte offset of the first match; of a pair, its first part';
COMMENT ON COLUMN alert_blobs.start_line IS 'Its line, 1-based';
COMMENT ON COLUMN alert_blobs.start_column IS 'Its column in bytes, 1-based';
COMMENT ON COLUMN alert_blobs.end_line IS 'Line of its last byte, 1-based';

CREATE VIEW alert_locations AS
SELECT b.alert_id, a.kind, a.alert_type, t.provider, a.state, l.source, l.repository, l.revision, l.path,
       l.committed_at, l.url, b.blob_id, b.start_byte, b.start_line, b.start_column, b.end_line
FROM alert_blobs b
JOIN alert a ON a.alert_id = b.alert_id
JOIN location l ON l.blob_id = b.blob_id
LEFT JOIN rule_type t ON t.kind = CASE a.kind WHEN 'pair' THEN 'pair' ELSE 'secret' END AND t.slug = a.alert_type;
COMMENT ON VIEW alert_locations IS 'Every place of every alert';
COMMENT ON COLUMN alert_locations.alert_id IS 'The alert';
COMMENT ON COLUMN alert_locations.kind IS 'single or pair';
COMMENT ON COLUMN alert_locations.alert_type IS 'Slug of the secret type or of the pair type';
COMMENT ON COLUMN alert_locations.provider IS 'Who issues the secret';
COMMENT ON COLUMN alert_locations.state IS 'open or closed';
COMMENT ON COLUMN alert_locations.source IS 'Kind of place';
COMMENT ON COLUMN alert_locations.repository IS 'owner/name, or an npm package''s name';
COMMENT ON COLUMN alert_locations.revision IS 'Commit id, or a package''s version';
COMMENT ON COLUMN alert_locations.path IS 'Path of the file there';
COMMENT ON COLUMN alert_locations.committed_at IS 'UTC; null when not known';
COMMENT ON COLUMN alert_locations.url IS 'Public address of the file; null when it has none';
COMMENT ON COLUMN alert_locations.blob_id IS 'Git blob id, 40 hex digits';
COMMENT ON COLUMN alert_locations.start_byte IS 'Byte offset of the first match; of a pair, its first part';
COMMENT ON COLUMN alert_locations.start_line IS 'Its line, 1-based';
COMMENT ON COLUMN alert_locations.start_column IS 'Its column in bytes, 1-based';
COMMENT ON COLUMN alert_locations.end_line IS 'Line of its last byte, 1-based';

CREATE VIEW alerts AS
WITH place AS (
    SELECT alert_id, count(*) AS locations, count(DISTINCT (source, repository)) AS repositories,
           first(ROW(source, repository, revision, path, start_line, committed_at, url)
                 ORDER BY committed_at NULLS LAST, source, repository, path, revision) AS oldest
    FROM alert_locations GROUP BY alert_id
), blob AS (
    SELECT alert_id, count(*) AS blobs FROM alert_blobs GROUP BY alert_id
)
SELECT a.alert_id, a.kind, a.alert_type, t.name, t.provider, t.partner_alert, t.user_alert, a.state, a.resolution,
       a.opened_at, a.closed_at, a.first_run, a.findings, coalesce(b.blobs, 0) AS blobs,
       coalesce(p.locations, 0) AS locations, coalesce(p.repositories, 0) AS repositories,
       p.oldest[1] AS source, p.oldest[2] AS repository, p.oldest[3] AS revision, p.oldest[4] AS path,
       p.oldest[5] AS start_line, p.oldest[6] AS committed_at, p.oldest[7] AS url
FROM alert a
LEFT JOIN rule_type t ON t.kind = CASE a.kind WHEN 'pair' THEN 'pair' ELSE 'secret' END AND t.slug = a.alert_type
LEFT JOIN blob b ON b.alert_id = a.alert_id
LEFT JOIN place p ON p.alert_id = a.alert_id;
COMMENT ON VIEW alerts IS 'Alerts with the names of their types, how often they occur, and their oldest place';
COMMENT ON COLUMN alerts.alert_id IS 'Keyed hash, 32 hex digits; the same after every rescan';
COMMENT ON COLUMN alerts.kind IS 'single: one finding; pair: one finding for each part';
COMMENT ON COLUMN alerts.alert_type IS 'Slug of the secret type or of the pair type';
COMMENT ON COLUMN alerts.name IS 'Its name for people';
COMMENT ON COLUMN alerts.provider IS 'Who issues the secret and gets the partner alert';
COMMENT ON COLUMN alerts.partner_alert IS 'Whether it goes to the provider';
COMMENT ON COLUMN alerts.user_alert IS 'Whether it goes to the owner of the repository';
COMMENT ON COLUMN alerts.state IS 'open or closed';
COMMENT ON COLUMN alerts.resolution IS 'Why it is closed; null while open';
COMMENT ON COLUMN alerts.opened_at IS 'When it was opened, or reopened, last; UTC';
COMMENT ON COLUMN alerts.closed_at IS 'UTC; null while open';
COMMENT ON COLUMN alerts.first_run IS 'The run that opened it first';
COMMENT ON COLUMN alerts.findings IS 'Fingerprints of its findings, in rule order';
COMMENT ON COLUMN alerts.blobs IS 'Distinct contents it occurs in';
COMMENT ON COLUMN alerts.locations IS 'Places it occurs at';
COMMENT ON COLUMN alerts.repositories IS 'Repositories or packages among them';
COMMENT ON COLUMN alerts.source IS 'Kind of the oldest place';
COMMENT ON COLUMN alerts.repository IS 'Repository or package of the oldest place';
COMMENT ON COLUMN alerts.revision IS 'Commit or version of the oldest place';
COMMENT ON COLUMN alerts.path IS 'Path of the oldest place';
COMMENT ON COLUMN alerts.start_line IS 'Line of the match there, 1-based';
COMMENT ON COLUMN alerts.committed_at IS 'When it was committed there, UTC; null when not known';
COMMENT ON COLUMN alerts.url IS 'Public address of the oldest place; null when it has none';
