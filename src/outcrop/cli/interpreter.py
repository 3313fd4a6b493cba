"""Runs scripts in a session and shows what they give: results on stdout, the rest on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from outcrop.cli.edge import attempt
from outcrop.cli.foreground import Foreground
from outcrop.cli.formats import Format, write_rows
from outcrop.cli.messages import Messages
from outcrop.cli.table import Row
from outcrop.cli.terminal import Terminal

if TYPE_CHECKING:
    from outcrop.execution.result import Result, ResultColumn
    from outcrop.session import Session

# How many rows are fetched at a time, so that Ctrl-C is heard and little is held in memory.
_FETCH_ROWS = 1_000


@dataclass(slots=True)
class View:
    """How results are shown; the shell's backslash commands change it.

    `is_spaced` puts a blank line after a tag, as there is one after a table.
    """

    output: Format = Format.TABLE
    is_expanded: bool = False
    is_timing: bool = False
    is_spaced: bool = False


@dataclass(slots=True)
class Interpreter:
    """Runs scripts, one statement after the other, and shows each result as it comes."""

    session: Session
    foreground: Foreground
    messages: Messages
    out: TextIO
    terminal: Terminal
    view: View = field(default_factory=View)

    def run(self, script: str) -> bool:
        """Run `script` up to its first error, which is reported; return whether there was none.

        Raises KeyboardInterrupt where Ctrl-C came too late to stop the statement that ran.
        """
        self.foreground.forget_interrupts()
        return attempt(lambda: self._run(script), self.messages, script)

    def show(self, columns: Sequence[ResultColumn], rows: Iterable[Row]) -> None:
        """Show rows in the view's format."""
        write_rows(
            self.out,
            self.terminal,
            self.view.output,
            columns,
            rows,
            is_expanded=self.view.is_expanded,
        )
        self.out.flush()

    def _run(self, script: str) -> None:
        results = self.session.run_script(script)
        started = time.perf_counter()
        while (result := self.foreground.call(lambda: next(results, None))) is not None:
            self._show_result(result)
            if self.view.is_timing:
                self.messages.remark(f"Time: {time.perf_counter() - started:.3f} s")
            if self.foreground.was_interrupted:
                raise KeyboardInterrupt
            started = time.perf_counter()

    def _show_result(self, result: Result) -> None:
        with closing(result):
            if result.columns:
                self.show(result.columns, self._fetch(result))
            elif self.view.output is Format.TABLE:
                self.out.write(_tag(result) + ("\n\n" if self.view.is_spaced else "\n"))
                self.out.flush()

    def _fetch(self, result: Result) -> Iterator[Row]:
        rows = result.rows()
        while chunk := self.foreground.call(lambda: list(islice(rows, _FETCH_ROWS))):
            yield from chunk


def _tag(result: Result) -> str:
    """Return what a statement without rows says: its tag, and how many rows it changed."""
    return result.tag if result.rowcount < 0 else f"{result.tag} {result.rowcount}"
