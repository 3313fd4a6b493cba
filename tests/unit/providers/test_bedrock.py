from __future__ import annotations

import asyncio
import builtins
import datetime
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from yarl import URL

from outcrop.errors import (
    AuthFailed,
    ConfigInvalid,
    MissingDependency,
    ModelNotFound,
    NotConfigured,
    ProviderError,
    QuotaKind,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from outcrop.providers.base import (
    Completion,
    ProviderConfig,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from outcrop.providers.bedrock import RENEWAL_CHECK_S, BedrockProvider, build
from outcrop.providers.bedrock_access import Options
from outcrop.providers.sigv4 import AwsKeys
from outcrop.providers.transport import Transport
from tests.unit.providers.test_bedrock_signing import sign_with_botocore, unix_time
from tests.unit.providers.test_transport import know_no_name
from tests.unit.providers.wire_server import Behaviour, Received, WireServer, answer, raw, reset

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CONVERSE = {
    "messages": [{"role": "user", "content": [{"text": "Sing, ó muse 日本"}]}],
    "system": [{"text": "Be brief."}],
    "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 1, "stopSequences": ["X"]},
    "additionalModelRequestFields": {"top_k": 5},
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "answer"}},
        }
    },
}
RESPONSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "La"}]}},
    "stopReason": "end_turn",
    "usage": {
        "inputTokens": 7,
        "outputTokens": 3,
        "totalTokens": 14,
        "cacheReadInputTokens": 4,
        "cacheWriteInputTokens": 0,
    },
    "metrics": {"latencyMs": 42},
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def unified(body: Any = CONVERSE, model_id: str = MODEL) -> ProviderRequest:
    return ProviderRequest(model_id, RequestType.UNIFIED, body, timeout_s=5)


def raw_request(body: Any, model_id: str = MODEL) -> ProviderRequest:
    return ProviderRequest(model_id, RequestType.RAW, body, timeout_s=5)


def ask(
    *behaviours: Behaviour,
    request: ProviderRequest | None = None,
    options: dict[str, Any] | None = None,
    times: int = 1,
    make: Callable[[ProviderConfig], BedrockProvider] = build,
) -> tuple[list[Completion], list[Received]]:
    async def run() -> tuple[list[Completion], list[Received]]:
        async with WireServer(*behaviours) as server:
            endpoint = {"endpoint_url": str(server.url)}
            provider = make(ProviderConfig("bedrock", "bedrock", {**endpoint, **(options or {})}))
            try:
                completions = [await provider.complete(request or unified()) for _ in range(times)]
            finally:
                await provider.close()
                await provider.close()
            return completions, server.received

    return asyncio.run(run())


def fail(*behaviours: Behaviour, **arguments: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(*behaviours, **arguments)
    return caught.value


def test_converse() -> None:
    (completion,), (received,) = ask(answer(RESPONSE))
    assert (received.method, received.target) == (
        "POST",
        "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
    )
    assert received.json() == CONVERSE
    assert completion.response == RESPONSE
    assert completion.usage == TokenUsage(7, 3, 4, 0)
    assert completion.latency_ms >= 0
    validate("Converse", {"modelId": MODEL, **received.json()})


def validate(operation: str, parameters: dict[str, Any]) -> None:
    shape = Session().get_service_model("bedrock-runtime").operation_model(operation).input_shape
    assert ParamValidator().validate(parameters, shape).generate_report() == ""


def test_what_is_sent_carries_a_signature_that_botocore_agrees_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    _, (received,) = ask(answer(RESPONSE))
    url = f"http://{received.headers['host']}{received.target}"
    headers = {"Content-Type": received.headers["content-type"]}
    keys = AwsKeys("AKIDEXAMPLE", "secret", "session")
    sent_s = unix_time(received.headers["x-amz-date"])
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: utc(sent_s))
    theirs = sign_with_botocore(url, received.body, keys, "eu-west-1", headers)
    assert received.headers["authorization"] == theirs.headers["Authorization"]
    assert received.headers["x-amz-security-token"] == "session"
    assert "/eu-west-1/bedrock/aws4_request" in received.headers["authorization"]


