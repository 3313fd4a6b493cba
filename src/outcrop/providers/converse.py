"""The neutral form of requests and responses, Converse's JSON: reading and building it.

Every adapter that is not Bedrock's own turns a Converse request into its API's form and the answer
back (Amazon Bedrock API reference, "Converse"); these are the pieces that they share:

    text_of(response) -> str                        the text blocks of a response, joined
    text_of_content(content) -> str                 the same for one message's content
    count_of(value) -> int                          a token count as a provider wrote it, else 0
    string_of(value), object_of(value), first_object_of(value)
                                                    the same for '', {}, and a list's first object
    usage_of(response) -> TokenUsage | None         what the provider counted
    text_response(text, *, stop_reason, usage, latency_ms) -> JsonObject
    text_completion(text, *, stop_reason, usage, latency_ms) -> Completion
    usage_member(usage) -> JsonObject               the usage of a response
    output_schema_of(body) -> OutputSchema | None   the JSON schema that a request asks for
    prompt_texts_of(content) -> list[str]           the texts of a request's content, else Rejected
    check_members(body, owner)                      Rejected for what only Bedrock can do
    text_format(schema, name) -> JsonObject         `outputConfig.textFormat` for a JSON schema
    with_cache_points(body, ends) -> JsonObject     a request with marks for the prompt cache
    without_cache_points(body) -> JsonObject        the same without them
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.errors import Rejected
from outcrop.providers.base import Completion, JsonObject, TokenUsage

# The members of a Converse request that every provider understands.
_SHARED_MEMBERS = frozenset(
    {"messages", "system", "inferenceConfig", "additionalModelRequestFields", "outputConfig"}
)

# Of one call: a hundred times what the largest models can read.
TOKENS_MAX = 1_000_000_000

_quoted = json.JSONEncoder(ensure_ascii=False).encode

# Where the start of a prompt ends that the provider is to keep for the next request.
CACHE_POINT: JsonObject = {"cachePoint": {"type": "default"}}


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """The JSON schema that the answer must follow, and its name."""

    name: str
    schema: JsonObject


def text_of_content(content: object) -> str:
    """Return the text blocks of a message's content, joined; other kinds of block say nothing.

    `reasoningContent` is no part of the answer, so `content[0]` may not be text.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    return "".join([string_of(object_of(block).get("text")) for block in content])


def text_of(response: JsonObject) -> str:
    """Return the text of a Converse response; '' where it has none."""
    return text_of_content(
        object_of(object_of(response.get("output")).get("message")).get("content")
    )


def object_of(value: object) -> JsonObject:
    """Return an object as a provider wrote it, {} where it is none."""
    return value if isinstance(value, Mapping) else {}


def first_object_of(value: object) -> JsonObject:
    """Return the first object of a list as a provider wrote it, {} where there is none."""
    return object_of(value[0]) if isinstance(value, list) and value else {}


def string_of(value: object) -> str:
    """Return a string as a provider wrote it, '' where it is none."""
    return value if isinstance(value, str) else ""


def count_of(value: object) -> int:
    """Return a token count as a provider wrote it; what can be none counts as 0.

    One below 0 would give money back to the budget, and one beyond 64 bits has no place in the
    journal.
    """
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else 0


def usage_of(response: JsonObject) -> TokenUsage | None:
    """Return the usage of a Converse response, or None where it reports none."""
    usage = response.get("usage")
    if not isinstance(usage, Mapping):
        return None
    return TokenUsage(
        input_tokens=count_of(usage.get("inputTokens")),
        output_tokens=count_of(usage.get("outputTokens")),
        cache_read_tokens=count_of(usage.get("cacheReadInputTokens")),
        cache_write_tokens=count_of(usage.get("cacheWriteInputTokens")),
    )


def text_response(
    text: str, *, stop_reason: str, usage: TokenUsage | None, latency_ms: int
) -> JsonObject:
    """Return a Converse response of one text; without `usage` it has no `usage` member."""
    content = [{"text": text}] if text else []
    response: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
    }
    if usage is not None:
        response["usage"] = usage_member(usage)
    response["metrics"] = {"latencyMs": latency_ms}
    return response


