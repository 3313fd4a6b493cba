"""A LIMIT above a model predicate: how many rows must be asked about depends on the answers.

`find_limited_filter` recognizes the shape in normal form: a block with a LIMIT over a chain of
inference blocks and filters, down to a relation that needs no model. Such a chain can be run on one
batch of the relation's rows after the other, until enough rows have passed. So can one without a
filter whose rows are made distinct: a row that came before does not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from outcrop.planner.blocks import count_of, is_plain
from outcrop.planner.model_call import has_call
from outcrop.planner.rules.extract_calls import is_inference_block


@dataclass(frozen=True, slots=True)
class LimitedFilter:
    """The shape, taken apart.

    `block` is the one with the LIMIT; `base` the derived table below the lowest inference block;
    `order` are the keys of the block's ORDER BY, in terms of `base`. `rows_wanted` is None where
    all rows that pass are wanted; `is_distinct` says that equal ones are wanted once.
    """

    block: exp.Select
    base: exp.Subquery
    order: tuple[exp.Ordered, ...]
    rows_wanted: int | None
    is_distinct: bool = False


def find_limited_filter(block: exp.Select) -> LimitedFilter | None:
    """Return the limited filter that ends in `block`, or None if it ends none."""
    rows_wanted = _rows_wanted(block)
    if rows_wanted is None:
        return None
    is_distinct = block.args.get("distinct") is not None
    top = _with_all_rows(block) if is_distinct else block
    if top is None or not is_link(top, may_be_cut=True):
        return None
    chain = [top, *chain_of(block)[1:]]
    if not any(is_inference_block(link) for link in chain):
        return None
    while not is_inference_block(chain[-1]):
        chain.pop()
    if not is_distinct and not any(link.args.get("where") for link in chain):
        return None
    order = lower_order(top, chain[1:])
    if order is None:
        return None
    return LimitedFilter(block, chain[-1].args["from_"].this, order, rows_wanted, is_distinct)


def _with_all_rows(block: exp.Select) -> exp.Select | None:
    """Return a block without its DISTINCT; None if it sorts by what it does not select."""
    top = block.copy()
    top.set("distinct", None)
    outputs = {projection.alias_or_name: projection.unalias() for projection in top.expressions}
    order = top.args.get("order")
    for key in order.expressions if order is not None else ():
        column = key.this
        if isinstance(column, exp.Column) and not column.table and column.name in outputs:
            key.set("this", outputs[column.name].copy())
        if key.this not in outputs.values():
            return None
    return top


def _rows_wanted(block: exp.Select) -> int | None:
    """Return how many rows LIMIT and OFFSET need together; None where they are no numbers."""
    limit, offset = block.args.get("limit"), block.args.get("offset")
    most, skipped = count_of(limit), count_of(offset) if offset is not None else 0
    return None if most is None or skipped is None else most + skipped


def chain_of(block: exp.Select) -> list[exp.Select]:
    """Return `block` and the blocks below it, as long as each only filters, projects or infers."""
    chain = [block]
    while True:
        source = chain[-1].args["from_"].this
        inner = source.this if isinstance(source, exp.Subquery) else None
        if not isinstance(inner, exp.Select) or not is_link(inner):
            return chain
        chain.append(inner)


def is_link(block: exp.Select, *, may_be_cut: bool = False) -> bool:
    """Tell whether a block takes the rows of one below it one by one: it filters, projects, infers.

    `may_be_cut` allows it ORDER BY, LIMIT and OFFSET.
    """
    from_ = block.args.get("from_")
    if from_ is None or not isinstance(from_.this, exp.Subquery) or block.args.get("joins"):
        return False
    if is_inference_block(block):
        return True
    is_cut = any(block.args.get(key) for key in ("order", "limit", "offset"))
    parts = [*block.expressions, block.args.get("where")]
    return (
        is_plain(block) and (may_be_cut or not is_cut) and not any(has_call(part) for part in parts)
    )


def lower_order(block: exp.Select, below: Sequence[exp.Select]) -> tuple[exp.Ordered, ...] | None:
    """Return the keys of a block's ORDER BY in terms of what the last of the blocks below it reads.

    None if one of them needs an answer, or if a subquery, which the engine joins, may lose the
    order of the rows on their way up.
    """
    order = block.args.get("order")
    keys: list[exp.Ordered] = [key.copy() for key in order.expressions] if order else []
    if keys and any(has_subquery(link) for link in (block, *below)):
        return None
    if any(key.find(exp.Query) is not None for key in keys):
        return None
    for link in below:
        values = {projection.alias_or_name: projection.unalias() for projection in link.expressions}
        columns = [column for key in keys for column in key.find_all(exp.Column)]
        if not all(_lower(column, values) for column in columns):
            return None
    return tuple(keys)


def has_subquery(link: exp.Select) -> bool:
    """Tell whether a block reads a subquery for its values or its filter."""
    parts = [*link.expressions, link.args.get("where")]
    return any(part is not None and part.find(exp.Query) is not None for part in parts)


def _lower(column: exp.Column, values: dict[str, exp.Expr]) -> bool:
    """Replace a column by what the block below computes for it; False if that is an answer."""
    value = values.get(column.name)
    if value is None or has_call(value):
        return False
    column.replace(value.copy())
    return True
