"""A request to a model as the emulator understands it, whichever operation brought it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum

from outcrop.emulator.models import ModelLimits, find_limits
from outcrop.emulator.prompt_cache import Start, starts_of
from outcrop.emulator.service_errors import ServiceError, invalid
from outcrop.emulator.validation import (
    ShapeValidator,
    check_converse,
    malformed,
    parse_json,
    read_family_body,
)
from outcrop.inference.invocation import canonical_json
from outcrop.providers.base import JsonObject
from outcrop.providers.converse import without_cache_points
from outcrop.providers.families.base import Family
from outcrop.providers.scripted import count_tokens, prompt_text
from outcrop.providers.seeded import digest


class Operation(StrEnum):
    """What can be asked of a model: the last part of the path."""

    CONVERSE = "converse"
    CONVERSE_STREAM = "converse-stream"
    INVOKE = "invoke"
    INVOKE_STREAM = "invoke-with-response-stream"
    COUNT_TOKENS = "count-tokens"

    @property
    def is_streamed(self) -> bool:
        """Whether the answer comes as a stream of events."""
        return self in (Operation.CONVERSE_STREAM, Operation.INVOKE_STREAM)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One checked request that asks a model.

    `body` is in Converse's form; `family` is that of an InvokeModel request, else None. `identity`
    is the same for requests that differ in the limit of the answer or in marks for the prompt cache
    only, `fault_key` differs with the limit: asked for a longer answer, the model may give one that
    is not cut.
    """

    operation: Operation
    model_id: str
    limits: ModelLimits
    body: JsonObject
    family: Family | None
    identity: bytes
    fault_key: bytes

    @property
    def input_tokens(self) -> int:
        """How many tokens the request has, as CountTokens says."""
        return count_tokens(prompt_text(self.body))

    @property
    def starts(self) -> tuple[Start, ...]:
        """The starts of the prompt that the service is to keep for the next request."""
        return starts_of(self.model_id, self.body)

    @property
    def output_tokens_max(self) -> int:
        """The limit of the answer: the request's own, or else the model's."""
        config = self.body.get("inferenceConfig") or {}
        return int(config.get("maxTokens") or self.limits.output_tokens_max)


class CallReader:
    """Turns the content of a POST into a checked `ModelCall`, or raises the service's error."""

    def __init__(self, seed: int) -> None:
        self._shapes = ShapeValidator()
        self._seed = seed

    def read(self, operation: Operation, model_id: str, content: bytes) -> ModelCall:
        """Read a request of any operation but CountTokens."""
        limits = find_limits(model_id)
        if operation in (Operation.CONVERSE, Operation.CONVERSE_STREAM):
            family, body = None, self._read_converse(model_id, content, limits)
        else:
            family, body = _read_invoke(model_id, content, limits)
        kind = family.name if family else "converse"
        config = dict(body.get("inferenceConfig") or {})
        tokens = str(config.pop("maxTokens", None))
        plain = without_cache_points(body) if family is None else body
        asked = canonical_json({**plain, "inferenceConfig": config})
        identity = digest(self._seed, kind, model_id, asked)
        fault_key = digest(self._seed, tokens, identity.hex())
        return ModelCall(operation, model_id, limits, body, family, identity, fault_key)

    def count_tokens(self, model_id: str, content: bytes) -> int:
        """Answer a CountTokens request."""
        limits = find_limits(model_id)
        body = parse_json(content, _not_json())
        self._shapes.check("CountTokens", model_id, body)
        counted = body.get("input") or {}
        if "converse" in counted:
            check_converse(model_id, counted["converse"], limits)
            return count_tokens(prompt_text(counted["converse"]))
        try:
            inner = base64.b64decode(counted["invokeModel"]["body"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid("input.invokeModel.body is not in base64") from error
        _, converse = _read_invoke(model_id, inner, limits)
        return count_tokens(prompt_text(converse))

    def _read_converse(self, model_id: str, content: bytes, limits: ModelLimits) -> JsonObject:
        body = parse_json(content, _not_json())
        self._shapes.check("Converse", model_id, body)
        check_converse(model_id, body, limits)
        return body


def _read_invoke(model_id: str, content: bytes, limits: ModelLimits) -> tuple[Family, JsonObject]:
    body = parse_json(content, malformed("the body is no JSON object"))
    return read_family_body(model_id, body, limits)


def _not_json() -> ServiceError:
    return ServiceError("SerializationException", "The request body is no JSON object.")
