"""Rows as bytes of a file, in the formats of UNLOAD: delimited text, CSV, JSON lines, Parquet.

Values are spelled so that COPY reads them again: booleans as `t` and `f`, times in ISO's form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from outcrop.commands.copy.values import arrow_type_of
from outcrop.errors import InvalidParameter
from outcrop.execution.result import ResultColumn
from outcrop.execution.value_text import json_keys, to_json, to_text

Columns = Sequence[ResultColumn]
Batches = Iterable[pa.RecordBatch]
Writer = Callable[[BinaryIO, Columns, Batches], int]
"""Writes rows to a file, and returns how many there were."""


def find_writer(options: Mapping[str, str | bool]) -> Writer:
    """Return what writes the format that UNLOAD's options ask for."""
    match options.get("FORMAT"):
        case "PARQUET":
            return _write_parquet
        case "JSON":
            return _write_json
        case "CSV":
            return _LineWriter(options, ",", _quote_where_needed)
    escape = _escape if "ESCAPE" in options else _as_it_is
    return _LineWriter(options, "|", _quote_always(escape) if "ADDQUOTES" in options else escape)


class _LineWriter:
    """Writes a line for each row; `mark` spells a text so that the delimiter in it is none."""

    def __init__(
        self,
        options: Mapping[str, str | bool],
        delimiter: str,
        mark: Callable[[str, str, str], str],
    ) -> None:
        self._delimiter = str(options.get("DELIMITER", delimiter))
        self._null = str(options.get("NULL", ""))
        self._has_header = "HEADER" in options
        self._mark = mark
        if len(self._delimiter) != 1 or not self._delimiter.isascii() or self._delimiter in "\r\n":
            raise InvalidParameter(
                f"invalid value for DELIMITER: {self._delimiter!r}",
                hint="DELIMITER takes one ASCII character.",
            )

    def __call__(self, file: BinaryIO, columns: Columns, batches: Batches) -> int:
        if self._has_header:
            file.write(self._line([column.name for column in columns]))
        count = 0
        for batch in batches:
            values = [column.to_pylist() for column in batch.columns]
            file.write(b"".join(self._line(row) for row in zip(*values, strict=True)))
            count += batch.num_rows
        return count

    def _line(self, row: Sequence[object]) -> bytes:
        return (self._delimiter.join(map(self._field, row)) + "\n").encode()

    def _field(self, value: object) -> str:
        if value is None:
            return self._null
        return self._mark(_field_text(value), self._delimiter, self._null)


def _field_text(value: object) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return to_text(value)


def _quote_where_needed(text: str, delimiter: str, null: str) -> str:
    if text == null or any(sign in text for sign in (delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


def _as_it_is(text: str, delimiter: str, null: str) -> str:
    return text


def _escape(text: str, delimiter: str, null: str) -> str:
    for sign in ("\\", "\n", "\r", '"', delimiter):
        text = text.replace(sign, f"\\{sign}")
    return text


def _quote_always(mark: Callable[[str, str, str], str]) -> Callable[[str, str, str], str]:
    return lambda text, delimiter, null: f'"{mark(text, delimiter, null)}"'


def _write_json(file: BinaryIO, columns: Columns, batches: Batches) -> int:
    keys = json_keys(columns)
    count = 0
    for batch in batches:
        values = [column.to_pylist() for column in batch.columns]
        for row in zip(*values, strict=True):
            pairs = (
                f"{key}:{to_json(value, column.datatype)}"
                for key, value, column in zip(keys, row, columns, strict=True)
            )
            file.write(f"{{{','.join(pairs)}}}\n".encode())
        count += batch.num_rows
    return count


def _write_parquet(file: BinaryIO, columns: Columns, batches: Batches) -> int:
    count = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            if writer is None:
                writer = pq.ParquetWriter(file, batch.schema)
            writer.write_batch(batch)
            count += batch.num_rows
        if writer is None:
            writer = pq.ParquetWriter(
                file, pa.schema([(c.name, arrow_type_of(c.datatype)) for c in columns])
            )
    finally:
        if writer is not None:
            writer.close()
    return count
