"""Write VALUES in FROM as a union of SELECTs, where it calls a model.

Type:   query rewrite
Goal:   calls stand in select lists, where other rules and the stager look for them.
Before: SELECT v.c FROM (VALUES (f('a')), ('b')) AS v(c)
After:  SELECT v.c FROM (SELECT f('a') AS c UNION ALL SELECT 'b' AS c) AS v

Comes first.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import SqlSyntaxError
from outcrop.planner.model_call import has_call
from outcrop.sql.nodes import position_of


def write_values_as_union(query: exp.Query) -> exp.Query:
    """Return `query` with a union in place of each VALUES that calls a model."""
    for values in list(query.find_all(exp.Values)):
        if has_call(values) and isinstance(values.parent, exp.From | exp.Join):
            alias = values.args["alias"]
            names = [column.name for column in alias.columns]
            _check_widths(values, names)
            union = exp.Subquery(
                this=_union(values, names), alias=exp.TableAlias(this=alias.this.copy())
            )
            values.replace(union)
    return query


def _check_widths(values: exp.Values, names: list[str]) -> None:
    for row in values.expressions:
        if len(row.expressions) != len(names):
            raise SqlSyntaxError(
                f"a row of VALUES has {len(row.expressions)} values for {len(names)} columns",
                position=position_of(row),
            )


def _union(values: exp.Values, names: list[str]) -> exp.Query:
    first, *others = (
        exp.select(
            *(
                exp.alias_(value.copy(), name, quoted=True)
                for name, value in zip(names, row.expressions, strict=True)
            )
        )
        for row in values.expressions
    )
    query: exp.Query = first
    for other in others:
        query = exp.union(query, other, distinct=False, copy=False)
    return query
