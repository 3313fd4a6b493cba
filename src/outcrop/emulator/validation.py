"""Whether a request is one that Bedrock would take.

The shapes are checked with botocore's own service model, so that a client which passes here names
and types every member as AWS does. What the model cannot say (who speaks first, what is blank,
ranges, limits) is checked by hand, in the service's words where they are known.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from outcrop.emulator.models import ModelLimits
from outcrop.emulator.prompt_cache import check_cache_points
from outcrop.emulator.service_errors import ServiceError, invalid
from outcrop.errors import MissingDependency, Rejected
from outcrop.providers.base import JsonObject
from outcrop.providers.families.base import Family, families_of_model, find_family

# What each family's own service refuses to do without (Bedrock user guide, "Inference request
# parameters").
REQUIRED_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "anthropic_messages": ("anthropic_version", "max_tokens", "messages"),
        "anthropic_text": ("prompt", "max_tokens_to_sample"),
        "cohere": ("message",),
        "llama": ("prompt",),
        "mistral": ("prompt",),
        "nova": ("messages",),
        "openai_chat": ("messages",),
        "titan": ("inputText",),
    }
)


class ShapeValidator:
    """Checks requests against the input shapes of botocore's model of the Bedrock runtime."""

    def __init__(self) -> None:
        try:
            from botocore.loaders import Loader
            from botocore.model import ServiceModel
            from botocore.validate import ParamValidator
        except ImportError as error:
            raise MissingDependency(
                "the emulator needs botocore, which is not installed",
                hint="pip install 'outcrop[bedrock]'",
            ) from error
        model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
        self._validator = ParamValidator()
        self._shapes = {
            name: model.operation_model(name).input_shape for name in ("Converse", "CountTokens")
        }

    def check(self, operation: str, model_id: str, body: JsonObject) -> None:
        """Raise ValidationException unless `body` has the shape of `operation`'s request."""
        report = self._validator.validate({**body, "modelId": model_id}, self._shapes[operation])
        if report.has_errors():
            raise invalid(report.generate_report())


def parse_json(content: bytes, refusal: ServiceError) -> JsonObject:
    """Return the JSON object that `content` is, or raise `refusal`."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise refusal from error
    if not isinstance(body, dict):
        raise refusal
    return body


def check_converse(model_id: str, body: JsonObject, limits: ModelLimits) -> None:
    """Check what the shapes do not say of a Converse request."""
    messages = body.get("messages")
    if not messages:
        raise invalid("The messages field is required and has at least one message.")
    _check_turns(messages)
    for i, message in enumerate(messages):
        _check_content(message["content"], f"messages.{i}")
    for i, block in enumerate(body.get("system") or ()):
        _check_text(block, "SystemContentBlock", f"system.{i}")
    check_inference_config(body.get("inferenceConfig") or {}, limits)
    check_cache_points(model_id, body)


def _check_turns(messages: list[JsonObject]) -> None:
    if messages[0]["role"] != "user":
        raise invalid(
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    for previous, message in itertools.pairwise(messages):
        if previous["role"] == message["role"]:
            raise invalid(
                "A conversation must alternate between user and assistant roles. Make sure the "
                "conversation alternates between user and assistant roles and try again."
            )


def _check_content(content: list[JsonObject], where: str) -> None:
    if not content:
        raise invalid(
            f"The content field in the Message object at {where} is empty. Add a ContentBlock "
            "object to the content field and try again."
        )
    for i, block in enumerate(content):
        _check_text(block, "ContentBlock", f"{where}.content.{i}")


def _check_text(block: JsonObject, shape: str, where: str) -> None:
    if "text" in block and not block["text"].strip():
        raise invalid(
            f"The text field in the {shape} object at {where} is blank. Add text to the text "
            "field, and try again."
        )


def check_inference_config(config: JsonObject, limits: ModelLimits) -> None:
    """Check the parameters of a request, in Converse's names, against a model's limits."""
    tokens = config.get("maxTokens")
    if tokens is not None:
        _check_number("inferenceConfig.maxTokens", tokens, 1)
        if tokens > limits.output_tokens_max:
            raise invalid(
                "The maximum tokens you requested exceeds the model limit of "
                f"{limits.output_tokens_max}. Try again with a maximum tokens value that is lower "
                f"than {limits.output_tokens_max}."
            )
    for name, most in (("temperature", limits.temperature_max), ("topP", 1.0)):
        value = config.get(name)
        if value is not None:
            _check_number(f"inferenceConfig.{name}", value, 0, most)


def _check_number(where: str, value: Any, least: float, most: float | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"Malformed input request: {where}: expected type: Number, found: {value!r}")
    for is_outside, bound, limit in (
        (value < least, "greater", least),
        (most is not None and value > most, "less", most),
    ):
        if is_outside:
            raise invalid(
                f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy "
                f"constraint: Member must have value {bound} than or equal to {limit:g}"
            )


def read_family_body(
    model_id: str, body: JsonObject, limits: ModelLimits
) -> tuple[Family, JsonObject]:
    """Return the family of an InvokeModel request and its body in Converse's form, checked."""
    try:
        family = _family_of(model_id, body)
        for key in REQUIRED_KEYS[family.name]:
            if key not in body:
                raise malformed(f"#: required key [{key}] not found")
        converse = family.to_converse(body)
    except Rejected as error:
        raise malformed(error.message) from error
    check_inference_config(converse.get("inferenceConfig") or {}, limits)
    return family, converse


def _family_of(model_id: str, body: JsonObject) -> Family:
    """The model's id decides; the body does where the id (of a custom model, say) names none."""
    named = families_of_model(model_id)
    if not named:
        return find_family(model_id, body)
    return next((family for family in named if family.accepts(body)), named[0])


def malformed(reason: str) -> ServiceError:
    """Return the ValidationException for a body that is not in its model's form."""
    return invalid(f"Malformed input request: {reason}, please reformat your input and try again.")
