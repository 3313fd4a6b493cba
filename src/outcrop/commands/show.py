"""SHOW MODEL, SHOW and SET: statements that read and write what the session knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel
from outcrop.commands.context import CommandContext
from outcrop.datatypes import VARCHAR
from outcrop.errors import Error, InvalidParameter
from outcrop.execution.result import Result, ResultColumn, StoredRows
from outcrop.planner.bind import answer_type
from outcrop.planner.check_calls import argument_names
from outcrop.pricing.usd import format_usd
from outcrop.providers.base import RequestType
from outcrop.settings import SETTINGS, SettingValue, find_setting, show_setting
from outcrop.sql.duckdb_dialect import render
from outcrop.sql.statements import SetSetting, ShowModel, ShowSetting

_STATE = "READY"
_CREATED_FORMAT = "%a, %d.%m.%Y %H:%M:%S"


def show_model(context: CommandContext, statement: ShowModel) -> Result:
    """List the models, or the facts of one (Redshift developer guide, "SHOW MODEL")."""
    if statement.name is None:
        models = sorted(context.snapshot().models, key=lambda model: model.name)
        return table_of(
            "SHOW MODEL",
            ("Schema Name", "Model Name"),
            [(model.name.schema, model.name.name) for model in models],
        )
    model = context.model(statement.name)
    return table_of("SHOW MODEL", ("Key", "Value"), list(_facts(context, model)))


def _facts(context: CommandContext, model: ExternalModel) -> Iterator[tuple[str, str]]:
    is_raw = model.request_type is RequestType.RAW
    yield "Model Name", model.name.name
    yield "Schema Name", model.name.schema
    yield "Owner", model.owner
    yield "Creation Time", model.created_at.strftime(_CREATED_FORMAT)
    yield "Model State", _STATE
    yield "", ""
    yield "PARAMETERS:", ""
    yield "Model Type", model.model_type.value.lower()
    yield "Model ID", model.model_id
    for key, value in (
        ("Prompt", model.prompt),
        ("Suffix", model.suffix),
        ("System", model.system),
        ("Max Tokens", model.max_tokens),
        ("Temperature", model.temperature),
    ):
        if value is not None:
            yield key, str(value)
    yield "Request Type", model.request_type.value
    yield "Response Type", model.response_type.value
    yield "Function Name", str(model.function)
    yield "Function Parameters", " ".join(argument_names(model))
    yield "Function Parameter Types", "super" if is_raw else "character varying super super"
    yield "Returns", str(answer_type(model))
    yield "Volatility", model.volatility.value
    yield "IAM Role", model.iam_role
    for key, value in (
        ("Output Schema", model.output_schema),
        ("On Error", model.on_error),
        ("Endpoint", model.endpoint),
    ):
        if value is not None:
            yield key, value
    yield from _spending(context, model)


def _spending(context: CommandContext, model: ExternalModel) -> Iterator[tuple[str, str]]:
    """Say what the model's calls have come to, as the journal has it."""
    details = [d for d in context.journal.details() if d.model == str(model.name)]
    costs = [d.cost_usd for d in details if d.cost_usd is not None]
    yield "Calls To Date", str(sum(d.calls for d in details))
    yield "Tokens To Date", str(sum(d.input_tokens + d.output_tokens for d in details))
    yield "Cost To Date", format_usd(sum(costs)) if costs or not details else "unknown"


def show_setting_value(context: CommandContext, statement: ShowSetting) -> Result:
    """Show one setting, or all of them with their meanings."""
    if statement.name is not None:
        name = find_setting(statement.name).name
        return table_of("SHOW", (name,), [(show_setting(context.settings[name]),)])
    rows = [
        (name, show_setting(context.settings[name]), setting.meaning)
        for name, setting in sorted(SETTINGS.items())
    ]
    return table_of("SHOW", ("name", "setting", "description"), rows)


def set_setting(context: CommandContext, statement: SetSetting) -> Result:
    """Set, or reset, a setting of the session."""
    zone_before = context.settings["timezone"]
    if statement.name.lower() == "all" and statement.value is None:
        context.settings.reset_all()
    else:
        context.settings.set(statement.name, statement.value, is_local=statement.is_local)
    try:
        apply_timezone(context, zone_before)
    except InvalidParameter:
        context.settings.set("timezone", str(zone_before))
        raise
    context.forget_snapshot()
    return Result("SET" if statement.value is not None else "RESET")


def apply_timezone(context: CommandContext, zone_before: SettingValue) -> None:
    """Have the engine show times in the session's zone, if it is another than before.

    Raises InvalidParameter for a zone that the engine does not know.
    """
    zone = context.settings["timezone"]
    if zone == zone_before:
        return
    try:
        context.engine.execute(f"SET TimeZone = {render(exp.Literal.string(str(zone)))}")
    except Error as error:
        raise InvalidParameter(
            f"unknown time zone {zone!r}", hint="Name one such as 'UTC' or 'Europe/Oslo'."
        ) from error


def table_of(tag: str, names: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> Result:
    """Return rows of texts as a result."""
    columns = tuple(ResultColumn(name, VARCHAR) for name in names)
    return Result(tag, columns, rows=StoredRows(columns, list(rows)))
