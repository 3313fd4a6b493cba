"""Endpoints of models as they are on a bad day: quotas that change, faults of every class, outages.

What an endpoint does is drawn from the world's random numbers, what it answers depends on the
prompt alone. Each payment goes to the ledger at the moment at which the model has run.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import mul
from random import Random

from outcrop.errors import (
    AuthFailed,
    QuotaKind,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from outcrop.providers.base import Completion, JsonObject, ProviderRequest, TokenUsage
from tests.simulation.ledger import Ledger
from tests.simulation.virtual_time import Scheduler

PROVIDER = "sim"
IMMEDIATE = "sim-at-once"
OUTPUT_TOKENS_DEFAULT = 120
REFUSED_S = 0.02
_BAD_OF = 200  # one prompt in so many is always rejected

# Faults that may pass, and of which of them the model has run.
TRANSIENT = ("unavailable", "reset-before", "reset-after", "truncated-body", "hang", "hang-after")
BUG = "bug"
PAID = frozenset({"reset-after", "truncated-body", "hang-after", BUG})


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which an endpoint is `unreachable`, `overloaded`, or access to it `denied`."""

    kind: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Traits:
    """How the endpoint of one model behaves. Quotas are None where there is none."""

    model_id: str
    input_usd: float
    output_usd: float
    latency_s: float = 0.2
    spread: float = 0.3
    answer_tokens: float = 30.0
    requests_per_s: float | None = None
    tokens_per_s: float | None = None
    burst_s: float = 1.0
    names_quota: bool = True
    retry_after_s: float | None = None
    changes: tuple[tuple[float, float], ...] = ()
    faults: Mapping[str, float] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    capacity: int | None = None

    @property
    def as_of(self) -> str:
        """The day of the price."""
        return "2026-11-01"

    @property
    def answers_per_s_min(self) -> float:
        """What the quotas allow at the least, also after they have changed."""
        factor = min(itertools.accumulate((f for _, f in self.changes), mul, initial=1.0))
        by_tokens = (self.tokens_per_s or math.inf) / (OUTPUT_TOKENS_DEFAULT + 10)
        return min(self.requests_per_s or math.inf, by_tokens) * factor

    def cost_usd(self, usage: TokenUsage) -> float:
        """Return what a request with this usage costs."""
        read = usage.input_tokens + usage.cache_write_tokens
        return (read * self.input_usd + usage.output_tokens * self.output_usd) / 1_000_000


class _Bucket:
    """A quota: it fills at a rate, up to what flows in within some time."""

    def __init__(self, per_s: float, burst_s: float) -> None:
        self._burst_s = burst_s
        self._filled_s = 0.0
        self.per_s = per_s
        self._level = per_s * burst_s

    def take(self, amount: float, now_s: float) -> bool:
        self._level += (now_s - self._filled_s) * self.per_s
        self._level = min(self._level, max(self.per_s * self._burst_s, amount))
        self._filled_s = now_s
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def give_back(self, amount: float) -> None:
        self._level += amount


