from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EventStreamError,
    ReadTimeoutError,
)

from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.faults import FAULTS, FaultKind
from outcrop.emulator.server import RunningEmulator
from outcrop.errors import InvalidParameter
from outcrop.providers.base import ProviderConfig
from outcrop.providers.scripted import build, scripted_answer
from tests.unit.emulator.requests import CLAUDE, TITAN, converse

SERVICE_FAULTS = [fault for fault in FAULTS.values() if fault.kind is FaultKind.SERVICE]


@pytest.mark.parametrize("fault", SERVICE_FAULTS, ids=lambda fault: fault.name)
def test_faults_of_the_service_are_its_errors(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any], fault: Any
) -> None:
    emulator = start(faults={fault.name: 1.0})
    client = connect(emulator)
    with pytest.raises(ClientError) as caught:
        client.invoke_model(modelId="amazon.titan-text-lite-v1", body='{"inputText": "hello"}')
    if fault.name != "expired-credentials":  # of all services, so that no service model has it
        assert type(caught.value) is getattr(client.exceptions, fault.code)
    assert caught.value.response["Error"]["Code"] == fault.code
    assert caught.value.response["Error"]["Message"] == fault.message
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == fault.status
    ledger = emulator.ledger()
    is_throttle = fault.code == "ThrottlingException"
    assert (ledger.throttled, ledger.failed, ledger.paid) == (is_throttle, not is_throttle, 0)
    assert ledger.faults == {fault.name: 1}


def test_statuses_are_those_of_the_service() -> None:
    assert {fault.name: fault.status for fault in FAULTS.values()} == {
        "throttling": 429,
        "throttling-tokens": 429,
        "throttling-day": 429,
        "model-not-ready": 429,
        "service-unavailable": 503,
        "internal-error": 500,
        "model-error": 424,
        "model-timeout": 408,
        "service-quota": 400,
        "validation": 400,
        "access-denied": 403,
        "expired-credentials": 403,
        "not-found": 404,
        "hang": 0,
        "reset-before": 0,
        "reset-after": 0,
        "truncated-body": 200,
        "slow-drip": 200,
        "garbage": 200,
        "stream-error": 200,
        "empty": 200,
        "max-tokens": 200,
        "guardrail": 200,
        "filtered": 200,
    }


def test_a_model_error_says_where_it_came_from(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    client = connect(start(faults={"model-error": 1.0}))
    with pytest.raises(client.exceptions.ModelErrorException) as caught:
        client.converse(**converse("hello"))
    assert caught.value.response["originalStatusCode"] == 500


@pytest.mark.parametrize(
    ("fault", "text", "stop_reason", "output_tokens"),
    [
        ("empty", None, "end_turn", 0),
        ("max-tokens", scripted_answer("hello")[:13], "max_tokens", 4),
        (
            "guardrail",
            "Sorry, the model cannot answer this question.",
            "guardrail_intervened",
            7,
        ),
        ("filtered", None, "content_filtered", 0),
    ],
)
def test_faults_of_the_content(
    start: Callable[..., RunningEmulator],
    connect: Callable[..., Any],
    fault: str,
    text: str | None,
    stop_reason: str,
    output_tokens: int,
) -> None:
    emulator = start(faults={fault: 1.0})
    response = connect(emulator).converse(**converse("hello"))
    content = [] if text is None else [{"text": text}]
    assert response["output"]["message"]["content"] == content
    assert response["stopReason"] == stop_reason
    assert response["usage"] == {
        "inputTokens": 2,
        "outputTokens": output_tokens,
        "totalTokens": 2 + output_tokens,
    }
    ledger = emulator.ledger()
    assert (ledger.answered, ledger.paid, ledger.faults) == (1, 1, {fault: 1})


def test_a_fault_of_the_content_is_in_the_familys_words(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    client = connect(start(faults={"filtered": 1.0}))
    answer = client.invoke_model(modelId="amazon.titan-text-lite-v1", body='{"inputText": "hello"}')
    result = json.loads(answer["body"].read())["results"][0]
    assert (result["outputText"], result["completionReason"]) == ("", "CONTENT_FILTERED")


@pytest.mark.parametrize(
    ("fault", "error", "is_paid"),
    [
        ("reset-before", ConnectionClosedError, False),
        ("reset-after", ConnectionClosedError, True),
        ("hang", ReadTimeoutError, False),
    ],
)
def test_faults_of_the_transport(
    start: Callable[..., RunningEmulator],
    connect: Callable[..., Any],
    fault: str,
    error: type[Exception],
    is_paid: bool,
) -> None:
    emulator = start(faults={fault: 1.0})
    client = connect(emulator, read_timeout=0.3)
    with pytest.raises(error):
        client.converse(**converse("hello"))
    client.close()
    wait_until_idle(emulator)
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.failed, ledger.paid) == (1, 1, is_paid)


def wait_until_idle(emulator: RunningEmulator) -> None:
    deadline = time.monotonic() + 10
    while emulator.ledger().in_flight and time.monotonic() < deadline:
        time.sleep(0.02)


def test_garbage_is_a_200_that_nobody_can_read(start: Callable[..., RunningEmulator]) -> None:
    async def ask(url: str) -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session,
            session.post(
                f"{url}/model/{CLAUDE}/converse", json={"messages": converse("hello")["messages"]}
            ) as response,
        ):
            return response.status, await response.read()

    emulator = start(faults={"garbage": 1.0})
    status, content = asyncio.run(ask(emulator.url))
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(content)
    ledger = emulator.ledger()
    assert (ledger.failed, ledger.paid) == (1, 1)


