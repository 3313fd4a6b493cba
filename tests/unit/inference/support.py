"""A provider, a clock and a gateway for the tests of the runtime."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from outcrop.config import BudgetConfig
from outcrop.inference.clock import Clock
from outcrop.inference.gateway import CallPolicy, Gateway, Outcome, Statement
from outcrop.inference.invocation import Invocation
from outcrop.inference.journal import Journal
from outcrop.providers.base import (
    Completion,
    JsonObject,
    Provider,
    ProviderRequest,
    RequestType,
    TokenUsage,
)

PROVIDER = "here"
MODEL = "test.model-1"
USAGE = TokenUsage(input_tokens=10, output_tokens=5)


def invocation(prompt: str, *, max_tokens: int | None = 20, model_id: str = MODEL) -> Invocation:
    body = {"messages": [{"role": "user", "content": [{"text": prompt}]}]}
    return Invocation(
        PROVIDER, model_id, RequestType.UNIFIED, json.dumps(body), max_tokens_default=max_tokens
    )


def invocations(count: int, prefix: str = "prompt") -> list[Invocation]:
    return [invocation(f"{prefix} {index}") for index in range(count)]


def prompt_of(request: ProviderRequest) -> str:
    text: str = request.body["messages"][0]["content"][0]["text"]
    return text


def response_to(prompt: str, stop_reason: str = "end_turn") -> JsonObject:
    content = [{"text": f"answer to {prompt}"}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
    }


def completion_for(prompt: str) -> Completion:
    return Completion(response_to(prompt), USAGE, latency_ms=1)


Behavior = Callable[[str], Awaitable[Completion | None]]


@dataclass
class InMemoryProvider:
    """Answers at once, unless `behavior` does something else; None from it means: answer."""

    behavior: Behavior | None = None
    name: str = PROVIDER
    concurrency_max: int | None = None
    lets_wait: bool = False
    requests: list[str] = field(default_factory=list)
    in_flight: int = 0
    in_flight_max: int = 0
    is_closed: bool = False

    async def complete(self, request: ProviderRequest) -> Completion:
        prompt = prompt_of(request)
        self.requests.append(prompt)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            completion = await self.behavior(prompt) if self.behavior is not None else None
        finally:
            self.in_flight -= 1
        return completion if completion is not None else completion_for(prompt)

    async def close(self) -> None:
        self.is_closed = True


@dataclass(frozen=True)
class FlatPrice:
    """One dollar per million input tokens, two per million output tokens."""

    as_of: str = "2026-11-01"

    def cost_usd(self, usage: TokenUsage) -> float:
        read = usage.input_tokens + usage.cache_write_tokens
        return (read * 1.0 + usage.output_tokens * 2.0) / 1_000_000


CALL_COST_USD = FlatPrice().cost_usd(USAGE)


@dataclass(frozen=True)
class OnePrice:
    """The same price for every model, or none."""

    price: FlatPrice | None = FlatPrice()

    def find(self, provider_kind: str, model_id: str) -> FlatPrice | None:
        return self.price


class EagerClock:
    """A clock on which every sleep is over at once; those at the same time take it together."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        until_s = self.now_s + seconds
        await asyncio.sleep(0)
        self.now_s = max(self.now_s, until_s)


class VirtualClock:
    """A clock that stands still until `run` finds everybody asleep, and then jumps ahead."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + seconds, next(self._order), waiter))
        await waiter

    async def settle(self) -> None:
        """Let everybody run who is not asleep."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def run(self, until: Awaitable[object]) -> None:
        """Run until `until` is done, jumping from one wake-up to the next."""
        task = asyncio.ensure_future(until)
        while not task.done():
            await self.settle()
            if not task.done():
                self._wake_next()
        await task

    def _wake_next(self) -> None:
        at_s, _, waiter = heapq.heappop(self._sleepers)
        self.now_s = max(self.now_s, at_s)
        if not waiter.done():
            waiter.set_result(None)


@dataclass
class House:
    """A gateway with its journal and its one provider."""

    gateway: Gateway
    journal: Journal
    provider: InMemoryProvider

    def statement(self, policy: CallPolicy | None = None, **settings: object) -> Statement:
        chosen = policy or CallPolicy(**settings)  # type: ignore[arg-type]
        query_id = str(uuid.uuid4())
        return self.gateway.open_statement(query_id, "ann", "SELECT f(x) FROM t", "", chosen)


@contextmanager
def house(
    folder: Path,
    behavior: Behavior | None = None,
    *,
    price: FlatPrice | None = FlatPrice(),
    clock: Clock | None = None,
    concurrency_max: int | None = None,
    budgets: Sequence[BudgetConfig] = (),
    provider: InMemoryProvider | None = None,
) -> Iterator[House]:
    provider = provider or InMemoryProvider(behavior, concurrency_max=concurrency_max)

    def build(name: str) -> Provider:
        assert name == PROVIDER
        return provider

    journal = Journal.open(folder / "journal.sqlite")
    gateway = Gateway(
        journal,
        build,
        lambda name: "test",
        OnePrice(price),
        budgets=budgets,
        clock=clock,
        random=Random(1),
    )
    try:
        yield House(gateway, journal, provider)
    finally:
        gateway.close()
        journal.close()


def ask(statement: Statement, asked: Iterable[Invocation]) -> list[Outcome]:
    return list(statement.ask(asked, model="m", function="f"))


def texts(outcomes: Iterable[Outcome]) -> set[str]:
    return {
        o.response["output"]["message"]["content"][0]["text"]
        for o in outcomes
        if o.response is not None
    }