def utc(unix_s: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix_s, datetime.UTC)


def test_one_connection_serves_requests_in_turn() -> None:
    completions, received = ask(answer(RESPONSE), times=3)
    assert len(completions) == len(received) == 3


TITAN_BODY = {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 5}}
TITAN_RESPONSE = {
    "inputTextTokenCount": 2,
    "results": [{"tokenCount": 4, "outputText": "Ho", "completionReason": "FINISHED"}],
}


def test_invoke_model_sends_the_body_as_it_is() -> None:
    arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1"
    (completion,), (received,) = ask(answer(TITAN_RESPONSE), request=raw_request(TITAN_BODY, arn))
    assert received.target == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2F"
        "amazon.titan-text-express-v1/invoke"
    )
    assert received.json() == TITAN_BODY
    assert completion.response == TITAN_RESPONSE
    assert completion.usage == TokenUsage(2, 4)


def test_the_service_counts_tokens_better_than_the_family() -> None:
    headers = {
        "X-Amzn-Bedrock-Input-Token-Count": "12",
        "X-Amzn-Bedrock-Output-Token-Count": "34",
        "X-Amzn-Bedrock-Cache-Read-Input-Token-Count": "5",
    }
    body = {"prompt": "<s>[INST] Hi [/INST]"}
    response = {"outputs": [{"text": "Ho", "stop_reason": "stop"}]}
    request = raw_request(body, "mistral.mistral-7b-instruct-v0:2")
    (completion,), _ = ask(answer(response, headers=headers), request=request)
    assert completion.usage == TokenUsage(12, 34, 5, 0)
    (completion,), _ = ask(answer(response), request=request)
    assert completion.usage is None
    odd = {**headers, "X-Amzn-Bedrock-Output-Token-Count": "9" * 15}
    (completion,), _ = ask(answer(response, headers=odd), request=request)
    assert completion.usage == TokenUsage(12, 0, 5, 0)
    (completion,), _ = ask(
        answer(response, headers={next(iter(headers)): "9" * 30}), request=request
    )
    assert completion.usage is None


def test_a_body_of_no_known_family_is_the_models_own_business() -> None:
    body = {"taskType": "TEXT_IMAGE"}
    request = raw_request(body, "amazon.nova-canvas-v1:0")
    (completion,), (received,) = ask(answer({"images": []}), request=request)
    assert received.json() == body
    assert (completion.response, completion.usage) == ({"images": []}, None)


def test_a_body_of_another_family_goes_through_converse() -> None:
    request = raw_request(TITAN_BODY, "us.amazon.nova-lite-v1:0")
    (completion,), (received,) = ask(answer(RESPONSE), request=request)
    assert received.target == "/model/us.amazon.nova-lite-v1%3A0/converse"
    assert received.json() == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 5},
    }
    assert completion.response == {
        "inputTextTokenCount": 7,
        "results": [{"tokenCount": 3, "outputText": "La", "completionReason": "FINISHED"}],
    }
    assert completion.usage == TokenUsage(7, 3, 4, 0)


ERRORS = [
    ("ThrottlingException", 429, Throttled),
    ("TooManyRequestsException", 429, Throttled),
    ("ModelNotReadyException", 429, Unavailable),
    ("ModelTimeoutException", 408, TimedOut),
    ("InternalServerException", 500, Unavailable),
    ("ServiceUnavailableException", 503, Unavailable),
    ("ModelErrorException", 424, Unavailable),
    ("ValidationException", 400, Rejected),
    ("ServiceQuotaExceededException", 400, Rejected),
    ("AccessDeniedException", 403, AuthFailed),
    ("ExpiredTokenException", 403, AuthFailed),
    ("UnrecognizedClientException", 403, AuthFailed),
    ("InvalidSignatureException", 403, AuthFailed),
    ("ResourceNotFoundException", 404, ModelNotFound),
    ("UnknownException", 404, ModelNotFound),
    ("UnknownException", 429, Throttled),
    ("UnknownException", 418, Rejected),
    ("UnknownException", 599, Unavailable),
]


