-- What people say of what was found. Rows are added and never changed, so every verdict there ever was can be read.

CREATE TABLE label (
    label_no BIGINT PRIMARY KEY CHECK (label_no >= 1),
    label_id VARCHAR NOT NULL UNIQUE CHECK (length(label_id) = 32),
    kind VARCHAR NOT NULL CHECK (kind IN ('single', 'pair')),
    labelled_type VARCHAR NOT NULL CHECK (labelled_type <> ''),
    fingerprint VARCHAR NOT NULL CHECK (length(fingerprint) = 32),
    blob_id VARCHAR NOT NULL CHECK (length(blob_id) = 40),
    start_byte BIGINT NOT NULL CHECK (start_byte >= 0),
    end_byte BIGINT NOT NULL CHECK (end_byte > start_byte),
    verdict VARCHAR NOT NULL CHECK (verdict IN ('true', 'false', 'unsure', 'retracted')),
    retracts VARCHAR CHECK (length(retracts) = 32),
    note VARCHAR NOT NULL,
    reviewer VARCHAR NOT NULL CHECK (reviewer <> ''),
    labelled_at TIMESTAMP NOT NULL,
    rule_set_hash VARCHAR NOT NULL CHECK (rule_set_hash <> ''),
    sample VARCHAR NOT NULL,
    CHECK ((verdict = 'retracted') = (retracts IS NOT NULL))
);
COMMENT ON TABLE label IS 'Verdicts of people, one row each, never changed. View labels has those that hold. The key is the content (fingerprint), so a verdict survives edited rules, rescans and moved files, and equal secrets are judged once.';
COMMENT ON COLUMN label.label_no IS 'Order of arrival in this store';
COMMENT ON COLUMN label.label_id IS 'Random, given when the verdict was given, 32 hex digits: a verdict sent twice is kept once';
COMMENT ON COLUMN label.kind IS 'single: a match; pair: the parts of a paired credential together';
COMMENT ON COLUMN label.labelled_type IS 'Slug of the secret type or of the pair type';
COMMENT ON COLUMN label.fingerprint IS 'What was judged: of a match its finding, of a pair the id of its alert; 32 hex digits, keyed';
COMMENT ON COLUMN label.blob_id IS 'The content in which it was looked at, git blob id, 40 hex digits';
COMMENT ON COLUMN label.start_byte IS 'Byte offset of its first byte there; of a pair, of the part that comes first';
COMMENT ON COLUMN label.end_byte IS 'Byte offset past its last byte; of a pair, of the part that ends last';
COMMENT ON COLUMN label.verdict IS 'true: a secret of this type; false: not one; unsure: looked at and undecided; retracted: takes back the row it names';
COMMENT ON COLUMN label.retracts IS 'label_id of the row taken back; null for a verdict';
COMMENT ON COLUMN label.note IS 'What the reviewer wrote; may be empty';
COMMENT ON COLUMN label.reviewer IS 'Who judged';
COMMENT ON COLUMN label.labelled_at IS 'When the key was pressed, UTC; the row may have arrived later';
COMMENT ON COLUMN label.rule_set_hash IS 'Content hash of the rules that had found it';
COMMENT ON COLUMN label.sample IS 'The random sample it was judged in, as 200 of 1834, seed 0; empty when it was picked otherwise, so that a rate can leave it out';

CREATE VIEW labels AS
SELECT l.kind, l.labelled_type, t.name, t.provider, l.fingerprint, l.verdict, l.note, l.reviewer, l.labelled_at,
       l.blob_id, l.start_byte, l.end_byte, l.rule_set_hash, l.sample, l.label_id, l.label_no
FROM label l
LEFT JOIN rule_type t ON t.kind = CASE l.kind WHEN 'pair' THEN 'pair' ELSE 'secret' END AND t.slug = l.labelled_type
WHERE l.verdict <> 'retracted'
  AND NOT EXISTS (SELECT 1 FROM label r WHERE r.retracts = l.label_id)
QUALIFY row_number() OVER (PARTITION BY l.fingerprint ORDER BY l.labelled_at DESC, l.label_no DESC) = 1;
COMMENT ON VIEW labels IS 'The verdict that holds for each finding or pair: the newest that was not taken back';
COMMENT ON COLUMN labels.kind IS 'single or pair';
COMMENT ON COLUMN labels.labelled_type IS 'Slug of the secret type or of the pair type';
COMMENT ON COLUMN labels.name IS 'Its name for people; null when no batch had the type yet';
COMMENT ON COLUMN labels.provider IS 'Who issues the secret; null when no batch had the type yet';
COMMENT ON COLUMN labels.fingerprint IS 'Of a match its finding, of a pair the id of its alert; 32 hex digits';
COMMENT ON COLUMN labels.verdict IS 'true, false or unsure';
COMMENT ON COLUMN labels.note IS 'What the reviewer wrote; may be empty';
COMMENT ON COLUMN labels.reviewer IS 'Who judged';
COMMENT ON COLUMN labels.labelled_at IS 'When, UTC';
COMMENT ON COLUMN labels.blob_id IS 'The content in which it was looked at, git blob id, 40 hex digits';
COMMENT ON COLUMN labels.start_byte IS 'Byte offset of its first byte there';
COMMENT ON COLUMN labels.end_byte IS 'Byte offset past its last byte';
COMMENT ON COLUMN labels.rule_set_hash IS 'Content hash of the rules that had found it';
COMMENT ON COLUMN labels.sample IS 'The random sample it was judged in; empty when it was picked otherwise';
COMMENT ON COLUMN labels.label_id IS 'The row of table label that holds; a retraction names it';
COMMENT ON COLUMN labels.label_no IS 'Order of arrival in this store';
