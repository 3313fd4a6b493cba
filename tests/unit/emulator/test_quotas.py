from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from outcrop.emulator.by_model import for_model
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


def quotas(clock: Clock, bursts: Mapping[str, float] | None = None, **amounts: float) -> Quotas:
    return Quotas(amounts, bursts or {}, clock=clock)


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
    config = EmulatorConfig(quotas={"tpm": 6_000})
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
    client = connect(start(quotas={"tpm": 4_097}))
    with pytest.raises(client.exceptions.ThrottlingException, match="Too many tokens"):
        client.converse(**converse("hello"))
    client.converse(**converse("hello", inferenceConfig={"maxTokens": 4_000}))


def test_a_throttle_is_a_429_that_is_counted_and_not_paid(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start(quotas={"rps": 0.001})
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quotas": {"rps": 0}}, "the quota 'rps' is 0, not a number above 0"),
        ({"quotas": {"tpm@x": float("nan")}}, "the quota 'tpm@x' is nan"),
        ({"quotas": {"tpd": float("inf")}}, "the quota 'tpd' is inf"),
        ({"quotas": {"rph": 1}}, "there is no quota 'rph'"),
        ({"quotas": {"rps@": 1}}, "the quota 'rps@' names no model after the @"),
        ({"bursts": {"rps": 0}}, "the burst of 'rps' is 0 seconds' worth"),
        ({"bursts": {"hour": 1}}, "there is no quota 'hour'"),
    ],
)
def test_bad_quotas_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        EmulatorConfig(**settings)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("name", "amount", "refill_s", "message"),
    [
        ("rps", 3, 1 / 3, REQUESTS),
        ("rpm", 3, 20, REQUESTS),
        ("tpm", 3, 20, TOKENS),
        ("tpd", 3, 28_800, "ThrottlingException: Too many tokens per day, please wait before "),
    ],
)
def test_each_quota_by_name(name: str, amount: float, refill_s: float, message: str) -> None:
    clock = Clock()
    book = quotas(clock, **{name: amount})
    for _ in range(3):
        book.reserve("m", 1)
    clock.now += refill_s * 0.9
    with pytest.raises(ServiceError) as caught:
        book.reserve("m", 1)
    assert str(caught.value).startswith(message)
    clock.now += refill_s * 0.2
    book.reserve("m", 1)


def test_a_request_that_one_quota_refuses_takes_nothing_of_another() -> None:
    clock = Clock()
    book = quotas(clock, tpd=100, tpm=100, rpm=1)
    book.reserve("m", 10)
    for _ in range(5):
        with pytest.raises(ServiceError, match="Too many requests"):
            book.reserve("m", 80)
    clock.now += 60
    book.reserve("m", 80)


def test_the_burst_is_what_a_bucket_holds() -> None:
    clock = Clock()
    book = quotas(clock, {"rps": 0.5, "tpm": 1}, rps=8, tpm=6_000)
    for _ in range(4):
        book.reserve("m", 20)
    with pytest.raises(ServiceError, match="Too many requests"):
        book.reserve("m", 20)
    clock.now += 10
    with pytest.raises(ServiceError, match="Too many tokens"):
        book.reserve("m", 101)
    book.reserve("m", 100)


def test_the_longest_pattern_that_fits_counts() -> None:
    numbers = {"rps": 9, "rps@a.*": 3, "rps@a.long*": 2, "rps@a.long-1:0": 1, "tpm@b*": 5}
    assert for_model(numbers, "c") == {"rps": 9}
    assert for_model(numbers, "a.short") == {"rps": 3}
    assert for_model(numbers, "a.long-2:0") == {"rps": 2}
    assert for_model(numbers, "a.long-1:0") == {"rps": 1}
    assert for_model(numbers, "b") == {"rps": 9, "tpm": 5}
    assert for_model({"rps@A*": 1}, "a") == {}


def test_models_have_their_own_quotas() -> None:
    book = Quotas({"rps": 2, "rps@slow": 1}, {"rps@fast": 2}, clock=Clock())
    for model_id, requests in (("slow", 1), ("other", 2), ("fast", 4)):
        for _ in range(requests):
            book.reserve(model_id, 1)
        with pytest.raises(ServiceError):
            book.reserve(model_id, 1)


def test_a_quota_that_changes_keeps_what_is_in_its_bucket() -> None:
    clock = Clock()
    book = quotas(clock, rps=10)
    for _ in range(6):
        book.reserve("m", 1)
    clock.now += 0.125  # 5 are left, and a quarter
    book.change({"rps": 20})
    for _ in range(5):
        book.reserve("m", 1)
    with pytest.raises(ServiceError):
        book.reserve("m", 1)
    clock.now += 1
    book.change({"rps": 2})
    book.reserve("m", 1)
    book.reserve("m", 1)
    with pytest.raises(ServiceError):
        book.reserve("m", 1)
    book.change({})
    for _ in range(100):
        book.reserve("m", 1)
    book.change({"rps": 2, "tpm": 60})
    book.reserve("m", 1)


def test_what_was_reserved_before_a_change_is_given_back_after_it() -> None:
    book = quotas(Clock(), tpm=100)
    book.reserve("m", 100)
    book.change({"tpm": 50})
    with pytest.raises(ServiceError):
        book.reserve("m", 1)
    book.settle("m", reserved=100, used=10)
    book.reserve("m", 50)
    with pytest.raises(ServiceError):
        book.reserve("m", 1)


def test_quotas_and_faults_change_while_it_runs(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start(quotas={"rps": 0.001})
    client = connect(emulator)
    client.converse(**converse("hello"))
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(**converse("hello"))
    assert put(emulator, "quotas", b'{"rps@x": 1}') == (200, {"rps@x": 1})
    client.converse(**converse("hello"))
    emulator.set_faults({"access-denied": 1.0})
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.converse(**converse("hello"))
    assert put(emulator, "faults", b"{}") == (200, {})
    client.converse(**converse("hello"))
    emulator.set_quotas({"tpm": 1})
    with pytest.raises(client.exceptions.ThrottlingException, match="Too many tokens"):
        client.converse(**converse("hello"))
    for path, expected in (("quotas", {"tpm": 1}), ("faults", {})):
        with urlopen(f"{emulator.url}/_dev/{path}") as response:
            assert json.load(response) == expected


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("quotas", b"[1]", "the body is no JSON object"),
        ("quotas", b"", "the body is no JSON object"),
        ("quotas", b'{"rps": "20"}', "'rps' is '20', which is no number"),
        ("quotas", b'{"rps": true}', "'rps' is True, which is no number"),
        ("quotas", b'{"rps": -1}', "the quota 'rps' is -1, not a number above 0"),
        (
            "faults",
            b'{"hangs": 1}',
            "there is no fault 'hangs' Did you mean 'hang'?",
        ),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(
    start: Callable[..., RunningEmulator], path: str, body: bytes, message: str
) -> None:
    emulator = start(quotas={"rps": 5})
    assert put(emulator, path, body) == (400, {"message": message})
    with urlopen(f"{emulator.url}/_dev/quotas") as response:
        assert json.load(response) == {"rps": 5}
    with pytest.raises(InvalidParameter):
        emulator.set_quotas({"rps": -1})


def put(emulator: RunningEmulator, path: str, body: bytes) -> tuple[int, Any]:
    request = Request(f"{emulator.url}/_dev/{path}", data=body, method="PUT")
    try:
        with urlopen(request) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)
