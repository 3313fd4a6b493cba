"""A model and the arguments of one call to an invocation.

Specification: Amazon Redshift developer guide, "CREATE EXTERNAL MODEL", and Bedrock's Converse
API. What Redshift leaves open is decided in docs/concepts.md: PROMPT, input and SUFFIX are joined
by one blank.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import uuid4

from outcrop.catalog.objects import ExternalModel
from outcrop.datatypes import DataType, TypeKind
from outcrop.errors import Rejected, suggest
from outcrop.inference.invocation import Invocation, canonical_json
from outcrop.providers.base import INFERENCE_CONFIG_KEYS, RequestType

ANSWER_KEY = "answer"

# The members of a request's body, and their canonical text.
Body: TypeAlias = "tuple[Mapping[str, Any], str]"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a model's requests really go, after routes and roles.

    `fallback` is where they go when nothing can be had there.
    """

    provider: str
    model_id: str
    fallback: Destination | None = None


class InvocationComposer:
    """Makes the invocations of one model's calls.

    `compose` raises Rejected for arguments that no request can be made of: it is the row's error,
    found before anything is sent.
    """

    def __init__(
        self, model: ExternalModel, destination: Destination, *, max_tokens_default: int
    ) -> None:
        self._model = model
        self._destination = destination
        self._max_tokens_default = max_tokens_default
        self._fixed = _fixed_members(model)
        self._before_prompt = f"{model.prompt} " if model.prompt else ""
        self._behind_prompt = f" {model.suffix}" if model.suffix else ""
        # All that the JSON texts of bodies have in common, so that it is written once.
        mark = uuid4().hex
        self._before_text, self._behind_text = canonical_json(self._with_text(mark)).split(
            canonical_json(mark)
        )
        is_raw = model.request_type is RequestType.RAW
        self._body: Callable[[Sequence[str | None]], Body] = (
            _raw_body if is_raw else self._unified_body
        )

    @property
    def fixed_chars(self) -> int:
        """How many characters stand before every argument: the system's text, and the PROMPT."""
        return len(self._model.system or "") + len(self._before_prompt)

    def compose(
        self,
        arguments: Sequence[str | None],
        salt: str = "",
        shared_ends: tuple[int, ...] = (),
    ) -> Invocation:
        """Return the invocation for one tuple of arguments; `salt` keeps volatile rows apart.

        `shared_ends` says how far the argument begins as those of other rows do.
        """
        members, text = self._body(arguments)
        if shared_ends:
            shared_ends = tuple([len(self._before_prompt) + end for end in shared_ends])
        destination = self._destination
        return Invocation(
            destination.provider,
            destination.model_id,
            self._model.request_type,
            text,
            self._max_tokens_default,
            salt,
            members,
            shared_ends,
        )

    def _unified_body(self, arguments: Sequence[str | None]) -> Body:
        prompt = arguments[0] or ""
        if not prompt.strip():
            raise Rejected(
                "the prompt is empty", hint="Leave rows without a text out, or give NULL."
            )
        text = f"{self._before_prompt}{prompt}{self._behind_prompt}"
        body = self._with_text(text)
        config = _object("inference_config", arguments[1]) if len(arguments) > 1 else None
        if config:
            body["inferenceConfig"] = {
                **self._fixed.get("inferenceConfig", {}),
                **_checked_config(config),
            }
        fields = _object(_FIELDS, arguments[2]) if len(arguments) > 2 else None
        if fields:
            body["additionalModelRequestFields"] = fields
        if config or fields:
            return body, canonical_json(body)
        return body, f"{self._before_text}{canonical_json(text)}{self._behind_text}"

    def _with_text(self, text: str) -> dict[str, Any]:
        return {**self._fixed, "messages": [{"role": "user", "content": [{"text": text}]}]}


_FIELDS = "additional_model_request_fields"


def output_schema(model: ExternalModel) -> Mapping[str, Any] | None:
    """Return the JSON schema that a model's answers must satisfy; None for free text."""
    if model.output_schema is not None:
        schema: Mapping[str, Any] = json.loads(model.output_schema)
        return schema
    if model.returns is None or model.returns.is_character:
        return None
    value = _value_schema(model.returns)
    return {
        "type": "object",
        "properties": {ANSWER_KEY: value},
        "required": [ANSWER_KEY],
        "additionalProperties": False,
    }


def _value_schema(datatype: DataType) -> Mapping[str, Any]:
    match datatype.kind:
        case TypeKind.SMALLINT | TypeKind.INTEGER | TypeKind.BIGINT:
            return {"type": "integer"}
        case TypeKind.DECIMAL | TypeKind.REAL | TypeKind.DOUBLE:
            return {"type": "number"}
        case TypeKind.BOOLEAN:
            return {"type": "boolean"}
        case TypeKind.SUPER:
            return {}
        case TypeKind.DATE:
            return {"type": "string", "format": "date"}
    return {"type": "string"}


def _fixed_members(model: ExternalModel) -> dict[str, Any]:
    """Return what every UNIFIED request of a model carries."""
    members: dict[str, Any] = {}
    if model.system:
        members["system"] = [{"text": model.system}]
    config: dict[str, Any] = {}
    if model.max_tokens is not None:
        config["maxTokens"] = model.max_tokens
    if model.temperature is not None:
        config["temperature"] = model.temperature
    if config:
        members["inferenceConfig"] = config
    schema = output_schema(model)
    if schema is not None:
        structure = {"jsonSchema": {"schema": canonical_json(schema), "name": ANSWER_KEY}}
        members["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
    return members


def _raw_body(arguments: Sequence[str | None]) -> Body:
    body = _object("request", arguments[0])
    if not body:
        raise Rejected(
            "the request of a RAW model is no object",
            hint="Build it with OBJECT('key', value, ...) in the form of the model's family.",
        )
    return body, canonical_json(body)


def _object(name: str, text: str | None) -> dict[str, Any] | None:
    """Return a SUPER argument that must be an object; None for NULL."""
    value = None if text is None else json.loads(text)
    if value is None or isinstance(value, dict):
        return value
    raise Rejected(
        f"argument {name!r} is no object, but {text!r}",
        hint="Build it with OBJECT('key', value, ...).",
    )


def _checked_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check an inference_config whose values were not known when the statement was planned."""
    for key, value in config.items():
        types = INFERENCE_CONFIG_KEYS.get(key)
        if types is None:
            raise Rejected(
                f"unknown inference parameter {key!r}", hint=suggest(key, INFERENCE_CONFIG_KEYS)
            )
        if isinstance(value, bool) or not isinstance(value, types):
            raise Rejected(f"inference parameter {key!r} cannot be {canonical_json(value)}")
    return config
