"""Write IN as EXISTS, where its subquery calls a model and refers to the query around it.

Type:   query rewrite
Goal:   what is known of EXISTS does for IN, and for NOT IN with its NULLs.
Before: SELECT t.i FROM t WHERE t.i = 7
        OR t.i IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x')
After:  SELECT t.i FROM t WHERE t.i = 7
        OR EXISTS (SELECT 1 FROM u WHERE u.b = t.p AND f(u.b) = 'x' AND u.i = t.i)

Where unknown is not as good as false, which it is in WHERE and WHEN, a second EXISTS tells whether
a NULL is compared: `CASE WHEN EXISTS (... AND u.i = t.i) THEN TRUE WHEN EXISTS (... AND (u.i IS
NULL OR t.i IS NULL)) THEN NULL ELSE FALSE END`. Does not fire on groups and LIMIT, random numbers
and VOLATILE models, on a window, nor where a name would mean something else within.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    blocks,
    conjuncts,
    has_random,
    is_aggregated,
    own_columns,
    set_condition,
    source_names,
)
from outcrop.planner.correlation import COMPARED, CUTS
from outcrop.planner.guards import meaning_of_null
from outcrop.planner.model_call import ModelCall, has_call


def write_in_as_exists(query: exp.Query) -> exp.Query:
    """Return `query` with EXISTS in the place of the correlated INs that call models."""
    for block in blocks(query):
        for in_ in list(block.find_all(exp.In)):
            if in_.find_ancestor(exp.Select) is block and _is_rewritable(in_, block):
                _rewrite(in_)
    return query


def _is_rewritable(in_: exp.In, block: exp.Select) -> bool:
    query = in_.args.get("query")
    inner = query.this if isinstance(query, exp.Subquery) else None
    if not isinstance(inner, exp.Select) or not has_call(inner) or len(inner.expressions) != 1:
        return False
    names = source_names(inner)
    is_correlated = next(own_columns(inner, source_names(block)), None) is not None
    is_same_within = not any(column.table in names for column in in_.this.find_all(exp.Column))
    is_plain = not any(inner.args.get(key) for key in CUTS) and not is_aggregated(inner)
    is_same_twice = not has_random(in_) and not any(
        c.is_volatile for c in inner.find_all(ModelCall)
    )
    is_single = in_.this.find(exp.Query, exp.Tuple, exp.Window) is None
    return is_correlated and is_same_within and is_plain and is_same_twice and is_single


def _rewrite(in_: exp.In) -> None:
    inner: exp.Select = in_.args["query"].this
    item, needle = inner.expressions[0].unalias(), in_.this
    is_equal = exp.EQ(this=_operand(item), expression=_operand(needle))
    is_equal.meta[COMPARED] = True
    found: exp.Expr = _exists(inner, is_equal)
    if meaning_of_null(in_) is not False:
        found = exp.Case(
            ifs=[
                exp.If(this=found, true=exp.true()),
                exp.If(this=_is_null_compared(inner, item, needle), true=exp.null()),
            ],
            default=exp.false(),
        )
    found.type = in_.type
    in_.replace(found)


def _is_null_compared(inner: exp.Select, item: exp.Expr, needle: exp.Expr) -> exp.Expr:
    """Return the condition that IN compares NULL; a needle that needs an answer stays outside."""
    is_item, is_needle = (exp.Is(this=_operand(n), expression=exp.null()) for n in (item, needle))
    if has_call(needle):
        return exp.or_(_exists(inner, is_item), exp.and_(is_needle, _exists(inner)))
    return _exists(inner, exp.or_(is_item, is_needle))


def _operand(value: exp.Expr) -> exp.Expr:
    return exp.paren(value) if isinstance(value, exp.Binary | exp.Unary) else value.copy()


def _exists(inner: exp.Select, *conditions: exp.Expr) -> exp.Exists:
    block = inner.copy()
    block.set("order", None)
    block.set("expressions", [exp.alias_(exp.Literal.number(1), "one", quoted=True)])
    set_condition(block, "where", [*conjuncts(block.args.get("where")), *conditions])
    return exp.Exists(this=block)
