"""The node of a model call in a query's tree.

It is a function of our own, not an anonymous one, because sqlglot's passes move nothing past a
function that they do not know (docs/decisions/0003-sqlglot.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel, Volatility
from outcrop.sql.origins import origins

_VOLATILE = "volatile"
"""The key of `meta` by which the calls of a VOLATILE model are known."""


class ModelCall(exp.Expression, exp.Func):
    """A call of an external model's function.

    `this` is the oid of the model, as a number literal, so that equal calls are equal trees;
    `expressions` are the arguments.
    """

    arg_types = {"this": True, "expressions": False}  # noqa: RUF012  # sqlglot's protocol
    is_var_len_args = True
    _sql_names = ["MODEL_CALL"]  # noqa: RUF012  # sqlglot's protocol

    @property
    def model_oid(self) -> int:
        """The oid of the model that is called."""
        return int(self.this.name)

    @property
    def is_volatile(self) -> bool:
        """Whether each row is asked about by itself, so that the number of rows matters."""
        return bool(self.meta.get(_VOLATILE))


def model_call(model: ExternalModel, arguments: list[exp.Expr]) -> ModelCall:
    """Return the call of `model` with `arguments`."""
    call = ModelCall(this=exp.Literal.number(model.oid), expressions=arguments)
    if model.volatility is Volatility.VOLATILE:
        call.meta[_VOLATILE] = True
    return call


def has_call(node: exp.Expr | None) -> bool:
    """Tell whether a model call stands anywhere in `node`, subqueries included."""
    return node is not None and node.find(ModelCall) is not None


def calls_in_scope(node: exp.Expr | None) -> Iterator[ModelCall]:
    """Yield the model calls in `node` that belong to its own block, not to a subquery of it."""
    if node is None:
        return
    for found in node.walk(prune=lambda n: isinstance(n, exp.Query) and n is not node):
        if isinstance(found, ModelCall):
            yield found


def has_call_in_scope(node: exp.Expr | None) -> bool:
    """Tell whether a model call of `node`'s own block stands in it."""
    return next(calls_in_scope(node), None) is not None


def reads_answer(part: exp.Expr) -> bool:
    """Tell whether a part of a block reads what a derived table asks a model for."""
    return any(has_call_in_scope(value) for value in origins(part))
