"""Cohere Command R (Bedrock user guide, "Cohere Command R and Command R+ models").

The family's answer repeats the conversation in `chat_history`; ours leaves that out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outcrop.errors import Rejected
from outcrop.providers.base import JsonObject
from outcrop.providers.converse import string_of, text_of
from outcrop.providers.families.family import (
    Family,
    FamilyAnswer,
    Message,
    converse_body,
    stable_id,
    stop_reason_of,
    text_field,
    user_message,
)

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "maxTokens",
        "temperature": "temperature",
        "p": "topP",
        "stop_sequences": "stopSequences",
    }
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "MAX_TOKENS",
        "content_filtered": "ERROR_TOXIC",
        "guardrail_intervened": "ERROR_TOXIC",
    }
)
_CONVERSE_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "MAX_TOKENS": "max_tokens",
        "ERROR_TOXIC": "content_filtered",
        "ERROR_LIMIT": "model_context_window_exceeded",
    }
)
_ROLES: Mapping[str, str] = MappingProxyType({"USER": "user", "CHATBOT": "assistant"})


def _accepts(body: JsonObject) -> bool:
    return isinstance(body.get("message"), str)


def _read_history(body: JsonObject) -> list[Message]:
    messages: list[Message] = []
    for turn in body.get("chat_history") or []:
        role = _ROLES.get(str(turn.get("role")).upper()) if isinstance(turn, Mapping) else None
        if role is None:
            raise Rejected(
                "each turn of 'chat_history' has the role USER or CHATBOT",
                code="ValidationException",
            )
        text = text_field("cohere", turn, "message")
        messages.append({"role": role, "content": [{"text": text}]})
    return messages


def _to_converse(body: JsonObject) -> JsonObject:
    message = user_message(text_field("cohere", body, "message"))
    return converse_body(
        [*_read_history(body), message],
        system=body.get("preamble"),
        parameters=body,
        names=_NAMES,
        ignored=frozenset({"message", "chat_history", "preamble"}),
    )


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    return {
        "response_id": stable_id("", response),
        "text": text_of(response),
        "generation_id": stable_id("g", response),
        "finish_reason": _REASONS.get(stop_reason_of(response), "COMPLETE"),
    }


def _read_answer(response: JsonObject) -> FamilyAnswer:
    # The guide writes the reasons in lower case, the service in upper case.
    reason = str(response.get("finish_reason", "")).upper()
    text = string_of(response.get("text"))
    return FamilyAnswer(text, _CONVERSE_REASONS.get(reason, "end_turn"), None)


FAMILY = Family(
    name="cohere",
    id_prefixes=("cohere.command",),
    accepts=_accepts,
    is_marked=_accepts,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