@pytest.mark.parametrize("where", ["header", "body"])
@pytest.mark.parametrize(("code", "status", "kind"), ERRORS)
def test_errors_of_the_service(
    code: str, status: int, kind: type[ProviderError], where: str
) -> None:
    if where == "header":
        shown = f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"
        behaviour = answer({"message": "No."}, status, {"x-amzn-ErrorType": shown})
    else:
        behaviour = answer({"__type": f"com.amazon#{code}", "message": "No."}, status)
    error = fail(behaviour)
    assert (type(error), error.code, str(error)) == (kind, code, "No.")
    assert not error.possibly_paid


@pytest.mark.parametrize(
    ("message", "quota"),
    [
        ("Too many requests, please wait before trying again.", QuotaKind.REQUESTS),
        ("Too many tokens, please wait before trying again.", QuotaKind.TOKENS),
        ("Slow down.", None),
    ],
)
def test_a_throttle_says_which_quota_it_was(message: str, quota: QuotaKind | None) -> None:
    error = fail(answer({"message": message}, 429, {"x-amzn-ErrorType": "ThrottlingException"}))
    assert isinstance(error, Throttled)
    assert error.quota is quota


def test_the_quota_of_a_day_is_not_waited_for() -> None:
    message = "Too many tokens per day, please wait before trying again."
    error = fail(answer({"message": message}, 429, {"x-amzn-ErrorType": "ThrottlingException"}))
    assert isinstance(error, Rejected)
    assert error.is_fatal_for_model
    assert "tomorrow" in (error.hint or "")


def test_an_error_without_a_name_goes_by_its_status() -> None:
    error = fail(raw(b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nbusy"))
    assert (type(error), error.code, str(error)) == (Unavailable, "HTTP 503", "busy")


def test_every_error_in_the_services_own_model_is_known() -> None:
    service = Session().get_service_model("bedrock-runtime")
    named = {code for code, _, _ in ERRORS}
    for operation in ("Converse", "InvokeModel"):
        for shape in service.operation_model(operation).error_shapes:
            assert shape.name in named
            status = shape.metadata["error"]["httpStatusCode"]
            assert (shape.name, status) in {(code, status) for code, status, _ in ERRORS}


@pytest.mark.parametrize(
    ("code", "message", "kind", "hint", "is_fatal"),
    [
        (
            "ValidationException",
            "Invocation of model ID m with on-demand throughput isn’t supported. Retry with ...",
            Rejected,
            f"Use an inference profile: MODEL_ID 'eu.{MODEL}' or 'global.{MODEL}'.",
            True,
        ),
        (
            "ValidationException",
            "Input is too long for requested model.",
            Rejected,
            "Shorten",
            False,
        ),
        (
            "ValidationException",
            "The provided model identifier is invalid.",
            ModelNotFound,
            f'[routes."{MODEL}"]',
            True,
        ),
        ("ValidationException", "temperature: must be below 1", Rejected, None, False),
        ("ResourceNotFoundException", "EOL", ModelNotFound, f'[routes."{MODEL}"]', True),
        ("AccessDeniedException", "no", AuthFailed, "region eu-west-1", True),
        ("ExpiredTokenException", "no", AuthFailed, "aws sso login", True),
        ("UnrecognizedClientException", "no", AuthFailed, "AWS_ACCESS_KEY_ID", True),
        ("InvalidSignatureException", "no", AuthFailed, "clock", True),
        ("ServiceQuotaExceededException", "no", Rejected, "quota", False),
    ],
)
def test_hints(
    code: str, message: str, kind: type[ProviderError], hint: str | None, *, is_fatal: bool
) -> None:
    error = fail(answer({"message": message}, 400, {"x-amzn-errortype": code}))
    assert type(error) is kind
    assert error.hint is None if hint is None else hint in str(error.hint)
    assert error.is_fatal_for_model is is_fatal  # type: ignore[attr-defined]


def test_a_lost_answer_was_possibly_paid() -> None:
    error = fail(reset)
    assert (type(error), error.code, error.possibly_paid) == (Unavailable, "ConnectionReset", True)
    error = fail(answer(b"not json"))
    assert (type(error), error.code, error.possibly_paid) == (Unavailable, "BadAnswer", True)


def test_an_api_key_is_a_bearer_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-1")
    _, (received,) = ask(answer(RESPONSE))
    assert received.headers["authorization"] == "Bearer bedrock-api-key-1"
    assert "x-amz-date" not in received.headers


def test_a_profile_asked_for_by_name_overrules_the_environments_api_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_profile(monkeypatch, tmp_path, "[work]\naws_access_key_id=AKIDWORK\n")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-1")
    _, (received,) = ask(answer(RESPONSE), options={"profile": "work"})
    assert "Credential=AKIDWORK/" in received.headers["authorization"]


def write_profile(monkeypatch: pytest.MonkeyPatch, folder: Path, credentials: str) -> None:
    path = folder / "credentials"
    path.write_text(credentials + "aws_secret_access_key=s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))


def test_an_api_key_from_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "k")
    _, (received,) = ask(answer(RESPONSE), options={"api_key_env": "MY_KEY"})
    assert received.headers["authorization"] == "Bearer k"
    monkeypatch.delenv("MY_KEY")
    error = fail(answer(RESPONSE), options={"api_key_env": "MY_KEY"})
    assert (type(error), error.code) == (NotConfigured, "ApiKeyMissing")
    assert "'MY_KEY'" in str(error)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, "eu-west-1"), ({"region": "ap-south-1"}, "ap-south-1")],
)
def test_regions(options: dict[str, str], expected: str) -> None:
    _, (received,) = ask(answer(RESPONSE), options=options)
    assert f"/{expected}/bedrock/" in received.headers["authorization"]


