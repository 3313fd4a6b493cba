"""COPY from end to end: find the files, read their rows, hand them to the engine in chunks.

The caller has begun a transaction and rolls it back if this raises; so a COPY is all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from outcrop.catalog.objects import Column, Relation
from outcrop.commands.copy.delimited import ByteStream, DelimitedReader, TranscodedStream
from outcrop.commands.copy.json_paths import parse_json_paths
from outcrop.commands.copy.json_rows import JsonReader, pick_by_name
from outcrop.commands.copy.options import CopyOptions, Format, parse_options
from outcrop.commands.copy.parquet import ParquetReader
from outcrop.commands.copy.report import BadRows, CopyReport, LoadError
from outcrop.commands.copy.sources import SourceFile, Sources
from outcrop.commands.copy.values import Converter
from outcrop.datatypes import TYPES, TypeKind
from outcrop.engines.base import EngineSession
from outcrop.errors import (
    DuplicateObject,
    InvalidParameter,
    LoadFailed,
    UndefinedColumn,
    suggest,
)
from outcrop.sql.statements import Copy

# How much of the files is in memory at once, as Arrow counts it.
_CHUNK_BYTES = 128 * 1024 * 1024

_CHUNK = "outcrop_copy_chunk"

_MAGIC = (
    (b"\x1f\x8b", "gzip-compressed", "Add GZIP."),
    (b"BZh", "bzip2-compressed", "Add BZIP2."),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "Add ZSTD."),
    (b"PAR1", "a Parquet file", "Add FORMAT AS PARQUET."),
    (b"\xff\xfe", "UTF-16", "Add ENCODING UTF16."),
    (b"\xfe\xff", "UTF-16", "Add ENCODING UTF16."),
)

_Batches = Iterator[pa.RecordBatch]


def run_copy(
    statement: Copy,
    relation: Relation,
    physical_name: str,
    session: EngineSession,
    sources: Sources,
    record_error: Callable[[LoadError], None] = lambda _error: None,
) -> CopyReport:
    """Load what `statement` names into `relation`, which the engine calls `physical_name`.

    `physical_name` is SQL, quoted as need be. Columns that are not loaded get the defaults that the
    engine's table has. `record_error` is told of each bad row, also where the load then fails;
    the first rows only, if they are many. Raises LoadFailed, FileUnavailable, or what is wrong with
    the statement.
    """
    options = parse_options(statement)
    columns = find_columns(relation, statement.columns)
    converters = [Converter(column, options) for column in columns]
    bad_rows = BadRows(options.errors_max, record_error)
    files = sources.find(statement, is_manifest=options.is_manifest)
    read = _reader(statement, options, converters, bad_rows, sources)
    batches = (batch for file in files for batch in read(file))
    if options.is_noload:
        rows = sum(batch.num_rows for batch in batches)
    else:
        rows = _insert(batches, converters, physical_name, session)
    return CopyReport(
        rows=rows,
        files=len(files),
        bytes=sum(file.size for file in files),
        errors_total=bad_rows.total,
        errors=tuple(bad_rows.kept),
    )


def find_columns(relation: Relation, names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns that COPY loads: those named, in that order, or all of them."""
    if not names:
        return relation.columns
    by_name = {column.name: column for column in relation.columns}
    found = []
    for name in names:
        column = by_name.get(name) or by_name.get(name.lower())
        if column is None:
            raise UndefinedColumn(
                f"column {name!r} of table {str(relation.name)!r} does not exist",
                hint=suggest(name, by_name),
            )
        if column in found:
            raise DuplicateObject(f"column {name!r} is named twice", hint="Name it once.")
        found.append(column)
    return tuple(found)


def _reader(
    statement: Copy,
    options: CopyOptions,
    converters: Sequence[Converter],
    bad_rows: BadRows,
    sources: Sources,
) -> Callable[[SourceFile], _Batches]:
    if options.format is Format.PARQUET:
        return lambda file: _read_parquet(file, ParquetReader(options, converters, bad_rows))
    reader: JsonReader | DelimitedReader
    if options.format is Format.JSON:
        reader = _json_reader(statement, options, converters, bad_rows, sources)
    else:
        reader = DelimitedReader(options, converters, bad_rows)
    return lambda file: _read_stream(file, options, reader)


