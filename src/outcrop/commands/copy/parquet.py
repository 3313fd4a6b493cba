"""Parquet files to Arrow batches: columns by position, as Redshift loads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from outcrop.commands.copy.json_rows import dump_json
from outcrop.commands.copy.options import CopyOptions
from outcrop.commands.copy.report import BadRows, LoadError, shorten
from outcrop.commands.copy.values import Converter, ValueRefused, refusal
from outcrop.datatypes import TypeKind
from outcrop.errors import DatatypeMismatch, FileUnavailable

_BATCH_ROWS = 65_536


class ParquetReader:
    """Reads the files of one COPY."""

    def __init__(
        self, options: CopyOptions, converters: Sequence[Converter], bad_rows: BadRows
    ) -> None:
        self._options = options
        self._converters = converters
        self._bad_rows = bad_rows
        self._schema = pa.schema([(c.column.name, c.arrow_type) for c in converters])

    def read(self, source: pa.NativeFile, file: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one file; bad ones go to `bad_rows`."""
        try:
            parquet = pq.ParquetFile(source)
        except pa.ArrowInvalid as error:
            raise FileUnavailable(
                f"{file!r} is no Parquet file: {error}", hint="Name its format after FORMAT AS."
            ) from error
        self._check_width(len(parquet.schema_arrow), file)
        row = 1
        for batch in parquet.iter_batches(_BATCH_ROWS):
            yield self._convert(batch, file, row)
            row += batch.num_rows

    def _check_width(self, width: int, file: str) -> None:
        expected = len(self._converters)
        if width == expected or (width < expected and self._options.fill_record):
            return
        raise DatatypeMismatch(
            f"{file!r} has {width} columns, and {expected} are loaded",
            hint="Parquet's columns are matched by position; name the table's in their order.",
        )

    def _convert(self, batch: pa.RecordBatch, file: str, row: int) -> pa.RecordBatch:
        missing = [pa.nulls(batch.num_rows)] * (len(self._converters) - batch.num_columns)
        sources = [*batch.columns, *missing]
        try:
            arrays = [
                _convert_array(array, converter)
                for array, converter in zip(sources, self._converters, strict=True)
            ]
            return pa.record_batch(arrays, schema=self._schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueRefused):
            return self._convert_rows(sources, batch.num_rows, file, row)

    def _convert_rows(
        self, sources: Sequence[pa.Array], count: int, file: str, row: int
    ) -> pa.RecordBatch:
        lists = [array.to_pylist() for array in sources]
        columns: list[list[object]] = [[] for _ in self._converters]
        for number in range(count):
            values, converter, value = [], self._converters[0], None
            try:
                for converter, source in zip(self._converters, lists, strict=True):
                    value = source[number]
                    values.append(_convert_value(value, converter))
            except ValueRefused as refused:
                self._bad_rows.add(
                    LoadError(
                        file=file,
                        line=row + number,
                        column=converter.column.name,
                        datatype=str(converter.column.datatype),
                        value=shorten(str(value)),
                        reason=str(refused),
                    )
                )
                continue
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        arrays = [pa.array(v, c.arrow_type) for v, c in zip(columns, self._converters, strict=True)]
        return pa.record_batch(arrays, schema=self._schema)


def _convert_array(array: pa.Array, converter: Converter) -> pa.Array:
    """Cast a whole column; raises where a value does not fit, for `_convert_value` to name it."""
    kind = converter.column.datatype.kind
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    is_text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    if is_text:
        array = array.cast(pa.string())
        if kind is not TypeKind.SUPER:
            return converter.parse_array(array)
    if kind is TypeKind.SUPER or pa.types.is_nested(array.type):
        values = [_convert_value(value, converter) for value in array.to_pylist()]
        return pa.array(values, converter.arrow_type)
    if converter.column.datatype.is_character or kind in (TypeKind.TIMETZ, TypeKind.INTERVAL):
        raise ValueRefused("to be told by rows")
    if array.null_count and not converter.column.is_nullable:
        raise ValueRefused("NULL, and the column is NOT NULL")
    if pa.types.is_timestamp(array.type):
        array = _cast_timestamp(array, converter.arrow_type)
    return array.cast(converter.arrow_type)


def _cast_timestamp(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Cut nanoseconds, which no column can hold, and read a time without a zone as UTC."""
    array = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
    if array.type.tz is None and getattr(target, "tz", None) is not None:
        return array.cast(target)
    return array


def _convert_value(value: Any, converter: Converter) -> object:
    datatype = converter.column.datatype
    if value is None:
        return converter.parse(None)
    if datatype.kind is TypeKind.SUPER:
        return dump_json(_jsonable(value))
    if datatype.kind is TypeKind.VARBYTE and isinstance(value, bytes):
        return value
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    if isinstance(value, list | dict):
        if not datatype.is_character:
            raise refusal(str(value), f"is no {datatype}; load it into a SUPER column")
        value = dump_json(_jsonable(value))
    if isinstance(value, datetime):
        value = value.isoformat(sep=" ")
    return converter.parse(str(value))


def _jsonable(value: Any) -> Any:
    match value:
        case dict():
            return {str(name): _jsonable(member) for name, member in value.items()}
        case list():
            return [_jsonable(member) for member in value]
        case bytes():
            return value.decode(errors="replace")
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date() | time():
            return str(value)
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case _:
            return value