@dataclass
class Endpoint:
    """One model, with what it has counted so far. It outlives the processes that ask it."""

    traits: Traits
    scheduler: Scheduler
    ledger: Ledger
    random: Random
    requests: int = 0
    throttled: int = 0
    faulty: int = 0
    in_flight: int = 0
    watch: Callable[[], None] = lambda: None

    @property
    def has_quota(self) -> bool:
        """Whether it refuses what is too much."""
        return self._requests is not None or self._tokens is not None

    def __post_init__(self) -> None:
        traits = self.traits
        self._requests = traits.requests_per_s and _Bucket(traits.requests_per_s, traits.burst_s)
        self._tokens = traits.tokens_per_s and _Bucket(traits.tokens_per_s, traits.burst_s)
        self._changes = list(traits.changes)
        self._faults = list(traits.faults.items())
        self._log_latency = math.log(traits.latency_s)

    async def complete(self, request: ProviderRequest) -> Completion:
        """Answer, or fail, and take the time for it."""
        prompt, limit = _read(request.body)
        fault = self._draw()
        if self._outage() is not None or self._is_refused(prompt, limit):
            await asyncio.sleep(REFUSED_S)
            self._refuse(prompt)
        self.in_flight += 1
        try:
            return await self._run(prompt, limit, fault, request.timeout_s)
        finally:
            self.in_flight -= 1

    async def _run(self, prompt: str, limit: int, fault: str, timeout_s: float) -> Completion:
        latency_s = self._latency_s()
        if fault == "unavailable" or fault == "reset-before":
            await asyncio.sleep(latency_s / 2)
            raise Unavailable(fault)
        if fault == "hang":
            await asyncio.sleep(timeout_s)
            self.ledger.may_have_paid()
            raise TimedOut(fault, possibly_paid=True)
        # The model runs; what is lost of its answer is lost afterwards.
        await asyncio.sleep(min(latency_s, timeout_s * 0.9) * self.random.random())
        completion = self._pay(prompt, limit, is_lost=fault in PAID)
        if fault == "hang-after":
            await asyncio.sleep(timeout_s)
            raise TimedOut(fault, possibly_paid=True)
        await asyncio.sleep(latency_s * 0.1)
        if fault:
            raise _lost(fault)
        return completion

    def complete_now(self, request: ProviderRequest) -> Completion:
        """Answer, or fail, at once."""
        prompt, limit = _read(request.body)
        fault = self._draw()
        if self._outage() is not None or self._is_refused(prompt, limit):
            self._refuse(prompt)
        if fault in ("unavailable", "reset-before", "hang"):
            raise Unavailable(fault)
        completion = self._pay(prompt, limit, is_lost=fault in PAID)
        if fault:
            raise _lost(fault)
        return completion

    def _draw(self) -> str:
        self.watch()
        self.requests += 1
        drawn = self.random.random()
        for fault, rate in self._faults:
            drawn -= rate
            if drawn < 0:
                self.faulty += 1
                return fault
        return ""

    def _outage(self) -> Outage | None:
        now_s = self.scheduler.now_s
        return next((o for o in self.traits.outages if o.from_s <= now_s < o.to_s), None)

    def _is_refused(self, prompt: str, limit: int) -> bool:
        """Whether the request is rejected, or a quota has too little left."""
        if is_bad(prompt):
            return True
        self._change_quotas()
        now_s = self.scheduler.now_s
        self._refused_by: QuotaKind | None = None
        if self._requests and not self._requests.take(1.0, now_s):
            self._refused_by = QuotaKind.REQUESTS
        elif self._tokens and not self._tokens.take(_tokens_of(prompt) + limit, now_s):
            self._refused_by = QuotaKind.TOKENS
            if self._requests:
                self._requests.give_back(1.0)
        return self._refused_by is not None

    def _refuse(self, prompt: str) -> None:
        outage = self._outage()
        if outage is not None:
            self.faulty += 1
            if outage.kind == "unreachable":
                raise Unreachable("connection refused")
            if outage.kind == "overloaded":
                raise Unavailable("overloaded")
            raise AuthFailed("the token has expired")
        if is_bad(prompt):
            raise Rejected("this is refused")
        self.throttled += 1
        traits = self.traits
        quota = self._refused_by if traits.names_quota else None
        raise Throttled("slow down", quota=quota, retry_after_s=traits.retry_after_s)

    def _change_quotas(self) -> None:
        while self._changes and self.scheduler.now_s >= self._changes[0][0]:
            _, factor = self._changes.pop(0)
            for bucket in (self._requests, self._tokens):
                if bucket:
                    bucket.per_s *= factor

    def _latency_s(self) -> float:
        latency_s = math.exp(self.random.gauss(self._log_latency, self.traits.spread))
        if self.traits.capacity is not None:  # it lets wait what is more
            latency_s *= max(1.0, self.in_flight / self.traits.capacity)
        return latency_s

    def _pay(self, prompt: str, limit: int, *, is_lost: bool) -> Completion:
        wanted = answer_tokens(prompt, self.traits.answer_tokens)
        is_cut = wanted > limit
        usage = TokenUsage(_tokens_of(prompt), min(wanted, limit))
        if self._tokens:
            self._tokens.give_back(limit - usage.output_tokens)
        is_final = not is_lost and (not is_cut or limit >= OUTPUT_TOKENS_DEFAULT)
        self.ledger.add(self.traits, prompt, usage, is_final=is_final, is_lost=is_lost)
        reason = "max_tokens" if is_cut else "end_turn"
        return Completion(response_to(self.traits.model_id, prompt, reason), usage, 1)


class Endpoints:
    """A provider: the way to the endpoints of all models, for one process."""

    concurrency_max = None
    answers_at_once = False

    def __init__(self, name: str, endpoints: Mapping[str, Endpoint], *, lets_wait: bool) -> None:
        self.name = name
        self.lets_wait = lets_wait
        self._endpoints = endpoints

    async def complete(self, request: ProviderRequest) -> Completion:
        return await self._endpoints[request.model_id].complete(request)

    async def close(self) -> None:
        """Nothing is open."""


class EndpointsAtOnce(Endpoints):
    """The same for models in process, which answer without waiting."""

    answers_at_once = True

    async def complete(self, request: ProviderRequest) -> Completion:
        return self.complete_now(request)

    def complete_now(self, request: ProviderRequest) -> Completion:
        return self._endpoints[request.model_id].complete_now(request)


def _lost(fault: str) -> Exception:
    if fault == BUG:
        return RuntimeError("a bug of the provider's code")
    return Unavailable(fault, possibly_paid=True)


def is_bad(prompt: str) -> bool:
    """Return whether every request with this prompt is rejected."""
    return zlib.crc32(prompt.encode()) % _BAD_OF == 0


def answer_tokens(prompt: str, typical: float) -> int:
    """Return how long the answer to a prompt is, if nothing cuts it: a few are far longer."""
    drawn = zlib.crc32(prompt.encode(), 1)
    length = typical * (0.5 + drawn % 1_000 / 1_000)
    return round(length * 4 if drawn % 97 == 0 else length)


def text_of(response: JsonObject) -> str:
    """Return the text of an answer."""
    text: str = response["output"]["message"]["content"][0]["text"]
    return text


def response_to(model_id: str, prompt: str, stop_reason: str = "end_turn") -> JsonObject:
    """Return the answer of a model to a prompt."""
    content = [{"text": f"{model_id}: {prompt}"}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
    }


def _tokens_of(prompt: str) -> int:
    return len(prompt) // 4 + 1


def _read(body: JsonObject) -> tuple[str, int]:
    """Return the prompt of a request, and the limit of its answer."""
    return body["messages"][0]["content"][0]["text"], body["inferenceConfig"]["maxTokens"]
