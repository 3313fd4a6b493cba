"""Amazon Nova, whose InvokeModel bodies are Converse's (Nova user guide, "Complete schema")."""

from __future__ import annotations

from typing import Any

from outcrop.providers.base import INFERENCE_CONFIG_KEYS, JsonObject
from outcrop.providers.converse import text_of, usage_of
from outcrop.providers.families.family import (
    Family,
    FamilyAnswer,
    has_typed_messages,
    messages_field,
    object_field,
    stop_reason_of,
)

_CONVERSE_MEMBERS = (
    "system",
    "toolConfig",
    "outputConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
)


def _accepts(body: JsonObject) -> bool:
    """Typed messages are another family's: Nova refuses them."""
    if not isinstance(body.get("messages"), list):
        return False
    return "inferenceConfig" in body or "schemaVersion" in body or not has_typed_messages(body)


def _to_converse(body: JsonObject) -> JsonObject:
    """Nova's own parameters (`topK`, `reasoningConfig`) go where Converse takes them for Nova.

    That is `additionalModelRequestFields.inferenceConfig`.
    """
    config = dict(object_field("nova", body, "inferenceConfig"))
    # The older spelling of the limit, which Nova still takes.
    if "max_new_tokens" in config:
        config.setdefault("maxTokens", config.pop("max_new_tokens"))
    own = {key: config.pop(key) for key in list(config) if key not in INFERENCE_CONFIG_KEYS}
    converse: dict[str, Any] = {"messages": messages_field("nova", body)}
    converse |= {key: body[key] for key in _CONVERSE_MEMBERS if key in body}
    if config:
        converse["inferenceConfig"] = config
    if own:
        additional = dict(object_field("nova", body, "additionalModelRequestFields"))
        converse["additionalModelRequestFields"] = {**additional, "inferenceConfig": own}
    return converse


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    own = {key: response[key] for key in ("output", "stopReason", "usage") if key in response}
    return {"stopReason": stop_reason_of(response), **own}


def _read_answer(response: JsonObject) -> FamilyAnswer:
    return FamilyAnswer(text_of(response), stop_reason_of(response), usage_of(response))


FAMILY = Family(
    name="nova",
    id_prefixes=("amazon.nova",),
    accepts=_accepts,
    is_marked=_accepts,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