def test_the_region_of_an_own_endpoint_need_not_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    _, (received,) = ask(answer(RESPONSE))
    assert "/us-east-1/bedrock/" in received.headers["authorization"]
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    _, (received,) = ask(answer(RESPONSE))
    assert "/sa-east-1/bedrock/" in received.headers["authorization"]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"])
def test_endpoints_of_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    async def run() -> str:
        async with WireServer(answer(RESPONSE)) as server:
            monkeypatch.setenv(variable, f"{server.url}/base/")
            provider = build(ProviderConfig("bedrock", "bedrock"))
            try:
                await provider.complete(unified(model_id="m"))
            finally:
                await provider.close()
            return server.received[0].target

    assert asyncio.run(run()) == "/base/model/m/converse"


def complete_without_server(
    options: Options | None = None, provider: BedrockProvider | None = None
) -> ProviderError:
    chosen = provider or BedrockProvider(
        "bedrock", options or Options(), lambda profile: Session(profile=profile)
    )

    async def run() -> None:
        try:
            await chosen.complete(unified())
        finally:
            await chosen.close()

    with pytest.raises(ProviderError) as caught:
        asyncio.run(run())
    return caught.value


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    error = complete_without_server()
    assert (type(error), error.code) == (NotConfigured, "RegionMissing")
    assert str(error) == "no AWS region is set for provider 'bedrock'"
    assert error.hint == (
        "Set AWS_DEFAULT_REGION, such as to us-east-1, or `region` of [providers.bedrock] in "
        "outcrop.toml."
    )


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = complete_without_server()
    assert (type(error), error.code) == (NotConfigured, "NoCredentials")
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in str(error.hint)
    assert "AWS_BEARER_TOKEN_BEDROCK" in str(error.hint)
    error = fail(answer(RESPONSE))
    assert (error.code, "emulator" in str(error.hint)) == ("NoCredentials", True)


def test_half_of_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = complete_without_server()
    assert (type(error), error.code) == (AuthFailed, "PartialCredentialsError")
    assert "AWS_SECRET_ACCESS_KEY" in str(error)


