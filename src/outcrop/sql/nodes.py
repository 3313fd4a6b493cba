"""The nodes of our tree that sqlglot does not have, and where a node stands in the text.

`RedshiftFunction` is a call of any scalar function that `sql/functions.py` knows and that sqlglot
has no faithful node for: its name in lower case and its arguments as typed. `ObjectConstructor` and
`ArrayConstructor` are OBJECT(...) and ARRAY(...), which build SUPER values. `EngineExpression` and
`EngineAggregate` are what the rules of `semantics/` leave behind.
"""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp

from outcrop.errors import Position

RAW_TEXT = "raw"
"""The key of `Identifier.meta` under which an identifier is kept as typed, before any folding."""


class RedshiftFunction(exp.Expression, exp.Func):
    """A call of a scalar function of Redshift; `this` is its name in lower case."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "expressions": False}
    is_var_len_args = True


class ObjectConstructor(exp.Expression, exp.Func):
    """OBJECT(key, value, ...): a SUPER object; `expressions` are keys and values in turn."""

    arg_types: ClassVar[dict[str, bool]] = {"expressions": False}
    is_var_len_args = True


class ArrayConstructor(exp.Expression, exp.Func):
    """ARRAY(value, ...): a SUPER array."""

    arg_types: ClassVar[dict[str, bool]] = {"expressions": False}
    is_var_len_args = True


class EngineExpression(exp.Expression, exp.Func):
    """SQL of the engine around arguments that are still trees: `this` has them as $1, $2, ...

    The text must be one operand, such as a call or something in parentheses.
    """

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "expressions": False}
    is_var_len_args = True


class EngineAggregate(EngineExpression, exp.AggFunc):
    """An aggregate function of the engine, so that the planner knows one when it sees it."""


def position_of(node: exp.Expr) -> Position | None:
    """Return where `node` stands in the script, or None for a node that no text gave.

    A node without a position of its own stands where the first of its parts does.
    """
    starts = [part.meta for part in node.walk() if "start" in part.meta]
    if not starts:
        return None
    first = min(starts, key=lambda meta: int(meta["start"]))
    return Position(int(first["line"]), int(first["col"]), int(first["start"]))


def raw_text(identifier: exp.Identifier) -> str:
    """Return `identifier` as typed, without its quotes and before any folding."""
    return str(identifier.meta.get(RAW_TEXT, identifier.this))
