from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from outcrop.emulator.models import find_limits, is_model_id
from outcrop.emulator.server import Emulator, EmulatorConfig, RunningEmulator, serve
from outcrop.emulator.service_errors import ServiceError
from outcrop.errors import InvalidParameter, MissingDependency
from outcrop.providers.base import Completion, ProviderRequest, TokenUsage
from outcrop.providers.burndown import burndown_of
from outcrop.providers.converse import text_response
from tests.unit.emulator.requests import CLAUDE, converse


class ShortSpoken:
    """A backend that reports no usage, as some models do, and notes what happens to it."""

    name = "short spoken"
    concurrency_max = None

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_closed = False

    async def complete(self, request: ProviderRequest) -> Completion:
        self.asked.append(request.model_id)
        response = text_response("yes", stop_reason="end_turn", usage=None, latency_ms=3)
        return Completion(response, None, 3)

    async def close(self) -> None:
        self.is_closed = True


def test_any_provider_is_a_backend(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    backend = ShortSpoken()
    with RunningEmulator(EmulatorConfig(backend=backend, backend_model_id="tiny")) as emulator:
        response = connect(emulator).converse(**converse("hello"))
    assert response["usage"] == {"inputTokens": 2, "outputTokens": 1, "totalTokens": 3}
    assert response["metrics"] == {"latencyMs": 3}
    assert backend.asked == ["tiny"]
    assert backend.is_closed


def test_what_hangs_ends_when_the_emulator_stops() -> None:
    async def hang(url: str) -> None:
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session:
            body = {"messages": converse("hello")["messages"]}
            await session.post(f"{url}/model/{CLAUDE}/converse", json=body)

    async def run() -> float:
        async with Emulator(EmulatorConfig(faults={"hang": 1.0})) as emulator:
            request = asyncio.create_task(hang(emulator.url))
            while not emulator.ledger.in_flight:  # noqa: ASYNC110 - the ledger has no event
                await asyncio.sleep(0)
            started = time.monotonic()
        with pytest.raises(aiohttp.ClientError):
            await request
        assert emulator.ledger.in_flight == 0
        assert len(asyncio.all_tasks()) == 1
        return time.monotonic() - started

    assert asyncio.run(run()) < 1


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        emulator = RunningEmulator(EmulatorConfig(port=taken.getsockname()[1]))
        before = set(threading.enumerate())
        with pytest.raises(OSError, match="Address already in use"), emulator:
            pass
        assert set(threading.enumerate()) <= before


def test_a_negative_latency_is_an_error() -> None:
    with pytest.raises(InvalidParameter, match="below 0"):
        EmulatorConfig(latency_ms=-1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_on_a_signal_and_returns_the_ledger(number: signal.Signals) -> None:
    urls: list[str] = []

    def on_started(url: str) -> None:
        urls.append(url)
        os.kill(os.getpid(), number)

    ledger = asyncio.run(serve(EmulatorConfig(), on_started))
    assert urls[0].startswith("http://127.0.0.1:")
    assert ledger.requests == 0


def test_without_botocore_the_hint_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.loaders", None)
    with pytest.raises(MissingDependency) as caught:
        Emulator(EmulatorConfig())
    assert caught.value.hint == "pip install 'outcrop[bedrock]'"


@pytest.mark.parametrize(
    ("model_id", "output_tokens_max", "burndown"),
    [
        ("anthropic.claude-v2:1", 4_096, 1),
        ("anthropic.claude-3-haiku-20240307-v1:0", 4_096, 1),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", 8_192, 1),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 64_000, 5),
        ("anthropic.claude-opus-4-8-v1:0", 64_000, 15),
        ("anthropic.claude-sonnet-5-v1:0", 64_000, 10),
        ("amazon.titan-text-premier-v1:0", 3_072, 1),
        ("deepseek.r1-v1:0", 64_000, 1),
    ],
)
def test_limits_of_models(model_id: str, output_tokens_max: int, burndown: int) -> None:
    limits = find_limits(model_id)
    assert (limits.output_tokens_max, burndown_of(model_id)) == (output_tokens_max, burndown)


@pytest.mark.parametrize("text", ["", "claude", "a b.c", "arn:aws:s3:::bucket", ".x", "x."])
def test_what_is_no_model_id(text: str) -> None:
    assert not is_model_id(text)
    with pytest.raises(ServiceError, match="model identifier is invalid"):
        find_limits(text)


def test_usage_of_a_backend_counts_cached_tokens_apart() -> None:
    usage = TokenUsage(10, 5, cache_read_tokens=3, cache_write_tokens=2)
    response = text_response("yes", stop_reason="end_turn", usage=usage, latency_ms=1)
    assert response["usage"]["totalTokens"] == 20


def test_the_ledger_is_there_after_the_end(connect: Callable[..., Any]) -> None:
    with RunningEmulator() as emulator:
        connect(emulator).converse(**converse("hello"))
    assert emulator.ledger().paid == 1
