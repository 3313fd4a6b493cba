"""How many tokens a request will have, before it is sent: an estimate, and an upper bound.

The **estimate** (for EXPLAIN) is characters by four, corrected by what the model's journaled
answers really counted. No tokenizer is shipped: vocabularies are downloads, differ by model, and
the correction is nearer than a wrong vocabulary.

The **upper bound** (for budgets, which may not be overshot) of input tokens is the body's length
in UTF-8 bytes: the tokenizers of today's models fall back to single bytes, so that no text has
more tokens than bytes. The provider adds a chat template, covered by `TEMPLATE_TOKENS` and by the
JSON syntax that the body has beside its text; and for tools and output schemas instructions of its
own, covered by `TOOL_TOKENS`. The bound of output tokens is the request's own limit.
"""

from __future__ import annotations

from collections.abc import Mapping

from outcrop.inference.records import TokenHistory
from outcrop.providers.base import JsonObject, TokenUsage

CHARS_PER_TOKEN = 4.0
TEMPLATE_TOKENS = 64
TOOL_TOKENS = 1_024
_TOOL_KEYS = frozenset({"toolConfig", "tools", "outputConfig", "response_format"})

# Where the request forms of the model families keep the limit of the answer: Converse and Nova,
# Anthropic and Mistral and Cohere, Anthropic's old form, OpenAI, Llama, Titan.
_LIMIT_PATHS = (
    ("inferenceConfig", "maxTokens"),
    ("max_tokens",),
    ("max_tokens_to_sample",),
    ("max_completion_tokens",),
    ("max_gen_len",),
    ("textGenerationConfig", "maxTokenCount"),
)


def estimate_input_tokens(request_chars: int, history: TokenHistory | None) -> int:
    """Return how many input tokens bodies of `request_chars` characters in all will have."""
    if history is None or not history.request_chars:
        return round(request_chars / CHARS_PER_TOKEN)
    return round(request_chars * history.input_tokens / history.request_chars)


def estimate_output_tokens(calls: int, history: TokenHistory | None, tokens_max: int) -> int:
    """Return how many output tokens `calls` answers will have: as so far, else their limit."""
    if history is None or not history.answers:
        return calls * tokens_max
    return min(round(calls * history.output_tokens / history.answers), calls * tokens_max)


def usage_max(body_text: str, body: JsonObject) -> TokenUsage | None:
    """Return a usage that one request cannot exceed, or None where its answer has no limit."""
    output = output_tokens_max(body)
    if output is None:
        return None
    return TokenUsage(input_tokens_max(body_text, body), output)


def input_tokens_max(body_text: str, body: JsonObject) -> int:
    """Return a number of input tokens that the request cannot exceed."""
    tools = 0 if _TOOL_KEYS.isdisjoint(body) else TOOL_TOKENS
    return len(body_text.encode("utf-8", "surrogatepass")) + TEMPLATE_TOKENS + tools


def output_tokens_max(body: JsonObject) -> int | None:
    """Return the limit of the answer that the request names, or None."""
    for path in _LIMIT_PATHS:
        value: object = body
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
