"""From tokens to sqlglot's trees, with sqlglot's errors turned into ours.

What sqlglot accepts and Redshift does not know is refused by `sql/supported.py`, which also notes
on every identifier how it was typed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.tokenizer_core import Token, TokenType

from outcrop.datatypes import TYPES
from outcrop.errors import FeatureNotSupported, SqlSyntaxError, suggest
from outcrop.sql.dialect import Outcrop, OutcropParser
from outcrop.sql.script import Script
from outcrop.sql.supported import check_tree

NESTING_MAX = 100
"""How deep parentheses, brackets and CASE may nest."""

STACK_FRAMES = 6_000
"""Python's recursion limit while we parse: sqlglot takes about 23 frames a level of nesting. From
Python 3.11 on, such frames do not use the C stack, so that a high limit is safe.
"""

_TYPE_NAMES = tuple(alias for facts in TYPES.values() for alias in facts.aliases)

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END})


def parse_tree(script: Script, tokens: Sequence[Token]) -> exp.Expr:
    """Return the tree of one statement of DML or of one query."""
    return _parse(script, tokens, None)


def parse_query(script: Script, tokens: Sequence[Token]) -> exp.Query:
    """Return the tree of a query; parentheses around all of it are dropped."""
    tokens = strip_parentheses(tokens)
    tree = _parse(script, tokens, None)
    if not isinstance(tree, exp.Query):
        raise _error_at(script, tokens[0], "Expected a query.")
    return tree


def parse_expression(script: Script, tokens: Sequence[Token]) -> exp.Expression:
    """Return the tree of an expression without a query around it."""
    tree = _parse(script, tokens, exp.Condition)
    if not isinstance(tree, exp.Expression):
        raise _error_at(script, tokens[0], "Expected an expression.")
    return tree


def parse_type(script: Script, tokens: Sequence[Token]) -> exp.DataType:
    """Return the type that `tokens` name."""
    try:
        tree = _parse(script, tokens, exp.DataType)
    except SqlSyntaxError as error:
        name = script.source(tokens[0], tokens[-1])
        raise SqlSyntaxError(
            f"type {name!r} does not exist",
            hint=suggest(name, _TYPE_NAMES) or "Types are integer, varchar(n), super ...",
            position=script.position(tokens[0].start),
        ) from error
    if not isinstance(tree, exp.DataType):
        raise _error_at(script, tokens[0], "Expected a type.")
    return tree


def strip_parentheses(tokens: Sequence[Token]) -> Sequence[Token]:
    """Drop the parentheses that enclose all of `tokens`."""
    while len(tokens) > 2 and _closing_index(tokens) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def _closing_index(tokens: Sequence[Token]) -> int:
    """Return the index of the parenthesis that closes the first token; -1 if none does."""
    if tokens[0].token_type is not TokenType.L_PAREN:
        return -1
    depth = 0
    for index, token in enumerate(tokens):
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
            if depth == 0:
                return index
    return -1


def _parse(script: Script, tokens: Sequence[Token], into: type[exp.Expr] | None) -> exp.Expr:
    if sys.getrecursionlimit() < STACK_FRAMES:
        # Never lowered again, since another thread may be parsing.
        sys.setrecursionlimit(STACK_FRAMES)
    parser = OutcropParser(dialect=Outcrop())
    try:
        if into is None:
            trees = parser.parse(list(tokens), script.text)
        else:
            trees = parser.parse_into(into, list(tokens), script.text)
    except ParseError as error:
        raise _translate(script, tokens, parser, error) from error
    except RecursionError as error:
        raise _too_deep(script, tokens[0]) from error
    tree = trees[0]
    if tree is None:
        raise _error_at(script, tokens[0], "Expected an expression.")
    return check_tree(tree, script, script.position(tokens[0].start))


def check_nesting(script: Script, tokens: Sequence[Token]) -> None:
    """Refuse a statement that nests deeper than can be parsed."""
    depth = 0
    for token in tokens:
        if token.token_type in _OPENING:
            depth += 1
            if depth > NESTING_MAX:
                raise _too_deep(script, token)
        elif token.token_type in _CLOSING:
            depth -= 1


def _too_deep(script: Script, token: Token) -> FeatureNotSupported:
    return FeatureNotSupported(
        "the statement nests too deeply",
        hint=f"At most {NESTING_MAX} levels are supported; use WITH to name the inner parts.",
        position=script.position(token.start),
    )


def _translate(
    script: Script, tokens: Sequence[Token], parser: OutcropParser, error: ParseError
) -> SqlSyntaxError:
    description = str(error.errors[0].get("description") or "") if error.errors else ""
    hint = _plain_words(description)
    if parser.failed_at:
        return _error_at(script, parser.failed_at, hint)
    return SqlSyntaxError(
        "syntax error at end of input",
        hint=hint,
        position=script.position(tokens[-1].end + 1),
    )


def _error_at(script: Script, token: Token, hint: str) -> SqlSyntaxError:
    return SqlSyntaxError(
        f"syntax error at or near {script.source(token, token)!r}",
        hint=hint,
        position=script.position(token.start),
    )


def _plain_words(description: str) -> str:
    """Say sqlglot's message without the names of its classes."""
    if "Unexpected token" in description or not description:
        return "The statement could not be read from here on."
    if description.startswith("Required"):
        return "Something is missing before this place."
    description = description.partition(" but got <")[0]
    return f"{description.replace('Expecting', 'Expected').rstrip('.')}."
