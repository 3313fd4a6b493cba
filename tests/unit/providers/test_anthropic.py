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
from outcrop.providers.anthropic import build, messages_body
from outcrop.providers.base import (
    Completion,
    ProviderConfig,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from tests.unit.providers.wire_server import Behaviour, Received, WireServer, answer, reset

MODEL = "claude-sonnet-5"
CONVERSE = {
    "messages": [
        {"role": "user", "content": [{"text": "Hi"}]},
        {"role": "assistant", "content": [{"text": "Ho"}]},
        {"role": "user", "content": [{"text": "And?"}]},
    ],
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["X"]},
    "additionalModelRequestFields": {"top_k": 3},
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "label"}},
        }
    },
}
MESSAGES = {
    "model": MODEL,
    "max_tokens": 9,
    "system": [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Ho"}]},
        {"role": "user", "content": [{"type": "text", "text": "And?"}]},
    ],
    "temperature": 0.5,
    "top_p": 0.9,
    "stop_sequences": ["X"],
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    "top_k": 3,
}
RESPONSE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "La"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 7,
        "output_tokens": 3,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 2,
    },
}
USAGE = TokenUsage(7, 3, 5, 2)


def unified(body: Any = CONVERSE) -> ProviderRequest:
    return ProviderRequest(MODEL, RequestType.UNIFIED, body, timeout_s=5)


def ask(
    behaviour: Behaviour,
    request: ProviderRequest | None = None,
    options: dict[str, Any] | None = None,
) -> tuple[Completion, Received]:
    async def run() -> tuple[Completion, Received]:
        async with WireServer(behaviour) as server:
            base = {"base_url": str(server.url)}
            provider = build(ProviderConfig("mine", "anthropic", {**base, **(options or {})}))
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


def test_a_unified_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")
    completion, received = ask(answer(RESPONSE))
    assert (received.method, received.target) == ("POST", "/v1/messages")
    assert received.json() == MESSAGES
    assert received.headers["x-api-key"] == "sk-ant-1"
    assert received.headers["anthropic-version"] == "2023-06-01"
    assert received.headers["content-type"] == "application/json"
    assert completion.usage == USAGE
    assert completion.response == {
        "output": {"message": {"role": "assistant", "content": [{"text": "La"}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 7,
            "outputTokens": 3,
            "totalTokens": 17,
            "cacheReadInputTokens": 5,
            "cacheWriteInputTokens": 2,
        },
        "metrics": {"latencyMs": completion.latency_ms},
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_use"),
        ("refusal", "content_filtered"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
    ],
)
def test_stop_reasons(written: str, expected: str) -> None:
    completion, _ = ask(answer({**RESPONSE, "stop_reason": written}))
    assert completion.response["stopReason"] == expected


def test_a_request_without_a_limit_gets_one() -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert messages_body("m", body) == {
        "model": "m",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_options_reach_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-2")
    options = {
        "api_key_env": "OTHER_KEY",
        "anthropic_version": "2030-01-01",
        "headers": {"anthropic-beta": "b"},
    }
    _, received = ask(answer(RESPONSE), options=options)
    sent = received.headers
    assert (sent["x-api-key"], sent["anthropic-version"], sent["anthropic-beta"]) == (
        "sk-2",
        "2030-01-01",
        "b",
    )


def test_a_missing_key() -> None:
    provider = build(ProviderConfig("anthropic", "anthropic"))
    assert str(provider._endpoint.url) == "https://api.anthropic.com/v1/messages"
    with pytest.raises(AuthFailed, match="ANTHROPIC_API_KEY is not set") as caught:
        asyncio.run(provider.complete(unified()))
    assert caught.value.code == "ApiKeyMissing"
    _, received = ask(answer(RESPONSE))  # a server on this machine needs none
    assert "x-api-key" not in received.headers


def test_a_raw_body_of_its_own_form_is_sent_as_it_is() -> None:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}],
    }
    request = ProviderRequest(MODEL, RequestType.RAW, body)
    completion, received = ask(answer(RESPONSE), request=request)
    assert received.json() == {
        "model": MODEL,
        "stream": False,
        "max_tokens": 9,
        "messages": body["messages"],
    }
    assert (completion.response, completion.usage) == (RESPONSE, USAGE)


