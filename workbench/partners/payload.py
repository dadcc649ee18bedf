"""A payload: what one provider is told, as GitHub's partner program tells it: objects of token, type, url and source.

One object for each place an alert was found at: a path of a repository, at its oldest location, oldest first. The parts
of a pair stand side by side, in rule order and with the same url. ``type`` is the slug of the secret type. A token that
was found base64-encoded goes out decoded, as the provider issued it.

JSON is text and a token is bytes. Providers issue ASCII; a token that is not valid UTF-8 goes out with each stray byte
as ``\\xNN``, and the payload counts how many such tokens it holds, so that none is lost without a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from workbench.counting import counted
from workbench.errors import StoreError, WrongKey
from workbench.store.key import load_key
from workbench.store.outgoing import Outgoing, read_outgoing
from workbench.store.sealing import Sealer

OBJECTS = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("token", "type", "url", "source")])


@dataclass(frozen=True, slots=True)
class Payload:
    """What one provider is told. ``objects`` (schema ``OBJECTS``) holds raw tokens and is not shown by ``repr``."""

    provider: str
    alerts: int
    not_utf8: int  # distinct tokens that are not valid UTF-8
    objects: pa.Table = field(repr=False)

    def records(self) -> Iterator[dict[str, str]]:
        """The objects one by one."""
        for batch in self.objects.to_batches(max_chunksize=1024):
            yield from batch.to_pylist()


def to_json(record: dict[str, str]) -> str:
    """One object as JSON, in ASCII so that no transport can change what a signature covers."""
    return json.dumps(record, ensure_ascii=True, separators=(",", ":"))


class Payloads:
    """The payloads of a store, unsealed one provider at a time.

    Raises WrongKey when the key is not the store's, StoreError for a store that cannot be read.
    """

    def __init__(self, store: str | Path, *, key: bytes | None = None, wait_s: float = 30.0) -> None:
        self._sealer = Sealer(load_key(create=False) if key is None else key)
        self._outgoing: Outgoing = read_outgoing(store, wait_s=wait_s)
        if self._outgoing.key_check != self._sealer.key_check:
            raise WrongKey(f"The sealing key is not the one {store} was made with. Set WORKBENCH_KEY, or restore the "
                           "key file, to that key.")
        self.providers: Sequence[str] = self._outgoing.providers
        self.rule_set_hash = self._outgoing.rule_set_hash
        self.run_id, self.run_status = self._outgoing.run_id, self._outgoing.run_status

    def __repr__(self) -> str:
        return f"Payloads({counted(len(self.providers), 'provider')})"

    def of(self, provider: str, *, first_location_only: bool = False) -> Payload:
        """The payload of one provider; with ``first_location_only`` each alert goes out once, at its oldest place."""
        rows = self._outgoing.rows
        wanted = pc.equal(rows["provider"], provider)
        if first_location_only:
            wanted = pc.and_(wanted, pc.equal(rows["place_no"], 1))
        rows = rows.filter(wanted)
        # Rules are checked for this when a run begins; a token of another must not pass whatever the store says.
        foreign = pc.sum(pc.not_equal(rows["token_provider"], provider)).as_py()
        if foreign or rows["sealed"].null_count or rows["token_provider"].null_count:
            raise StoreError(
                f"The alerts of {provider} name {counted(foreign or 0, 'token')} of other providers and "
                f"{rows['sealed'].null_count} that are missing. Nothing was sent; scan again into a new store."
            )
        tokens, not_utf8 = self._unseal(rows)
        objects = pa.table([pa.array([tokens[name] for name in rows["fingerprint"].to_pylist()], pa.string()),
                            rows["secret_type"], rows["url"], rows["source"]], schema=OBJECTS)
        return Payload(provider, pc.count_distinct(rows["alert_id"]).as_py(), not_utf8, objects)

    def _unseal(self, rows: pa.Table) -> tuple[dict[str, str], int]:
        """Token by fingerprint, and how many of them are not valid UTF-8."""
        tokens: dict[str, str] = {}
        not_utf8 = 0
        columns = (rows[name].to_pylist() for name in ("fingerprint", "secret_type", "sealed"))
        for fingerprint, secret_type, sealed in zip(*columns, strict=True):
            if fingerprint in tokens:
                continue
            raw = self._sealer.unseal(sealed, secret_type, fingerprint).reveal()
            tokens[fingerprint] = raw.decode("utf-8", errors="backslashreplace")
            not_utf8 += tokens[fingerprint].encode() != raw
        return tokens, not_utf8
