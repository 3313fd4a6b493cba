"""How many rows pass a condition, and how wide a value is: estimates from statistics alone.

The constants are the textbook's (Selinger et al., "Access path selection in a relational database
management system", 1979, table 1), except for a condition on an answer, of which nothing is known
before the first answer: it is taken to hold for every second row until earlier statements have
shown better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from outcrop.datatypes import DataType
from outcrop.sql.types import to_sqlglot

ANSWER_SELECTIVITY = 0.5
LEARNED_SELECTIVITY = "learned selectivity"
"""Where a condition on an answer keeps the share of rows that passed it before, if it is known."""
_EQUAL = 0.1
_RANGE = 1 / 3
_BETWEEN = 0.25
_PATTERN = 0.1
_IS_NULL = 0.05
_OTHER = 1 / 3
_GROUPS = 200.0

TEXT_WIDTH = 32.0
_FIXED_WIDTHS: Mapping[exp.DType, float] = {
    exp.DType.BOOLEAN: 1,
    exp.DType.SMALLINT: 2,
    exp.DType.INT: 4,
    exp.DType.BIGINT: 8,
    exp.DType.FLOAT: 4,
    exp.DType.DOUBLE: 8,
    exp.DType.DECIMAL: 8,
    exp.DType.DATE: 4,
    exp.DType.TIME: 8,
    exp.DType.TIMETZ: 8,
    exp.DType.TIMESTAMP: 8,
    exp.DType.TIMESTAMPTZ: 8,
    exp.DType.INTERVAL: 16,
}
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_PATTERNS = (exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike)


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What is known of a column of a relation in the plan.

    `distinct` is None where unknown; `shown` is how the user wrote it; `is_answer` says that its
    value depends on what a model answers; `filled` is the share of rows where it is not NULL.
    """

    width: float
    distinct: float | None
    shown: exp.Expr
    is_answer: bool = False
    filled: float = 1.0


Scope = Mapping[tuple[str, str], ColumnFacts]
"""The columns that an expression may name, by the alias of their relation and their name."""


def facts_of(column: exp.Column, scope: Scope) -> ColumnFacts | None:
    """Return what is known of a column; of one without qualifier, if one relation has it."""
    if column.table:
        return scope.get((column.table, column.name))
    found = [facts for (_, name), facts in scope.items() if name == column.name]
    return found[0] if len(found) == 1 else None


def depends_on_answer(node: exp.Expr, scope: Scope) -> bool:
    """Tell whether the value of `node` depends on an answer of a model."""
    found = (facts_of(column, scope) for column in node.find_all(exp.Column))
    return any(facts is not None and facts.is_answer for facts in found)


def selectivity(condition: exp.Expr, scope: Scope) -> float:
    """Return the share of rows for which a condition holds."""
    node = condition.unnest()
    learned = node.meta.get(LEARNED_SELECTIVITY)
    if isinstance(learned, float):
        return learned
    match node:
        case exp.And():
            return selectivity(node.left, scope) * selectivity(node.right, scope)
        case exp.Or():
            left, right = selectivity(node.left, scope), selectivity(node.right, scope)
            return left + right - left * right
        case exp.Not():
            return 1 - selectivity(node.this, scope)
        case exp.Boolean():
            return float(bool(node.this))
    if depends_on_answer(node, scope):
        return ANSWER_SELECTIVITY
    return _of_comparison(node, scope)


def _of_comparison(node: exp.Expr, scope: Scope) -> float:
    match node:
        case exp.EQ() | exp.NullSafeEQ():
            return _equal(node.left, node.right, scope)
        case exp.NEQ():
            return 1 - _equal(node.left, node.right, scope)
        case exp.In() if node.expressions:
            values = (_equal(node.this, value, scope) for value in node.expressions)
            return min(sum(values), 1.0)
        case exp.Is():
            return _IS_NULL
        case exp.Between():
            return _BETWEEN
    if isinstance(node, _RANGES):
        return _RANGE
    return _PATTERN if isinstance(node, _PATTERNS) else _OTHER