def test_a_slow_drip_takes_its_time_and_arrives(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start(faults={"slow-drip": 1.0}, drip_s=0.4)
    started = time.monotonic()
    response = connect(emulator).converse(**converse("hello"))
    assert time.monotonic() - started > 0.3  # timers may fire a little early
    assert response["output"]["message"]["content"] == [{"text": scripted_answer("hello")}]
    wait_until_idle(emulator)
    assert (emulator.ledger().answered, emulator.ledger().paid) == (1, 1)


def test_a_slow_drip_that_the_client_gives_up_is_failed_and_paid(
    start: Callable[..., RunningEmulator],
) -> None:
    async def give_up(url: str) -> None:
        timeout = aiohttp.ClientTimeout(total=0.3)
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session:
            with pytest.raises(TimeoutError):
                async with session.post(
                    f"{url}/model/{CLAUDE}/converse",
                    json={"messages": converse("hello")["messages"]},
                    timeout=timeout,
                ) as response:
                    await response.read()

    emulator = start(faults={"slow-drip": 1.0}, drip_s=4.0)
    asyncio.run(give_up(emulator.url))
    wait_until_idle(emulator)
    assert (emulator.ledger().failed, emulator.ledger().paid) == (1, 1)


def test_half_a_body_is_less_than_was_promised(start: Callable[..., RunningEmulator]) -> None:
    async def ask(url: str) -> tuple[bytes, int]:
        body = {"messages": converse("hello")["messages"]}
        async with (
            aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session,
            session.post(f"{url}/model/{CLAUDE}/converse", json=body) as response,
        ):
            received = await response.content.readany()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.content.read()
            return received, int(response.headers["Content-Length"])

    emulator = start(faults={"truncated-body": 1.0})
    received, promised = asyncio.run(ask(emulator.url))
    assert received.startswith(b'{"output": {"message": ')
    assert len(received) == promised // 2
    assert (emulator.ledger().failed, emulator.ledger().paid) == (1, 1)


@pytest.mark.parametrize("fault", ["truncated-body", "slow-drip"])
def test_streams_meet_faults_too(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any], fault: str
) -> None:
    client = connect(start(faults={fault: 1.0}, drip_s=0.1))
    converse_stream = client.converse_stream(**converse("hello"))["stream"]
    invoke_stream = client.invoke_model_with_response_stream(
        modelId="amazon.titan-text-lite-v1", body='{"inputText": "hello"}'
    )["body"]
    lengths = (len(list(converse_stream)), len(list(invoke_stream)))
    assert lengths == ((2, 1) if fault == "truncated-body" else (6, 2))


def codes(client: Any, count: int, **members: Any) -> list[str]:
    def ask(i: int) -> str:
        try:
            return str(client.converse(**converse(f"prompt {i}", **members))["stopReason"])
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    return [ask(i) for i in range(count)]


