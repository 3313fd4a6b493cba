"""The gateway: the only way to a model.

    invocations -> claim -> journal -> queue -> budget -> limiter -> provider -> journal -> outcome
                  flights   lookup    dispatcher          retry                 commit

It owns one event loop in one background thread; its surface is synchronous, and any number of
threads may use it at once. Three things hold whatever happens:

* an answer is on disk before anybody sees it (`journal`),
* the same invocation is never sent twice, unless the user asks for that (`flights`, `journal`),
* what was sent is waited for, also by a statement that was stopped (`dispatcher`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import random as random_module
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from types import MappingProxyType
from typing import TypeVar

from outcrop.config import BudgetConfig, LimitConfig
from outcrop.errors import InternalError, QueryCanceled
from outcrop.inference.breaker import Breaker, BreakerView
from outcrop.inference.budget import SESSION_LIMIT, Budget, BudgetState
from outcrop.inference.clock import Clock, SystemClock
from outcrop.inference.events import CallsGivenUp, QuotaLog, StatementBegun, emit
from outcrop.inference.flights import FlightTable
from outcrop.inference.journal import Journal
from outcrop.inference.limiter import Limiter, LimiterState
from outcrop.inference.output_limit import LENGTHS_MAX, OutputLimits
from outcrop.inference.policy import CallPolicy, Outcome
from outcrop.inference.prices import Price, Prices
from outcrop.inference.records import LearnedLimits, StatementOutcome
from outcrop.inference.runtime import Runtime
from outcrop.inference.sender import Channel
from outcrop.inference.spending import Spending
from outcrop.inference.statement import RunningStatement, Statement, StatementOrigin
from outcrop.inference.warm_prefixes import WarmPrefixes
from outcrop.inference.window import AimdWindow, GradientWindow
from outcrop.providers.base import Provider, immediate
from outcrop.providers.burndown import burndown_of
from outcrop.providers.prompt_caching import PromptCaching, find_prompt_caching
from outcrop.settings import CONCURRENCY_MAX

__all__ = ["CLOSE_GRACE_S", "CallPolicy", "Gateway", "Outcome", "Statement"]

# How long `close` waits for answers that are being paid for. Most calls end well within it; one
# that does not is recorded as possibly paid, since a user who quits should not wait for minutes.
CLOSE_GRACE_S = 30.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a model of a provider allows now."""

    provider: str
    model_id: str
    limiter: LimiterState
    breaker: BreakerView