def test_no_such_profile() -> None:
    error = complete_without_server(Options(profile="nobody"))
    assert (type(error), error.code) == (NotConfigured, "ProfileNotFound")
    assert "nobody" in str(error)


def test_all_who_wait_for_credentials_share_one_look_up() -> None:
    looked_up: list[str | None] = []

    def open_session(profile: str | None) -> Session:
        looked_up.append(profile)
        return Session(profile=profile)

    async def run(options: Options) -> list[BaseException | Completion]:
        provider = BedrockProvider("bedrock", options, open_session)
        try:
            waiting = [provider.complete(unified()) for _ in range(20)]
            return await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await provider.close()

    failed = asyncio.run(run(Options(profile="nobody")))
    assert {type(error) for error in failed} == {NotConfigured}
    assert looked_up == ["nobody"]


@pytest.mark.parametrize(
    ("region", "kind", "code", "hint"),
    [
        ("us-east1", AuthFailed, "UnknownRegion", "Did you mean 'us-east-1'?"),
        ("us-east-1", Unreachable, "DnsFailed", "Check the network"),
    ],
)
def test_a_region_whose_endpoint_has_no_address(
    region: str, kind: type[ProviderError], code: str, hint: str
) -> None:
    hosts: list[str] = []

    def open_transport(endpoint: URL, ca_file: str | None) -> Transport:
        hosts.append(str(endpoint))
        return Transport(endpoint, ca_file, know_no_name)

    provider = BedrockProvider(
        "bedrock",
        Options(region=region),
        lambda profile: Session(profile=profile),
        open_transport=open_transport,
    )
    error = complete_without_server(provider=provider)
    assert hosts == [f"https://bedrock-runtime.{region}.amazonaws.com"]
    assert (type(error), error.code, error.possibly_paid) == (kind, code, False)
    assert hint in str(error.hint)


@pytest.fixture
def renewing_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A profile whose keys come from a program, with a new access key at every call of it."""
    calls = tmp_path / "calls"
    program = tmp_path / "keys.py"
    program.write_text(
        "import json, pathlib\n"
        f"calls = pathlib.Path({str(calls)!r})\n"
        "n = len(calls.read_text()) + 1 if calls.exists() else 1\n"
        "calls.write_text('x' * n)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'AKID{n}', 'SecretAccessKey': 's',\n"
        "  'SessionToken': 't', 'Expiration': '2999-01-01T00:00:00Z'}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile renewing]\ncredential_process={sys.executable} {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return calls


EXPIRED = answer({"message": "Expired."}, 403, {"x-amzn-errortype": "ExpiredTokenException"})


def test_expired_keys_are_renewed_once(renewing_profile: Path) -> None:
    completions, received = ask(EXPIRED, answer(RESPONSE), options={"profile": "renewing"})
    assert len(completions) == 1
    assert [access_key_of(r) for r in received] == ["AKID1", "AKID2"]
    assert renewing_profile.read_text() == "xx"


def test_keys_that_stay_expired_fail(renewing_profile: Path) -> None:
    error = fail(EXPIRED, options={"profile": "renewing"})
    assert (type(error), error.code) == (AuthFailed, "ExpiredTokenException")
    assert renewing_profile.read_text() == "xx"


def test_keys_that_cannot_be_renewed_are_not_sent_again() -> None:
    async def run() -> int:
        async with WireServer(EXPIRED) as server:
            options = {"endpoint_url": str(server.url)}
            provider = build(ProviderConfig("bedrock", "bedrock", options))
            with pytest.raises(AuthFailed):
                await provider.complete(unified())
            await provider.close()
            return len(server.received)

    assert asyncio.run(run()) == 1


def set_expiry(renewing_profile: Path, expiry: str) -> None:
    program = renewing_profile.parent / "keys.py"
    program.write_text(program.read_text().replace("2999-01-01T00:00:00Z", expiry))


def test_keys_about_to_expire_are_renewed_in_time(renewing_profile: Path) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=8)
    set_expiry(renewing_profile, soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    now_s = [1_000_000.0]

    async def run() -> list[str]:
        async with WireServer(answer(RESPONSE)) as server:
            provider = BedrockProvider(
                "bedrock",
                Options(profile="renewing", endpoint_url=server.url),
                lambda profile: Session(profile=profile),
                monotonic=lambda: now_s[0],
            )
            for passed_s in (0, RENEWAL_CHECK_S - 1, 1):
                now_s[0] += passed_s
                await provider.complete(unified())
            await provider.close()
            return [access_key_of(received) for received in server.received]

    first, second, third = asyncio.run(run())
    assert first == second
    assert first != third


CLOCKS_APART = answer(
    {"message": "Signature not yet current"},
    403,
    {"x-amzn-errortype": "InvalidSignatureException", "date": "Mon, 23 Nov 2026 15:00:00 GMT"},
)
SERVICE_TIME_S = datetime.datetime(2026, 11, 23, 15, tzinfo=datetime.UTC).timestamp()


def ask_at(now_s: float, *behaviours: Behaviour) -> list[Received]:
    """Send one request where this machine's clock says `now_s`; return what was received."""

    async def run() -> list[Received]:
        async with WireServer(*behaviours) as server:
            provider = BedrockProvider(
                "bedrock",
                Options(region="us-east-1", endpoint_url=server.url),
                lambda profile: Session(profile=profile),
                lambda: now_s,
            )
            with suppress(AuthFailed):
                await provider.complete(unified())
            await provider.close()
            return server.received

    return asyncio.run(run())


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_the_services_clock_is_taken_where_this_machines_is_wrong(hours: int) -> None:
    now_s = SERVICE_TIME_S + hours * 3_600
    first, second = ask_at(now_s, CLOCKS_APART, answer(RESPONSE))
    assert first.headers["x-amz-date"] == time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    assert second.headers["x-amz-date"] == "20261123T150000Z"


