"""Errors and notices as text, laid out as psql lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from outcrop.cli.table import printable, wrap_text
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
    lines = _labelled("ERROR", f"{error.sqlstate}: {error.message}", terminal, Style.RED)
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
    lines = _labelled(notice.severity, notice.message, terminal, style)
    if notice.hint:
        lines.append(f"HINT:  {printable(notice.hint)}")
    return "\n".join(lines) + "\n"


def _labelled(label: str, message: str, terminal: Terminal, style: Style) -> list[str]:
    """Return `LABEL:  message`, on a terminal with its further lines below the first.

    Hints are not wrapped, since they hold commands that users copy.
    """
    room = None if terminal.width is None else max(terminal.width - len(label) - 3, _MARGIN)
    first, *rest = wrap_text(printable(message), room)
    indent = " " * (len(label) + 3)
    return [f"{terminal.paint(label + ':', style)}  {first}", *(indent + line for line in rest)]


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
