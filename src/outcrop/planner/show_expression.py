"""An expression of a plan as the user wrote it, as near as can be."""

from __future__ import annotations

import re

from sqlglot import exp

from outcrop.planner.selectivity import Scope, facts_of
from outcrop.sql.duckdb_dialect import OutcropDuckDB

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_NODES_MAX = 40
SHOWN_CHARACTERS_MAX = 400


def shown(node: exp.Expr, scope: Scope) -> exp.Expr:
    """Return `node` with every column of the plan's own replaced by what it stands for.

    A column is shown without its relation; where this would grow without bound, by its name.
    """

    def replaced(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Query):
            return exp.Var(this="(SubPlan)")
        if not isinstance(part, exp.Column):
            return part
        facts = facts_of(part, scope)
        if facts is None or sum(1 for _ in facts.shown.walk()) > _NODES_MAX:
            return plain_column(part.name)
        value = facts.shown.copy()
        return exp.Paren(this=value) if isinstance(value, exp.Binary) else value

    return node.copy().transform(replaced)


def plain_column(name: str) -> exp.Column:
    """Return a column by its name alone, quoted only where it must be."""
    return exp.column(exp.to_identifier(name, quoted=_PLAIN_NAME.fullmatch(name) is None))


def shown_text(node: exp.Expr, scope: Scope) -> str:
    """Return an expression as a line of EXPLAIN shows it."""
    sql = OutcropDuckDB().generate(shown(node, scope), copy=False, normalize_functions=False)
    text = " ".join(sql.split())
    if len(text) <= SHOWN_CHARACTERS_MAX:
        return text
    return text[:SHOWN_CHARACTERS_MAX] + "..."
