"""Journaled, signed calls a second against a bare aiohttp loop that signs and sends the same.

One side is a whole statement: plan, journal lookup, budget, limiter, signature, request, answer on
disk, join. The other is the least that any client must do: sign, send, read, parse, at the same
concurrency, with our own signer (botocore's takes longer). The servers are other processes.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from benchmarks.emulated import REGION, aws_keys, emulator
from benchmarks.report import Report, Target, ratio
from benchmarks.workload import create_model, create_notes, in_turn, open_session, run
from outcrop.providers.sigv4 import AwsKeys, Signer, make_target
from outcrop.session import Session

NAME = "rate"
LEAST = {64: 0.5, 256: 0.7}

CALLS_MAX = 4_000
MODEL_ID = "anthropic.claude-v2"
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Rate:
    """What one turn of one side came to."""

    calls_a_s: float
    cpu_us_a_call: float


def measure(*, is_quick: bool) -> Report:
    """Run both sides in turns, against each server."""
    turns = 2 if is_quick else 5
    rows: list[tuple[str, ...]] = []
    targets: list[Target] = []
    for name, (server, calls) in _SERVERS.items():
        with aws_keys(), server() as url:
            taken = {
                concurrency: _take_turns(url, 100 if is_quick else calls, turns, concurrency)
                for concurrency in LEAST
            }
        for concurrency, (ours, bare) in taken.items():
            reached = _median_ratio(ours, bare)
            rows.append(_row(f"{name}, {concurrency} at once: bare aiohttp loop", bare))
            rows.append(
                _row(f"{name}, {concurrency} at once: SELECT ask(body)", ours, ratio(reached))
            )
            what = f"calls a second, {name}, {concurrency} at once"
            targets.append(Target(what, reached, LEAST[concurrency]))
    in_process = _in_process(100 if is_quick else CALLS_MAX, turns)
    rows.append(_row("no server: SELECT ask(body), scripted provider", in_process))
    return Report(
        "Journaled, signed calls a second against a bare aiohttp loop",
        (
            f"{turns} turns of 3,000 distinct calls (emulator) or {CALLS_MAX:,} on each side, one "
            "after the other;",
            "as many at once as the row says; medians. CPU is that of the client's process, all "
            "its threads. The canned server",
            "costs next to nothing, so that its ratio is the client's alone; no model is as fast.",
        ),
        ("", "calls a second", "CPU a call", "ratio"),
        rows,
        targets,
    )


def _median_ratio(ours: list[Rate], bare: list[Rate]) -> float:
    return statistics.median(a.calls_a_s / b.calls_a_s for a, b in zip(ours, bare, strict=True))


def _row(what: str, rates: list[Rate], compared: str = "") -> tuple[str, ...]:
    calls_a_s = statistics.median(rate.calls_a_s for rate in rates)
    cpu_us = statistics.median(rate.cpu_us_a_call for rate in rates)
    return what, f"{calls_a_s:,.0f}", f"{cpu_us:,.0f} us", compared


def _take_turns(
    url: str, calls: int, turns: int, concurrency: int
) -> tuple[list[Rate], list[Rate]]:
    ours: list[Rate] = []
    bare: list[Rate] = []
    config = {
        "providers": {"bedrock": {"endpoint_url": url, "region": REGION}},
        "settings": {"max_concurrency": concurrency},
    }
    with open_session(config) as session:
        create_model(session, "BEDROCK", MODEL_ID)
        # So many that the limiter's window has opened: it grows by half with each round trip.
        _ask(session, 10 * concurrency, "warm up")
        _send(url, _bodies(10 * concurrency, "warm up"), concurrency)
        sides: list[Callable[[str], None]] = [
            lambda salt: ours.append(_ask(session, calls, salt)),
            lambda salt: bare.append(_send(url, _bodies(calls, salt), concurrency)),
        ]
        for turn in range(turns):
            for side in in_turn(sides, turn):
                side(f"turn {turn}")
    return ours, bare


def _in_process(calls: int, turns: int) -> list[Rate]:
    config = {
        "providers": {"bedrock": {"kind": "scripted"}},
        "settings": {"max_concurrency": max(LEAST)},
    }
    with open_session(config) as session:
        create_model(session, "BEDROCK", MODEL_ID)
        return [_ask(session, calls, f"turn {turn}") for turn in range(turns)]


def _ask(session: Session, calls: int, salt: str) -> Rate:
    """Have the model answer `calls` new prompts by one statement."""
    create_notes(session, calls, f"'{salt}, note ' || n")
    with _stopwatch(calls) as rates:
        [(answered,)] = run(session, "SELECT count(ask(body)) FROM notes")
    assert answered == calls
    return rates[0]


def _send(url: str, bodies: list[bytes], concurrency: int) -> Rate:
    with _stopwatch(len(bodies)) as rates:
        answered = asyncio.run(_send_all(url, bodies, concurrency))
    assert answered == len(bodies)
    return rates[0]


def _bodies(calls: int, salt: str) -> list[bytes]:
    """Return the requests that `_ask` makes for the same prompts."""
    return [
        json.dumps(
            {
                "messages": [{"role": "user", "content": [{"text": f"{salt}, note {number}"}]}],
                "inferenceConfig": {"maxTokens": MAX_TOKENS},
            }
        ).encode()
        for number in range(calls)
    ]


async def _send_all(url: str, bodies: list[bytes], concurrency: int) -> int:
    """Sign and send the requests, so many at once; return how many were answered."""
    signer = Signer(AwsKeys("dev", "dev"), REGION)
    target = make_target(URL(url), MODEL_ID, "converse")
    waiting = iter(bodies)
    answered = 0

    async def work(client: aiohttp.ClientSession) -> None:
        nonlocal answered
        for body in waiting:
            headers = signer.sign(target, body, time.time())
            async with client.post(target.url, data=body, headers=headers) as response:
                answer = json.loads(await response.read())
            answered += "output" in answer

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        await asyncio.gather(*(work(client) for _ in range(concurrency)))
    return answered


@contextmanager
def _stopwatch(calls: int) -> Iterator[list[Rate]]:
    """Measure the block; its rate is the one member of the list, at its end."""
    rates: list[Rate] = []
    started, cpu_started = time.perf_counter(), time.process_time()
    yield rates
    elapsed_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    rates.append(Rate(calls / elapsed_s, cpu_s / calls * 1e6))


@contextmanager
def _canned_server() -> Iterator[str]:
    """Run the canned server in a process of its own; give its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.canned_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


# The servers, and the calls of a turn: so many that what a statement costs by itself is little.
_SERVERS = {"emulator": (emulator, 3_000), "canned server": (_canned_server, CALLS_MAX)}
