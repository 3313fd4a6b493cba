"""The queries around a call: which arguments it is asked about, and its answers beside the rows."""

from __future__ import annotations

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel, Volatility
from outcrop.datatypes import TYPES, TypeKind
from outcrop.planner.bind import answer_type
from outcrop.planner.plan import StagedCall
from outcrop.providers.base import RequestType


def argument_text(model: ExternalModel, position: int, argument: exp.Expr) -> exp.Expr:
    """Return an argument as text: a prompt as it is, a SUPER as JSON."""
    is_super = position > 0 or model.request_type is RequestType.RAW
    if is_super:
        argument = exp.Anonymous(this="to_json", expressions=[argument])
    return exp.cast(argument, exp.DataType.Type.TEXT, copy=False)


def distinct_arguments(
    relation: str, row_name: str, keys: tuple[str, ...], volatility: Volatility
) -> exp.Query:
    """Return the query for the argument tuples to ask about, in the order of their first rows."""
    columns = [exp.column(key, quoted=True) for key in keys]
    row: exp.Expr = exp.column(row_name, quoted=True)
    query = exp.Select()
    if volatility is not Volatility.VOLATILE:
        row = exp.Min(this=row)
        query.group_by(*(column.copy() for column in columns), copy=False)
    is_asked = exp.not_(exp.Is(this=columns[0].copy(), expression=exp.null()), copy=False)
    return (
        query.select(exp.alias_(row, "id", copy=False), *columns, copy=False)
        .from_(stored_table(relation), copy=False)
        .where(is_asked, copy=False)
        .order_by(exp.column("id"), copy=False)
    )


def join_answers(
    select: exp.Select, alias: str, call: StagedCall, columns: tuple[str, ...], answer: str
) -> None:
    """Add the answers of a call to the rows that asked: NULL where there is none.

    `columns` are those of the row's number and of its keys.
    """
    row, *keys = columns
    if call.model.volatility is Volatility.VOLATILE:
        matches: list[exp.Expr] = [
            exp.EQ(this=column_of(row, alias), expression=column_of("id", call.ids))
        ]
    else:
        matches = [
            exp.NullSafeEQ(this=column_of(key, alias), expression=column_of(key, call.ids))
            for key in keys
        ]
    select.select(exp.alias_(_answer_value(call), answer, quoted=True), copy=False)
    answered = exp.EQ(this=column_of("id", call.answers), expression=column_of("id", call.ids))
    for relation, condition in ((call.ids, exp.and_(*matches)), (call.answers, answered)):
        select.append("joins", exp.Join(this=stored_table(relation), side="LEFT", on=condition))


def _answer_value(call: StagedCall) -> exp.Expr:
    """Return the stored text of an answer as a value of the type that the model returns."""
    value: exp.Expr = column_of("value", call.answers)
    datatype = answer_type(call.model)
    if datatype.kind is TypeKind.SUPER:
        as_json = exp.cast(value, exp.DataType.Type.JSON)
        return exp.cast(as_json, exp.DataType.Type.VARIANT)
    if datatype.kind is TypeKind.DECIMAL:
        return exp.cast(value, f"DECIMAL({datatype.precision},{datatype.scale})")
    if not datatype.is_character:
        return exp.cast(value, TYPES[datatype.kind].duckdb)
    return value


def stored_table(name: str, alias: exp.TableAlias | None = None) -> exp.Table:
    """Return a temporary relation; `exp.to_table` would parse its name, which takes longer."""
    return exp.Table(this=exp.to_identifier(name), alias=alias)


def column_of(name: str, table: str) -> exp.Column:
    """Return a column of a relation."""
    return exp.column(name, table=table, quoted=True)
