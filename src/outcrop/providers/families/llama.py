"""Meta Llama (Bedrock user guide, "Meta Llama models")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from outcrop.providers.base import JsonObject, TokenUsage
from outcrop.providers.converse import count_of, string_of, text_of, usage_of
from outcrop.providers.families.family import (
    Family,
    FamilyAnswer,
    Message,
    converse_body,
    stop_reason_of,
    text_field,
    user_message,
)

# What the family itself assumes where a request does not say.
MAX_TOKENS_DEFAULT = 512

_NAMES: Mapping[str, str] = MappingProxyType(
    {"max_gen_len": "maxTokens", "temperature": "temperature", "top_p": "topP"}
)
_TURN = re.compile(
    r"<\|start_header_id\|>(\w+)<\|end_header_id\|>(.*?)(?=<\|eot_id\|>|<\|start_header_id\|>|\Z)",
    re.DOTALL,
)


def _accepts(body: JsonObject) -> bool:
    return isinstance(body.get("prompt"), str)


def _is_marked(body: JsonObject) -> bool:
    return _accepts(body) and ("max_gen_len" in body or "<|start_header_id|>" in body["prompt"])


def _read_prompt(prompt: str) -> tuple[str | None, list[Message]]:
    """Return the system text and the messages that the header tokens of a prompt mark."""
    system: list[str] = []
    messages: list[Message] = []
    for role, content in _TURN.findall(prompt):
        text = content.strip()
        if role == "system":
            system.append(text)
        elif text:
            # The last header, of the assistant, has no text: it asks for the answer.
            messages.append({"role": role, "content": [{"text": text}]})
    if not messages:
        messages = [user_message(prompt.removeprefix("<|begin_of_text|>"))]
    return "\n".join(system) or None, messages


def _to_converse(body: JsonObject) -> JsonObject:
    system, messages = _read_prompt(text_field("llama", body, "prompt"))
    return converse_body(
        messages,
        system=system,
        parameters={"max_gen_len": MAX_TOKENS_DEFAULT, **body},
        names=_NAMES,
        ignored=frozenset({"prompt"}),
    )


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    usage = usage_of(response) or TokenUsage()
    return {
        "generation": text_of(response),
        "prompt_token_count": usage.input_tokens,
        "generation_token_count": usage.output_tokens,
        "stop_reason": "length" if stop_reason_of(response) == "max_tokens" else "stop",
    }


def _read_answer(response: JsonObject) -> FamilyAnswer:
    usage = None
    if "prompt_token_count" in response:
        usage = TokenUsage(
            count_of(response["prompt_token_count"]),
            count_of(response.get("generation_token_count")),
        )
    reason = "max_tokens" if response.get("stop_reason") == "length" else "end_turn"
    return FamilyAnswer(string_of(response.get("generation")), reason, usage)


FAMILY = Family(
    name="llama",
    id_prefixes=("meta.llama",),
    accepts=_accepts,
    is_marked=_is_marked,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
