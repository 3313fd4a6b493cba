"""JSON documents, one after another, to Arrow batches.

The documents may stand one a line, or be spread over lines; they are not within an outer array. A
column takes a scalar as the text that the file has, so that no digit is lost; a VARCHAR takes an
object or an array as its JSON text.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import pyarrow as pa

from outcrop.commands.copy.delimited import BLOCK_BYTES, RECORD_BYTES_MAX, ByteStream
from outcrop.commands.copy.options import CopyOptions
from outcrop.commands.copy.report import BadRows, LoadError, shorten
from outcrop.commands.copy.scanner import replace_undecoded
from outcrop.commands.copy.values import Converter, ValueRefused, refusal
from outcrop.datatypes import SUPER_BYTES_MAX, TypeKind

_BLANK = re.compile(r"[ \t\r\n]*")

# A document that breaks off this near to the end of the text at hand may go on in the next block.
_NEAR_END = 16


class JsonNumber(float):
    """A number that remembers its text: a DECIMAL or a VARCHAR takes that."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> JsonNumber:
        """Return the number that `text` is."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


class JsonReader:
    """Reads the files of one COPY; `pick` finds the columns' values in a document, in order."""

    def __init__(
        self,
        options: CopyOptions,
        converters: Sequence[Converter],
        bad_rows: BadRows,
        pick: Callable[[Any], Sequence[Any]],
    ) -> None:
        self._converters = converters
        self._bad_rows = bad_rows
        self._pick = pick
        self._schema = pa.schema([(c.column.name, c.arrow_type) for c in converters])
        self._decoder = json.JSONDecoder(parse_float=JsonNumber, parse_constant=_no_constant)
        self._invalid_char = options.invalid_char

    def read(self, stream: ByteStream, file: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one file; bad ones go to `bad_rows`."""
        errors = "strict" if self._invalid_char is None else "surrogateescape"
        decoder = codecs.getincrementaldecoder("utf-8-sig")(errors)
        text, line, is_last = "", 1, False
        while not is_last:
            data = stream.read(BLOCK_BYTES)
            is_last = not data
            try:
                decoded = decoder.decode(data, final=is_last)
            except UnicodeDecodeError as error:
                line += text.count("\n") + data[: error.start].count(b"\n")
                raise self._undecodable(file, line, error) from error
            if self._invalid_char is not None:
                decoded = replace_undecoded(decoded, self._invalid_char)
            text += decoded
            is_whole = is_last or len(text) >= RECORD_BYTES_MAX
            used, batch = self._read_text(text, file, line, is_last=is_whole)
            line += text.count("\n", 0, used)
            text = text[used:]
            if batch.num_rows:
                yield batch

    def _undecodable(self, file: str, line: int, error: UnicodeDecodeError) -> Exception:
        """Fail the load: after a byte that is no UTF-8 nothing tells where documents begin."""
        found = LoadError(
            file=file,
            line=line,
            column=None,
            datatype=None,
            value=None,
            reason=f"byte 0x{error.object[error.start]:02x} is not UTF-8; see ACCEPTINVCHARS",
        )
        return self._bad_rows.fail(found)

    def _read_text(
        self, text: str, file: str, line: int, *, is_last: bool
    ) -> tuple[int, pa.RecordBatch]:
        columns: list[list[object]] = [[] for _ in self._converters]
        position, counted = 0, 0
        while True:
            start = _skip_blank(text, position)
            if start >= len(text):
                position = start
                break
            line, counted = line + text.count("\n", counted, start), start
            try:
                document, position = self._decoder.raw_decode(text, start)
            except (ValueError, RecursionError) as error:
                if not is_last and _may_go_on(error, len(text)):
                    position = start
                    break
                end = text.find("\n", start)
                position = len(text) if end < 0 else end + 1
                reason = ValueRefused(f"is no JSON document: {error}")
                self._add_error(reason, text[start:position], file, line)
                continue
            try:
                self._add_row(document, columns)
            except ValueRefused as refused:
                self._add_error(refused, text[start:position], file, line)
        arrays = [pa.array(v, c.arrow_type) for v, c in zip(columns, self._converters, strict=True)]
        return position, pa.record_batch(arrays, schema=self._schema)

    def _add_row(self, document: Any, columns: list[list[object]]) -> None:
        values = []
        for converter, value in zip(self._converters, self._pick(document), strict=True):
            try:
                values.append(convert_json(value, converter))
            except ValueRefused as refused:
                raise _ColumnRefused(converter, str(refused)) from refused
        for column, value in zip(columns, values, strict=True):
            column.append(value)

    def _add_error(self, refused: ValueRefused, record: str, file: str, line: int) -> None:
        column = refused.converter.column if isinstance(refused, _ColumnRefused) else None
        self._bad_rows.add(
            LoadError(
                file=file,
                line=line,
                column=column.name if column else None,
                datatype=str(column.datatype) if column else None,
                value=None,
                reason=str(refused),
                record=shorten(record.rstrip("\r\n")),
            )
        )


class _ColumnRefused(ValueRefused):
    """A column refused its value."""

    def __init__(self, converter: Converter, reason: str) -> None:
        super().__init__(reason)
        self.converter = converter


def _skip_blank(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _may_go_on(error: Exception, length: int) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.pos >= length - _NEAR_END or error.msg.startswith("Unterminated string")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def convert_json(value: Any, converter: Converter) -> object:
    """Return a JSON value as a value of a column; raises ValueRefused."""
    kind = converter.column.datatype.kind
    if value is None:
        return converter.parse(None)
    if kind is TypeKind.SUPER:
        return _dump_super(value)
    if isinstance(value, str):
        return converter.parse(value)
    if isinstance(value, bool):
        return converter.parse("true" if value else "false")
    if isinstance(value, JsonNumber):
        return converter.parse(value.text)
    if isinstance(value, int):
        return converter.parse(str(value))
    if converter.column.datatype.is_character:
        return converter.parse(dump_json(value))
    raise refusal(dump_json(value), f"is no {kind}")


def _dump_super(value: Any) -> str:
    try:
        text = dump_json(value)
    except ValueError as error:
        raise ValueRefused("has a number out of range") from error
    if len(text) * 4 > SUPER_BYTES_MAX and len(text.encode()) > SUPER_BYTES_MAX:
        raise refusal(text, f"is longer than {SUPER_BYTES_MAX} bytes")
    return text


def dump_json(value: Any) -> str:
    """Return `value` as JSON text without blanks; raises ValueError for what is not finite."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def pick_by_name(names: Sequence[str], *, ignore_case: bool) -> Callable[[Any], Sequence[Any]]:
    """Return a function that finds the members of an object that are called as columns are."""

    def pick(document: Any) -> Sequence[Any]:
        if not isinstance(document, dict):
            raise refusal(dump_json(document), "is no JSON object; put one after the other")
        if ignore_case:
            document = {name.lower(): value for name, value in document.items()}
        return [document.get(name) for name in folded]

    folded = [name.lower() for name in names] if ignore_case else list(names)
    return pick
