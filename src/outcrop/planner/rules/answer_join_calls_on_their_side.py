"""Answer a model predicate of an outer join's ON on the relation that its arguments come from.

Type:   block rewrite
Goal:   an outer join may ask a model about one of its sides.
Before: SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x'
After:  SELECT t.i FROM t LEFT JOIN (SELECT u.i, f(u.b) AS _y1 FROM u) AS u
        ON t.i = u.i AND u._y1 = 'x'

A call of constants is answered on the side that is joined. Does not fire where a call's arguments
come from both sides; such a query is refused.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    join_conditions,
    own_columns,
    source_names,
    upper_clauses,
)
from outcrop.planner.model_call import ModelCall, calls_in_scope


def answer_join_calls_on_their_side(block: exp.Select, names: Names) -> None:
    """Rewrite the ON of `block`'s joins that still hold calls."""
    for join in block.args.get("joins") or []:
        condition = join.args.get("on")
        for call in list(calls_in_scope(condition)):
            tables = {column.table for column in own_columns(call, source_names(block))}
            tables = tables or {join.alias_or_name}
            if len(tables) == 1 and call.find_ancestor(ModelCall) is None:
                _answer_below(block, call, tables.pop(), names)


def _answer_below(block: exp.Select, call: ModelCall, table: str, names: Names) -> None:
    source = _source(block, table)
    answer = names.fresh("y")
    parts = (*upper_clauses(block), *join_conditions(block))
    read = {column.name for part in parts for column in own_columns(part, {table})}
    side = exp.Select(
        expressions=[
            *(
                exp.alias_(exp.column(name, table=table, quoted=True), name, quoted=True)
                for name in sorted(read)
            ),
            exp.alias_(call.copy(), answer, quoted=True),
        ]
    )
    column = exp.column(answer, table=table, quoted=True)
    column.type = call.type
    call.replace(column)
    replacement = exp.Subquery(alias=exp.TableAlias(this=exp.to_identifier(table, quoted=True)))
    source.replace(replacement)
    side.set("from_", exp.From(this=source))
    replacement.set("this", side)


def _source(block: exp.Select, table: str) -> exp.Expr:
    candidates: list[exp.Expr] = [
        block.args["from_"].this,
        *(join.this for join in block.args["joins"]),
    ]
    return next(source for source in candidates if source.alias_or_name == table)
