"""Errors and notices as text, laid out as psql lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from outcrop.cli.table import printable
from outcrop.cli.terminal import Style, Terminal

if TYPE_CHECKING:
    from outcrop.errors import Error, Position
    from outcrop.execution.result import Notice

_EXCERPT_WIDTH = 80
_MARGIN = 20
_NOTICE_STYLES = {"WARNING": Style.YELLOW}


def format_error(error: Error, text: str, terminal: Terminal) -> str:
    """Return the lines of `error`, with the piece of the script `text` that it points to.

    The order is psql's with SQLSTATEs shown: the message, the place, the detail, the hint.
    """
    heading = terminal.paint("ERROR:", Style.RED)
    lines = [f"{heading}  {error.sqlstate}: {printable(error.message)}"]
    if error.position is not None:
        lines += _excerpt(text, error.position, terminal)
    if error.detail:
        lines.append(f"DETAIL:  {printable(error.detail)}")
    if error.hint:
        lines.append(f"{terminal.paint('HINT:', Style.CYAN)}  {printable(error.hint)}")
    return "\n".join(lines) + "\n"


def format_notice(notice: Notice, terminal: Terminal) -> str:
    """Return the lines of `notice`."""
    style = _NOTICE_STYLES.get(notice.severity, Style.CYAN)
    lines = [f"{terminal.paint(notice.severity + ':', style)}  {printable(notice.message)}"]
    if notice.hint:
        lines.append(f"HINT:  {printable(notice.hint)}")
    return "\n".join(lines) + "\n"


def _excerpt(text: str, position: Position, terminal: Terminal) -> list[str]:
    """Return the line that `position` is on and a caret below it; a long line is cut around it."""
    lines = text.split("\n")
    if position.line > len(lines):
        return []
    line = lines[position.line - 1].replace("\t", " ").rstrip()
    before, after = line[: position.column - 1], line[position.column - 1 :]
    label = f"LINE {position.line}: "
    room = (terminal.width or _EXCERPT_WIDTH) - len(label)
    if cell_len(before) > room - _MARGIN:
        before = "..." + before[-max(room // 2, 1) :]
    if cell_len(before + after) > room:
        after = after[: max(room - cell_len(before) - 3, 1)] + "..."
    caret = " " * (len(label) + cell_len(before)) + "^"
    return [label + printable(before + after), terminal.paint(caret, Style.RED)]
