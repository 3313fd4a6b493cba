"""OBJECT and ARRAY."""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import DatatypeMismatch, UndefinedFunction
from outcrop.sql.nodes import ArrayConstructor, ObjectConstructor, position_of
from outcrop.sql.semantics.tree import DATE_TYPES, TEXT_TYPES, engine, is_null, is_type


def build_super_values(node: exp.Expr) -> exp.Expr:
    """Build SUPER objects and arrays.

    Type: rewriting. Goal: a VARIANT with Redshift's checks: keys and values in pairs, keys that
    are texts and not NULL, no dates. Before: `OBJECT('a', 1)`, `ARRAY(1, 'b')`. After:
    `CAST(json_object('a', 1) AS VARIANT)`, `CAST(json_array(1, 'b') AS VARIANT)`.
    """
    if isinstance(node, ObjectConstructor):
        return _object(node)
    if isinstance(node, ArrayConstructor):
        values = [_checked_value(value, "ARRAY") for value in node.expressions]
        return _call("json_array", values)
    return node


def _object(node: ObjectConstructor) -> exp.Expr:
    if len(node.expressions) % 2:
        raise UndefinedFunction(
            "OBJECT takes keys and values in pairs, and one is missing",
            hint="Write OBJECT('key', value, ...).",
            position=position_of(node),
        )
    arguments: list[exp.Expr] = []
    for index in range(0, len(node.expressions), 2):
        arguments.append(_checked_key(node.expressions[index], node))
        arguments.append(_checked_value(node.expressions[index + 1], "OBJECT"))
    return _call("json_object", arguments)


def _call(function: str, arguments: list[exp.Expr]) -> exp.Expr:
    places = ", ".join(f"${index}" for index in range(1, len(arguments) + 1))
    return engine(f"CAST({function}({places}) AS VARIANT)", *arguments, returns="super")


def _checked_key(key: exp.Expr, node: exp.Expr) -> exp.Expr:
    is_number = isinstance(key, exp.Literal) and not key.is_string
    is_other = key.type is not None and not is_type(key, *TEXT_TYPES, exp.DType.UNKNOWN)
    if is_null(key) or is_number or is_other:
        raise DatatypeMismatch(
            "a key of OBJECT must be a VARCHAR that is not NULL",
            hint="Write OBJECT('key', value, ...).",
            position=position_of(key) or position_of(node),
        )
    if isinstance(key, exp.Literal):
        return key
    return engine("coalesce(CAST($1 AS VARCHAR), error('OBJECT key cannot be NULL'))", key)


def _checked_value(value: exp.Expr, function: str) -> exp.Expr:
    if is_type(value, *DATE_TYPES) and value.type is not None:
        raise DatatypeMismatch(
            f"{function} could not convert type {value.type.sql('outcrop').lower()} to super",
            hint="Cast it to VARCHAR.",
            position=position_of(value),
        )
    return value
