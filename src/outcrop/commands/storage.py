"""The engine's tables behind our relations: their names, their columns, their checks."""

from __future__ import annotations

from sqlglot import exp

from outcrop.catalog.objects import Column, Relation
from outcrop.commands.context import CommandContext
from outcrop.datatypes import TYPES, VARCHAR_BYTES_MAX, DataType, TypeKind
from outcrop.engines.base import EngineColumn
from outcrop.errors import DuplicateObject, FeatureNotSupported
from outcrop.planner.bind import physical_table
from outcrop.planner.model_call import has_call
from outcrop.planner.name_outputs import UNNAMED
from outcrop.sql.duckdb_dialect import render


def physical_name(relation: Relation) -> str:
    """Return the name of a relation's table in the engine's SQL."""
    return render(physical_table(relation))


def quoted(name: str) -> str:
    """Return a column's name in the engine's SQL."""
    return render(exp.to_identifier(name, quoted=True))


def physical_type(datatype: DataType) -> str:
    """Return the engine's type for one of ours."""
    if datatype.kind is TypeKind.DECIMAL:
        return f"DECIMAL({datatype.precision or 18},{datatype.scale or 0})"
    return TYPES[datatype.kind].duckdb


def create_storage(context: CommandContext, relation: Relation) -> None:
    """Create the engine's table of a relation, empty.

    The length of CHAR and VARCHAR is in bytes, and a longer value is an error (Redshift developer
    guide, "Character types"), which a CHECK holds. A primary key is not enforced, as in Redshift;
    that its columns are NOT NULL is.
    """
    columns = ", ".join(_column_sql(column) for column in relation.columns)
    context.engine.execute(f"CREATE TABLE {physical_name(relation)} ({columns})")


def _column_sql(column: Column) -> str:
    name = quoted(column.name)
    parts = [name, physical_type(column.datatype)]
    if not column.is_nullable:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT ({column.default})")
    if column.datatype.is_character and column.datatype.length is not None:
        parts.append(f"CHECK (strlen({name}) <= {column.datatype.length})")
    return " ".join(parts)


def stored_columns(names: tuple[str, ...], found: tuple[EngineColumn, ...]) -> tuple[Column, ...]:
    """Return the columns of a relation that is made from a query.

    Raises DuplicateObject if two have one name: the query must tell them apart.
    """
    if len(names) != len(found):
        raise DuplicateObject(
            f"{len(names)} column names are given for {len(found)} columns",
            hint="Give each column of the query a name, or none.",
        )
    for index, name in enumerate(names):
        if name in names[:index]:
            raise DuplicateObject(
                f"column {name!r} is given more than once",
                hint="Name the columns of the query with AS.",
            )
        if name == UNNAMED:
            raise DuplicateObject(
                f"column {index + 1} of the query has no name", hint="Name it with AS."
            )
    return tuple(
        Column(name, _stored_type(column.datatype))
        for name, column in zip(names, found, strict=True)
    )


def _stored_type(datatype: DataType) -> DataType:
    if datatype.kind is TypeKind.UNKNOWN:
        return DataType(TypeKind.VARCHAR, length=VARCHAR_BYTES_MAX)
    if datatype.kind is TypeKind.VARCHAR and datatype.length is None:
        return DataType(TypeKind.VARCHAR, length=VARCHAR_BYTES_MAX)
    return datatype


def bind_expression(context: CommandContext, expression: exp.Expr) -> str:
    """Return an expression without columns, such as a DEFAULT, in the engine's SQL."""
    plan = context.plan(exp.select(exp.alias_(expression.copy(), "value")))
    if plan.stages or has_call(plan.result):
        raise FeatureNotSupported(
            "a model cannot be called in DEFAULT", hint="Call it in the INSERT."
        )
    return render(plan.result.selects[0].unalias())
