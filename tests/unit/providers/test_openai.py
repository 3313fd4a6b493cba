from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outcrop.errors import (
    AuthFailed,
    ConfigInvalid,
    ModelNotFound,
    ProviderError,
    Rejected,
    StatedQuota,
    Throttled,
    TimedOut,
    Unavailable,
)
from outcrop.providers.base import (
    Completion,
    ProviderConfig,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from outcrop.providers.openai import build, chat_body
from tests.unit.providers.wire_server import Behaviour, Received, WireServer, answer, reset

CONVERSE = {
    "messages": [
        {
            "role": "user",
            "content": [{"text": "Hi "}, {"cachePoint": {"type": "default"}}, {"text": "é"}],
        },
        {"role": "assistant", "content": [{"text": "Ho"}]},
        {"role": "user", "content": [{"text": "And?"}]},
    ],
    "system": [{"text": "Be brief."}, {"text": "Be kind."}],
    "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["X"]},
    "additionalModelRequestFields": {"seed": 1},
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "label"}},
        }
    },
}
CHAT = {
    "model": "gpt-5-mini",
    "messages": [
        {"role": "system", "content": "Be brief.\nBe kind."},
        {"role": "user", "content": "Hi é"},
        {"role": "assistant", "content": "Ho"},
        {"role": "user", "content": "And?"},
    ],
    "max_tokens": 9,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["X"],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "label", "schema": {"type": "object"}, "strict": True},
    },
    "seed": 1,
}
RESPONSE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "La"}, "finish_reason": "stop"}
    ],
    "usage": {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 5},
    },
}


def unified(body: Any = CONVERSE, timeout_s: float = 5) -> ProviderRequest:
    return ProviderRequest("gpt-5-mini", RequestType.UNIFIED, body, timeout_s)


def ask(
    behaviour: Behaviour,
    request: ProviderRequest | None = None,
    options: dict[str, Any] | None = None,
) -> tuple[Completion, Received]:
    async def run() -> tuple[Completion, Received]:
        async with WireServer(behaviour) as server:
            base = {"base_url": f"{server.url}/v1/"}
            provider = build(ProviderConfig("mine", "openai", {**base, **(options or {})}))
            try:
                completion = await provider.complete(request or unified())
            finally:
                await provider.close()
                await provider.close()
            (received,) = server.received
            return completion, received

    return asyncio.run(run())


def fail(behaviour: Behaviour, **arguments: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(behaviour, **arguments)
    return caught.value


def test_a_unified_request() -> None:
    completion, received = ask(answer(RESPONSE))
    assert (received.method, received.target) == ("POST", "/v1/chat/completions")
    assert received.json() == CHAT
    assert received.headers["content-type"] == "application/json"
    assert "authorization" not in received.headers
    assert completion.usage == TokenUsage(7, 3, 5, 0)
    assert completion.response == {
        "output": {"message": {"role": "assistant", "content": [{"text": "La"}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 7,
            "outputTokens": 3,
            "totalTokens": 15,
            "cacheReadInputTokens": 5,
            "cacheWriteInputTokens": 0,
        },
        "metrics": {"latencyMs": completion.latency_ms},
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "content_filtered"),
        ("tool_calls", "tool_use"),
    ],
)
def test_stop_reasons(written: str, expected: str) -> None:
    choice = {"message": {"content": "La"}, "finish_reason": written}
    completion, _ = ask(answer({"choices": [choice]}))
    assert completion.response["stopReason"] == expected
    assert completion.usage is None
    assert "usage" not in completion.response


def test_the_name_of_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    _, received = ask(answer(RESPONSE), options={"max_tokens_field": "max_completion_tokens"})
    assert received.json()["max_completion_tokens"] == 9
    assert "max_tokens" not in received.json()
    official = build(ProviderConfig("openai", "openai"))
    assert official._options.max_tokens_field == "max_completion_tokens"
    assert str(official._endpoint.url) == "https://api.openai.com/v1/chat/completions"


def test_keys_and_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("OTHER_KEY", "sk-2")
    _, received = ask(answer(RESPONSE), options={"headers": {"X-Title": "outcrop"}})
    assert received.headers["authorization"] == "Bearer sk-1"
    assert received.headers["x-title"] == "outcrop"
    _, received = ask(answer(RESPONSE), options={"api_key_env": "OTHER_KEY"})
    assert received.headers["authorization"] == "Bearer sk-2"


def test_a_missing_key() -> None:
    provider = build(ProviderConfig("openai", "openai"))
    with pytest.raises(AuthFailed, match="OPENAI_API_KEY is not set") as caught:
        asyncio.run(provider.complete(unified()))
    assert caught.value.code == "ApiKeyMissing"
    assert "`api_key_env` of [providers.openai]" in str(caught.value.hint)


def test_a_raw_body_of_its_own_form_is_sent_as_it_is() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "logprobs": True}
    request = ProviderRequest("gpt-5-mini", RequestType.RAW, body)
    completion, received = ask(answer(RESPONSE), request=request)
    assert received.json() == {**body, "model": "gpt-5-mini", "stream": False}
    assert completion.response == RESPONSE
    assert completion.usage == TokenUsage(7, 3, 5, 0)


def test_a_raw_body_of_another_family_is_translated() -> None:
    request = ProviderRequest("gpt-5-mini", RequestType.RAW, {"inputText": "Hi"})
    completion, received = ask(answer(RESPONSE), request=request)
    assert received.json() == {
        "model": "gpt-5-mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 512,
    }
    assert completion.response == {
        "inputTextTokenCount": 7,
        "results": [{"tokenCount": 3, "outputText": "La", "completionReason": "FINISHED"}],
    }


