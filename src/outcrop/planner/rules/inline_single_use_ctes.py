"""Put a common table expression that is read once in the place where it is read.

Type:   query rewrite
Goal:   predicates and limits reach the CTE's rows before a model does; one that is read twice
        stays, and is stored once; one that is not read at all goes, with its calls.
Before: WITH c AS (SELECT p FROM t) SELECT f(p) FROM c LIMIT 2
After:  SELECT f(p) FROM (SELECT p FROM t) AS c LIMIT 2
"""

from __future__ import annotations

from collections import Counter

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope


def inline_single_use_ctes(query: exp.Query) -> exp.Query:
    """Return `query` with every CTE that is read exactly once turned into a derived table."""
    while (cte := _read_at_most_once(query)) is not None:
        _inline(query, cte)
    return query


def cte_readers(query: exp.Query) -> dict[int, list[exp.Table]]:
    """Return the tables that read each CTE, by the identity of the CTE's query."""
    readers: dict[int, list[exp.Table]] = {}
    for scope in traverse_scope(query):
        for table in scope.tables:
            source = scope.sources.get(table.alias_or_name)
            if source is not None and not isinstance(source, exp.Table) and not table.db:
                readers.setdefault(id(source.expression), []).append(table)
    return readers


def _read_at_most_once(query: exp.Query) -> exp.CTE | None:
    readers = cte_readers(query)
    counts = Counter({key: len(tables) for key, tables in readers.items()})
    for with_ in query.find_all(exp.With):
        if with_.recursive:
            continue
        ctes: list[exp.CTE] = with_.expressions
        for cte in ctes:
            if counts[id(cte.this)] <= 1 and not cte.args.get("materialized"):
                return cte
    return None


def _inline(query: exp.Query, cte: exp.CTE) -> None:
    """Drop `cte` from its WITH, and put it in the place of the table that reads it, if any does."""
    with_ = cte.parent
    for table in cte_readers(query).get(id(cte.this), []):
        replacement = exp.Subquery(
            this=cte.this,
            alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True)),
        )
        for key in ("joins", "laterals", "pivots"):
            if value := table.args.get(key):
                replacement.set(key, value)
        table.replace(replacement)
    cte.pop()
    if isinstance(with_, exp.With) and not with_.expressions:
        with_.pop()
