"""Anthropic's Messages API, on Bedrock and at Anthropic (Anthropic API reference, "Messages").

On Bedrock the body names `anthropic_version` and no model; at Anthropic it is the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from outcrop.providers.base import JsonObject, TokenUsage
from outcrop.providers.converse import (
    count_of,
    string_of,
    text_format,
    text_of,
    text_of_content,
    usage_of,
)
from outcrop.providers.families.family import (
    Family,
    FamilyAnswer,
    converse_body,
    has_typed_messages,
    messages_field,
    object_field,
    stable_id,
    stop_reason_of,
    text_of_blocks,
)

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "maxTokens",
        "temperature": "temperature",
        "top_p": "topP",
        "stop_sequences": "stopSequences",
    }
)
_OTHER_FORMS_KEYS = frozenset(
    {"inferenceConfig", "schemaVersion", "max_completion_tokens", "response_format", "stop", "n"}
)
_MARKS = frozenset({"anthropic_version", "system", "stop_sequences", "thinking", "output_config"})
_SYSTEM_ROLES = ("system", "developer")
# Reasons that have another name in Converse; the rest have the same.
_CONVERSE_REASONS: Mapping[str, str] = MappingProxyType({"refusal": "content_filtered"})
_REASONS: Mapping[str, str] = MappingProxyType(
    {"content_filtered": "refusal", "guardrail_intervened": "refusal"}
)


def _accepts(body: JsonObject) -> bool:
    if not has_typed_messages(body) or not _OTHER_FORMS_KEYS.isdisjoint(body):
        return False
    return all(message.get("role") not in _SYSTEM_ROLES for message in body["messages"])


def _is_marked(body: JsonObject) -> bool:
    return _accepts(body) and not _MARKS.isdisjoint(body)


def _to_converse(body: JsonObject) -> JsonObject:
    messages = [
        {
            "role": message["role"],
            "content": [{"text": text_of_blocks("anthropic_messages", message["content"])}],
        }
        for message in messages_field("anthropic_messages", body)
    ]
    system = body.get("system")
    output = dict(object_field("anthropic_messages", body, "output_config"))
    described = output.pop("format", None)
    converse = converse_body(
        messages,
        system=text_of_blocks("anthropic_messages", system) if system else None,
        parameters={**body, "output_config": output or None},
        names=_NAMES,
        ignored=frozenset({"messages", "system", "anthropic_version", "model"}),
    )
    if described is None:
        return converse
    return {**converse, "outputConfig": {"textFormat": text_format(described.get("schema") or {})}}


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    usage = usage_of(response) or TokenUsage()
    reason = stop_reason_of(response)
    return {
        "id": stable_id("msg_", response),
        "type": "message",
        "role": "assistant",
        "model": model_id,
        "content": [{"type": "text", "text": text_of(response)}],
        "stop_reason": _REASONS.get(reason, reason),
        "stop_sequence": None,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
        | _cache_members(usage),
    }


def _cache_members(usage: TokenUsage) -> dict[str, Any]:
    if not usage.cache_read_tokens and not usage.cache_write_tokens:
        return {}
    return {
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
    }


def _read_answer(response: JsonObject) -> FamilyAnswer:
    usage = None
    counted: Any = response.get("usage")
    if isinstance(counted, Mapping):
        usage = TokenUsage(
            count_of(counted.get("input_tokens")),
            count_of(counted.get("output_tokens")),
            count_of(counted.get("cache_read_input_tokens")),
            count_of(counted.get("cache_creation_input_tokens")),
        )
    reason = string_of(response.get("stop_reason")) or "end_turn"
    text = text_of_content(response.get("content"))
    return FamilyAnswer(text, _CONVERSE_REASONS.get(reason, reason), usage)


FAMILY = Family(
    name="anthropic_messages",
    id_prefixes=("anthropic.claude", "claude-"),
    accepts=_accepts,
    is_marked=_is_marked,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
