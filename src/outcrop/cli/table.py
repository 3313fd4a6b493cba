"""Rows as a table, or, expanded, one record under the other.

A table streams: the widths come from its first rows, and what follows is fitted to them. On a
terminal no line is longer than the terminal is wide, cells wrap at words and keep the indentation
of their lines, and a table of so many columns that none would be readable is shown expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len, chop_cells

from outcrop.cli.terminal import Style, Terminal
from outcrop.errors import counted
from outcrop.execution.value_text import to_text

if TYPE_CHECKING:
    from outcrop.execution.result import ResultColumn

Row = Sequence[object]

# How many rows are looked at (and held in memory) before the first one is written.
_SAMPLE_ROWS = 1_000
# A column that must wrap keeps at least this width; otherwise the table is shown expanded.
_READABLE_WIDTH = 10
_TAB_WIDTH = 4
# The column of EXPLAIN, whose rows are the lines of one text.
_PLAN = "QUERY PLAN"
# What could move the cursor, or otherwise command the terminal: a model may answer anything.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class _Rules:
    """The characters that tables are drawn with."""

    across: str
    down: str
    cross: str
    tee: str


_UNICODE_RULES = _Rules("─", "│", "┼", "┬")
_ASCII_RULES = _Rules("-", "|", "+", "+")


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    width: int
    is_number: bool

    def fit(self, line: str) -> str:
        """Return `line` padded to the column's width; a longer one stays as it is."""
        padding = " " * (self.width - cell_len(line))
        return padding + line if self.is_number else line + padding


def write_table(
    out: TextIO, terminal: Terminal, columns: Sequence[ResultColumn], rows: Iterable[Row]
) -> int:
    """Write a heading, the rows and the footer `(n rows)`; return the number of rows."""
    stream = iter(rows)
    sample = [_cells(row) for row in islice(stream, _SAMPLE_ROWS)]
    laid_out = _lay_out(columns, sample, terminal.width)
    if laid_out is None:
        return write_expanded(out, terminal, columns, chain(sample, stream))
    table = _Table(laid_out, terminal)
    has_tall_rows = any(len(line) > 1 for row in sample for line in map(table.wrap, laid_out, row))
    is_one_text = [column.name for column in columns] == [_PLAN]
    out.writelines(table.heading())
    count = 0
    for cells in chain(sample, map(_cells, stream)):
        if has_tall_rows and count and not is_one_text:
            out.write(table.rule())
        out.writelines(table.row(cells))
        count += 1
    out.write(footer(count))
    return count


def write_expanded(
    out: TextIO, terminal: Terminal, columns: Sequence[ResultColumn], rows: Iterable[Row]
) -> int:
    """Write each row as a record, one line a column; return the number of rows."""
    rules = _UNICODE_RULES if terminal.is_unicode else _ASCII_RULES
    names = [printable(column.name) for column in columns]
    label = _Column("", max(map(cell_len, names), default=0), is_number=False)
    room = None if terminal.width is None else max(terminal.width - label.width - 3, 1)
    bar = terminal.paint(rules.down, Style.DIM)
    count = 0
    for row in rows:
        count += 1
        title = f"{rules.across}[ row {count} ]"
        title += rules.across * (label.width + 1 - cell_len(title)) + rules.tee
        rest = (terminal.width or label.width + 40) - cell_len(title)
        out.write(terminal.paint(title + rules.across * rest, Style.DIM) + "\n")
        for name, cell in zip(names, _cells(row), strict=True):
            for number, line in enumerate(
                wrap_text(cell or "", room) if cell is not None else [None]
            ):
                heading = terminal.paint(label.fit("" if number else name), Style.BOLD)
                text = terminal.paint("NULL", Style.DIM) if line is None else line
                out.write(f"{heading} {bar} {text}".rstrip() + "\n")
    out.write(footer(count))
    return count


def footer(count: int) -> str:
    """Return the line under a table."""
    return f"({counted(count, 'row')})\n\n"


