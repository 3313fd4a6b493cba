"""Cut the rows of a UNION in a block that reads them, where it calls a model.

Type:   query rewrite
Goal:   what is known of a LIMIT over a block, and over DISTINCT, does for a UNION.
Before: SELECT f(t.p) AS y FROM t UNION SELECT u.b AS b FROM u ORDER BY y LIMIT 2
After:  SELECT DISTINCT s.y FROM (SELECT f(t.p) AS y FROM t UNION ALL SELECT u.b AS b FROM u) AS s
        ORDER BY s.y LIMIT 2

Columns that have one name get names of their own within. Does not fire on INTERSECT and EXCEPT.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import Names, derived_table, typed_column
from outcrop.planner.model_call import has_call

_CUTS = ("order", "limit", "offset", "with_")


def cut_unions_in_a_block(query: exp.Query) -> exp.Query:
    """Return `query` with a block around each UNION that calls a model and is cut."""
    names = Names.beside(query)
    for union in list(query.find_all(exp.Union)):
        if (union.args.get("limit") or union.args.get("offset")) and has_call(union):
            block = _block(union, names)
            if union is query:
                query = block
            else:
                union.replace(block)
    return query


def _block(union: exp.Union, names: Names) -> exp.Select:
    first = union.selects
    outputs = [projection.alias_or_name for projection in first]
    columns = [name if outputs.count(name) == 1 and name else names.fresh("c") for name in outputs]
    alias = names.fresh("s")
    block = exp.Select()
    if union.args.get("distinct"):
        block.set("distinct", exp.Distinct())
    for projection, name, output in zip(first, columns, outputs, strict=True):
        column = typed_column(name, alias, projection)
        block.select(exp.alias_(column, output, quoted=True), copy=False)
    for clause in _CUTS:
        block.set(clause, union.args.get(clause))
    order = block.args.get("order")
    for key in order.expressions if order is not None else ():
        _read_columns(key, block, outputs)
    inner = union.copy()
    for clause in _CUTS:
        inner.set(clause, None)
    for projection, name in zip(inner.selects, columns, strict=True):
        projection.replace(exp.alias_(projection.unalias().copy(), name, quoted=True))
    if union.args.get("distinct"):
        _keep_duplicates(inner)
    block.set("from_", exp.From(this=derived_table(inner, alias)))
    return block


def _read_columns(key: exp.Expr, block: exp.Select, outputs: list[str]) -> None:
    """Have a key of ORDER BY read the columns that the block reads, by their names or places."""
    for node in list(key.find_all(exp.Column)):
        if not node.table and node.name in outputs:
            node.replace(block.expressions[outputs.index(node.name)].this.copy())
    if isinstance(key.this, exp.Literal) and key.this.is_int:
        key.set("this", block.expressions[int(key.this.name) - 1].this.copy())


def _keep_duplicates(node: exp.Expr) -> None:
    """Have unions keep equal rows, since a block around them makes them distinct."""
    if isinstance(node, exp.Subquery) and not any(node.args.get(key) for key in _CUTS):
        _keep_duplicates(node.this)
    if isinstance(node, exp.Union) and not any(node.args.get(key) for key in _CUTS):
        node.set("distinct", False)
        _keep_duplicates(node.this)
        _keep_duplicates(node.expression)
