"""Places: locations as the store may keep them. A file named after a token would put it there unsealed, in its path and url.

So what the run's own rules find in a repository's name, a path or a url is masked before it is recorded; the alert then
leads to a masked place.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.model import mask_token
from workbench.store.locations import LocationReader

_TEXTS = ("repository", "path", "url")


def masked(reader: LocationReader, rules: Callable[[], CompiledRules]) -> LocationReader:
    """``reader`` with every token that ``rules()`` finds in its texts masked; asked for only when there are locations."""

    def read(blob_ids: pa.Array) -> pa.Table:
        table = reader(blob_ids)
        return mask_places(table, rules()) if len(table) else table

    return read


def mask_places(table: pa.Table, rules: CompiledRules) -> pa.Table:
    """Locations (``schemas.LOCATIONS``) with the tokens in their texts masked."""
    for name in _TEXTS:
        column = table[name].cast(pa.string())
        texts = [t for t in pc.unique(column).to_pylist() if t]
        safe = _masked_texts(texts, rules)
        if safe:
            values = [safe.get(t, t) for t in column.to_pylist()]
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))
    return table


def _masked_texts(texts: list[str], rules: CompiledRules) -> dict[str, str]:
    """Those of ``texts`` that hold tokens, with what is to stand for them."""
    safe: dict[str, str] = {}
    batch = blob_batch((str(k), text.encode()) for k, text in enumerate(texts))
    for out in scan_batches([batch], rules):
        for row in out.to_pylist():
            data = texts[int(row["blob_id"])].encode()
            for match in sorted(row["matches"], key=lambda m: m["start"], reverse=True):
                data = data[: match["start"]] + mask_token(match["token"]).encode() + data[match["end"] :]
            if row["matches"]:
                safe[texts[int(row["blob_id"])]] = data.decode("utf-8", "replace")
    return safe
