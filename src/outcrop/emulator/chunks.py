"""The pieces of a streamed answer, in the form of each operation and model family.

The backends answer as a whole, so a stream is a whole answer cut into pieces. Sources: Bedrock API
reference, "ConverseStreamOutput"; Bedrock user guide, the streaming section of each family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from outcrop.providers.base import JsonObject
from outcrop.providers.converse import text_of
from outcrop.providers.families.base import Family

PIECE_CHARACTERS = 16

Chunks: TypeAlias = list[dict[str, Any]]


def converse_events(response: JsonObject) -> list[tuple[str, JsonObject]]:
    """Return the events of ConverseStream, by type, that together say `response`."""
    deltas: list[tuple[str, JsonObject]] = [
        ("contentBlockDelta", {"delta": {"text": piece}, "contentBlockIndex": 0})
        for piece in _pieces(text_of(response))
    ]
    return [
        ("messageStart", {"role": "assistant"}),
        *deltas,
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": response["stopReason"]}),
        ("metadata", {"usage": response["usage"], "metrics": response["metrics"]}),
    ]


def family_chunks(family: Family, response: JsonObject, model_id: str) -> Chunks:
    """Return the chunks of InvokeModelWithResponseStream that together say `response`.

    The last one has the service's metrics, as in the real stream.
    """
    whole = family.from_converse(response, model_id)
    chunks = _CHUNKS[family.name](_pieces(text_of(response)), whole, response)
    usage, latency_ms = response["usage"], response["metrics"]["latencyMs"]
    chunks[-1]["amazon-bedrock-invocationMetrics"] = {
        "inputTokenCount": usage["inputTokens"],
        "outputTokenCount": usage["outputTokens"],
        "invocationLatency": latency_ms,
        "firstByteLatency": latency_ms,
    }
    return chunks


def _pieces(text: str) -> list[str]:
    return [text[i : i + PIECE_CHARACTERS] for i in range(0, len(text), PIECE_CHARACTERS)]


# In each of these, `whole` is the family's answer as a whole and `response` the same in Converse's
# form.


def _anthropic_messages(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    start = {**whole, "content": [], "stop_reason": None}
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
            for piece in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": ending,
            "usage": {"output_tokens": whole["usage"]["output_tokens"]},
        },
        {"type": "message_stop"},
    ]


def _anthropic_text(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    chunks: Chunks = [
        {**whole, "completion": piece, "stop_reason": None, "stop": None} for piece in pieces
    ]
    return [*chunks, {**whole, "completion": ""}]


def _nova(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    return [{name: payload} for name, payload in converse_events(response)]


def _titan(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    result = whole["results"][0]
    chunks: Chunks = [
        {
            "outputText": piece,
            "index": 0,
            "totalOutputTextTokenCount": None,
            "completionReason": None,
            "inputTextTokenCount": None,
        }
        for piece in pieces or [""]
    ]
    chunks[-1] |= {
        "totalOutputTextTokenCount": result["tokenCount"],
        "completionReason": result["completionReason"],
        "inputTextTokenCount": whole["inputTextTokenCount"],
    }
    return chunks


def _llama(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    chunks: Chunks = [
        {
            "generation": piece,
            "prompt_token_count": None,
            "generation_token_count": None,
            "stop_reason": None,
        }
        for piece in pieces
    ]
    return [*chunks, {**whole, "generation": ""}]


def _mistral(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    chunks: Chunks = [{"outputs": [{"text": piece, "stop_reason": None}]} for piece in pieces]
    ending = {"text": "", "stop_reason": whole["outputs"][0]["stop_reason"]}
    return [*chunks, {"outputs": [ending]}]


def _cohere(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    chunks: Chunks = [
        {"is_finished": False, "event_type": "text-generation", "text": piece} for piece in pieces
    ]
    ending = {
        "is_finished": True,
        "event_type": "stream-end",
        "finish_reason": whole["finish_reason"],
        "response": whole,
    }
    return [*chunks, ending]


def _openai_chat(pieces: list[str], whole: JsonObject, response: JsonObject) -> Chunks:
    start = {key: whole[key] for key in ("id", "model", "created") if key in whole}
    start["object"] = "chat.completion.chunk"
    chunks: Chunks = [
        {**start, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    reason = whole["choices"][0]["finish_reason"]
    ending = {"index": 0, "delta": {}, "finish_reason": reason}
    return [*chunks, {**start, "choices": [ending], "usage": whole["usage"]}]


_CHUNKS: Mapping[str, Callable[[list[str], JsonObject, JsonObject], Chunks]] = MappingProxyType(
    {
        "anthropic_messages": _anthropic_messages,
        "anthropic_text": _anthropic_text,
        "cohere": _cohere,
        "llama": _llama,
        "mistral": _mistral,
        "nova": _nova,
        "openai_chat": _openai_chat,
        "titan": _titan,
    }
)