@pytest.mark.parametrize(
    ("status", "error", "kind", "code", "hint"),
    [
        (401, {"code": "invalid_api_key"}, AuthFailed, "invalid_api_key", "provider 'mine'"),
        (403, {"type": "forbidden"}, AuthFailed, "forbidden", "'gpt-5-mini'"),
        (404, {"code": "model_not_found"}, ModelNotFound, "model_not_found", "[routes."),
        (400, {"code": "model_not_found"}, ModelNotFound, "model_not_found", "[routes."),
        (400, {"type": "invalid_request_error"}, Rejected, "invalid_request_error", None),
        (400, {"code": "context_length_exceeded"}, Rejected, "context_length_exceeded", "Shorten"),
        (400, {"type": "exceed_context_size_error"}, Rejected, "exceed_context_size_error", "Shor"),
        (401, {"type": "invalid_request_error"}, AuthFailed, "invalid_request_error", "the key"),
        (402, {"code": "no_credit"}, AuthFailed, "no_credit", "the key"),
        (409, {"type": "conflict"}, Unavailable, "conflict", None),
        (422, {"type": "x"}, Rejected, "x", None),
        (429, {"code": "rate_limit_exceeded"}, Throttled, "rate_limit_exceeded", None),
        (429, {"code": "insufficient_quota"}, AuthFailed, "insufficient_quota", "no credit"),
        (429, {"type": "insufficient_quota"}, AuthFailed, "insufficient_quota", "no credit"),
        (500, {"type": "server_error"}, Unavailable, "server_error", None),
        (503, {}, Unavailable, "HTTP 503", None),
        (504, {}, TimedOut, "HTTP 504", None),
    ],
)
def test_errors_of_the_service(
    status: int, error: dict[str, Any], kind: type[ProviderError], code: str, hint: str | None
) -> None:
    body = {"error": {"message": "No.", **error}}
    caught = fail(answer(body, status, {"retry-after": "2"}))
    assert (type(caught), caught.code, str(caught)) == (kind, code, "No.")
    assert caught.hint is None if hint is None else hint in str(caught.hint)
    if isinstance(caught, Throttled):
        assert caught.retry_after_s == 2.0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"busy", "busy"),
        ({"error": "model 'x' is loading"}, "model 'x' is loading"),
        ({"detail": "Not Found"}, '{"detail": "Not Found"}'),
        (b"", "no message"),
    ],
)
def test_errors_in_other_forms(body: object, message: str) -> None:
    caught = fail(answer(body, 500))
    assert (type(caught), str(caught)) == (Unavailable, message)


def test_a_prompt_that_is_too_long_for_vllm() -> None:
    message = "This model's maximum context length is 4096 tokens."
    caught = fail(answer({"error": {"message": message, "code": 400}}, 400))
    assert (type(caught), caught.code) == (Rejected, "400")
    assert caught.hint == "Shorten the prompt, or choose a model with a larger context window."


@pytest.mark.parametrize(
    "behaviour",
    [
        answer({"choices": []}),
        answer({"choices": ["x"]}),
        answer({"error": {"message": "Oops"}}),
        answer(b"<html>"),
        answer(b""),
    ],
)
def test_an_answer_that_cannot_be_read_was_possibly_paid(behaviour: Behaviour) -> None:
    caught = fail(behaviour)
    assert (type(caught), caught.code, caught.possibly_paid) == (Unavailable, "BadAnswer", True)


def test_a_lost_answer_was_possibly_paid() -> None:
    caught = fail(reset)
    assert (caught.code, caught.possibly_paid) == ("ConnectionReset", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"guardrailConfig": {}}, "does not take 'guardrailConfig'"),
        ({"messages": [{"role": "user", "content": [{"image": {}}]}]}, "of kind 'image'"),
        ({"outputConfig": {"textFormat": {"type": "json_schema"}}}, "is malformed"),
    ],
)
def test_what_has_no_form_here_is_rejected(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Rejected, match=message):
        chat_body("m", {**CONVERSE, **change}, "max_tokens")


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"baseurl": "x"}, "unknown key providers.mine.baseurl", "Did you mean 'base_url'?"),
        ({"base_url": "api.openai.com"}, "providers.mine.base_url is no address", "http://"),
        ({"max_tokens_field": "maxtokens"}, "cannot be 'maxtokens'", "Did you mean 'max_tokens'?"),
        ({"headers": {"a": 1}}, "providers.mine.headers must be a table of texts", None),
        ({"headers": "a"}, "providers.mine.headers must be a table of texts", None),
        ({"api_key_env": ""}, "providers.mine.api_key_env must be a text", None),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        build(ProviderConfig("mine", "openai", options))
    assert message in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)


def test_there_is_no_limit_of_its_own() -> None:
    assert build(ProviderConfig("mine", "openai")).concurrency_max is None


def test_quotas_that_the_headers_state() -> None:
    headers = {"x-ratelimit-limit-requests": "600", "retry-after": "2"}
    completion, _ = ask(answer(RESPONSE, headers=headers))
    assert completion.stated_quota == StatedQuota(requests_per_s=10.0)
    throttle = fail(answer({"error": {"message": "No."}}, 429, headers))
    assert isinstance(throttle, Throttled)
    assert throttle.stated_quota == StatedQuota(requests_per_s=10.0)
    assert throttle.retry_after_s == 2.0
    assert ask(answer(RESPONSE))[0].stated_quota is None
