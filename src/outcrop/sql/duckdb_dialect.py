"""From a tree that has been through `semantics/` to DuckDB's SQL.

DuckDB's own generator in sqlglot does most of it. Here is what it would do to please dialects other
than ours: divisions, concatenations and types are written as they stand, since the rules of
`semantics/` and the engine's settings (`integer_division`) have seen to their meaning.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generators.duckdb import DuckDBGenerator

from outcrop.errors import FeatureNotSupported
from outcrop.sql.copy_tree import copy_tree
from outcrop.sql.nodes import EngineAggregate, EngineExpression

_ARGUMENT = re.compile(r"\$(\d+)")

_TEXT_TYPES = (
    exp.DType.CHAR, exp.DType.NCHAR, exp.DType.VARCHAR, exp.DType.NVARCHAR, exp.DType.BPCHAR,
    exp.DType.TEXT,
)  # fmt: skip

_LOOSE = (exp.Binary, exp.Unary, exp.Between, exp.In)
"""Nodes that need parentheses as an argument, since the text around them may bind closer."""


def render(tree: exp.Expr) -> str:
    """Return `tree` as DuckDB's SQL."""
    try:
        return OutcropDuckDB().generate(copy_tree(tree), copy=False)
    except RecursionError as error:
        raise FeatureNotSupported(
            "the statement nests too deeply",
            hint="Break it up with WITH or into several statements.",
        ) from error


def _engine_expression_sql(generator: DuckDBGenerator, node: EngineExpression) -> str:
    """Put the arguments into the text."""
    arguments = node.expressions

    def argument(found: re.Match[str]) -> str:
        value = arguments[int(found[1]) - 1]
        text = generator.sql(value)
        return f"({text})" if isinstance(value, _LOOSE) else text

    return _ARGUMENT.sub(argument, node.name)


def _binary(operator: str) -> Any:
    return lambda self, node: self.binary(node, operator)


class OutcropDuckDBGenerator(DuckDBGenerator):
    """The generator; it never needs to guess what a statement of ours means."""

    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **DuckDBGenerator.TRANSFORMS,
        EngineExpression: _engine_expression_sql,
        EngineAggregate: _engine_expression_sql,
        exp.Div: _binary("/"),
        exp.DPipe: _binary("||"),
    }

    def datatype_sql(self, expression: exp.DataType) -> str:
        """Write a type: texts have no length on the engine, SUPER is VARIANT."""
        match expression.this:
            case exp.DType.SUPER:
                return "VARIANT"
            case kind if kind in _TEXT_TYPES:
                return "VARCHAR"
            case exp.DType.VARBINARY:
                return "BLOB"
            case exp.DType.DECIMAL if not expression.expressions:
                return "DECIMAL(18, 0)"
            case _:
                return str(super().datatype_sql(expression))


class OutcropDuckDB(DuckDB):
    """DuckDB's dialect with our generator."""

    Generator = OutcropDuckDBGenerator
