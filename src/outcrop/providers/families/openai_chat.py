"""OpenAI's chat completions, which several families on Bedrock take as well.

Source: OpenAI API reference, "Create chat completion"; Bedrock user guide, "OpenAI models".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from outcrop.providers.base import JsonObject, TokenUsage
from outcrop.providers.converse import (
    count_of,
    first_object_of,
    object_of,
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
        "max_completion_tokens": "maxTokens",
        "temperature": "temperature",
        "top_p": "topP",
        "stop": "stopSequences",
    }
)
_OTHER_FORMS_KEYS = frozenset(
    {"inferenceConfig", "schemaVersion", "anthropic_version", "system", "stop_sequences"}
)
_MARKS = frozenset({"model", "max_completion_tokens", "response_format", "stop", "n"})
_SYSTEM_ROLES = ("system", "developer")
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "length",
        "content_filtered": "content_filter",
        "guardrail_intervened": "content_filter",
        "tool_use": "tool_calls",
    }
)
_CONVERSE_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "content_filter": "content_filtered",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
    }
)


def _accepts(body: JsonObject) -> bool:
    return has_typed_messages(body) and _OTHER_FORMS_KEYS.isdisjoint(body)


def _is_marked(body: JsonObject) -> bool:
    if not _accepts(body):
        return False
    roles = {message.get("role") for message in body["messages"]}
    return not _MARKS.isdisjoint(body) or not roles.isdisjoint(_SYSTEM_ROLES)


def _to_converse(body: JsonObject) -> JsonObject:
    system: list[str] = []
    messages: list[JsonObject] = []
    for message in messages_field("openai_chat", body):
        text = text_of_blocks("openai_chat", message["content"])
        if message["role"] in _SYSTEM_ROLES:
            system.append(text)
        else:
            messages.append({"role": message["role"], "content": [{"text": text}]})
    stop = body.get("stop")
    converse = converse_body(
        messages,
        system="\n".join(system) or None,
        parameters={**body, "stop": [stop] if isinstance(stop, str) else stop},
        names=_NAMES,
        ignored=frozenset({"messages", "model", "stream", "response_format"}),
    )
    asked = object_field("openai_chat", body, "response_format").get("json_schema")
    if not asked:
        return converse
    described = text_format(asked.get("schema") or {}, asked.get("name") or "answer")
    return {**converse, "outputConfig": {"textFormat": described}}


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    usage = usage_of(response) or TokenUsage()
    prompt_tokens = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text_of(response)},
        "finish_reason": _REASONS.get(stop_reason_of(response), "stop"),
    }
    return {
        "id": stable_id("chatcmpl-", response),
        "object": "chat.completion",
        "model": model_id,
        "choices": [choice],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": prompt_tokens + usage.output_tokens,
        }
        | _cache_members(usage),
    }


def _cache_members(usage: TokenUsage) -> dict[str, Any]:
    if not usage.cache_read_tokens:
        return {}
    return {"prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens}}


def _read_usage(counted: object) -> TokenUsage | None:
    """OpenAI's `prompt_tokens` hold the cached ones as well; ours keep the two apart."""
    if not isinstance(counted, Mapping):
        return None
    details = object_of(counted.get("prompt_tokens_details"))
    prompt_tokens = count_of(counted.get("prompt_tokens"))
    cached = min(count_of(details.get("cached_tokens")), prompt_tokens)
    return TokenUsage(prompt_tokens - cached, count_of(counted.get("completion_tokens")), cached)


def _read_answer(response: JsonObject) -> FamilyAnswer:
    first = first_object_of(response.get("choices"))
    message = object_of(first.get("message"))
    # Mistral's chat form on Bedrock writes `stop_reason`; a refusal has its text in `refusal`.
    finish = string_of(first.get("finish_reason") or first.get("stop_reason")) or "stop"
    text = text_of_content(message.get("content"))
    reason = _CONVERSE_REASONS.get(finish, finish)
    if not text and message.get("refusal"):
        text, reason = str(message["refusal"]), "content_filtered"
    return FamilyAnswer(text, reason, _read_usage(response.get("usage")))


FAMILY = Family(
    name="openai_chat",
    id_prefixes=("openai.", "gpt-", "qwen.", "mistral.", "deepseek.v", "google.gemma"),
    accepts=_accepts,
    is_marked=_is_marked,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
