"""CSV and delimited text to Arrow batches, in blocks of whole records.

Each block is read by Arrow's CSV reader where that reads it as `scanner.py` would, and by the
scanner where not: a value that no column takes, a ragged record, an escape. So a good file loads
at Arrow's speed, and a bad row is named by its line and costs the speed of its block alone.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from outcrop.commands.copy.options import CopyOptions, Format
from outcrop.commands.copy.report import BadRows, LoadError, shorten
from outcrop.commands.copy.scanner import Incomplete, Record, Scanner, replace_undecoded
from outcrop.commands.copy.values import Converter, ValueRefused

BLOCK_BYTES = 8 * 1024 * 1024

# Redshift's limit of a row. A quotation mark that is never closed ends here at the latest.
RECORD_BYTES_MAX = 64 * 1024 * 1024


# Stands for a delimiter of several characters, which Arrow cannot have.
_UNIT_SEPARATOR = b"\x1f"


class ByteStream(Protocol):
    """Where the bytes of one file come from, decompressed and in UTF-8."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


class DelimitedReader:
    """Reads the files of one COPY; `schema` has a field a column."""

    def __init__(
        self, options: CopyOptions, converters: Sequence[Converter], bad_rows: BadRows
    ) -> None:
        self._options = options
        self._converters = converters
        self._bad_rows = bad_rows
        self._schema = pa.schema([(c.column.name, c.arrow_type) for c in converters])
        self._scanner = Scanner(options)
        self._arrow = _ArrowParser(options, converters, self._schema)

    def read(self, stream: ByteStream, file: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one file; bad ones go to `bad_rows`."""
        line, headers, buffer, is_last = 1, self._options.ignore_header, b"", False
        while not is_last:
            data = stream.read(BLOCK_BYTES)
            buffer, is_last = buffer + data, not data
            if line == 1:
                buffer = buffer.removeprefix(codecs.BOM_UTF8)
            if is_last and buffer and not buffer.endswith(b"\n"):
                buffer += b"\n"
            while headers and b"\n" in buffer:
                buffer = buffer[buffer.index(b"\n") + 1 :]
                headers, line = headers - 1, line + 1
            if headers:
                continue
            used, batch = self._read_block(buffer, file, line, is_last=is_last)
            line += buffer.count(b"\n", 0, used)
            buffer = buffer[used:]
            if batch is not None and batch.num_rows:
                yield batch

    def _read_block(
        self, buffer: bytes, file: str, line: int, *, is_last: bool
    ) -> tuple[int, pa.RecordBatch | None]:
        cut = self._arrow.find_cut(buffer)
        if cut == len(buffer) or not is_last:
            batch = self._arrow.parse(buffer[:cut]) if cut else None
            if batch is not None:
                return cut, batch
            if not cut and not is_last and len(buffer) < RECORD_BYTES_MAX:
                return 0, None
        is_last = is_last or len(buffer) >= RECORD_BYTES_MAX
        return self._scan_block(buffer, file, line, is_last=is_last)

    def _scan_block(
        self, buffer: bytes, file: str, line: int, *, is_last: bool
    ) -> tuple[int, pa.RecordBatch]:
        text = buffer.decode(errors="surrogateescape")
        if self._options.invalid_char is not None:
            text = replace_undecoded(text, self._options.invalid_char)
        columns: list[list[object]] = [[] for _ in self._converters]
        position = 0
        while position < len(text):
            try:
                record = self._scanner.scan(text, position, is_last=is_last)
            except Incomplete:
                break
            raw = text[position : record.end]
            if raw.strip("\r\n") or not self._options.ignore_blank_lines:
                self._add_row(record, raw, columns, (file, line))
            line += raw.count("\n")
            position = record.end
        arrays = [pa.array(v, c.arrow_type) for v, c in zip(columns, self._converters, strict=True)]
        # With ACCEPTINVCHARS one character stands for one byte, so that the length is the same.
        used = len(text[:position].encode(errors="surrogateescape"))
        return used, pa.record_batch(arrays, schema=self._schema)

    def _add_row(
        self, record: Record, raw: str, columns: list[list[object]], place: tuple[str, int]
    ) -> None:
        fields, problem, failed, converter = record.fields, record.problem, None, None
        expected = len(self._converters)
        if problem is None and len(fields) < expected and self._options.fill_record:
            fields += ("",) * (expected - len(fields))
        if problem is None and len(fields) != expected:
            problem = f"has {len(fields)} fields, and {expected} columns are loaded"
        if problem is None:
            values = []
            try:
                for converter, failed in zip(self._converters, fields, strict=True):
                    values.append(converter.parse(failed))
            except ValueRefused as refused:
                problem = str(refused)
            else:
                for column, value in zip(columns, values, strict=True):
                    column.append(value)
                return
        column_at_fault = None if converter is None else converter.column
        self._bad_rows.add(
            LoadError(
                file=place[0],
                line=place[1],
                column=column_at_fault.name if column_at_fault else None,
                datatype=str(column_at_fault.datatype) if column_at_fault else None,
                value=None if failed is None else shorten(failed),
                reason=problem,
                record=shorten(raw.rstrip("\r\n")),
            )
        )


class _ArrowParser:
    """Arrow's CSV reader, for the blocks that it reads as the scanner would."""

    def __init__(
        self, options: CopyOptions, converters: Sequence[Converter], schema: pa.Schema
    ) -> None:
        self._options = options
        self._converters = converters
        self._schema = schema
        self._names = [str(number) for number in range(len(converters))]
        self._delimiter = options.delimiter.encode()
        self._quote = options.quote.encode() if options.format is Format.CSV else None
        field_end = re.escape(self._delimiter)
        quote = re.escape(options.quote.encode())
        self._quoted = re.compile(b"%s(?:[^%s]++|%s%s)*+%s" % ((quote,) * 5))
        self._well_quoted = re.compile(
            b"(?:[^%s]*+(?<![^%s\\n])%s(?=%s|\\r?\\n))*+[^%s]*+"
            % (quote, field_end, self._quoted.pattern, field_end, quote)
        )

    def find_cut(self, buffer: bytes) -> int:
        """Return how many of the bytes are whole records: up to a line end outside of quotes."""
        cut = buffer.rfind(b"\n") + 1
        if self._quote is None or not cut:
            return cut
        quotes = buffer.count(self._quote, 0, cut)
        while quotes % 2 and cut:
            earlier = buffer.rfind(b"\n", 0, cut - 1) + 1
            quotes -= buffer.count(self._quote, earlier, cut)
            cut = earlier
        return cut

    def parse(self, block: bytes) -> pa.RecordBatch | None:
        """Return the rows of a block, or None if the scanner has to read it."""
        delimiter = self._delimiter
        if self._is_odd(block):
            return None
        if len(delimiter) > 1:
            if _UNIT_SEPARATOR in block:
                return None
            block, delimiter = block.replace(delimiter, _UNIT_SEPARATOR), _UNIT_SEPARATOR
        try:
            table = self._read(block, delimiter)
            arrays = [
                converter.parse_array(self._null(table.column(number).combine_chunks()))
                for number, converter in enumerate(self._converters)
            ]
        except (pa.ArrowInvalid, ValueRefused):
            return None
        return pa.record_batch(arrays, schema=self._schema)

    def _null(self, texts: pa.Array) -> pa.Array:
        is_null = pc.equal(texts, self._options.null_text)
        return pc.if_else(is_null, pa.scalar(None, pa.string()), texts)

    def _is_odd(self, block: bytes) -> bool:
        """Whether the block has what Arrow reads in another way, or does not know."""
        if b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
            return True
        if self._options.is_escaped and b"\\" in block:
            return True
        if self._options.remove_quotes and (b"'" in block or b'"' in block):
            return True
        unquoted = block
        if self._quote is not None and self._quote in block:
            if not self._well_quoted.fullmatch(block):
                return True
            if _has_blank_line(block):
                unquoted = self._quoted.sub(b"q", block)
        # Arrow makes a row of empty fields of a blank line.
        return not self._options.ignore_blank_lines and _has_blank_line(unquoted)

    def _read(self, block: bytes, delimiter: bytes) -> pa.Table:
        return pa.csv.read_csv(
            pa.BufferReader(block),
            read_options=pa.csv.ReadOptions(
                column_names=self._names, block_size=len(block) + 1, use_threads=False
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter.decode(),
                quote_char=self._options.quote if self._quote is not None else False,
                newlines_in_values=self._quote is not None,
                ignore_empty_lines=self._options.ignore_blank_lines,
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(self._names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )


def _has_blank_line(block: bytes) -> bool:
    return b"\n\n" in block or b"\n\r\n" in block or block.startswith((b"\n", b"\r\n"))


class TranscodedStream:
    """A stream of another encoding as UTF-8. Raises UnicodeDecodeError."""

    def __init__(self, stream: ByteStream, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int) -> bytes:
        """Return about `size` bytes, none at the end alone."""
        while True:
            data = self._stream.read(size)
            text = self._decoder.decode(data, final=not data)
            if text or not data:
                return text.encode()