class Gateway:
    """Asks models for all statements of a warehouse.

    `providers` builds the provider of a name, once, on the gateway's event loop: it must be quick,
    so that a local model is loaded by its first request. `provider_kind` gives the kind by which a
    provider's models are priced. `budgets` hold for all statements. `logs_prompts` has
    statements and requests logged. The journal belongs to the caller, who closes it after this.
    """

    def __init__(
        self,
        journal: Journal,
        providers: Callable[[str], Provider],
        provider_kind: Callable[[str], str],
        prices: Prices,
        *,
        budgets: Sequence[BudgetConfig] = (),
        limits: Mapping[str, LimitConfig] = MappingProxyType({}),
        clock: Clock | None = None,
        random: Random | None = None,
        logs_prompts: bool = False,
    ) -> None:
        self._build_provider = providers
        self._provider_kind = provider_kind
        self._prices = prices
        self._limits = limits
        self._clock = clock or SystemClock()
        self._providers: dict[str, Provider] = {}
        self._channels: dict[tuple[str, str], Channel] = {}
        self._kept_limits: dict[tuple[str, str], LearnedLimits] = {}
        self._statements: dict[Statement, None] = {}  # in their order
        self._background: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self._loop = asyncio.new_event_loop()
        self._runtime = Runtime(
            loop=self._loop,
            journal=journal,
            flights=FlightTable(),
            spending=Spending(journal, self._clock, budgets),
            clock=self._clock,
            random=random or random_module.SystemRandom(),
            channel=self._channel,
            prompt_caching=self._prompt_caching,
            price=self.price,
            call=self._call,
            ask_loop=partial(self._ask_loop, closed=False),
            spawn=self._spawn,
            logs_prompts=logs_prompts,
        )
        self._thread = threading.Thread(target=self._run, name="outcrop-gateway", daemon=True)
        self._thread.start()

    def open_statement(
        self,
        query_id: str,
        user: str,
        query_text: str,
        query_group: str,
        policy: CallPolicy,
        session_budget: Budget | None = None,
    ) -> Statement:
        """Return a new statement. Whoever opens it calls its `finish`, also after an error.

        `session_budget` is that of all statements of its session.
        """
        statement = Statement(
            self._runtime,
            StatementOrigin(query_id, user, query_text, query_group),
            policy,
            session_budget or Budget(SESSION_LIMIT),
            self._forget,
        )
        with self._lock:
            if self._is_closed:
                raise InternalError("the gateway is closed")
            self._statements[statement] = None
        text = query_text if self._runtime.logs_prompts else None
        emit(StatementBegun(query_id, user, query_group, text))
        return statement

    def price(self, provider: str, model_id: str) -> Price | None:
        """Return the price of a model, or None where it is unknown; no provider is built."""
        return self._prices.find(self._provider_kind(provider), model_id)

    def budgets(self) -> list[BudgetState]:
        """Return the budgets that hold for all statements, as they are now."""
        return self._ask_loop(self._runtime.spending.states)

    def limits(self) -> list[ModelLimits]:
        """Return what each model that was asked allows now."""
        return self._ask_loop(
            lambda: [
                ModelLimits(*key, channel.limiter.state, channel.breaker.view)
                for key, channel in self._channels.items()
            ]
        )

    def running(self) -> list[RunningStatement]:
        """Return the statements that ask now."""
        with self._lock:
            statements = tuple(self._statements)
        return self._ask_loop(lambda: [statement.running() for statement in statements])

    def close(self, grace_s: float = CLOSE_GRACE_S) -> None:
        """Stop all statements, journal what is in flight, and close the providers.

        What has not come back after `grace_s` is given up, and journaled as possibly paid. Safe to
        call twice.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            statements = tuple(self._statements)
        for statement in statements:
            statement.cancel(QueryCanceled("the warehouse was closed; paid answers are kept"))
        asyncio.run_coroutine_threadsafe(self._shut_down(grace_s), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, function: Callable[..., None], *args: object) -> None:
        """Have the event loop call a function; nothing is left to call once it has ended."""
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _ask_loop(self, question: Callable[[], _T], *, closed: _T | None = None) -> _T:
        """Return what `question` gives on the event loop, or `closed` once the gateway is closed.

        Raises InternalError where it is closed, and nothing can be said instead.
        """
        answer: concurrent.futures.Future[_T] = concurrent.futures.Future()
        with self._lock:
            if self._is_closed:
                if closed is None:
                    raise InternalError("the gateway is closed")
                return closed
            self._loop.call_soon_threadsafe(lambda: answer.set_result(question()))
        return answer.result()

    def _spawn(self, background: Coroutine[object, object, None]) -> None:
        """Have the event loop run a coroutine that `close` waits for."""

        def start() -> None:
            task = self._loop.create_task(background)
            self._background.add(task)
            task.add_done_callback(self._background.discard)

        with self._lock:
            if self._is_closed:  # then `close` itself does what is left to do for a statement
                background.close()
            else:
                self._loop.call_soon_threadsafe(start)

    def _forget(self, statement: Statement) -> None:
        with self._lock:
            self._statements.pop(statement, None)
        self._call(self._keep_limits)

    def _keep_limits(self) -> None:
        """Journal what was learned of the models' quotas, where it has changed; on the loop."""
        for (provider, model_id), channel in self._channels.items():
            learned = channel.limiter.learned
            channel.quota_log.learned(learned)
            if learned != self._kept_limits.get((provider, model_id), LearnedLimits()):
                self._kept_limits[provider, model_id] = learned
                self._runtime.journal.put_limits(provider, model_id, learned)

    def _channel(self, provider_name: str, model_id: str) -> Channel:
        """Return the way to a model; on the event loop, where providers are built and used."""
        key = (provider_name, model_id)
        channel = self._channels.get(key)
        if channel is None:
            provider = self._providers.get(provider_name)
            if provider is None:
                provider = self._providers[provider_name] = self._build_provider(provider_name)
            kind_of_window = GradientWindow if provider.lets_wait else AimdWindow
            limit = self._limits.get(model_id, LimitConfig())
            size_max = min(provider.concurrency_max or CONCURRENCY_MAX, limit.max_concurrency)
            known = self._runtime.journal.limits(provider_name, model_id)
            channel = self._channels[key] = Channel(
                provider,
                Limiter(self._clock, kind_of_window(size_max), known, limit.quota),
                self.price(provider_name, model_id),
                burndown_of(model_id),
                self._prompt_caching(provider_name, model_id),
                WarmPrefixes(self._clock),
                self._output_limits(provider, provider_name, model_id),
                Breaker(provider_name, model_id),
                QuotaLog(provider_name, model_id),
            )
        return channel

    def _output_limits(
        self, provider: Provider, provider_name: str, model_id: str
    ) -> OutputLimits | None:
        """Return the limits of a model's answers that are learned from the journal.

        None where they would gain nothing, since the provider is in process, or has no quotas.
        """
        if provider.lets_wait or immediate(provider) is not None:
            return None
        journal = self._runtime.journal
        return OutputLimits(
            lambda model: journal.output_lengths(provider_name, model_id, model, LENGTHS_MAX)
        )

    def _prompt_caching(self, provider_name: str, model_id: str) -> PromptCaching | None:
        """Return how a model caches prompts, None where it does not; from any thread."""
        return find_prompt_caching(self._provider_kind(provider_name), model_id)

    async def _shut_down(self, grace_s: float) -> None:
        statements = tuple(self._statements)
        closed = asyncio.gather(
            *(s.close_when_drained(StatementOutcome.CANCELED) for s in statements)
        )
        try:
            await asyncio.wait_for(asyncio.shield(closed), grace_s)
        except TimeoutError:
            emit(CallsGivenUp(grace_s))
            for statement in statements:
                statement.abandon()
            await closed
        while self._background:
            await asyncio.wait(tuple(self._background))
        await self._runtime.spending.close()
        self._keep_limits()
        for channel in self._channels.values():
            await channel.limiter.close()
        for provider in self._providers.values():
            await provider.close()
        await self._loop.shutdown_default_executor()
