"""Texts that are NULL though no column that they are computed from is."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from outcrop.sql.semantics.tree import TEXT_TYPES, engine, is_type

_MATCHES = (exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.In)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
COMPARED = (*_MATCHES, *_COMPARISONS)

_BRANCHES = (exp.Case, exp.If, exp.Nullif, exp.Coalesce)


def hide_branches_from_statistics(node: exp.Expr) -> exp.Expr:
    """Compare a text that has branches by what it is in each row.

    Type: typed. Goal: NULL matches nothing, and no branch is missed. DuckDB 2.0 takes a predicate
    that every stored text fulfils for one that every row does whose column is not NULL, though
    NULLIF gives NULL for others too; and it fails where statistics leave NULL alone of a CASE over
    constants that is compared. A function that has no statistics keeps it from both. Before:
    `NULLIF(a, 'x') IN ('x', 'y')`. After: `ltrim(NULLIF(a, 'x'), '') IN ('x', 'y')`.
    """
    if isinstance(node, _COMPARISONS):
        for key in ("this", "expression"):
            _hide(node, key, _is_constant_case)
    elif isinstance(node, _MATCHES) and not node.args.get("query"):
        _hide(node, "this", _has_branch)
    return node


def _hide(node: exp.Expr, key: str, is_hidden: Callable[[exp.Expr], bool]) -> None:
    text = node.args[key]
    if is_type(text, *TEXT_TYPES) and is_hidden(text):
        node.set(key, engine("ltrim($1, '')", text, returns="varchar"))


def _is_constant_case(value: exp.Expr) -> bool:
    """Tell whether a value is a CASE over constants, or a column of a derived table that is one."""
    value = value.unnest()
    if isinstance(value, exp.Column):
        return any(map(_is_constant_case, _origins(value)))
    if not isinstance(value, exp.Case):
        return False
    branches = [branch.args["true"] for branch in value.args["ifs"]]
    default = value.args.get("default")
    given = branches if default is None else [*branches, default]
    return all(branch.find(exp.Column) is None for branch in given)


def _has_branch(value: exp.Expr) -> bool:
    """Tell whether a value has branches, or reads a column of a derived table that has some."""
    return any(
        isinstance(node, _BRANCHES)
        or (isinstance(node, exp.Column) and any(map(_has_branch, _origins(node))))
        for node in value.walk()
    )


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
