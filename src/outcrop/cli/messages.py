"""Everything that goes to stderr: notices, errors, remarks and the line of progress."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TextIO

from outcrop.cli.report import format_error, format_notice
from outcrop.cli.terminal import Terminal

if TYPE_CHECKING:
    from outcrop.errors import Error
    from outcrop.execution.result import Notice

_ERASE_LINE = "\r\x1b[2K"


class Messages:
    """Writes whole messages to stderr, from any thread.

    The line of progress is the last line of a terminal; it is erased before anything else is
    written, so that no message is mixed with it.
    """

    def __init__(self, stream: TextIO, terminal: Terminal) -> None:
        self.terminal = terminal
        self._stream = stream
        self._lock = threading.Lock()
        self._has_progress = False

    def notice(self, notice: Notice) -> None:
        """Write a notice of the session."""
        self._write(format_notice(notice, self.terminal))

    def error(self, error: Error, text: str = "") -> None:
        """Write an error, with the piece of the script `text` that it points to."""
        self._write(format_error(error, text, self.terminal))

    def remark(self, text: str) -> None:
        """Write a line of our own."""
        self._write(text + "\n")

    def show_progress(self, line: str) -> None:
        """Show `line`, which fits the terminal, in place of the line of progress before it."""
        with self._lock:
            self._stream.write(_ERASE_LINE + line)
            self._stream.flush()
            self._has_progress = True

    def clear_progress(self) -> None:
        """Erase the line of progress, if there is one."""
        self._write("")

    def _write(self, text: str) -> None:
        with self._lock:
            if self._has_progress:
                self._stream.write(_ERASE_LINE)
                self._has_progress = False
            self._stream.write(text)
            self._stream.flush()