def test_faults_depend_on_the_seed_and_the_request(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    rates = {"throttling": 0.3, "validation": 0.2}
    first = codes(connect(start(faults=rates, seed=1)), 60)
    assert first == codes(connect(start(faults=rates, seed=1)), 60)
    assert first != codes(connect(start(faults=rates, seed=2)), 60)
    assert set(first) == {"ThrottlingException", "ValidationException", "end_turn"}
    assert 5 <= first.count("ThrottlingException") <= 25
    assert 3 <= first.count("ValidationException") <= 22


def test_a_transient_fault_passes_and_a_refusal_does_not(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    client = connect(start(faults={"throttling": 0.5, "validation": 0.2}))
    first, second = codes(client, 40), codes(client, 40)
    refused = [i for i, code in enumerate(first) if code == "ValidationException"]
    throttled = [i for i, code in enumerate(first) if code == "ThrottlingException"]
    assert refused == [i for i, code in enumerate(second) if code == "ValidationException"]
    assert "end_turn" in [second[i] for i in throttled]


def test_asked_for_more_a_cut_answer_may_come_whole(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start(faults={"max-tokens": 0.5})
    client = connect(emulator)
    small = codes(client, 30, inferenceConfig={"maxTokens": 100})
    assert small == codes(client, 30, inferenceConfig={"maxTokens": 100})
    large = codes(client, 30, inferenceConfig={"maxTokens": 200})
    cut = [i for i, code in enumerate(small) if code == "max_tokens"]
    assert "end_turn" in [large[i] for i in cut]
    assert emulator.ledger().distinct_paid == 30
    assert emulator.ledger().paid_twice == 60


@pytest.mark.parametrize(
    ("fault", "code", "is_paid"),
    [
        ("throttle", "ThrottlingException", False),
        ("unavailable", "ServiceUnavailableException", False),
        ("timeout", "ModelTimeoutException", True),
        ("rejected", "ValidationException", False),
        ("auth_failed", "AccessDeniedException", False),
        ("model_not_found", "ResourceNotFoundException", False),
    ],
)
def test_a_backends_errors_are_the_services(
    start: Callable[..., RunningEmulator],
    connect: Callable[..., Any],
    fault: str,
    code: str,
    is_paid: bool,
) -> None:
    backend = build(ProviderConfig("double", "scripted", {"faults": {fault: 1.0}}))
    emulator = start(backend=backend)
    assert codes(connect(emulator), 1) == [code]
    assert emulator.ledger().paid == is_paid


@pytest.mark.parametrize(
    ("rates", "message", "hint"),
    [
        ({"throtling": 0.1}, "there is no fault 'throtling'", "Did you mean 'throttling'?"),
        ({"throttling": 1.5}, "'throttling' is 1.5, not from 0 to 1", None),
        ({"hang@x": 2.0}, "'hang@x' is 2, not from 0 to 1", None),
        (
            {"hang@": 1.0},
            "'hang@' names no model after the @",
            "hang alone is for every model.",
        ),
        ({"hang": float("nan")}, "'hang' is nan, not from 0 to 1", None),
    ],
)
def test_bad_faults_are_named(rates: dict[str, float], message: str, hint: str | None) -> None:
    with pytest.raises(InvalidParameter, match=message) as caught:
        EmulatorConfig(faults=rates)
    assert caught.value.hint == hint


def test_rates_of_one_kind_are_shares_of_a_whole() -> None:
    EmulatorConfig(faults={"hang": 1.0, "empty": 1.0})
    with pytest.raises(InvalidParameter, match="hang, throttling add up to more than 1"):
        EmulatorConfig(faults={"hang": 0.6, "throttling": 0.6})


def test_rates_add_up_for_each_model() -> None:
    EmulatorConfig(faults={"hang@a*": 1.0, "throttling@b*": 1.0})
    EmulatorConfig(faults={"hang": 1.0, "hang@a*": 0.5, "throttling@a*": 0.5})
    with pytest.raises(InvalidParameter, match=r"hang, throttling add up to more than 1 for a\*"):
        EmulatorConfig(faults={"hang": 0.6, "throttling@a*": 0.6})


def test_models_have_their_own_faults(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    faults = {"throttling": 1.0, "throttling@us.*": 0.0, "access-denied@amazon.*": 1.0}
    client = connect(start(faults=faults))
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(**converse("hello"))
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.converse(**converse("hello", TITAN))
    client.converse(**converse("hello", "us." + CLAUDE))


def test_a_stream_breaks_off_with_an_error(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start(faults={"stream-error": 1.0})
    client = connect(emulator)
    events = client.converse_stream(**converse("hello"))["stream"]
    assert "messageStart" in next(iter(events))
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        list(events)
    client.converse(**converse("hello"))
    wait_until_idle(emulator)
    ledger = emulator.ledger()
    assert (ledger.paid, ledger.failed, ledger.answered) == (2, 1, 1)
    assert ledger.faults == {"stream-error": 1}
