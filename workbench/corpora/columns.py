"""A column goes from Python values to Arrow and back here without pandas.

pyarrow imports pandas at the first list, scalar or array of numpy it is given, and that takes longer than a refresh of
a thousand repositories.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow.lib import StringBuilder


def strings(values: Sequence[str]) -> pa.StringArray:
    """A string column."""
    builder = StringBuilder()
    builder.append_values(values)
    return builder.finish()


def numbers(values: np.ndarray, kind: pa.DataType | None = None) -> pa.Array:
    """A column of numpy's numbers, whose memory it shares; ``kind`` is for types of the same width."""
    kind = kind or pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def bits(column: pa.BooleanArray) -> np.ndarray:
    """A bool column, without nulls, as numpy has it."""
    packed = np.frombuffer(column.buffers()[1], np.uint8)
    return np.unpackbits(packed, bitorder="little")[column.offset : column.offset + len(column)].astype(bool)
