"""Model calls are checked when a statement is planned: before anything runs, or is paid for."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel
from outcrop.datatypes import DataType, TypeKind
from outcrop.errors import DatatypeMismatch, InvalidParameter, UndefinedFunction, suggest
from outcrop.planner.model_call import ModelCall
from outcrop.providers.base import INFERENCE_CONFIG_KEYS, RequestType
from outcrop.sql.nodes import ArrayConstructor, ObjectConstructor, position_of
from outcrop.sql.types import from_sqlglot

_UNIFIED_ARGUMENTS = ("input_text", "inference_config", "additional_model_request_fields")
_RAW_ARGUMENTS = ("request",)


def check_calls(tree: exp.Expr, models: Mapping[int, ExternalModel]) -> None:
    """Check the arguments of every model call in a typed tree.

    Raises UndefinedFunction (their number), DatatypeMismatch (their types), InvalidParameter
    (names and values of an `inference_config` that is written out).
    """
    for call in tree.find_all(ModelCall):
        _check_call(call, models[call.model_oid])


def argument_names(model: ExternalModel) -> tuple[str, ...]:
    """Return the names of the arguments that a model's function takes, the optional ones too."""
    return _RAW_ARGUMENTS if model.request_type is RequestType.RAW else _UNIFIED_ARGUMENTS


def signature(model: ExternalModel) -> str:
    """Return a model's function as a user would write it."""
    first, *optional = argument_names(model)
    rest = "".join(f" [, {name}" for name in optional) + "]" * len(optional)
    return f"{model.function}({first}{rest})"


def _check_call(call: ModelCall, model: ExternalModel) -> None:
    arguments = call.expressions
    names = argument_names(model)
    if not 1 <= len(arguments) <= len(names):
        raise UndefinedFunction(
            f"function {str(model.function)!r} does not take {len(arguments)} arguments",
            hint=f"It is {signature(model)}.",
            position=position_of(call),
        )
    for name, argument in zip(names, arguments, strict=False):
        _check_type(model, name, argument)
    if model.request_type is RequestType.UNIFIED and len(arguments) > 1:
        _check_inference_config(arguments[1])


def _check_type(model: ExternalModel, name: str, argument: exp.Expr) -> None:
    actual = from_sqlglot(argument.type)
    wants_super = name != _UNIFIED_ARGUMENTS[0]
    if _is_null(argument) or actual.kind is TypeKind.UNKNOWN or _fits(actual, wants_super):
        return
    wanted = "SUPER" if wants_super else "VARCHAR"
    remedy = (
        "Build it with OBJECT('key', value, ...), or parse a text with JSON_PARSE(text)."
        if wants_super
        else f"Write CAST({name} AS VARCHAR), or JSON_SERIALIZE({name}) for a SUPER."
    )
    raise DatatypeMismatch(
        f"argument {name!r} of {str(model.function)!r} must be {wanted}, not {actual}",
        hint=remedy,
        position=position_of(argument),
    )


def _is_null(argument: exp.Expr) -> bool:
    return isinstance(argument.unnest(), exp.Null)


def _fits(actual: DataType, wants_super: bool) -> bool:
    if wants_super:
        return actual.kind is TypeKind.SUPER
    return actual.is_character or actual.kind is TypeKind.SUPER


def _check_inference_config(config: exp.Expr) -> None:
    """Check an OBJECT whose keys are written out; what comes from a column is checked by row."""
    if not isinstance(config, ObjectConstructor):
        return
    for key, value in zip(config.expressions[::2], config.expressions[1::2], strict=False):
        if not (isinstance(key, exp.Literal) and key.is_string):
            continue
        if key.name not in INFERENCE_CONFIG_KEYS:
            raise InvalidParameter(
                f"unknown inference parameter {key.name!r}",
                hint=suggest(key.name, INFERENCE_CONFIG_KEYS)
                or f"The parameters are {', '.join(INFERENCE_CONFIG_KEYS)}; what a model takes "
                "beyond them goes into the third argument.",
                position=position_of(key),
            )
        _check_value(key.name, value)


def _check_value(name: str, value: exp.Expr) -> None:
    """Check a value that is written out against its parameter's type and lowest value."""
    if name == "stopSequences":
        if isinstance(value, exp.Literal):
            raise InvalidParameter(
                f"inference parameter {name!r} must be an array of texts",
                hint="Write ARRAY('first', 'second').",
                position=position_of(value),
            )
        return
    if isinstance(value, ArrayConstructor | ObjectConstructor) or (
        isinstance(value, exp.Literal) and value.is_string
    ):
        raise InvalidParameter(
            f"inference parameter {name!r} must be a number", position=position_of(value)
        )
    if not isinstance(value, exp.Literal):
        return
    if name == "maxTokens" and not (value.is_int and int(value.name) >= 1):
        raise InvalidParameter(
            f"inference parameter {name!r} must be a whole number from 1, not {value.name}",
            position=position_of(value),
        )
    if name != "maxTokens" and float(value.name) > 1:
        raise InvalidParameter(
            f"inference parameter {name!r} must be from 0 to 1, not {value.name}",
            position=position_of(value),
        )
