"""CREATE EXTERNAL MODEL.

Creating a model checks its settings and stores them; nothing is trained and nothing is called.
Rules of REQUEST_TYPE and RESPONSE_TYPE: Redshift developer guide, "CREATE EXTERNAL MODEL".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import fastjsonschema

from outcrop.catalog.objects import (
    ExternalModel,
    ModelType,
    QualifiedName,
    ResponseType,
    Volatility,
)
from outcrop.commands.context import CommandContext
from outcrop.datatypes import SUPER, VARCHAR, DataType, TypeKind
from outcrop.errors import (
    DatatypeMismatch,
    DuplicateObject,
    InvalidParameter,
    InvalidStatement,
    suggest,
)
from outcrop.execution.result import Result
from outcrop.planner.check_calls import argument_names
from outcrop.providers.base import RequestType
from outcrop.settings import OnError
from outcrop.sql.fragments import parse_type_text
from outcrop.sql.functions import find_function
from outcrop.sql.statements import CreateExternalModel
from outcrop.sql.types import declared, from_sqlglot

E = TypeVar("E", bound=StrEnum)

_PROMPT_ARGUMENTS = (VARCHAR, SUPER, SUPER)
_RAW_ARGUMENTS = (SUPER,)
_UNIFIED_ONLY = ("PROMPT", "SUFFIX", "SYSTEM", "MAX_TOKENS", "TEMPERATURE")


def create_external_model(context: CommandContext, statement: CreateExternalModel) -> Result:
    """Store an external model and its function."""
    snapshot = context.snapshot()
    name = snapshot.qualify_new(context.fold(statement.name))
    function = snapshot.qualify_new(context.fold(statement.function))
    existing = snapshot.models_by_name.get(name)
    if existing is not None and statement.if_not_exists:
        return Result("CREATE MODEL")
    if existing is not None and not statement.or_replace:
        raise DuplicateObject(
            f"model {str(name)!r} already exists",
            hint=f"DROP MODEL {name}; removes it; CREATE OR REPLACE EXTERNAL MODEL replaces it.",
        )
    _check_function_is_free(context, statement, function, existing)
    model = _build(context, statement, name, function)
    if existing is not None:
        context.store.remove(context.engine, existing.oid)
    context.store.add(context.engine, model)
    context.note_catalog_change()
    return Result("CREATE MODEL")


def _check_function_is_free(
    context: CommandContext,
    statement: CreateExternalModel,
    function: QualifiedName,
    existing: ExternalModel | None,
) -> None:
    if find_function(function.name) is not None:
        raise DuplicateObject(
            f"function {function.name!r} is built in",
            hint="Give the model's function another name.",
            position=statement.function_position,
        )
    for model in context.snapshot().models:
        if model.function == function and (existing is None or model.oid != existing.oid):
            raise DuplicateObject(
                f"function {str(function)!r} already exists: it is that of model "
                f"{str(model.name)!r}",
                hint="Give the function another name.",
                position=statement.function_position,
            )


def _build(
    context: CommandContext,
    statement: CreateExternalModel,
    name: QualifiedName,
    function: QualifiedName,
) -> ExternalModel:
    settings = _Settings(statement)
    model_type = settings.choice("MODEL_TYPE", statement.model_type, ModelType)
    request_type = settings.enum("REQUEST_TYPE", RequestType, RequestType.UNIFIED)
    is_raw = request_type is RequestType.RAW
    default_response = ResponseType.SUPER if is_raw else ResponseType.VARCHAR
    model = ExternalModel(
        oid=context.store.next_oid(),
        name=name,
        function=function,
        owner=context.user,
        created_at=context.now(),
        iam_role=statement.iam_role,
        model_type=model_type,
        model_id=settings.required("MODEL_ID"),
        prompt=settings.text("PROMPT"),
        suffix=settings.text("SUFFIX"),
        request_type=request_type,
        response_type=settings.enum("RESPONSE_TYPE", ResponseType, default_response),
        system=settings.text("SYSTEM"),
        max_tokens=settings.number("MAX_TOKENS", int, 1, None),
        temperature=settings.number("TEMPERATURE", float, 0, 1),
        returns=settings.returns(),
        output_schema=settings.output_schema(),
        volatility=settings.enum("VOLATILITY", Volatility, Volatility.STABLE),
        on_error=_lower(settings.enum("ON_ERROR", _OnErrorWord, None)),
        endpoint=settings.text("ENDPOINT"),
    )
    _check_request_and_response(model, settings)
    _check_parameters(model, statement)
    if model.endpoint is not None:
        context.check_provider(model.endpoint, f"ENDPOINT of model {str(name)!r}")
    return model


class _OnErrorWord(StrEnum):
    FAIL = OnError.FAIL.value.upper()
    NULL = OnError.NULL.value.upper()


def _lower(word: StrEnum | None) -> str | None:
    return None if word is None else word.value.lower()


def _check_request_and_response(model: ExternalModel, settings: _Settings) -> None:
    if model.request_type is RequestType.RAW:
        for key in (*_UNIFIED_ONLY, "RETURNS", "OUTPUT_SCHEMA"):
            if settings.text(key) is not None:
                raise InvalidStatement(
                    f"{key} cannot be set for a model with REQUEST_TYPE RAW",
                    hint="The body of a RAW request is the caller's: put it there.",
                    position=settings.position(key),
                )
        if model.response_type is not ResponseType.SUPER:
            raise InvalidStatement(
                "a model with REQUEST_TYPE RAW must have RESPONSE_TYPE SUPER",
                position=settings.position("RESPONSE_TYPE"),
            )
    if model.returns is not None and model.output_schema is not None:
        raise InvalidStatement(
            "RETURNS and OUTPUT_SCHEMA cannot be set together",
            hint="RETURNS is for one value, OUTPUT_SCHEMA for a whole document.",
            position=settings.position("OUTPUT_SCHEMA"),
        )


def _check_parameters(model: ExternalModel, statement: CreateExternalModel) -> None:
    """Check the types that were written behind the function's name, if any were."""
    if statement.function_parameters is None:
        return
    types = _RAW_ARGUMENTS if model.request_type is RequestType.RAW else _PROMPT_ARGUMENTS
    given = tuple(from_sqlglot(datatype) for datatype in statement.function_parameters)
    if not 1 <= len(given) <= len(types) or any(
        datatype.kind is not expected.kind for datatype, expected in zip(given, types, strict=False)
    ):
        expected = ", ".join(str(datatype.kind) for datatype in types)
        raise DatatypeMismatch(
            f"function {str(model.function)!r} of a {model.request_type} model takes ({expected})",
            hint=f"These are {', '.join(argument_names(model))}; the first is required.",
        )


