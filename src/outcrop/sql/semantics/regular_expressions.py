"""REGEXP_REPLACE, REGEXP_SUBSTR, REGEXP_COUNT and REGEXP_INSTR.

The engine's expressions are RE2's: no look-ahead (Redshift's parameter `p`). A position in the
text where matching begins is Redshift's third or fourth argument.
"""

from __future__ import annotations

import re

from sqlglot import exp

from outcrop.errors import FeatureNotSupported
from outcrop.sql.nodes import RedshiftFunction, position_of
from outcrop.sql.semantics.tree import engine, literal_integer, literal_text

_REFERENCE = re.compile(r"\$(\d)")


def replace_matches(node: RedshiftFunction, arguments: list[exp.Expr]) -> exp.Expr:
    """REGEXP_REPLACE(text, pattern [, replacement [, position [, parameters]]]): all matches."""
    replacement = arguments[2] if len(arguments) > 2 else exp.Literal.string("")
    literal = literal_text(replacement)
    if literal is not None:
        replacement = exp.Literal.string(_REFERENCE.sub(r"\\\1", literal))
    flags = "g" + _flags(node, arguments, 4)
    start = _start(arguments, 3)
    text = f"regexp_replace($1, $2, $3, '{flags}')"
    if start != 1:
        text = f"(left($1, {start - 1}) || regexp_replace(substr($1, {start}), $2, $3, '{flags}'))"
    return engine(text, arguments[0], arguments[1], replacement, returns="varchar")


def select_match(node: RedshiftFunction, arguments: list[exp.Expr]) -> exp.Expr:
    """REGEXP_SUBSTR(text, pattern [, position [, occurrence [, parameters]]]); '' if none."""
    occurrence = literal_integer(arguments[3]) if len(arguments) > 3 else 1
    flags = _flags(node, arguments, 4)
    group = 1 if "e" in (literal_text(arguments[4]) or "" if len(arguments) > 4 else "") else 0
    matches = f"regexp_extract_all({_from(arguments, 2)}, $2, {group}, '{flags}')"
    return engine(
        f"CASE WHEN $1 IS NOT NULL THEN coalesce(list_extract({matches}, {occurrence}), '') END",
        arguments[0],
        arguments[1],
        returns="varchar",
    )


def count_matches(node: RedshiftFunction, arguments: list[exp.Expr]) -> exp.Expr:
    """REGEXP_COUNT(text, pattern [, position [, parameters]])."""
    flags = _flags(node, arguments, 3)
    matches = f"regexp_extract_all({_from(arguments, 2)}, $2, 0, '{flags}')"
    return engine(f"CAST(len({matches}) AS INTEGER)", *arguments[:2], returns="integer")


def find_match(node: RedshiftFunction, arguments: list[exp.Expr]) -> exp.Expr:
    """REGEXP_INSTR(text, pattern): where the first match begins, 0 if there is none."""
    return engine(
        "CASE WHEN regexp_matches($1, $2) THEN CAST(length(string_split_regex($1, $2)[1]) + 1 "
        "AS INTEGER) WHEN $1 IS NOT NULL THEN 0 END",
        *arguments,
        returns="integer",
    )


def _from(arguments: list[exp.Expr], index: int) -> str:
    start = _start(arguments, index)
    return "$1" if start == 1 else f"substr($1, {start})"


def _start(arguments: list[exp.Expr], index: int) -> int:
    start = literal_integer(arguments[index]) if len(arguments) > index else 1
    if start is None or start < 1:
        raise FeatureNotSupported(
            "the position of a regular expression must be a literal from 1",
            hint="Cut the text with SUBSTRING instead.",
            position=position_of(arguments[index]),
        )
    return start


def _flags(node: RedshiftFunction, arguments: list[exp.Expr], index: int) -> str:
    """Return the engine's flags for Redshift's parameters; `c` and `e` need none."""
    if len(arguments) <= index:
        return ""
    parameters = literal_text(arguments[index])
    if parameters is None or set(parameters) - set("cie"):
        raise FeatureNotSupported(
            f"{node.name.upper()} takes the parameters c, e and i, as a literal string",
            hint="Perl-compatible expressions (p) are not supported.",
            position=position_of(node),
        )
    return "i" if "i" in parameters else ""
