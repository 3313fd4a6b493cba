"""Variables of a script, as psql has them: `:name`, `:'name'` and `:"name"`.

`:name` puts the value in as it is, `:'name'` as a string, `:"name"` as an identifier. Strings,
comments and casts (`x::int`) are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from outcrop.errors import InvalidParameter, suggest

_PIECE = re.compile(
    r"""
      :'(?P<string>\w+)' | :"(?P<identifier>\w+)" | (?<![:\w]):(?P<plain>[A-Za-z_]\w*)
    | '(?:[^'\\]|\\.|'')*'? | "(?:[^"]|"")*"?
    | --[^\n]* | /\*.*?(?:\*/|\Z)
    | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)
    | ::
    """,
    re.DOTALL | re.VERBOSE,
)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with the variables put in.

    Raises InvalidParameter for `:'name'` and `:"name"` of a variable that is not set. A plain
    `:name` that is not set stays, since it can be something else than a variable.
    """

    def replace(match: re.Match[str]) -> str:
        if (name := match["string"]) is not None:
            return _quote_string(_value(name, variables))
        if (name := match["identifier"]) is not None:
            return '"' + _value(name, variables).replace('"', '""') + '"'
        if (name := match["plain"]) is not None:
            return variables.get(name, match[0])
        return match[0]

    return _PIECE.sub(replace, text)


def parse_variable(text: str) -> tuple[str, str]:
    """Return the name and the value of `NAME=VALUE`; raises ValueError for anything else."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(f"{text!r} is not NAME=VALUE")
    return name, value


def _value(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise InvalidParameter(
            f"variable {name!r} is not set",
            hint=suggest(name, variables) or f"Give it a value: -v {name}=VALUE.",
        )
    return variables[name]


def _quote_string(value: str) -> str:
    """Return `value` as a string literal; a backslash escapes in ours as it does in Redshift's."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
