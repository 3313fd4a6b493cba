from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from outcrop.emulator.ledger import Ledger, LedgerSnapshot, ModelCounts, Outcome
from outcrop.emulator.server import RunningEmulator
from outcrop.providers.base import TokenUsage
from tests.unit.emulator.requests import CLAUDE, TITAN, converse


def test_the_numbers_of_a_ledger() -> None:
    ledger = Ledger()
    for outcome in (Outcome.ANSWERED, Outcome.FAILED, Outcome.THROTTLED):
        ledger.begin("one")
        ledger.end("one", outcome)
    ledger.begin("two")
    ledger.begin("two")
    ledger.pay("one", b"a", TokenUsage(1, 2))
    ledger.pay("one", b"a", TokenUsage(10, 20))
    ledger.pay("two", b"b", TokenUsage(100, 200))
    ledger.inject("hang")
    assert ledger.snapshot() == LedgerSnapshot(
        requests=5,
        answered=1,
        throttled=1,
        failed=1,
        paid=3,
        distinct_paid=2,
        paid_twice=1,
        in_flight=2,
        peak_in_flight=2,
        input_tokens=111,
        output_tokens=222,
        cache_read_tokens=0,
        cache_write_tokens=0,
        count_tokens=0,
        faults={"hang": 1},
        by_model={
            "one": ModelCounts(3, 1, 1, 1, 2, 11, 22),
            "two": ModelCounts(2, 0, 0, 0, 1, 100, 200),
        },
    )


def test_a_reset_keeps_what_is_in_flight() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.begin("m")
    ledger.end("m", Outcome.ANSWERED)
    ledger.pay("m", b"a", TokenUsage(1, 1))
    ledger.reset()
    snapshot = ledger.snapshot()
    assert (snapshot.in_flight, snapshot.peak_in_flight) == (2, 2)
    assert (snapshot.requests, snapshot.paid, snapshot.distinct_paid) == (0, 0, 0)


def test_a_snapshot_stays_as_it_is() -> None:
    ledger = Ledger()
    ledger.begin("m")
    before = ledger.snapshot()
    ledger.end("m", Outcome.ANSWERED)
    assert before.by_model["m"].answered == 0


def test_equal_requests_are_paid_twice_and_others_are_not(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start()
    client = connect(emulator)
    client.converse(**converse("hello"))
    client.converse(**converse("hello", inferenceConfig={"maxTokens": 50}))
    assert len(list(client.converse_stream(**converse("hello"))["stream"])) == 6
    assert (emulator.ledger().paid, emulator.ledger().distinct_paid) == (3, 1)
    client.converse(**converse("hello", inferenceConfig={"maxTokens": 50, "temperature": 0}))
    client.converse(**converse("hello", system=[{"text": "Be brief."}]))
    client.converse(**converse("hello", TITAN))
    client.invoke_model(modelId=TITAN, body=json.dumps({"inputText": "hello"}))
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.answered, ledger.paid) == (7, 7, 7)
    assert (ledger.distinct_paid, ledger.paid_twice) == (5, 2)
    assert {model: counts.paid for model, counts in ledger.by_model.items()} == {
        CLAUDE: 5,
        TITAN: 2,
    }


def test_the_ledger_over_http(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    async def send(method: str, path: str) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, emulator.url + path) as response,
        ):
            assert response.status == 200
            return await response.json()

    emulator = start()
    connect(emulator).converse(**converse("hello"))
    counts = {
        "requests": 1,
        "answered": 1,
        "throttled": 0,
        "failed": 0,
        "paid": 1,
        "input_tokens": 2,
        "output_tokens": 7,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
    }
    extras = {
        "distinct_paid": 1,
        "paid_twice": 0,
        "in_flight": 0,
        "peak_in_flight": 1,
        "count_tokens": 0,
        "faults": {},
        "by_model": {CLAUDE: counts},
    }
    assert asyncio.run(send("GET", "/_dev/ledger")) == counts | extras
    assert asyncio.run(send("DELETE", "/_dev/ledger"))["requests"] == 0
    assert emulator.ledger().paid == 0
    assert asyncio.run(send("GET", "/_dev/health")) == {"status": "ok", "backend": "scripted"}


CONNECTIONS = 300


@asynccontextmanager
async def asking_at_once(url: str) -> AsyncIterator[list[asyncio.Task[str]]]:
    """Ask 300 prompts, 200 of them distinct, on connections of their own."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    headers = {"Authorization": "Bearer key"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def ask(i: int) -> str:
            async with session.post(
                f"{url}/model/{CLAUDE}/converse",
                json={"messages": converse(f"prompt {i % 200}")["messages"]},
            ) as response:
                answer = await response.json()
                return str(answer["output"]["message"]["content"][0]["text"])

        yield [asyncio.create_task(ask(i)) for i in range(CONNECTIONS)]


def test_many_requests_at_once_are_paid_each(start: Callable[..., RunningEmulator]) -> None:
    async def answers() -> list[str]:
        async with asking_at_once(emulator.url) as asked:
            return await asyncio.gather(*asked)

    emulator = start()
    assert len(set(asyncio.run(answers()))) == 200
    ledger = emulator.ledger()
    assert (ledger.paid, ledger.distinct_paid, ledger.paid_twice) == (300, 200, 100)
    emulator.reset_ledger()
    assert emulator.ledger().requests == 0


def test_the_most_requests_in_flight_are_kept(start: Callable[..., RunningEmulator]) -> None:
    async def hang() -> None:
        async with asking_at_once(emulator.url) as asked:
            while emulator.ledger().in_flight < CONNECTIONS:
                ended, _ = await asyncio.wait(asked, timeout=0.01)
                assert not ended
            for task in asked:
                task.cancel()

    emulator = start(faults={"hang": 1.0})
    asyncio.run(hang())
    assert emulator.ledger().peak_in_flight == CONNECTIONS


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_a_client_that_goes_away_has_paid(
    start: Callable[..., RunningEmulator], operation: str
) -> None:
    emulator = start(latency_ms=100)
    body = json.dumps({"messages": converse("hello")["messages"]})
    head = f"POST /model/{CLAUDE}/{operation} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n"
    address = ("127.0.0.1", int(emulator.url.rpartition(":")[2]))
    with socket.create_connection(address) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        while not emulator.ledger().in_flight:
            time.sleep(0.001)
    while emulator.ledger().in_flight:
        time.sleep(0.01)
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.paid, ledger.failed) == (1, 1, 1)
