"""A query over an answered relation, for some of its rows at a time."""

from __future__ import annotations

from uuid import uuid4

from sqlglot import exp

from outcrop.catalog.objects import Volatility
from outcrop.planner.plan import FilterInBatches, Infer, StagedCall
from outcrop.sql.duckdb_dialect import render


class Portions:
    """The SQL of a query that takes the rows of a stage's relation one by one, for some of them.

    The query is rendered once: what differs from portion to portion is two numbers.
    """

    def __init__(self, query: exp.Query, stage: Infer | FilterInBatches) -> None:
        after, upto = (f"_{uuid4().hex}" for _ in range(2))
        restricted = _restricted(query, stage, after, upto)
        self._before, rest = render(restricted).split(after)
        self._between, self._behind = rest.split(upto)

    def sql(self, after: int, upto: int) -> str:
        """Return the query for the rows behind number `after`, up to number `upto`."""
        return f"{self._before}{after}{self._between}{upto}{self._behind}"


def _restricted(
    query: exp.Query, stage: Infer | FilterInBatches, after: str, upto: str
) -> exp.Query:
    restricted = query.copy()
    relation, number = stage.relation, exp.column(stage.row, quoted=True)
    for table in list(restricted.find_all(exp.Table)):
        if table.name == relation and not table.db:
            rows = exp.select("*").from_(exp.Table(this=exp.to_identifier(relation, quoted=True)))
            rows = rows.where(number > exp.Var(this=after), number <= exp.Var(this=upto))
            alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True))
            table.replace(exp.Subquery(this=rows, alias=alias))
    return restricted


def new_ids_sql(call: StagedCall, stage: Infer, after: int) -> str:
    """Return the statement that stores the distinct arguments which rows behind `after` add."""
    distinct = call.distinct.copy()
    assert isinstance(distinct, exp.Select)
    distinct.where(exp.column(stage.row, quoted=True) > exp.Literal.number(after), copy=False)
    found = f"SELECT n.* FROM ({render(distinct)}) AS n"
    if call.model.volatility is not Volatility.VOLATILE:
        matches = " AND ".join(
            f'd."{key.name}" IS NOT DISTINCT FROM n."{key.name}"' for key in distinct.selects[1:]
        )
        found += f' WHERE NOT EXISTS (SELECT 1 FROM "{call.ids}" AS d WHERE {matches})'
    return f'INSERT INTO "{call.ids}" {found}'
