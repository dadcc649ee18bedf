"""Arrow schemas: the shapes of corpora and of scan results.

A scan yields one row a blob that has anything to say: its matches, its pairs, its near misses, or why it was skipped.
"""

from __future__ import annotations

import pyarrow as pa

CORPUS_SCHEMA_VERSION = 1

BLOBS = pa.schema(
    [
        pa.field("blob_id", pa.string(), nullable=False),  # git blob id, 40 lower-case hex digits
        pa.field("size", pa.int64(), nullable=False),  # bytes
        pa.field("content", pa.large_binary(), nullable=False),  # large_: a batch may pass 2 GiB
    ]
)

LOCATIONS = pa.schema(
    [
        pa.field("blob_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # one of model.SOURCES
        pa.field("repository", pa.string(), nullable=False),  # owner/name, or an npm package's name
        pa.field("revision", pa.string(), nullable=False),  # commit id, or a package's version
        pa.field("path", pa.string(), nullable=False),
        pa.field("committed_at", pa.timestamp("us", tz="UTC")),
        pa.field("url", pa.string()),  # public address of the match's file; may be empty
    ]
)

MATCH = pa.struct(
    [
        pa.field("secret_type", pa.string(), nullable=False),
        pa.field("format", pa.int16(), nullable=False),  # index into the type's formats
        pa.field("start", pa.int64(), nullable=False),  # byte offset in the blob, inclusive
        pa.field("end", pa.int64(), nullable=False),  # byte offset in the blob, exclusive
        pa.field("start_line", pa.int32(), nullable=False),  # 1-based
        pa.field("start_column", pa.int32(), nullable=False),  # 1-based, in bytes
        pa.field("end_line", pa.int32(), nullable=False),  # 1-based line of the last byte
        pa.field("token", pa.binary(), nullable=False),  # raw: in memory only, the store seals it
        pa.field("is_base64_encoded", pa.bool_(), nullable=False),
        # True when the match by itself, or the pair it completes, may become an alert.
        pa.field("alertable", pa.bool_(), nullable=False),
    ]
)

PAIR = pa.struct(
    [
        pa.field("pair_type", pa.string(), nullable=False),
        # Indices into the row's matches, in the order of the pair's parts in the rule.
        pa.field("parts", pa.list_(pa.field("item", pa.int32(), nullable=False)), nullable=False),
        pa.field("gap_bytes", pa.int64(), nullable=False),  # from the end of the first part to the start of the last
        pa.field("gap_lines", pa.int32(), nullable=False),  # from the last line of the first part to the first line of the last
    ]
)

NEAR_MISS = pa.struct(
    [
        pa.field("pair_type", pa.string(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),  # index into the row's matches: the part left alone
        pa.field("missing_type", pa.string(), nullable=False),  # the secret type it lacked
        # "absent": the blob has no such part; "bytes", "lines": outside the window; "order": on the wrong side;
        # "overlap": the spans share bytes; "taken": the part in reach belongs to another pair;
        # "incomplete": every part of a triple is in reach of this one, but not all of them of each other.
        pa.field("limit", pa.string(), nullable=False),
        pa.field("closest", pa.int32()),  # index into matches; null when absent
        pa.field("gap_bytes", pa.int64()),
        pa.field("gap_lines", pa.int32()),
        pa.field("exceeded_by", pa.int64()),  # bytes or lines beyond the limit; null where a limit has no size
    ]
)

SCAN_RESULTS = pa.schema(
    [
        pa.field("blob_id", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),  # bytes
        pa.field("skipped", pa.string()),  # why the blob was not scanned; null when it was
        pa.field("matches", pa.list_(pa.field("item", MATCH, nullable=False)), nullable=False),
        pa.field("pairs", pa.list_(pa.field("item", PAIR, nullable=False)), nullable=False),
        pa.field("near_misses", pa.list_(pa.field("item", NEAR_MISS, nullable=False)), nullable=False),
    ]
)

MATCHES = pa.schema([pa.field("blob_id", pa.string(), nullable=False), pa.field("match", pa.int32(), nullable=False),
                     *list(MATCH)])
PAIRS = pa.schema([pa.field("blob_id", pa.string(), nullable=False), *list(PAIR)])
NEAR_MISSES = pa.schema([pa.field("blob_id", pa.string(), nullable=False), *list(NEAR_MISS)])