class _Table:
    """A table whose widths are known: makes its lines."""

    def __init__(self, columns: Sequence[_Column], terminal: Terminal) -> None:
        self._columns = columns
        self._terminal = terminal
        self._rules = _UNICODE_RULES if terminal.is_unicode else _ASCII_RULES
        self._bar = terminal.paint(self._rules.down, Style.DIM)

    def heading(self) -> Iterator[str]:
        """Yield the headings and the rule below them."""
        headings = [wrap_text(column.heading, column.width) for column in self._columns]
        yield from self._lines(headings, Style.BOLD)
        yield self.rule()

    def rule(self) -> str:
        """Return a line across the table."""
        across, cross = self._rules.across, self._rules.cross
        pieces = [across * (column.width + 2) for column in self._columns]
        return self._terminal.paint(cross.join(pieces), Style.DIM) + "\n"

    def row(self, cells: Sequence[str | None]) -> Iterator[str]:
        """Yield the lines of one row."""
        return self._lines(list(map(self.wrap, self._columns, cells)), None)

    def wrap(self, column: _Column, cell: str | None) -> list[str | None]:
        """Return the lines of one cell; NULL is one line that is None."""
        if cell is None:
            return [None]
        return list(wrap_text(cell, column.width if self._terminal.width else None))

    def _lines(self, cells: Sequence[Sequence[str | None]], style: Style | None) -> Iterator[str]:
        height = max(map(len, cells), default=1)
        for number in range(height):
            pieces = []
            for column, lines in zip(self._columns, cells, strict=True):
                line = lines[number] if number < len(lines) else ""
                if line is None:
                    pieces.append(column.fit("NULL").replace("NULL", self._null()))
                else:
                    fitted = column.fit(line)
                    pieces.append(self._terminal.paint(fitted, style) if style else fitted)
            yield (" " + f" {self._bar} ".join(pieces)).rstrip() + "\n"

    def _null(self) -> str:
        return self._terminal.paint("NULL", Style.DIM)


def _lay_out(
    columns: Sequence[ResultColumn], rows: Sequence[Sequence[str | None]], room: int | None
) -> list[_Column] | None:
    """Return the columns with their widths, or None where they cannot be readable in `room`."""
    natural = [_natural_width(printable(column.name)) for column in columns]
    for row in rows:
        for index, cell in enumerate(row):
            natural[index] = max(natural[index], 4 if cell is None else _natural_width(cell))
    widths = natural if room is None else _share(natural, room - 3 * len(natural) + 1)
    if widths is None:
        return None
    return [
        _Column(printable(column.name), width, column.datatype.is_number)
        for column, width in zip(columns, widths, strict=True)
    ]


def _share(natural: Sequence[int], room: int) -> list[int] | None:
    """Return widths that fit into `room`: the narrow columns whole, the wide ones in equal parts.

    None where a wide column would get less than is readable.
    """
    widths = list(natural)
    left = room
    for done, index in enumerate(sorted(range(len(natural)), key=natural.__getitem__)):
        part = left // (len(natural) - done)
        if natural[index] > part < _READABLE_WIDTH:
            return None
        widths[index] = min(natural[index], part)
        left -= widths[index]
    return widths


def _natural_width(cell: str) -> int:
    return max(map(cell_len, cell.split("\n")), default=0)


def _cells(row: Row) -> list[str | None]:
    return [None if value is None else printable(to_text(value)) for value in row]


def printable(text: str) -> str:
    """Return `text` with tabs as blanks and every other control character made visible."""
    text = text.replace("\r\n", "\n").replace("\t", " " * _TAB_WIDTH)
    return _CONTROL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def wrap_text(text: str, width: int | None) -> list[str]:
    """Return the lines of `text`, none wider than `width` cells, broken at blanks if possible."""
    lines = text.split("\n")
    if width is None:
        return lines
    return [part for line in lines for part in _wrap_line(line, width)]


def _wrap_line(line: str, width: int) -> Iterator[str]:
    line = line.rstrip()
    if cell_len(line) <= width:
        yield line
        return
    blanks = len(line) - len(line.lstrip())
    indentation = " " * blanks if 2 * blanks <= width else ""
    current = ""
    for word in re.findall(r"\s*\S+", line):
        if cell_len(current + word) <= width:
            current += word
            continue
        if current:
            yield current
        *whole, current = chop_cells(indentation + word.lstrip() if current else word, width)
        yield from whole
    if current:
        yield current
