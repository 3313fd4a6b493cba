"""When a request may be sent: the provider's quota, learned, and shared fairly.

    window    how many are in flight at once (`window`)
    requests  the quota of requests, as far as it is known (`rate`)
    tokens    the quota of tokens: a request takes its input and its limit of output when it is
              sent, and gives back what it did not use when it is answered, as Bedrock counts
              ("How tokens are counted", Bedrock user guide)

A refusal by a quota that was due, since the rates look for it now and then, leaves the window as it
is; any other one halves it, **at most once per epoch**: a request that was sent before the last
decrease says nothing about the window after it.

One limiter serves all statements that ask one model. It runs on the gateway's event loop alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from outcrop.errors import QuotaKind, StatedQuota
from outcrop.inference.clock import Clock
from outcrop.inference.rate import LearnedRate
from outcrop.inference.records import LearnedLimits
from outcrop.inference.shares import Share, Shares
from outcrop.inference.window import Window

PAUSE_S = 0.1
PAUSE_MAX_S = 30.0
_TICK_S = 0.001


class Wait(StrEnum):
    """What those who wait are waiting for."""

    CONCURRENCY = "concurrency"
    REQUESTS = "quota of requests"
    TOKENS = "quota of tokens"
    PAUSE = "pause after a throttle"
    RETRY = "next attempt"
    PROBE = "sign of life of the endpoint"
    BUDGET = "budget"
    SLOTS = "outcrop.max_concurrency"
    PROMPT_CACHE = "prompt cache"
    JOURNAL = "journal"
    FLIGHT = "another statement's call"


@dataclass(frozen=True, slots=True)
class LimiterState:
    """What a limiter allows now, and who waits; `wait` is what the first of them waits for.

    `stated` is what is never exceeded, since the provider or its user has said so.
    """

    window: int
    in_flight: int
    waiting: int
    wait: Wait | None
    learned: LearnedLimits
    stated: StatedQuota


class Permit:
    """The right to send one request, or so many; ended by exactly one of its methods.

    Requests of a group that end in different ways are split off, each with the right to it alone.
    """

    __slots__ = ("_epoch", "_limiter", "_requests", "_sent_s", "_tokens")

    def __init__(
        self, limiter: Limiter, epoch: int, tokens: float, sent_s: float, requests: int = 1
    ) -> None:
        self._limiter = limiter
        self._epoch = epoch
        self._tokens = tokens
        self._sent_s = sent_s
        self._requests = requests

    def split(self, tokens: float) -> Permit:
        """Return the right to one of the requests, which took so many tokens."""
        self._requests -= 1
        self._tokens -= tokens
        return Permit(self._limiter, self._epoch, tokens, self._sent_s)

    def succeeded(self, tokens: float | None = None) -> None:
        """The provider answered, and counted so many tokens; None: nobody knows."""
        unused = 0.0 if tokens is None else self._tokens - tokens
        self._limiter._answered(unused, self._sent_s, self._requests)

    def throttled(self, quota: QuotaKind | None = None, retry_after_s: float | None = None) -> bool:
        """The provider's quota was hit; None: it did not say which.

        Returns whether that began an epoch: whether the window is smaller now.
        """
        return self._limiter._refused(
            self._epoch, self._tokens, self._sent_s, quota, retry_after_s or 0.0
        )

    def failed(self) -> None:
        """It ended in another way, which says nothing of the quota."""
        self._limiter._ended()


class Limiter:
    """The way to one model, as wide as the model's provider allows."""

    def __init__(
        self,
        clock: Clock,
        window: Window,
        known: LearnedLimits | None = None,
        configured: StatedQuota | None = None,
    ) -> None:
        known = known or LearnedLimits()
        configured = configured or StatedQuota()
        now_s = clock.monotonic()
        self._clock = clock
        self._window = window
        self._requests = LearnedRate(now_s, known.requests_per_s, configured.requests_per_s)
        self._tokens = LearnedRate(now_s, known.tokens_per_s, configured.tokens_per_s)
        self._stated: StatedQuota | None = None
        self._in_flight = 0
        self._epoch = 0
        self._shares: Shares[Permit] = Shares()
        self._everybody: Share[Permit] = Share()
        self._paused_until_s = float("-inf")
        self._resuming: asyncio.Task[None] | None = None

    @property
    def window(self) -> int:
        """How many requests may be in flight now."""
        return self._window.size

    @property
    def in_flight(self) -> int:
        """How many requests are in flight now."""
        return self._in_flight

    @property
    def room(self) -> int:
        """How many more may be in flight now."""
        return max(self._window.size - self._in_flight, 0)

    @property
    def state(self) -> LimiterState:
        """All of this at once."""
        return LimiterState(
            self.window,
            self._in_flight,
            len(self._shares),
            self.wait,
            self.learned,
            StatedQuota(self._requests.per_s_max, self._tokens.per_s_max),
        )

    @property
    def learned(self) -> LearnedLimits:
        """What is known of the quotas now."""
        return LearnedLimits(self._requests.per_s, self._tokens.per_s)

    @property
    def wait(self) -> Wait | None:
        """What those who wait are waiting for; None if nobody waits."""
        first = self._shares.first()
        return None if first is None else self._obstacle(first[1], self._clock.monotonic())[0]

    def try_acquire(
        self, share: Share[Permit] | None = None, tokens: float = 0.0, requests: int = 1
    ) -> Permit | None:
        """Return a permit for so many requests, if there is room and nobody waits; else None.

        `tokens` are those of all of them.
        """
        now_s = self._clock.monotonic()
        if self._shares or self._obstacle(tokens, now_s, requests)[0] is not None:
            return None
        if share is not None:
            self._shares.charge(share, self._cost(tokens, requests))
        return self._permit(tokens, now_s, requests)

    async def acquire(self, share: Share[Permit] | None = None, tokens: float = 0.0) -> Permit:
        """Return a permit as soon as it is this share's turn, and there is one."""
        permit = self.try_acquire(share, tokens)
        if permit is not None:
            return permit
        turn = self._shares.wait(share or self._everybody, tokens)
        self._resume_in_time()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # canceled with the permit in hand
                turn.result().failed()
            raise

    def tell(self, stated: StatedQuota | None) -> None:
        """Take what the provider says of its quotas, None for nothing; what it repeats is old."""
        if stated is None or stated is self._stated:
            return
        before, self._stated = self._stated or StatedQuota(), stated
        now_s = self._clock.monotonic()
        for rate, per_s, before_per_s in (
            (self._requests, stated.requests_per_s, before.requests_per_s),
            (self._tokens, stated.tokens_per_s, before.tokens_per_s),
        ):
            if per_s is not None and per_s != before_per_s:
                rate.tell(per_s, now_s)

    async def close(self) -> None:
        """Stop what would serve those who wait."""
        if self._resuming is not None:
            self._resuming.cancel()
            await asyncio.gather(self._resuming, return_exceptions=True)

    def _cost(self, tokens: float, requests: int = 1) -> float:
        """Return what requests count for their share."""
        return float(requests) if self._tokens.per_s is None else max(tokens, 1.0)

    def _obstacle(
        self, tokens: float, now_s: float, requests: int = 1
    ) -> tuple[Wait | None, float]:
        """Return what requests of so many tokens wait for, and how long if that is known."""
        if self._in_flight + requests > self._window.size:
            return Wait.CONCURRENCY, 0.0
        if now_s < self._paused_until_s:
            return Wait.PAUSE, self._paused_until_s - now_s
        wait_s = self._requests.wait_s(requests, now_s)
        if wait_s > 0:
            return Wait.REQUESTS, wait_s
        wait_s = self._tokens.wait_s(tokens, now_s)
        if wait_s > 0:
            return Wait.TOKENS, wait_s
        return None, 0.0

    def _permit(self, tokens: float, now_s: float, requests: int = 1) -> Permit:
        self._in_flight += requests
        self._requests.take(requests, now_s, requests)
        self._tokens.take(tokens, now_s, requests)
        return Permit(self, self._epoch, tokens, now_s, requests)

    def _answered(self, unused: float, sent_s: float, requests: int) -> None:
        now_s = self._clock.monotonic()
        if unused:
            self._tokens.give_back(unused, now_s)
        self._window.answered(self._in_flight, now_s - sent_s, requests)
        self._release(requests)

    def _refused(
        self,
        epoch: int,
        tokens: float,
        sent_s: float,
        quota: QuotaKind | None,
        retry_after_s: float,
    ) -> bool:
        now_s = self._clock.monotonic()
        pause_s = min(retry_after_s, PAUSE_MAX_S)
        if quota is QuotaKind.TOKENS:
            was_due = self._tokens.refuse(tokens, sent_s, now_s)
            self._requests.undo(1.0, sent_s, now_s)
        else:
            was_due = self._requests.refuse(1.0, sent_s, now_s)
            self._tokens.undo(tokens, sent_s, now_s)
        is_epoch = epoch == self._epoch and not was_due
        if is_epoch:
            self._epoch += 1
            self._window.refused()
            pause_s = max(pause_s, PAUSE_S)
        self._paused_until_s = max(self._paused_until_s, now_s + pause_s)
        self._release()
        return is_epoch

    def _ended(self) -> None:
        """A request ended without an answer: whether it counts nobody knows, so it does."""
        self._release()

    def _release(self, requests: int = 1) -> None:
        self._in_flight -= requests
        if self._shares:
            self._serve()

    def _serve(self) -> None:
        """Serve those whose turn it is, as far as there is room."""
        now_s = self._clock.monotonic()
        while (first := self._shares.first()) is not None:
            share, tokens = first
            if self._obstacle(tokens, now_s)[0] is not None:
                break
            self._shares.serve(share, self._permit(tokens, now_s), self._cost(tokens))
        self._resume_in_time()

    def _resume_in_time(self) -> None:
        """See to it that those who wait for a moment in time are served then."""
        if self._shares and self._resuming is None:
            self._resuming = asyncio.ensure_future(self._resume())

    async def _resume(self) -> None:
        while (first := self._shares.first()) is not None:
            obstacle, wait_s = self._obstacle(first[1], self._clock.monotonic())
            if obstacle is Wait.CONCURRENCY:  # the next that ends serves them
                break
            await self._clock.sleep(max(wait_s, _TICK_S))
            self._serve()
        self._resuming = None
