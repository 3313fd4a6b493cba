"""Options that stand after a statement in any order, as COPY and UNLOAD have them.

Their arguments are kept as typed, backslashes included, but for DELIMITER, whose escapes are
resolved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from outcrop.errors import Position, SqlSyntaxError
from outcrop.sql.tokens import TokenCursor

FORMAT = "FORMAT"

_SWITCH_WORDS = ("ON", "OFF", "TRUE", "FALSE", "PRESET")


class Argument(StrEnum):
    """What follows an option's name."""

    NONE = "nothing"
    STRING = "a string"
    MAYBE_STRING = "maybe a string"
    NUMBER = "a number"
    WORD = "a word or a string"
    SWITCH = "maybe ON or OFF"
    ROLE = "DEFAULT or an ARN"


@dataclass(slots=True)
class Options:
    """The options of a statement as they are read, and where each of them stands."""

    statement: str
    values: dict[str, str | bool] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)

    def add(self, name: str, value: str | bool, position: Position) -> None:
        """Take an option; raises SqlSyntaxError where it is given already."""
        if name in self.values:
            raise SqlSyntaxError(
                f"option {name!r} of {self.statement} is given more than once"
                if name != FORMAT
                else f"{self.statement} has one format only, and {self.values[name]} is given "
                "already",
                hint="Remove one of them.",
                position=position,
            )
        self.values[name] = value
        self.positions[name] = position

    def conflict(self, name: str, other: str) -> SqlSyntaxError:
        """Return the error of a given option that cannot stand beside `other`."""
        return SqlSyntaxError(
            f"option {name!r} of {self.statement} cannot be used with {other!r}",
            hint=f"Remove {name} or {other}.",
            position=self.positions[name],
        )


def parse_argument(cursor: TokenCursor, name: str, kind: Argument) -> str | bool:
    """Parse what follows the name of an option; True where nothing does."""
    if kind is Argument.NONE:
        return True
    if kind is Argument.SWITCH:
        return cursor.accept_one_of(*_SWITCH_WORDS) or True
    cursor.accept("AS")
    if kind is Argument.ROLE and cursor.accept("DEFAULT"):
        return "default"
    text = cursor.accept_raw_string()
    if text is not None:
        return _argument_text(name, text)
    match kind:
        case Argument.MAYBE_STRING:
            return True
        case Argument.NUMBER:
            return cursor.number(f"a number for {name}")
        case Argument.WORD:
            return cursor.identifier_or_word(f"a value for {name}").lower()
        case _:
            raise cursor.error(f"expected {kind} for {name}, in single quotes")


def _argument_text(name: str, text: str) -> str:
    if name == "DELIMITER":
        return _resolve_escapes(text)
    return text.replace("\\\\", "\\") if name == "NULL" else text


_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|(.))", re.DOTALL)
_NAMED_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}


def _resolve_escapes(text: str) -> str:
    r"""Replace `\t` and octal codes such as `\001` (or `\\001`) by their characters."""

    def replace(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 8))
        return _NAMED_ESCAPES.get(found[2], found[2])

    return _ESCAPE.sub(replace, re.sub(r"\\\\(?=[0-7tnr])", r"\\", text))
