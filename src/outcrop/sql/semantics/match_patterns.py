"""LIKE, SIMILAR TO and the operators of regular expressions."""

from __future__ import annotations

import re

from sqlglot import exp

from outcrop.errors import InvalidParameter
from outcrop.sql.nodes import position_of
from outcrop.sql.semantics.tree import engine, literal_text, quote

_AT_RUN_TIME = (
    "regexp_full_match($1, '(?s)' || replace(replace("
    "regexp_replace($2, '([.^$])', '\\\\\\1', 'g'), '%', '.*'), '_', '.'))"
)


PATTERNS = (
    exp.Like, exp.ILike, exp.SimilarTo, exp.Escape, exp.RegexpLike, exp.RegexpILike,
)  # fmt: skip
"""The operators that match a pattern."""


def match_patterns(node: exp.Expr) -> exp.Expr:
    r"""Match patterns by Redshift's rules.

    Type: rewriting. Goal: a backslash escapes in LIKE even without ESCAPE; SIMILAR TO has % and _
    beside the signs of a regular expression. Before: `a LIKE 'x\_'`, `a SIMILAR TO '(x|y)%'`.
    After: `a LIKE 'x\_' ESCAPE '\'`, `regexp_full_match(a, '(?s)(x|y).*')`.
    """
    if isinstance(node.parent, exp.Escape) and node.arg_key == "this":
        return node
    if isinstance(node, exp.Like | exp.ILike):
        return _escaped_like(node)
    if isinstance(node, exp.SimilarTo):
        return _similar_to(node, "\\")
    if isinstance(node, exp.Escape) and isinstance(node.this, exp.SimilarTo):
        return _similar_to(node.this, literal_text(node.expression))
    if isinstance(node, exp.RegexpLike):
        return engine("regexp_matches($1, $2)", node.this, node.expression, returns="boolean")
    if isinstance(node, exp.RegexpILike):
        return engine("regexp_matches($1, $2, 'i')", node.this, node.expression, returns="boolean")
    return node


def _escaped_like(node: exp.Like | exp.ILike) -> exp.Expr:
    pattern = literal_text(node.expression)
    if pattern is not None and "\\" not in pattern:
        return node
    operator = "LIKE" if isinstance(node, exp.Like) else "ILIKE"
    if node.args.get("negate"):
        operator = f"NOT {operator}"
    return engine(f"($1 {operator} $2 ESCAPE '\\')", node.this, node.expression, returns="boolean")


def _similar_to(node: exp.SimilarTo, escape: str | None) -> exp.Expr:
    """A pattern that only a row knows is turned at run time, and escapes nothing."""
    pattern = literal_text(node.expression)
    if pattern is None:
        return engine(_AT_RUN_TIME, node.this, node.expression, returns="boolean")
    if escape is None or len(escape) != 1:
        raise InvalidParameter(
            "ESCAPE takes one character",
            hint="Write ESCAPE and one character in single quotes.",
            position=position_of(node),
        )
    part = re.compile(rf"{re.escape(escape)}(.)|([%_])|([.^$\\])|(.)", re.DOTALL)
    regex = quote("(?s)" + part.sub(_as_regex, pattern))
    return engine(f"regexp_full_match($1, {regex})", node.this, returns="boolean")


def _as_regex(part: re.Match[str]) -> str:
    if part[1] is not None:
        return re.escape(part[1])
    if part[2] is not None:
        return ".*" if part[2] == "%" else "."
    if part[3] is not None:
        return "\\" + part[3]
    return part[4]
