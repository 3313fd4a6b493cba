"""The formats of `--format`: each writes the rows as they come and returns how many there were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from outcrop.cli.table import Row, write_expanded, write_table
from outcrop.cli.terminal import Terminal
from outcrop.execution.value_text import json_keys, to_json, to_text

if TYPE_CHECKING:
    from outcrop.execution.result import ResultColumn


class Format(StrEnum):
    """The formats, as `--format` names them."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def write_rows(
    out: TextIO,
    terminal: Terminal,
    output: Format,
    columns: Sequence[ResultColumn],
    rows: Iterable[Row],
    *,
    is_expanded: bool = False,
) -> int:
    """Write the rows of one result in the format that was asked for; return their number."""
    match output:
        case Format.CSV:
            return write_csv(out, columns, rows)
        case Format.JSON:
            return write_json(out, columns, rows)
        case Format.TABLE if is_expanded:
            return write_expanded(out, terminal, columns, rows)
        case Format.TABLE:
            return write_table(out, terminal, columns, rows)


def write_csv(out: TextIO, columns: Sequence[ResultColumn], rows: Iterable[Row]) -> int:
    """Write a header line and the rows as RFC 4180 has them, with line feeds as psql does.

    NULL is an empty field and the empty text is a quoted one, so that they can be told apart.
    """
    out.write(",".join(_csv_field(column.name) for column in columns) + "\n")
    count = 0
    for row in rows:
        out.write(",".join("" if cell is None else _csv_field(to_text(cell)) for cell in row))
        out.write("\n")
        count += 1
    return count


def _csv_field(text: str) -> str:
    if text and not any(character in text for character in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def write_json(out: TextIO, columns: Sequence[ResultColumn], rows: Iterable[Row]) -> int:
    """Write the rows as one JSON array of objects, a line for each; SUPER is nested JSON."""
    keys = json_keys(columns)
    count = 0
    for row in rows:
        values = (to_json(cell, c.datatype) for cell, c in zip(row, columns, strict=True))
        members = ", ".join(f"{key}: {value}" for key, value in zip(keys, values, strict=True))
        out.write(f"{',' if count else '['}\n  {{{members}}}")
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count