def test_a_signature_that_is_wrong_at_the_right_time_is_not_sent_again() -> None:
    assert len(ask_at(SERVICE_TIME_S + 100, CLOCKS_APART)) == 1
    assert len(ask_at(SERVICE_TIME_S + 3_600, CLOCKS_APART, CLOCKS_APART)) == 2


@pytest.mark.parametrize("date", ["soon", "", "Mon, 99 Nov 2026 15:00:00 GMT"])
def test_a_service_that_does_not_say_the_time_is_not_asked_again(date: str) -> None:
    refused = answer(
        {"message": "no"}, 403, {"x-amzn-errortype": "InvalidSignatureException", "date": date}
    )
    assert len(ask_at(SERVICE_TIME_S + 3_600, refused)) == 1


def access_key_of(received: Received) -> str:
    return received.headers["authorization"].split("Credential=")[1].split("/")[0]


def test_keys_that_are_expired_when_new(renewing_profile: Path) -> None:
    set_expiry(renewing_profile, "2001-01-01T00:00:00Z")
    error = fail(answer(RESPONSE), options={"profile": "renewing"})
    assert (type(error), error.code) == (AuthFailed, "ExpiredCredentials")


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"regoin": "x"}, "unknown key providers.b.regoin", "Did you mean 'region'?"),
        ({"zzz": 1}, "unknown key providers.b.zzz", "kind 'bedrock' takes api_key_env, "),
        ({"region": 1}, "providers.b.region must be a text", None),
        ({"endpoint_url": "localhost:80"}, "providers.b.endpoint_url is no address", "http://"),
        ({"endpoint_url": "http://"}, "providers.b.endpoint_url is no address", "http://"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        build(ProviderConfig("b", "bedrock", options))
    assert message in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)


def test_without_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    importing = builtins.__import__

    def refuse(name: str, *arguments: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "botocore":
            raise ModuleNotFoundError(name)
        return importing(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependency) as caught:
        build(ProviderConfig("b", "bedrock"))
    assert caught.value.hint == "Install it: pip install 'outcrop[bedrock]'"


def test_there_is_no_limit_of_its_own() -> None:
    assert build(ProviderConfig("b", "bedrock")).concurrency_max is None
