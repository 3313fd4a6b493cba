"""What is not planned is refused by name, with a way to rewrite it; it never runs another way."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from outcrop.errors import FeatureNotSupported
from outcrop.planner.model_call import ModelCall, has_call
from outcrop.planner.rules.extract_calls import is_inference_block
from outcrop.sql.nodes import position_of


def refuse_unplanned_shapes(query: exp.Query) -> None:
    """Raise FeatureNotSupported for a model call in a place that no rule can free it from."""
    for with_ in query.find_all(exp.With):
        if with_.recursive and has_call(with_):
            raise _refusal(
                with_,
                "in a recursive common table expression",
                "Store the rows of the "
                "recursion in a table first, then call the model on the table.",
            )
    for kind, place, remedy in _REFUSED:
        for node in query.find_all(kind):
            if has_call(node):
                raise _refusal(node, place, remedy)


def refuse_correlated_calls(query: exp.Query) -> None:
    """Raise FeatureNotSupported for a call in a subquery that is still correlated."""
    for scope in traverse_scope(query):
        if _is_correlated(scope) and has_call(scope.expression):
            raise _refusal(
                scope.expression,
                "in a subquery that refers to the query around it",
                "Write the subquery as a join.",
            )


_REFUSED: tuple[tuple[type[exp.Expr], str, str], ...] = (
    (exp.Lateral, "in LATERAL", "Write it as a subquery in FROM, or as a join."),
    (exp.Unnest, "in UNNEST", "Call the model in a subquery, and unnest its column."),
    (exp.Pivot, "in PIVOT", "Call the model in a subquery, and pivot its result."),
    (exp.Limit, "in LIMIT", "LIMIT takes a number."),
    (exp.Offset, "in OFFSET", "OFFSET takes a number."),
)


def refuse_calls_left(query: exp.Query) -> None:
    """Raise FeatureNotSupported if the rules left a call anywhere but in an inference block."""
    for call in query.find_all(ModelCall):
        block = call.find_ancestor(exp.Select)
        if block is None or not is_inference_block(block):
            if call.find_ancestor(exp.Join) is not None:
                raise _refusal(
                    call,
                    "in the ON of an outer join, with arguments from both of its sides",
                    "Join on the other conditions first, and call the model on the result.",
                )
            raise _refusal(call, "here", "Call the model in a subquery, and use its column.")


def _is_correlated(scope: Scope) -> bool:
    return scope.is_subquery and bool(scope.external_columns)


def _refusal(node: exp.Expr, place: str, remedy: str) -> FeatureNotSupported:
    call = node.find(ModelCall)
    return FeatureNotSupported(
        f"a model cannot be called {place}",
        hint=remedy,
        position=position_of(call if call is not None else node),
    )
