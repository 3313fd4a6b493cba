"""Python values as Arrow columns, without pandas.

`pyarrow.array` imports pandas, where it is installed, to ask whether it is given something of that
kind, and the import takes longer than most statements.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pyarrow as pa
from pyarrow.lib import StringBuilder


def text_column(values: Sequence[str | None]) -> pa.StringArray:
    """Return texts as a column."""
    builder = StringBuilder()
    builder.append_values(values)
    return builder.finish()


def integer_column(values: Sequence[int]) -> pa.Int64Array:
    """Return integers of 64 bits, of which none is missing, as a column."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array("q", values))])