class _Settings:
    """The SETTINGS of a statement, read one by one, with errors that point at them."""

    def __init__(self, statement: CreateExternalModel) -> None:
        self._values: Mapping[str, str] = statement.settings
        self._positions = statement.setting_positions
        self._statement = statement

    def position(self, key: str) -> Any:
        return self._positions.get(key, self._statement.position)

    def text(self, key: str) -> str | None:
        return self._values.get(key)

    def required(self, key: str) -> str:
        value = self._values.get(key)
        if not value:
            raise InvalidStatement(
                f"{key} is missing in SETTINGS",
                hint=f"Add {key} '...', such as MODEL_ID 'anthropic.claude-3-haiku-20240307-v1:0'.",
                position=self._statement.position,
            )
        return value

    def enum(self, key: str, words: type[E], default: Any) -> Any:
        value = self._values.get(key)
        return default if value is None else self.choice(key, value, words)

    def choice(self, key: str, value: str, words: type[E]) -> E:
        try:
            return words(value.upper())
        except ValueError:
            known = [word.value for word in words]
            raise InvalidParameter(
                f"{key} cannot be {value!r}",
                hint=suggest(value, known) or f"It is one of {', '.join(known)}.",
                position=self.position(key),
            ) from None

    def number(
        self, key: str, kind: Callable[[str], Any], lowest: float, highest: float | None
    ) -> Any:
        value = self._values.get(key)
        if value is None:
            return None
        try:
            number = kind(value)
        except ValueError:
            number = None
        if number is None or number < lowest or (highest is not None and number > highest):
            domain = f"from {lowest}" + ("" if highest is None else f" to {highest}")
            raise InvalidParameter(
                f"{key} must be a number {domain}, not {value!r}", position=self.position(key)
            )
        return number

    def returns(self) -> DataType | None:
        value = self._values.get("RETURNS")
        if value is None:
            return None
        datatype = declared(parse_type_text(value))
        if datatype.kind is TypeKind.VARCHAR and "(" not in value:
            return VARCHAR
        return datatype

    def output_schema(self) -> str | None:
        value = self._values.get("OUTPUT_SCHEMA")
        if value is None:
            return None
        try:
            schema = json.loads(value)
            if not isinstance(schema, dict):
                raise ValueError("not an object")
            fastjsonschema.compile(schema)
        except (ValueError, fastjsonschema.JsonSchemaDefinitionException) as error:
            raise InvalidParameter(
                f"OUTPUT_SCHEMA is no JSON schema: {error}",
                hint="""Write it as JSON, such as '{"type": "object", "properties": {...}}'.""",
                position=self.position("OUTPUT_SCHEMA"),
            ) from error
        return value
