"""What NULL does to values and conditions: where it makes a value NULL, and a condition fail."""

from __future__ import annotations

from collections.abc import Iterator, Set

from sqlglot import exp

from outcrop.planner.blocks import has_random
from outcrop.planner.model_call import ModelCall
from outcrop.sql.nodes import RedshiftFunction

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike)
_STRICT = (
    exp.Paren,
    exp.Cast,
    exp.DPipe,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Neg,
)
_STRICT_FUNCTIONS = frozenset(
    [
        "btrim",
        "left",
        "len",
        "length",
        "lower",
        "ltrim",
        "replace",
        "right",
        "rtrim",
        "substring",
        "trim",
        "upper",
    ]
)
"""What is NULL if any of its operands is."""


def is_null_of_nulls(value: exp.Expr, sources: Set[str] | None = None) -> bool:
    """Tell whether a value is NULL where all columns of `sources` are; None: all that it reads."""
    match value:
        case exp.Column():
            return sources is None or value.table in sources
        case ModelCall():
            return is_null_of_nulls(value.expressions[0], sources)
        case exp.Null():
            return True
        case exp.Nullif():
            is_same = value.this == value.expression and not has_random(value)
            return is_same or is_null_of_nulls(value.this, sources)
        case exp.Coalesce():
            return all(is_null_of_nulls(n, sources) for n in (value.this, *value.expressions))
        case exp.Case():
            results = [branch.args["true"] for branch in value.args["ifs"]]
            results += [value.args["default"]] if value.args.get("default") else []
            return all(is_null_of_nulls(n, sources) for n in results)
    is_strict = isinstance(value, _STRICT) or (
        isinstance(value, RedshiftFunction) and value.name in _STRICT_FUNCTIONS
    )
    return is_strict and any(is_null_of_nulls(n, sources) for n in value.iter_expressions())


def is_never_null(value: exp.Expr) -> bool:
    """Tell whether a value is known not to be NULL, whatever the columns are."""
    match value:
        case exp.Literal() | exp.Boolean():
            return True
        case exp.Paren():
            return is_never_null(value.this)
        case exp.DPipe():
            return is_never_null(value.this) and is_never_null(value.expression)
        case exp.Coalesce():
            return any(is_never_null(n) for n in (value.this, *value.expressions))
    return False


def rejects_nulls(condition: exp.Expr, sources: Set[str], *, wanted: bool = True) -> bool:
    """Tell whether a condition is not `wanted` where all columns of `sources` are NULL.

    It may be unknown then, or the opposite.
    """
    node = condition.unnest()
    match node:
        case exp.Not():
            return rejects_nulls(node.this, sources, wanted=not wanted)
        case exp.And() | exp.Or():
            sides = (rejects_nulls(n, sources, wanted=wanted) for n in (node.left, node.right))
            needs_both = isinstance(node, exp.And) is wanted
            return any(sides) if needs_both else all(sides)
        case exp.Is(expression=exp.Null()):
            return not wanted and is_null_of_nulls(node.this, sources)
        case exp.In() if node.expressions and all(
            is_null_of_nulls(item, sources) for item in node.expressions
        ):
            return True
    return any(is_null_of_nulls(operand, sources) for operand in required(node, wanted=wanted))


def required(condition: exp.Expr, *, wanted: bool = True) -> Iterator[exp.Expr]:
    """Yield values without which a condition is not `wanted`."""
    node = condition.unnest()
    match node:
        case exp.Not():
            yield from required(node.this, wanted=not wanted)
        case exp.Between():
            yield node.this
            if wanted:  # what is not between two bounds may be beyond one, whatever the other is
                yield from (node.args["low"], node.args["high"])
        case exp.In():
            if wanted or not node.args.get("query"):  # nothing is in no rows, not even NULL
                yield node.this
        case _ if isinstance(node, _COMPARISONS):
            yield from (node.this, node.expression)
        case _:
            yield node