def test_a_raw_body_of_another_family_is_translated() -> None:
    body = {"prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 9}
    request = ProviderRequest(MODEL, RequestType.RAW, body)
    completion, received = ask(answer(RESPONSE), request=request)
    assert received.json() == {
        "model": MODEL,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }
    assert completion.response["completion"] == "La"
    assert completion.usage == USAGE


@pytest.mark.parametrize(
    ("status", "name", "message", "kind", "hint"),
    [
        (400, "invalid_request_error", "No.", Rejected, None),
        (400, "invalid_request_error", "prompt is too long: 9 > 8", Rejected, "Shorten"),
        (400, "invalid_request_error", "Your credit balance is too low.", AuthFailed, "credit"),
        (401, "authentication_error", "No.", AuthFailed, "provider 'mine'"),
        (402, "billing_error", "No.", AuthFailed, "provider 'mine'"),
        (403, "permission_error", "No.", AuthFailed, f"'{MODEL}'"),
        (404, "not_found_error", "No.", ModelNotFound, "[routes."),
        (413, "request_too_large", "No.", Rejected, None),
        (429, "rate_limit_error", "No.", Throttled, None),
        (500, "api_error", "No.", Unavailable, None),
        (504, "timeout_error", "No.", TimedOut, None),
        (529, "overloaded_error", "No.", Unavailable, None),
    ],
)
def test_errors_of_the_service(
    status: int, name: str, message: str, kind: type[ProviderError], hint: str | None
) -> None:
    body = {"type": "error", "error": {"type": name, "message": message}}
    caught = fail(answer(body, status, {"retry-after": "4"}))
    assert (type(caught), caught.code, str(caught)) == (kind, name, message)
    assert caught.hint is None if hint is None else hint in str(caught.hint)
    if isinstance(caught, Throttled):
        assert caught.retry_after_s == 4.0


def test_an_error_in_another_form() -> None:
    caught = fail(answer(b"upstream died", 502))
    assert (type(caught), str(caught), caught.possibly_paid) == (Unavailable, "upstream died", True)


@pytest.mark.parametrize("behaviour", [answer({"type": "message"}), answer(b"x"), answer(b"")])
def test_an_answer_that_cannot_be_read_was_possibly_paid(behaviour: Behaviour) -> None:
    caught = fail(behaviour)
    assert (type(caught), caught.code, caught.possibly_paid) == (Unavailable, "BadAnswer", True)


def test_a_lost_answer_was_possibly_paid() -> None:
    caught = fail(reset)
    assert (caught.code, caught.possibly_paid) == ("ConnectionReset", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"toolConfig": {}}, "Anthropic does not take 'toolConfig'"),
        ({"messages": [{"role": "user", "content": [{"document": {}}]}]}, "of kind 'document'"),
    ],
)
def test_what_has_no_form_here_is_rejected(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Rejected, match=message):
        messages_body("m", {**CONVERSE, **change})


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"version": "x"}, "unknown key providers.mine.version", "anthropic_version"),
        ({"base_url": "ftp://x"}, "providers.mine.base_url is no address", "http://"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        build(ProviderConfig("mine", "anthropic", options))
    assert message in str(caught.value)
    assert hint in str(caught.value.hint)


def test_there_is_no_limit_of_its_own() -> None:
    assert build(ProviderConfig("mine", "anthropic")).concurrency_max is None


def test_quotas_that_the_headers_state() -> None:
    headers = {"anthropic-ratelimit-requests-limit": "600", "retry-after": "2"}
    completion, _ = ask(answer(RESPONSE, headers=headers))
    assert completion.stated_quota == StatedQuota(requests_per_s=10.0)
    throttle = fail(answer({"error": {"message": "No."}}, 429, headers))
    assert isinstance(throttle, Throttled)
    assert throttle.stated_quota == StatedQuota(requests_per_s=10.0)
    assert throttle.retry_after_s == 2.0
    assert ask(answer(RESPONSE))[0].stated_quota is None
