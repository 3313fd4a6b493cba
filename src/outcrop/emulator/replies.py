"""The HTTP answers of the service: a model's, in the form of the operation, and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping

from outcrop.emulator.calls import ModelCall, Operation
from outcrop.emulator.chunks import converse_events, family_chunks
from outcrop.emulator.delivery import Reply
from outcrop.emulator.eventstream import CONTENT_TYPE, encode_chunk, encode_event
from outcrop.emulator.service_errors import ServiceError
from outcrop.providers.base import JsonObject

JSON = "application/json"


def json_reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return `body` as JSON."""
    content = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, {"Content-Type": JSON, **(headers or {})}, (content,))


def error_reply(error: ServiceError) -> Reply:
    """Return an error as the service gives it."""
    return json_reply(error.body, error.status, {"x-amzn-ErrorType": error.code})


def model_reply(call: ModelCall, response: JsonObject) -> Reply:
    """Return the Converse `response` as the operation of `call` gives it."""
    match call.operation:
        case Operation.CONVERSE_STREAM:
            events = [encode_event(name, payload) for name, payload in converse_events(response)]
            return Reply(200, {"Content-Type": CONTENT_TYPE}, events, is_stream=True)
        case Operation.INVOKE_STREAM:
            return _invoke_stream_reply(call, response)
        case Operation.INVOKE if call.family is not None:
            body = call.family.from_converse(response, call.model_id)
            return json_reply(body, headers=_numbers(response))
        case _:
            return json_reply(response)


def _invoke_stream_reply(call: ModelCall, response: JsonObject) -> Reply:
    if call.family is None:
        raise ValueError(f"{call.operation} has a model family")
    chunks = family_chunks(call.family, response, call.model_id)
    headers = {"Content-Type": CONTENT_TYPE, "X-Amzn-Bedrock-Content-Type": JSON}
    return Reply(200, headers, [encode_chunk(chunk) for chunk in chunks], is_stream=True)


def _numbers(response: JsonObject) -> Mapping[str, str]:
    return {
        "X-Amzn-Bedrock-Input-Token-Count": str(response["usage"]["inputTokens"]),
        "X-Amzn-Bedrock-Output-Token-Count": str(response["usage"]["outputTokens"]),
        "X-Amzn-Bedrock-Invocation-Latency": str(response["metrics"]["latencyMs"]),
    }
