"""What goes out: the open partner alerts of a store with the places they were found, their tokens still sealed.

One row a part of an alert and place. A place is a path of a repository (or package), at its oldest location: as GitHub
makes a location for each new path that holds the secret, and not for every commit of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from workbench.errors import NoStoreThere, StoreError
from workbench.store import migration, runs
from workbench.store.connection import Database

_QUERY = """
WITH going AS (
    SELECT a.alert_id, a.findings, t.provider
    FROM alert a
    JOIN rule_type t ON t.kind = CASE a.kind WHEN 'pair' THEN 'pair' ELSE 'secret' END AND t.slug = a.alert_type
    WHERE a.state = 'open' AND t.partner_alert
), oldest AS (
    -- An alert whose blobs have no known location still goes out: where it was found is then unknown.
    SELECT g.alert_id, coalesce(l.source, 'unknown') AS source, l.repository, l.path, l.committed_at,
           coalesce(l.url, '') AS url
    FROM going g
    JOIN alert_blobs b ON b.alert_id = g.alert_id
    LEFT JOIN location l ON l.blob_id = b.blob_id
    QUALIFY row_number() OVER (PARTITION BY g.alert_id, l.source, l.repository, l.path
                               ORDER BY l.committed_at NULLS LAST, l.revision, l.url) = 1
), place AS (
    SELECT *, row_number() OVER (PARTITION BY alert_id ORDER BY source = 'unknown' AND repository IS NULL,
                                 committed_at NULLS LAST, source, repository, path) AS place_no,
           min(committed_at) OVER (PARTITION BY alert_id) AS first_at,
           count(repository) OVER (PARTITION BY alert_id) AS known_places
    FROM oldest
)
SELECT g.provider, g.alert_id, p.place_no, part.part_no, f.secret_type, f.fingerprint, s.sealed, p.url, p.source,
       owner.provider AS token_provider
FROM going g
JOIN place p ON p.alert_id = g.alert_id
CROSS JOIN LATERAL (SELECT unnest(g.findings) AS fingerprint, generate_subscripts(g.findings, 1) AS part_no) part
LEFT JOIN finding f ON f.fingerprint = part.fingerprint
LEFT JOIN sealed_token s ON s.fingerprint = part.fingerprint
LEFT JOIN rule_type owner ON owner.kind = 'secret' AND owner.slug = f.secret_type
WHERE (p.repository IS NOT NULL OR p.known_places = 0)
ORDER BY g.provider, p.first_at NULLS LAST, g.alert_id, p.place_no, part.part_no
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """``rows`` as the module says (``provider, alert_id, place_no, part_no, secret_type, fingerprint, sealed, url,
    source, token_provider``, in sending order); the last run they come from; every partner provider of the store."""

    rows: pa.Table
    providers: Sequence[str]
    key_check: str
    rule_set_hash: str | None
    run_id: str | None
    run_status: str | None


def read_outgoing(path: str | Path, *, wait_s: float = 30.0) -> Outgoing:
    """Read all of it in one transaction. Raises StoreError for a file that is no store, or a snapshot of one."""
    source = Path(path).absolute()
    with Database(source, read_only=True, wait_s=wait_s).session("read the alerts to export from") as session:
        number = migration.form_of(session, source)
        if number < migration.known_migrations()[-1].number:
            raise StoreError(f"{source} is of an older form ({number}). Run a batch into it once.")
        checks = session.rows("SELECT key_check FROM sealing_key")
        if not checks:
            raise NoStoreThere(f"{source} is a snapshot and holds no tokens. Name the store it was taken from.")
        last = session.rows("SELECT rule_set_hash, run_id, status FROM run ORDER BY started_at DESC, run_id DESC LIMIT 1")
        gone = runs.gone(session)
        providers = session.rows("SELECT DISTINCT provider FROM rule_type WHERE partner_alert ORDER BY provider")
        rows = session.table(_QUERY)
    rule_set_hash, run_id, status = last[0] if last else (None, None, None)
    return Outgoing(rows, [name for (name,) in providers], checks[0][0], rule_set_hash, run_id,
                    "abandoned" if run_id in gone else status)
