"""Amazon Titan Text (Bedrock user guide, "Amazon Titan Text models")."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outcrop.providers.base import JsonObject, TokenUsage
from outcrop.providers.converse import count_of, first_object_of, string_of, text_of, usage_of
from outcrop.providers.families.family import (
    Family,
    FamilyAnswer,
    converse_body,
    object_field,
    stop_reason_of,
    text_field,
    user_message,
)

# What the family itself assumes where a request does not say.
MAX_TOKENS_DEFAULT = 512

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "maxTokenCount": "maxTokens",
        "temperature": "temperature",
        "topP": "topP",
        "stopSequences": "stopSequences",
    }
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "end_turn": "FINISHED",
        "max_tokens": "LENGTH",
        "stop_sequence": "STOP_CRITERIA_MET",
        "content_filtered": "CONTENT_FILTERED",
        "guardrail_intervened": "CONTENT_FILTERED",
    }
)
_CONVERSE_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "LENGTH": "max_tokens",
        "STOP_CRITERIA_MET": "stop_sequence",
        "CONTENT_FILTERED": "content_filtered",
    }
)


def _accepts(body: JsonObject) -> bool:
    return "inputText" in body


def _to_converse(body: JsonObject) -> JsonObject:
    config = object_field("titan", body, "textGenerationConfig")
    others = {k: v for k, v in body.items() if k not in ("inputText", "textGenerationConfig")}
    return converse_body(
        [user_message(text_field("titan", body, "inputText"))],
        parameters={"maxTokenCount": MAX_TOKENS_DEFAULT, **config, **others},
        names=_NAMES,
    )


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    usage = usage_of(response) or TokenUsage()
    result = {
        "tokenCount": usage.output_tokens,
        "outputText": text_of(response),
        "completionReason": _REASONS.get(stop_reason_of(response), "FINISHED"),
    }
    return {"inputTextTokenCount": usage.input_tokens, "results": [result]}


def _read_answer(response: JsonObject) -> FamilyAnswer:
    first = first_object_of(response.get("results"))
    usage = None
    if "inputTextTokenCount" in response:
        usage = TokenUsage(
            count_of(response["inputTextTokenCount"]), count_of(first.get("tokenCount"))
        )
    reason = _CONVERSE_REASONS.get(string_of(first.get("completionReason")), "end_turn")
    return FamilyAnswer(string_of(first.get("outputText")), reason, usage)


FAMILY = Family(
    name="titan",
    id_prefixes=("amazon.titan-t",),
    accepts=_accepts,
    is_marked=_accepts,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