def _json_reader(
    statement: Copy,
    options: CopyOptions,
    converters: Sequence[Converter],
    bad_rows: BadRows,
    sources: Sources,
) -> JsonReader:
    names = [converter.column.name for converter in converters]
    match options.json.lower():
        case "auto":
            pick = pick_by_name(names, ignore_case=False)
        case "auto ignorecase":
            pick = pick_by_name(names, ignore_case=True)
        case "noshred":
            if [c.column.datatype.kind for c in converters] != [TypeKind.SUPER]:
                raise InvalidParameter(
                    "JSON 'noshred' loads one SUPER column", hint="Name it: COPY t (document)."
                )

            def pick(document: object) -> Sequence[object]:
                return (document,)
        case _:
            text = sources.read_text(statement, options.json)
            paths = parse_json_paths(text, repr(options.json), names)

            def pick(document: object) -> Sequence[object]:
                return [path.find(document) for path in paths]

    return JsonReader(options, converters, bad_rows, pick)


def _read_parquet(file: SourceFile, reader: ParquetReader) -> _Batches:
    with file.open_random() as source:
        yield from reader.read(source, file.name)


def _read_stream(
    file: SourceFile, options: CopyOptions, reader: JsonReader | DelimitedReader
) -> _Batches:
    with file.open_stream(options.compression) as opened:
        stream: ByteStream = _Checked(opened, file.name, options)
        if options.encoding != "utf-8":
            stream = TranscodedStream(stream, options.encoding)
        try:
            yield from reader.read(stream, file.name)
        except UnicodeDecodeError as error:
            raise LoadFailed(
                f"{file.name!r} is not {error.encoding}: {error.reason}",
                hint="Check ENCODING.",
            ) from error


class _Checked:
    """A stream that says what a file is, where its first bytes tell that it is no text."""

    def __init__(self, stream: pa.NativeFile, name: str, options: CopyOptions) -> None:
        self._stream = stream
        self._name = name
        self._is_plain = options.encoding == "utf-8"
        self._is_first = True

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        data: bytes = self._stream.read(size)
        if self._is_first and self._is_plain:
            for magic, kind, hint in _MAGIC:
                if data.startswith(magic):
                    raise LoadFailed(f"{self._name!r} is {kind}", hint=hint)
        self._is_first = False
        return data


# Into the engine


def _insert(
    batches: _Batches, converters: Sequence[Converter], physical_name: str, session: EngineSession
) -> int:
    """Insert all batches, a chunk at a time, so that memory does not grow with the files.

    The engine pulls the batches, and so an interrupt ends the reading of files as well.
    """
    columns = [converter.column for converter in converters]
    schema = pa.schema([(c.column.name, c.arrow_type) for c in converters])
    sql, rows = _insert_sql(columns, physical_name), 0
    while session.load_arrow(_CHUNK, _take_chunk(batches), schema):
        rows += session.execute(sql)
        session.drop(_CHUNK)
    session.drop(_CHUNK)
    return rows


def _take_chunk(batches: _Batches) -> _Batches:
    size = 0
    while size < _CHUNK_BYTES:
        batch = next(batches, None)
        if batch is None:
            return
        size += batch.nbytes
        yield batch


def _insert_sql(columns: Sequence[Column], physical_name: str) -> str:
    names = [_quote(column.name) for column in columns]
    values = [_cast(name, column) for name, column in zip(names, columns, strict=True)]
    return (
        f"INSERT INTO {physical_name} ({', '.join(names)}) SELECT {', '.join(values)} FROM {_CHUNK}"
    )


def _cast(name: str, column: Column) -> str:
    """What travelled as text gets its own type; a SUPER is JSON text first."""
    kind = column.datatype.kind
    if kind is TypeKind.SUPER:
        return f"CAST(CAST({name} AS JSON) AS {TYPES[kind].duckdb})"
    if kind in (TypeKind.TIMETZ, TypeKind.INTERVAL):
        return f"CAST({name} AS {TYPES[kind].duckdb})"
    return name


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
