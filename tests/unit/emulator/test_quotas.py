from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from outcrop.emulator.calls import CallReader, Operation
from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.ledger import Ledger
from outcrop.emulator.quotas import Quotas
from outcrop.emulator.runtime import Runtime
from outcrop.emulator.server import RunningEmulator
from outcrop.emulator.service_errors import ServiceError
from outcrop.errors import InvalidParameter
from outcrop.providers.scripted import ScriptedProvider
from tests.unit.emulator.requests import CLAUDE, converse

REQUESTS = "ThrottlingException: Too many requests, please wait before trying again."
TOKENS = "ThrottlingException: Too many tokens, please wait before trying again."


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def quotas(clock: Clock, rps: float | None = None, tpm: float | None = None) -> Quotas:
    return Quotas(requests_per_s=rps, tokens_per_minute=tpm, clock=clock)


def test_the_request_bucket_holds_one_second_and_refills() -> None:
    clock = Clock()
    book = quotas(clock, rps=4)
    for _ in range(4):
        book.reserve("m", 1)
    with pytest.raises(ServiceError) as caught:
        book.reserve("m", 1)
    assert str(caught.value) == REQUESTS
    clock.now += 0.25
    book.reserve("m", 1)
    with pytest.raises(ServiceError):
        book.reserve("m", 1)
    clock.now += 100
    for _ in range(4):
        book.reserve("m", 1)
    with pytest.raises(ServiceError):
        book.reserve("m", 1)


def test_a_slow_quota_still_lets_one_request_through() -> None:
    clock = Clock()
    book = quotas(clock, rps=0.1)
    book.reserve("m", 1)
    clock.now += 9.9
    with pytest.raises(ServiceError):
        book.reserve("m", 1)
    clock.now += 0.2
    book.reserve("m", 1)


def test_tokens_are_reserved_and_settled() -> None:
    clock = Clock()
    book = quotas(clock, tpm=600)
    book.reserve("m", 400)
    with pytest.raises(ServiceError) as caught:
        book.reserve("m", 300)
    assert str(caught.value) == TOKENS
    book.settle("m", reserved=400, used=100)
    book.reserve("m", 500)
    with pytest.raises(ServiceError):
        book.reserve("m", 11)
    clock.now += 1
    book.reserve("m", 10)


def test_what_was_used_beyond_the_reservation_is_owed() -> None:
    clock = Clock()
    book = quotas(clock, tpm=600)
    book.reserve("m", 100)
    book.settle("m", reserved=100, used=1_300)
    clock.now += 60
    with pytest.raises(ServiceError):
        book.reserve("m", 1)
    clock.now += 11
    book.reserve("m", 1)


def test_a_request_that_is_refused_takes_no_tokens() -> None:
    clock = Clock()
    book = quotas(clock, rps=1, tpm=60)
    book.reserve("m", 30)
    with pytest.raises(ServiceError) as caught:
        book.reserve("m", 30)
    assert str(caught.value) == REQUESTS
    clock.now += 1
    book.reserve("m", 30)


def test_each_model_has_its_own_quota() -> None:
    book = quotas(Clock(), rps=1)
    book.reserve("one", 1)
    book.reserve("two", 1)


def test_without_quotas_everything_passes() -> None:
    book = quotas(Clock())
    for _ in range(1_000):
        book.reserve("m", 1e9)
    book.settle("m", reserved=1e9, used=0)


def test_the_runtime_reserves_the_limit_and_settles_the_burndown() -> None:
    clock = Clock()
    config = EmulatorConfig(quota_tpm=6_000)
    runtime = Runtime(config, ScriptedProvider("s"), Ledger(), clock=clock)
    reader = CallReader(0)
    model_id = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

    def ask(max_tokens: int) -> None:
        messages = converse("hello")["messages"]
        body = {"messages": messages, "inferenceConfig": {"maxTokens": max_tokens}}
        call = reader.read(Operation.CONVERSE, model_id, json.dumps(body).encode())
        asyncio.run(runtime.answer(call))

    ask(5_000)  # reserves 2 + 5,000; the answer uses 2 + 7 * 5 of the quota
    with pytest.raises(ServiceError):
        ask(5_962)
    ask(5_961)


def test_an_unset_limit_reserves_the_models_own(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    client = connect(start(quota_tpm=4_097))
    with pytest.raises(client.exceptions.ThrottlingException, match="Too many tokens"):
        client.converse(**converse("hello"))
    client.converse(**converse("hello", inferenceConfig={"maxTokens": 4_000}))


def test_a_throttle_is_a_429_that_is_counted_and_not_paid(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start(quota_rps=0.001)
    client = connect(emulator)
    client.converse(**converse("hello"))
    for _ in range(2):
        with pytest.raises(client.exceptions.ThrottlingException) as caught:
            client.converse(**converse("hello"))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert caught.value.response["Error"]["Message"] == REQUESTS.partition(": ")[2]
    client.converse(**converse("hello", "us." + CLAUDE))
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.throttled, ledger.paid, ledger.failed) == (4, 2, 2, 0)
    assert ledger.by_model[CLAUDE].throttled == 2


@pytest.mark.parametrize("setting", ["quota_rps", "quota_tpm"])
def test_a_quota_is_above_0(setting: str) -> None:
    with pytest.raises(InvalidParameter, match="not above 0"):
        EmulatorConfig(**{setting: 0})
