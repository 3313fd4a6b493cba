"""A script as tokens: cut into statements at ';', with places as line and column.

The tokenizer is sqlglot's with the rules of our dialect, so that comments, quotes and dollar quotes
are respected; its errors are turned into ours here.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from outcrop.errors import Position, SqlSyntaxError
from outcrop.sql.dialect import Outcrop


@dataclass(frozen=True, slots=True)
class Script:
    """A text with the offsets at which its lines begin."""

    text: str
    line_starts: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Script:
        """Return the script `text`; lines end at a newline."""
        starts = [0]
        at = text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = text.find("\n", at + 1)
        return cls(text, tuple(starts))

    def position(self, offset: int) -> Position:
        """Return the place of the character at `offset`."""
        line = bisect.bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1, offset)

    def source(self, first: Token, last: Token) -> str:
        """Return the text from token `first` to token `last`, both included."""
        return self.text[first.start : last.end + 1]


def tokenize(script: Script) -> list[Token]:
    """Return the tokens of `script`; raises SqlSyntaxError at what no token can begin with."""
    nul = script.text.find("\0")
    if nul >= 0:
        raise SqlSyntaxError(
            "a statement cannot contain the character NUL",
            hint="Remove the character with code 0.",
            position=script.position(nul),
        )
    try:
        return Outcrop().tokenize(script.text)
    except TokenError as error:
        raise _unterminated(script, error) from error


def statements(script: Script, tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of each statement in turn, without its ';'; empty ones are left out."""
    current: list[Token] = []
    for token in tokens:
        if token.token_type is not TokenType.SEMICOLON:
            current.append(token)
        elif current:
            yield current
            current = []
    if current:
        yield current


def _unterminated(script: Script, error: TokenError) -> SqlSyntaxError:
    """Say where the open quote is: sqlglot tells that one is open, and not where."""
    opening = _open_quote(script.text)
    if opening is None:
        return SqlSyntaxError(
            "syntax error: the text cannot be read", hint=str(error).splitlines()[0]
        )
    offset, what, closing = opening
    return SqlSyntaxError(
        f"unterminated {what}",
        hint=f"It begins here and is never closed with {closing}.",
        position=script.position(offset),
    )


_DOLLAR_TAG = re.compile(r"\$\w*\$")
_QUOTED = {"'": "string", '"': "quoted identifier"}


def _open_quote(text: str) -> tuple[int, str, str] | None:
    """Return where the quote or comment begins that is still open at the end of `text`."""
    at = 0
    while at < len(text):
        if text[at] in _QUOTED:
            end = _end_of_quote(text, at)
            if end is None:
                return at, _QUOTED[text[at]], text[at]
            at = end
        elif text[at] == "$" and (tag := _DOLLAR_TAG.match(text, at)):
            closed = text.find(tag[0], tag.end())
            if closed < 0:
                return at, "string", tag[0]
            at = closed + len(tag[0])
        elif text.startswith("--", at):
            at = text.find("\n", at)
            if at < 0:
                return None
        elif text.startswith("/*", at):
            closed = text.find("*/", at + 2)
            if closed < 0:
                return at, "comment", "*/"
            at = closed + 2
        else:
            at += 1
    return None


def _end_of_quote(text: str, start: int) -> int | None:
    """Return the offset after the quote that opens at `start`; None if it never closes."""
    quote = text[start]
    at = start + 1
    while at < len(text):
        if text[at] == "\\" and quote == "'":
            at += 2
        elif text[at] != quote:
            at += 1
        elif text.startswith(quote * 2, at):
            at += 2
        else:
            return at + 1
    return None