def _equal(left: exp.Expr, right: exp.Expr, scope: Scope) -> float:
    known = [
        facts.distinct
        for side in (left.unnest(), right.unnest())
        if isinstance(side, exp.Column)
        and (facts := facts_of(side, scope)) is not None
        and facts.distinct
    ]
    return 1 / max(known) if known else _EQUAL


def distinct_values(node: exp.Expr, scope: Scope) -> float | None:
    """Return about how many values an expression has; None where nothing is known."""
    counts: list[float] = []
    for column in node.find_all(exp.Column):
        facts = facts_of(column, scope)
        if facts is None or facts.distinct is None:
            return None
        counts.append(facts.distinct)
    return math.prod(counts)


def width_of(node: exp.Expr, scope: Scope) -> float:
    """Return about how wide a value of an expression is, in bytes."""
    match node:
        case exp.Column():
            facts = facts_of(node, scope)
            return TEXT_WIDTH if facts is None else facts.width
        case exp.Literal() | exp.RawString():
            return len(node.name) if node.is_string else 4
        case exp.Alias() | exp.Paren():
            return width_of(node.this, scope)
        case exp.DPipe():
            return width_of(node.left, scope) + width_of(node.right, scope)
        case exp.Case():
            return max((width_of(i.args["true"], scope) for i in node.args["ifs"]), default=0)
        case exp.Cast() if node.to.this not in _FIXED_WIDTHS:
            return width_of(node.this, scope)
        case exp.Cast():
            return _FIXED_WIDTHS[node.to.this]
        case exp.Count() | exp.RowNumber():
            return 8
        case exp.Connector() | exp.Predicate() | exp.Not():
            return 1
    return _width_of_type(node)


def stored_width(datatype: DataType) -> float:
    """Return about how wide a stored value of a type is, in bytes."""
    declared = to_sqlglot(datatype).this
    if declared in _FIXED_WIDTHS:
        return _FIXED_WIDTHS[declared]
    return min(TEXT_WIDTH, datatype.length or TEXT_WIDTH)


def _width_of_type(node: exp.Expr) -> float:
    datatype = node.type
    if isinstance(datatype, exp.DataType) and isinstance(datatype.this, exp.DType):
        return _FIXED_WIDTHS.get(datatype.this, TEXT_WIDTH)
    return TEXT_WIDTH


def filled_share(node: exp.Expr, scope: Scope) -> float:
    """Return the share of rows for which a guarded argument is not NULL."""
    if not isinstance(node, exp.Case) or node.args.get("default") or node.this is not None:
        return 1.0
    return min(sum(selectivity(branch.this, scope) for branch in node.args["ifs"]), 1.0)


def is_equality(condition: exp.Expr, aliases: set[str]) -> bool:
    """Tell whether a condition equates columns of two of the relations at hand."""
    if not isinstance(condition, exp.EQ):
        return False
    sides = [{c.table for c in side.find_all(exp.Column)} for side in condition.unnest_operands()]
    return all(len(side) == 1 and side <= aliases for side in sides) and sides[0] != sides[1]


def join_selectivity(condition: exp.Expr, scope: Scope, left: float, right: float) -> float:
    """Return the share of all pairs of `left` and `right` rows that a condition joins."""
    if not isinstance(condition, exp.EQ):
        return selectivity(condition, scope)
    known = [distinct_values(side, scope) for side in condition.unnest_operands()]
    counts = [count for count in known if count]
    return 1 / max(counts) if len(counts) == len(known) else 1 / max(left, right, 1)


def groups_of(keys: Sequence[exp.Expr], scope: Scope, rows: float) -> float:
    """Return about how many groups `rows` rows fall into by their keys."""
    counts = [distinct_values(key, scope) or _GROUPS for key in keys]
    return min(math.prod(counts), rows)
