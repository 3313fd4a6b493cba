"""Where the columns of a query come from."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp


def origins(value: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what derived and common tables compute for the columns in `value`, and for those of it.

    Each is given once, so that a recursive common table has an end.
    """
    seen: set[int] = set()
    pending = [value]
    while pending:
        for column in pending.pop().find_all(exp.Column):
            for origin in _origins(column):
                if id(origin) not in seen:
                    seen.add(id(origin))
                    pending.append(origin)
                    yield origin


def _origins(column: exp.Column) -> list[exp.Expr]:
    """Return what gives a column its values, if that is a derived table or a common table."""
    block = column.find_ancestor(exp.Select)
    while block is not None:
        joins = block.args.get("joins") or []
        for part in (block.args.get("from_"), *joins):
            if part is not None and part.this.alias_or_name == column.table:
                return _values(_query_of(part.this), column.name)
        block = block.find_ancestor(exp.Select)
    return []


def _query_of(source: exp.Expr) -> exp.Expr | None:
    """Return the query behind a relation of FROM, None for a stored one."""
    query: exp.Expr
    if isinstance(source, exp.Subquery):
        query = source.this
        return query
    around = source.find_ancestor(exp.Query)
    while around is not None and isinstance(source, exp.Table) and not source.db:
        for cte in around.ctes:
            if cte.alias == source.name:
                query = cte.this
                return query
        around = around.find_ancestor(exp.Query)
    return None


def _values(query: exp.Expr | None, name: str) -> list[exp.Expr]:
    """Return what a query gives as the column `name`, one value for each SELECT of a union."""
    if not isinstance(query, exp.Query) or name not in query.named_selects:
        return []
    position = query.named_selects.index(name)
    arms, found = [query.unnest()], []
    while arms:
        arm = arms.pop()
        if isinstance(arm, exp.SetOperation):
            arms += [arm.left.unnest(), arm.right.unnest()]
        elif isinstance(arm, exp.Select) and position < len(arm.expressions):
            found.append(arm.expressions[position].unalias())
    return found
