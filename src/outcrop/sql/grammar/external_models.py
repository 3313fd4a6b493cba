"""CREATE EXTERNAL MODEL: Redshift's grammar, and the settings that Outcrop adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from outcrop.errors import Position, SqlSyntaxError, suggest
from outcrop.sql.statements import CreateExternalModel
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import parse_type

REDSHIFT_SETTINGS = ("MODEL_ID", "PROMPT", "SUFFIX", "REQUEST_TYPE", "RESPONSE_TYPE")
OUTCROP_SETTINGS = (
    "SYSTEM", "MAX_TOKENS", "TEMPERATURE", "RETURNS", "OUTPUT_SCHEMA", "VOLATILITY", "ON_ERROR",
    "ENDPOINT",
)  # fmt: skip
MODEL_SETTINGS = (*REDSHIFT_SETTINGS, *OUTCROP_SETTINGS)

DEFAULT_ROLE = "default"


def parse_create_external_model(cursor: TokenCursor) -> CreateExternalModel:
    """Parse CREATE [OR REPLACE] EXTERNAL MODEL [IF NOT EXISTS] name FUNCTION ... SETTINGS (...)."""
    cursor.expect("CREATE")
    or_replace = cursor.accept("OR", "REPLACE")
    cursor.expect("EXTERNAL", "MODEL")
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name_position = cursor.position
    name = cursor.name("the model's name")
    cursor.expect("FUNCTION")
    function_position = cursor.position
    function = cursor.name("the function's name")
    parameters = _parse_parameters(cursor) if cursor.at("(") else None
    cursor.expect("IAM_ROLE")
    iam_role = DEFAULT_ROLE if cursor.accept("DEFAULT") else cursor.string("DEFAULT or an ARN")
    cursor.expect("MODEL_TYPE")
    model_type = cursor.identifier("a model type, such as BEDROCK").upper()
    cursor.expect("SETTINGS")
    settings = _parse_settings(cursor)
    cursor.end()
    return CreateExternalModel(
        text=cursor.text,
        position=cursor.start,
        name_position=name_position,
        name=name,
        function=function,
        function_position=function_position,
        function_parameters=parameters,
        iam_role=iam_role,
        model_type=model_type,
        settings=settings.values,
        setting_positions=settings.positions,
        or_replace=or_replace,
        if_not_exists=if_not_exists,
    )


@dataclass(slots=True)
class _Settings:
    values: dict[str, str] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)


def _parse_parameters(cursor: TokenCursor) -> tuple[exp.DataType, ...]:
    cursor.expect("(")
    types: list[exp.DataType] = []
    while not cursor.at(")"):
        tokens = cursor.take_until(",")
        if not tokens:
            raise cursor.error("expected a type")
        types.append(parse_type(cursor.script, tokens))
        if not cursor.accept(","):
            break
    cursor.expect(")")
    return tuple(types)


def _parse_settings(cursor: TokenCursor) -> _Settings:
    settings = _Settings()
    cursor.expect("(")
    _parse_setting(cursor, settings)
    while cursor.accept(","):
        _parse_setting(cursor, settings)
    if not cursor.accept(")"):
        raise cursor.error("expected a comma and the next setting, or ) at the end")
    return settings


def _parse_setting(cursor: TokenCursor, settings: _Settings) -> None:
    position = cursor.position
    name = cursor.word()
    if name is None or name in (",", ")"):
        raise cursor.error("expected the name of a setting", known=MODEL_SETTINGS)
    if name not in MODEL_SETTINGS:
        raise SqlSyntaxError(
            f"unknown setting {name!r} of an external model",
            hint=suggest(name, MODEL_SETTINGS) or f"The settings are {', '.join(MODEL_SETTINGS)}.",
            position=position,
        )
    if name in settings.values:
        raise SqlSyntaxError(
            f"setting {name!r} is given more than once",
            hint="Remove one of them.",
            position=position,
        )
    cursor.index += 1
    settings.values[name] = _parse_value(cursor, name)
    settings.positions[name] = position


def _parse_value(cursor: TokenCursor, name: str) -> str:
    """Parse a quoted string, or a word, number or type such as `DECIMAL(10, 2)` as typed."""
    text = cursor.accept_string()
    if text is not None:
        return text
    tokens = cursor.take_until(",")
    if not tokens or not _is_value(tokens, name):
        if tokens:
            cursor.index -= len(tokens)
        raise cursor.error(f"expected a value for {name}, such as 'text'")
    return cursor.script.source(tokens[0], tokens[-1])


def _is_value(tokens: list[Token], name: str) -> bool:
    """One word or number is a value; only RETURNS takes a type of several tokens."""
    if tokens[0].token_type is TokenType.IDENTIFIER:
        return False
    signed = tokens[0].token_type is TokenType.DASH
    return name == "RETURNS" or len(tokens) == 1 + signed