def text_completion(
    text: str, *, stop_reason: str, usage: TokenUsage, latency_ms: int
) -> Completion:
    """Return a completion of one text, with its JSON text: to write that here takes a fifth."""
    response = text_response(text, stop_reason=stop_reason, usage=usage, latency_ms=latency_ms)
    content = f'{{"text":{_quoted(text)}}}' if text else ""
    counts = ",".join([f'"{name}":{count}' for name, count in response["usage"].items()])
    written = (
        f'{{"output":{{"message":{{"role":"assistant","content":[{content}]}}}},'
        f'"stopReason":{_quoted(stop_reason)},"usage":{{{counts}}},'
        f'"metrics":{{"latencyMs":{latency_ms}}}}}'
    )
    return Completion(response, usage, latency_ms, written.encode("utf-8", "surrogatepass"))


def usage_member(usage: TokenUsage) -> JsonObject:
    """Return `usage` as Converse has it: `inputTokens` without cached tokens, and a total with."""
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    member = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens + cached,
    }
    if cached:
        member["cacheReadInputTokens"] = usage.cache_read_tokens
        member["cacheWriteInputTokens"] = usage.cache_write_tokens
    return member


def output_schema_of(body: JsonObject) -> OutputSchema | None:
    """Return the schema of `outputConfig.textFormat`, which Converse carries as JSON text."""
    text_format = (body.get("outputConfig") or {}).get("textFormat")
    if not text_format:
        return None
    try:
        described = text_format["structure"]["jsonSchema"]
        schema = json.loads(described["schema"])
    except (KeyError, TypeError, ValueError) as error:
        raise Rejected(
            "outputConfig.textFormat is malformed",
            code="ValidationException",
            hint='It takes {"type": "json_schema", "structure": {"jsonSchema": {"schema": "..."}}} '
            "with the schema as JSON text.",
        ) from error
    return OutputSchema(described.get("name") or "answer", schema)


def text_format(schema: JsonObject, name: str = "answer") -> JsonObject:
    """Return the `outputConfig.textFormat` that asks for an answer by `schema`."""
    described = {"schema": json.dumps(schema), "name": name}
    return {"type": "json_schema", "structure": {"jsonSchema": described}}


def prompt_texts_of(content: Sequence[JsonObject]) -> list[str]:
    """Return the texts of a request's content; raises Rejected for images, documents and tools.

    A `cachePoint` is a wish about cost, not about the answer, and is passed over.
    """
    texts: list[str] = []
    for block in content:
        if "text" in block:
            texts.append(block["text"])
        elif "cachePoint" not in block:
            raise Rejected(
                f"a content block of kind {'/'.join(block)!r} cannot be sent to this provider",
                code="ValidationException",
                hint="Send text, or ask a model on Bedrock.",
            )
    return texts


def with_cache_points(body: JsonObject, ends: Sequence[int]) -> JsonObject:
    """Return a request of one text with a `cachePoint` after each of `ends`, in characters.

    At 0 it stands after the system's text, which comes before.
    """
    [message] = body["messages"]
    [block] = message["content"]
    text, begin = block["text"], 0
    marked = dict(body)
    content: list[JsonObject] = []
    for end in ends:
        if end:
            content += [{"text": text[begin:end]}, CACHE_POINT]
        else:
            marked["system"] = [*body["system"], CACHE_POINT]
        begin = end
    if begin < len(text):
        content.append({"text": text[begin:]})
    return {**marked, "messages": [{**message, "content": content}]}


def without_cache_points(body: JsonObject) -> JsonObject:
    """Return a request as it was before texts were split around a `cachePoint`."""
    plain = dict(body)
    if "system" in body:
        plain["system"] = _joined(body["system"])
    plain["messages"] = [{**m, "content": _joined(m["content"])} for m in body["messages"]]
    return plain


def _joined(content: Sequence[JsonObject]) -> Sequence[JsonObject]:
    joined: list[JsonObject] = []
    is_split = False
    for block in content:
        if "cachePoint" in block:
            is_split = True
        elif is_split and "text" in block and joined and "text" in joined[-1]:
            joined[-1] = {"text": joined[-1]["text"] + block["text"]}
            is_split = False
        else:
            joined.append(block)
            is_split = False
    return joined


def check_members(body: JsonObject, owner: str) -> None:
    """Raise Rejected if `body` has a member that means nothing to `owner`."""
    for member in body:
        if member not in _SHARED_MEMBERS:
            raise Rejected(
                f"{owner} does not take {member!r}, which is Bedrock's own",
                code="ValidationException",
                hint=f"Leave {member!r} out, or ask a model on Bedrock.",
            )
