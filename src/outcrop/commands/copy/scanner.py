"""Records of CSV and of delimited text, one field after another: exact, and able to explain.

This is the definition of the formats. `delimited.py` reads faster where that gives the same.
A record ends with LF or CR LF; a CR elsewhere is data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from outcrop.commands.copy.options import CopyOptions, Format

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_END = re.compile(r"\r?\n")


# What decoding with `surrogateescape` makes of a byte that is no UTF-8.
_UNDECODED = re.compile("[\udc80-\udcff]")


def replace_undecoded(text: str, character: str) -> str:
    """Put `character` for each byte that was no UTF-8 in `text`, as ACCEPTINVCHARS does."""
    return _UNDECODED.sub(character, text)


class Incomplete(Exception):
    """The text ends before the record does."""


class Malformed(Exception):
    """The record is not in the format; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its fields (None: NULL AS's text), or what is wrong with it; where it ends."""

    fields: tuple[str | None, ...]
    end: int
    problem: str | None = None


class Scanner:
    """Cuts text into records by the options of one COPY."""

    def __init__(self, options: CopyOptions) -> None:
        self._delimiter = options.delimiter
        self._null_text = options.null_text
        self._is_csv = options.format is Format.CSV
        self._is_escaped = options.is_escaped
        delimiter, quote = re.escape(options.delimiter), re.escape(options.quote)
        self._quotes = options.quote if self._is_csv else "'\"" if options.remove_quotes else ""
        self._quoted_csv = re.compile(f"{quote}((?:[^{quote}]++|{quote}{quote})*+){quote}")
        content = r"(?:[^\\\n]|\\.)*?" if options.is_escaped else r"[^\n]*?"
        self._quoted_text = {
            q: re.compile(rf"{q}({content}){q}(?=\r?\n|\Z|{delimiter})", re.DOTALL) for q in "'\""
        }
        if len(options.delimiter) == 1:
            other = rf"[^{delimiter}\r\n\\]" if options.is_escaped else rf"[^{delimiter}\r\n]"
        else:
            other = (
                rf"(?!{delimiter})[^\r\n\\]" if options.is_escaped else rf"(?!{delimiter})[^\r\n]"
            )
        escape = r"|\\." if options.is_escaped else ""
        plain = rf"(?:(?:{other})++|\r(?!\n){escape})*+"
        self._plain = re.compile(plain, re.DOTALL)

    def scan(self, text: str, start: int, *, is_last: bool) -> Record:
        """Return the record at `start`; a malformed one ends at the end of its line.

        Raises Incomplete if more text is needed, which there is unless `is_last`.
        """
        fields: list[str | None] = []
        position = start
        try:
            while True:
                value, position = self._scan_field(text, position)
                fields.append(value)
                if text.startswith(self._delimiter, position):
                    position += len(self._delimiter)
                    continue
                end = _END.match(text, position)
                if end is None:
                    raise (
                        Incomplete
                        if position >= len(text)
                        else Malformed("text follows a closing quotation mark")
                    )
                return Record(tuple(fields), end.end())
        except (Incomplete, Malformed) as error:
            if isinstance(error, Incomplete) and not is_last:
                raise
            line_end = text.find("\n", start)
            if line_end < 0 and not is_last:
                raise Incomplete from error
            reason = str(error) or "the record does not end: a quotation mark is not closed"
            return Record((), len(text) if line_end < 0 else line_end + 1, reason)

    def _scan_field(self, text: str, position: int) -> tuple[str | None, int]:
        first = text[position : position + 1]
        if first and first in self._quotes:
            if self._is_csv:
                return self._scan_quoted_csv(text, position)
            return self._scan_quoted_text(text, position, first)
        found = self._plain.match(text, position)
        raw = found[0] if found else ""
        end = position + len(raw)
        if self._is_csv and self._quotes in raw:
            raise Malformed("a quotation mark stands within a field that does not begin with one")
        if self._is_escaped and text.startswith("\\", end):
            raise Incomplete  # the escaped character is not here yet
        return self._value(raw), end

    def _scan_quoted_csv(self, text: str, position: int) -> tuple[str | None, int]:
        found = self._quoted_csv.match(text, position)
        if found is None:
            raise Incomplete
        value = found[1].replace(self._quotes * 2, self._quotes)
        return None if value == self._null_text else value, found.end()

    def _scan_quoted_text(self, text: str, position: int, quote: str) -> tuple[str | None, int]:
        found = self._quoted_text[quote].match(text, position)
        if found is None:
            raise Malformed(f"a field begins with {quote} and does not end with it")
        return self._value(found[1]), found.end()

    def _value(self, raw: str) -> str | None:
        if raw == self._null_text:
            return None
        return _ESCAPED.sub(r"\1", raw) if self._is_escaped and "\\" in raw else raw
