"""Mistral's text completion (Bedrock user guide, "Mistral AI text completion")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from outcrop.providers.base import JsonObject
from outcrop.providers.converse import first_object_of, string_of, text_of
from outcrop.providers.families.family import (
    Family,
    FamilyAnswer,
    Message,
    converse_body,
    stop_reason_of,
    text_field,
    user_message,
)

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "maxTokens",
        "temperature": "temperature",
        "top_p": "topP",
        "stop": "stopSequences",
    }
)
_TURN = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=\[INST\]|\Z)", re.DOTALL)


def _accepts(body: JsonObject) -> bool:
    return isinstance(body.get("prompt"), str)


def _is_marked(body: JsonObject) -> bool:
    return _accepts(body) and "[INST]" in body["prompt"] and "max_gen_len" not in body


def _read_prompt(prompt: str) -> list[Message]:
    """Return the messages that `<s>[INST] .. [/INST] ..</s>` marks; else one of the user."""
    messages: list[Message] = []
    for asked, answered in _TURN.findall(prompt):
        messages.append(user_message(asked.strip()))
        answer = answered.replace("</s>", "").replace("<s>", "").strip()
        if answer:
            messages.append({"role": "assistant", "content": [{"text": answer}]})
    return messages or [user_message(prompt.removeprefix("<s>"))]


def _to_converse(body: JsonObject) -> JsonObject:
    return converse_body(
        _read_prompt(text_field("mistral", body, "prompt")),
        parameters=body,
        names=_NAMES,
        ignored=frozenset({"prompt"}),
    )


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    reason = "length" if stop_reason_of(response) == "max_tokens" else "stop"
    return {"outputs": [{"text": text_of(response), "stop_reason": reason}]}


def _read_answer(response: JsonObject) -> FamilyAnswer:
    first = first_object_of(response.get("outputs"))
    reason = "max_tokens" if first.get("stop_reason") == "length" else "end_turn"
    return FamilyAnswer(string_of(first.get("text")), reason, None)


FAMILY = Family(
    name="mistral",
    id_prefixes=("mistral.",),
    accepts=_accepts,
    is_marked=_is_marked,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
