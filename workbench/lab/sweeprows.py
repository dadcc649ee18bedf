"""Sweep rows: the pairs of a sweep as people read them, with the windows between which each stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.lab.frames import Flat, place_columns
from workbench.lab.gaps import Standing
from workbench.lab.matchings import NEVER
from workbench.lab.places import Places
from workbench.lab.specimens import MatchKey
from workbench.model import mask_token


def picked(table: Standing, numbers: np.ndarray, chosen: np.ndarray, shown: np.ndarray, most: int) -> np.ndarray:
    """Places in ``chosen`` (rows of ``table``) of up to ``most`` rows, one a distinct pair and run of windows.

    ``numbers`` are equal for equal secrets, ``shown`` says which matches have a context: of equal ones, one that has.
    """
    known = shown[table.members[chosen, 0]]
    order = np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)])  # each by enter, as the table is
    again = pd.DataFrame({"pair": numbers[chosen][order], "enter": table.enter[chosen][order]}).duplicated().to_numpy()
    return np.sort(order[~again][:most])


class PairRows:
    """Makes the columns of rows. ``contexts`` are those that the scan kept."""

    def __init__(self, flat: Flat, contexts: Mapping[MatchKey, str], places: Places) -> None:
        self._flat, self._contexts, self._places = flat, contexts, places

    def columns(self, table: Standing, rows: np.ndarray, right: Sequence[bool | None]) -> dict[str, pa.Array]:
        """Columns of these rows of ``table``; ``right`` has a verdict a row."""
        members = table.members[rows].tolist()
        every = iter(self._flat.match_keys(table.members[rows].ravel()))
        keys = [[next(every) for _ in m] for m in members]
        leave = [None if n == NEVER else int(n) for n in table.leave[rows]]
        blob_ids = pa.array([m[0][0] for m in keys], pa.string())
        gap_bytes, gap_lines = table.gaps(rows)
        return {
            "secrets": pa.array(self._secrets(members), pa.string()),
            "enter": pa.array(table.enter[rows]),
            "leave": pa.array(leave, pa.int64()),
            "gap_bytes": pa.array(gap_bytes),
            "gap_lines": pa.array(gap_lines),
            "crossed": pa.array(table.crossed[rows]),
            "right": pa.array(right, pa.bool_()),
            "line": self._of_matches("start_line", [min(m) for m in members]),
            "context": pa.array([self._context(m) for m in keys], pa.string()),
            **place_columns(blob_ids, self._places),
            "blob_id": blob_ids,
            "starts": pa.array([[key[2] for key in m] for m in keys], pa.list_(pa.int64())),
            "ends": pa.array([[key[3] for key in m] for m in keys], pa.list_(pa.int64())),
        }

    def _of_matches(self, column: str, rows: Sequence[int]) -> pa.ChunkedArray:
        return self._flat.matches.column(column).take(pa.array(rows, pa.int64()))

    def _secrets(self, members: Sequence[Sequence[int]]) -> list[str]:
        tokens = iter(self._of_matches("token", [k for m in members for k in m]).to_pylist())
        return [" + ".join(mask_token(next(tokens)) for _ in m) for m in members]

    def _context(self, keys: Sequence[MatchKey]) -> str:
        return " ⋯ ".join(c for c in (self._contexts.get(key, "") for key in keys) if c)
