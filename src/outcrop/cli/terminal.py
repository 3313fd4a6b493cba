"""What an output stream is attached to: its width, whether it shows colour and line drawing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

_RESET = "\x1b[0m"


class Style(StrEnum):
    """The few styles that we use, as ANSI codes: a terminal's own theme chooses the shades."""

    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"
    RED = "\x1b[1;31m"
    GREEN = "\x1b[32m"
    YELLOW = "\x1b[33m"
    CYAN = "\x1b[36m"


@dataclass(frozen=True, slots=True)
class Terminal:
    """How a stream can be written to.

    `width` is None where the stream is no terminal (and COLUMNS is not exported): nothing is
    wrapped then. `has_cursor` tells whether a line can be erased and written again.
    """

    width: int | None = None
    has_color: bool = False
    is_unicode: bool = True
    has_cursor: bool = False

    def paint(self, text: str, style: Style) -> str:
        """Return `text` in `style`, or as it is where there is no colour."""
        return f"{style}{text}{_RESET}" if self.has_color and text else text


def terminal_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Terminal:
    """Return what `stream` is attached to; NO_COLOR and TERM=dumb are respected."""
    is_unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    if not stream.isatty():
        columns = environment.get("COLUMNS", "")
        return Terminal(int(columns) if columns.isdecimal() else None, is_unicode=is_unicode)
    has_cursor = environment.get("TERM") != "dumb"
    has_color = has_cursor and not environment.get("NO_COLOR")
    return Terminal(shutil.get_terminal_size().columns, has_color, is_unicode, has_cursor)
