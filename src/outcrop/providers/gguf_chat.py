"""Converse requests in the form that llama.cpp's chat completions take, and its answers back.

    chat_of(body, to_grammar) -> JsonObject         the request; raises Rejected
    read_chunks(chunks) -> ChatAnswer               the streamed answer, put together
    error_of(error, model) -> ProviderError         what llama.cpp refused, in our words

Pure functions of JSON; the server itself is in `gguf_server.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import fastjsonschema

from outcrop.errors import ProviderError, Rejected, Unavailable, suggest
from outcrop.providers.base import JsonObject, TokenUsage
from outcrop.providers.converse import check_members, count_of, output_schema_of, prompt_texts_of

_CONFIG_NAMES = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}

# What additionalModelRequestFields may carry: llama.cpp's names of its samplers' parameters
# (llama.cpp, tools/server/README.md, "POST /completion").
SAMPLING_FIELDS = (
    "chat_template_kwargs",
    "dry_allowed_length",
    "dry_base",
    "dry_multiplier",
    "dry_penalty_last_n",
    "dynatemp_exponent",
    "dynatemp_range",
    "frequency_penalty",
    "ignore_eos",
    "logit_bias",
    "min_keep",
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "presence_penalty",
    "reasoning_format",
    "repeat_last_n",
    "repeat_penalty",
    "samplers",
    "seed",
    "top_k",
    "typical_p",
    "xtc_probability",
    "xtc_threshold",
)

# How the grammar writes JSON: one blank after each separator. Left free, a small model pads its
# answer with blanks and newlines, at three times the tokens; without any blank its answers got
# worse (of 8 reviews: 6 right in 165 tokens free, 6 in 56 like this, 4 in 48 without blanks).
# `lenient` ignores the keywords that the grammar cannot express; the answer is validated anyway.
_JSON_STYLE = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": True,
}

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What the model said, why it stopped in Converse's words, and what it counted."""

    text: str
    stop_reason: str
    usage: TokenUsage | None


def chat_of(body: JsonObject, to_grammar: Callable[[str], str]) -> dict[str, Any]:
    """Return the chat request for a Converse `body`.

    `to_grammar` turns the text of a JSON schema into a grammar. A request that sets no temperature
    gets 0, so that the same question has the same answer on every run.
    """
    check_members(body, "a local model")
    chat: dict[str, Any] = {"messages": _messages_of(body), "temperature": 0}
    for key, value in (body.get("inferenceConfig") or {}).items():
        if key not in _CONFIG_NAMES:
            raise Rejected(
                f"inferenceConfig has no {key!r}",
                code="ValidationException",
                hint=suggest(key, _CONFIG_NAMES),
            )
        chat[_CONFIG_NAMES[key]] = value
    for key, value in (body.get("additionalModelRequestFields") or {}).items():
        if key not in SAMPLING_FIELDS:
            raise Rejected(
                f"a local model has no parameter {key!r}",
                code="ValidationException",
                hint=suggest(key, SAMPLING_FIELDS)
                or f"additionalModelRequestFields takes {', '.join(SAMPLING_FIELDS)}.",
            )
        chat[key] = value
    asked = output_schema_of(body)
    if asked is not None:
        chat["grammar"] = to_grammar(_compact_schema(asked.schema))
    return chat


def _messages_of(body: JsonObject) -> list[dict[str, str]]:
    messages = [
        {"role": message["role"], "content": "".join(prompt_texts_of(message["content"]))}
        for message in body.get("messages") or ()
    ]
    if not messages:
        raise Rejected("the request has no messages", code="ValidationException")
    system = "\n\n".join(prompt_texts_of(body.get("system") or ()))
    return [{"role": "system", "content": system}, *messages] if system else messages


def _compact_schema(schema: JsonObject) -> str:
    """Return the schema as text with our style of JSON, or raise Rejected where it is none.

    llama.cpp answers freely, and says nothing, if it cannot read the schema.
    """
    try:
        fastjsonschema.compile(dict(schema))
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise Rejected(
            f"the output schema is no JSON schema: {error}", code="ValidationException"
        ) from error
    return json.dumps({**schema, "x-guidance": _JSON_STYLE})


def read_chunks(chunks: Iterable[JsonObject]) -> ChatAnswer:
    """Put the chunks of a streamed answer together.

    llama.cpp does not tell a stop sequence from the end of the model's turn: both are `end_turn`.
    Prompt tokens that it remembered count as read again, so that counts are the same on every run.
    """
    texts: list[str] = []
    finish, usage = "stop", None
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            texts.append(choice["delta"].get("content") or "")
            finish = choice.get("finish_reason") or finish
        if "usage" in chunk:
            counted = chunk["usage"]
            usage = TokenUsage(
                count_of(counted.get("prompt_tokens")), count_of(counted.get("completion_tokens"))
            )
    return ChatAnswer("".join(texts), _STOP_REASONS.get(finish, finish), usage)


def error_of(error: JsonObject, model: str) -> ProviderError:
    """Return the error for what llama.cpp's server said instead of an answer."""
    message = str(error.get("message", "the local model failed"))
    code = str(error.get("type", "server_error"))
    if code == "exceed_context_size_error":
        return Rejected(
            f"the prompt has {error.get('n_prompt_tokens')} tokens, and model {model!r} has a "
            f"context of {error.get('n_ctx')}",
            code=code,
            hint="Shorten the prompt, or raise `context` in the provider's table of outcrop.toml.",
        )
    if error.get("code") in (500, 503):
        return Unavailable(f"model {model!r}: {message}", code=code)
    return Rejected(f"model {model!r}: {message}", code=code)
