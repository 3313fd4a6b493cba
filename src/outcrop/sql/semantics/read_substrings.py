"""SUBSTRING, TRIM and POSITION, which have a syntax of their own."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.semantics.super_values import super_as_text
from outcrop.sql.semantics.tree import engine, is_super, literal_integer

SUBSTRING_FROM = "substring($1, greatest($2, 1))"
SUBSTRING_FROM_FOR = (
    "substring($1, greatest($2, 1), greatest($2 + greatest($3, 0) - greatest($2, 1), 0))"
)

_TRIM_FUNCTIONS = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim", "": "trim"}


def read_substrings(node: exp.Expr) -> exp.Expr:
    """Read parts of a text by Redshift's rules.

    Type: rewriting. Goal: a start before the first character counts the characters that are not
    there, where the engine counts from the end. Before: `substring('abc', -1, 3)`. After:
    `substring('abc', greatest(-1, 1), ...)`, which is `a`.
    """
    match node:
        case exp.Substring():
            return _substring(node)
        case exp.Trim():
            arguments = [_text(node.this)]
            if node.expression is not None:
                arguments.append(_text(node.expression))
            places = ", ".join(f"${index + 1}" for index in range(len(arguments)))
            function = _TRIM_FUNCTIONS[(node.args.get("position") or "").upper()]
            return engine(f"{function}({places})", *arguments, returns="varchar")
        case exp.StrPosition():
            needle = node.args["substr"]
            text = "CAST(instr($1, $2) AS INTEGER)"
            return engine(text, _text(node.this), _text(needle), returns="integer")
        case _:
            return node


def _substring(node: exp.Substring) -> exp.Expr:
    start = node.args.get("start") or exp.Literal.number(1)
    length = node.args.get("length")
    starts_inside = (literal_integer(start) or 0) >= 1
    if length is None:
        text = "substring($1, $2)" if starts_inside else SUBSTRING_FROM
        return engine(text, _text(node.this), start, returns="varchar")
    text = "substring($1, $2, greatest($3, 0))" if starts_inside else SUBSTRING_FROM_FOR
    return engine(text, _text(node.this), start, length, returns="varchar")


def _text(value: exp.Expr) -> exp.Expr:
    return super_as_text(value) if is_super(value) else value
