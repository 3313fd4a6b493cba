"""What the clauses of a query say, read from its tree.

Part of the oracle of call counts (`needs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from tests.properties.lazy_rows import conjuncts

AGGREGATES = (exp.Count, exp.Sum, exp.Min, exp.Max)


def clauses(block: exp.Select) -> list[exp.Expr | None]:
    joins: list[exp.Join] = block.args.get("joins") or []
    keys = ("where", "group", "having", "qualify", "order")
    return [*(block.args.get(key) for key in keys), *(join.args.get("on") for join in joins)]


def parts_above(block: exp.Select) -> list[exp.Expr]:
    clauses = (block.args.get(key) for key in ("having", "qualify", "order"))
    return [*block.expressions, *(clause for clause in clauses if clause is not None)]


def is_aggregating(part: exp.Expr) -> bool:
    """Tell whether a part of a block aggregates, outside of windows and subqueries."""
    if isinstance(part, exp.Window | exp.Query):
        return False
    return isinstance(part, AGGREGATES) or any(is_aggregating(p) for p in part.iter_expressions())


def group_keys(block: exp.Select, items: Mapping[str, exp.Expr]) -> list[exp.Expr]:
    group = block.args.get("group")
    keys: list[exp.Expr] = []
    for key in group.expressions if group is not None else ():
        if isinstance(key, exp.Literal) and not key.is_string:
            keys.append(block.expressions[int(key.name) - 1].unalias())
        elif isinstance(key, exp.Column) and not key.table:
            keys.append(items[key.name.lower()].unalias())
        else:
            keys.append(key)
    return keys


def columns_read(block: exp.Select, alias: str) -> set[str]:
    """Return the columns of a source that a block reads, subqueries of it included."""
    return {c.name.lower() for c in block.find_all(exp.Column) if c.table.lower() == alias.lower()}


def is_about(part: exp.Expr, alias: str) -> bool:
    columns = list(part.find_all(exp.Column))
    is_own = all(column.table.lower() == alias for column in columns)
    return bool(columns) and is_own and part.find(exp.Query) is None


def is_kept_by(sides: Sequence[str], number: int) -> bool:
    """Tell whether WHERE may filter a source before the joins: none extends it with NULL."""
    own = sides[number - 1] if number else ""
    later = sides[number:]
    return own in ("", "RIGHT") and not any(side in ("RIGHT", "FULL") for side in later)


def sources_of(block: exp.Select) -> list[exp.Expr]:
    """Return what a block reads."""
    from_ = block.args.get("from_")
    joins: list[exp.Join] = block.args.get("joins") or []
    return [from_.this, *(join.this for join in joins)] if from_ is not None else []


def is_correlated(query: exp.Expr) -> bool:
    """Tell whether a query reads columns of a query around it."""
    return _reads_around(query, _names_within(query))


def without_correlation(query: exp.Select) -> exp.Select:
    """Return a query without those parts of its WHERE that read columns of a query around it."""
    known = _names_within(query)
    alone = query.copy()
    parts = conjuncts(alone.args.get("where"))
    kept = [part for part in parts if not _reads_around(part, known)]
    alone.set("where", exp.Where(this=exp.and_(*kept)) if kept else None)
    return alone


def _names_within(query: exp.Expr) -> set[str]:
    sources = query.find_all(exp.Table, exp.Subquery)
    return {source.alias_or_name.lower() for source in sources if source.alias_or_name}


def _reads_around(node: exp.Expr, known: set[str]) -> bool:
    return any(c.table and c.table.lower() not in known for c in node.find_all(exp.Column))


def is_existence(query: exp.Expr) -> bool:
    return isinstance(query.parent, exp.Exists)


def position_of_term(
    term: exp.Expr, by_name: Mapping[str, int], items: Mapping[str, exp.Expr] | None
) -> int | None:
    """Return which column an ORDER BY names, by its name, number or expression."""
    if isinstance(term, exp.Literal) and not term.is_string:
        return int(term.name) - 1
    if isinstance(term, exp.Column) and not term.table:
        return by_name[term.name.lower()]
    for name, item in (items or {}).items():
        if item.unalias() == term:
            return by_name[name]
    return None


def number_of(clause: exp.Expr | None) -> int | None:
    return None if clause is None else int(clause.expression.name)
