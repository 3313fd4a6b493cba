"""Anthropic's legacy text completion, of claude-v2 and older.

Source: Bedrock user guide, "Anthropic Claude Text Completions API".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from outcrop.providers.base import JsonObject
from outcrop.providers.converse import string_of, text_of
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
        "max_tokens_to_sample": "maxTokens",
        "temperature": "temperature",
        "top_p": "topP",
        "stop_sequences": "stopSequences",
    }
)
# Every prompt ends a turn so, which is why callers name it as a stop sequence.
_TURN_END = "\n\nHuman:"
_TURN = re.compile(r"\n\n(Human|Assistant):(.*?)(?=\n\nHuman:|\n\nAssistant:|\Z)", re.DOTALL)


def _accepts(body: JsonObject) -> bool:
    return isinstance(body.get("prompt"), str)


def _is_marked(body: JsonObject) -> bool:
    return _accepts(body) and ("max_tokens_to_sample" in body or _TURN_END in body["prompt"])


def _read_prompt(prompt: str) -> tuple[str | None, list[Message]]:
    """Return the text before the first turn, as the system's, and the turns."""
    marked = prompt if prompt.startswith("\n\n") else "\n\n" + prompt
    turns = list(_TURN.finditer(marked))
    if not turns:
        return None, [user_message(prompt)]
    messages: list[Message] = []
    for turn in turns:
        text = turn[2].strip()
        if text:
            role = "user" if turn[1] == "Human" else "assistant"
            messages.append({"role": role, "content": [{"text": text}]})
    return marked[: turns[0].start()].strip() or None, messages


def _to_converse(body: JsonObject) -> JsonObject:
    system, messages = _read_prompt(text_field("anthropic_text", body, "prompt"))
    stops = [stop for stop in body.get("stop_sequences") or () if stop != _TURN_END]
    return converse_body(
        messages,
        system=system,
        parameters={**body, "stop_sequences": stops or None},
        names=_NAMES,
        ignored=frozenset({"prompt", "anthropic_version"}),
    )


def _from_converse(response: JsonObject, model_id: str) -> JsonObject:
    """The family says `stop_sequence` of every complete answer: the stop is the turn's end."""
    is_cut = stop_reason_of(response) == "max_tokens"
    return {
        "type": "completion",
        "completion": text_of(response),
        "stop_reason": "max_tokens" if is_cut else "stop_sequence",
        "stop": None if is_cut else _TURN_END,
    }


def _read_answer(response: JsonObject) -> FamilyAnswer:
    if response.get("stop_reason") == "max_tokens":
        reason = "max_tokens"
    else:
        reason = "end_turn" if response.get("stop") in (None, _TURN_END) else "stop_sequence"
    return FamilyAnswer(string_of(response.get("completion")), reason, None)


FAMILY = Family(
    name="anthropic_text",
    id_prefixes=("anthropic.claude-v", "anthropic.claude-instant"),
    accepts=_accepts,
    is_marked=_is_marked,
    to_converse=_to_converse,
    from_converse=_from_converse,
    read_answer=_read_answer,
)
