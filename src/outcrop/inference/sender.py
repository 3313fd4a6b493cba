"""One invocation, sent until it is answered or given up: budget, limiter, provider, retries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from outcrop.errors import (
    BudgetExceeded,
    NotConfigured,
    ProviderError,
    Throttled,
    TransientProviderError,
)
from outcrop.inference.breaker import PROBE_PAUSE_S, Admission, Breaker, BreakerState, SentRow
from outcrop.inference.budget import pico_of
from outcrop.inference.clock import Clock
from outcrop.inference.events import QuotaLog
from outcrop.inference.invocation import Invocation
from outcrop.inference.limiter import Limiter, Permit, Wait
from outcrop.inference.meter import Meter
from outcrop.inference.output_limit import OutputLimits, was_cut_at
from outcrop.inference.policy import CallPolicy
from outcrop.inference.prices import Price
from outcrop.inference.records import Payment
from outcrop.inference.reservation import BudgetSet, Reservation
from outcrop.inference.retry import Backoff, RetryPolicy
from outcrop.inference.shares import Share
from outcrop.inference.tokens import CHARS_PER_TOKEN, output_tokens_max, usage_max
from outcrop.inference.waits import Waits
from outcrop.inference.warm_prefixes import WarmPrefixes
from outcrop.providers.base import (
    Completion,
    ImmediateProvider,
    Provider,
    ProviderRequest,
    TokenUsage,
    immediate,
)
from outcrop.providers.prompt_caching import PromptCaching

_MUCH = TokenUsage(10**6, 10**6, 10**6, 10**6)


@dataclass(frozen=True, slots=True)
class Channel:
    """The way to one model: what all statements that ask it share.

    `burndown` is what an output token is worth of the quota of tokens. `output_limits` are None
    where the provider has no quotas, so that a lower limit of an answer would gain nothing.
    """

    provider: Provider
    limiter: Limiter
    price: Price | None
    burndown: int
    caching: PromptCaching | None
    warm: WarmPrefixes
    output_limits: OutputLimits | None
    breaker: Breaker
    quota_log: QuotaLog


@dataclass(slots=True)
class Tally:
    """What the sending of one invocation took.

    `usage` and `cost_usd` are of all its answers: also of one that was cut, and asked for again.
    `signs_of_life` is how many its breaker had counted when it was first sent.
    """

    started_at: float
    started_s: float
    attempts: int = 0
    throttles: int = 0
    retries: int = 0
    possibly_paid: int = 0
    signs_of_life: int | None = None
    usage: TokenUsage | None = None
    cost_usd: float | None = None
    payments: list[Payment] = field(default_factory=list)

    def paid(self, usage: TokenUsage | None, cost_usd: float | None) -> None:
        """An answer came; the sums are of what is known."""
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage.plus(usage)
        if cost_usd is not None:
            self.cost_usd = cost_usd + (self.cost_usd or 0.0)

    def settled(self, payment: Payment | None) -> None:
        """Keep for the journal what was paid; None where it was free."""
        if payment is not None:
            self.payments.append(payment)

    def sent(self, *completion: Completion) -> Sent:
        """Return what became of the invocation, whose last answer is this, if there is one."""
        return Sent(completion, (self.usage,), (self.cost_usd,), self)


class Sent(NamedTuple):
    """What became of invocations that were sent together, or of one; `completions` if they came.

    `usages` and `costs_usd` are those of each; `tally` is what each of them took, but that its
    payments are for all.
    """

    completions: Sequence[Completion]
    usages: Sequence[TokenUsage | None]
    costs_usd: Sequence[float | None]
    tally: Tally


class Sender:
    """Sends what one statement asks of one model through `model`, the external model's name."""

    def __init__(
        self,
        channel: Channel,
        policy: CallPolicy,
        budgets: BudgetSet,
        meter: Meter,
        clock: Clock,
        random: Random,
        waits: Waits,
        model: str,
    ) -> None:
        limits = channel.output_limits
        self._channel = channel
        self._output_limit = None if limits is None else limits.of(model)
        self._policy = policy
        self._retry_policy = RetryPolicy(timeout_s=policy.retry_timeout_s)
        self.budgets = budgets
        self._is_free = channel.price is not None and not channel.price.cost_usd(_MUCH)
        self.meter = meter
        self._clock = clock
        self._random = random
        self._waits = waits
        self._share: Share[Permit] = Share(policy.weight)

    @property
    def price(self) -> Price | None:
        """What the model costs, None where that is unknown."""
        return self._channel.price

    @property
    def room(self) -> int:
        """How many requests the limiter's window has room for."""
        return self._channel.limiter.room

    @property
    def immediate(self) -> ImmediateProvider | None:
        """The provider, where groups of requests may be sent to it, since it does not wait."""
        channel = self._channel
        if channel.caching is not None or channel.output_limits is not None:
            return None
        return immediate(channel.provider)

    @property
    def wait(self) -> Wait | None:
        """What those wait for whom the limiter lets wait; None if there are none."""
        return self._channel.limiter.wait if self._share.waiting else None

    async def send(
        self, invocation: Invocation, tally: Tally, failed: Exception | None = None
    ) -> Sent:
        """Return the answer. Raises the ProviderError of the last attempt, or BudgetExceeded.

        `tally` is kept up to date, so that it is true however this ends. An answer that was cut at
        a limit of the runtime's own choice is asked for again, under the default. `failed` is the
        error of its first attempt, where that was made with a group.
        """
        limit, default = self._output_limit, invocation.output_tokens_default
        if limit is None or default is None:
            completion = await self._send(invocation, None, tally, failed)
            return tally.sent(completion)
        chosen = limit.choose(default)
        completion = await self._send(invocation, chosen, tally)
        if chosen < default and was_cut_at(chosen, completion):
            self.meter.asked_again()
            limit.asking_again()
            try:
                completion = await self._send(invocation, default, tally)
            finally:
                limit.ended_asking_again()
        if completion.usage is not None:
            limit.answered(completion.usage.output_tokens)
        return tally.sent(completion)

    async def _send(
        self,
        invocation: Invocation,
        output_tokens: int | None,
        tally: Tally,
        failed: Exception | None = None,
    ) -> Completion:
        """Send the invocation, with this limit of its answer, until it is answered or given up."""
        request = self.request(invocation, output_tokens)
        prefixes = invocation.shared_prefixes()
        cost_max_pico = self.cost_max_pico(invocation, request)
        tokens = self.tokens_max(invocation, request)
        backoff: Backoff | None = None
        met: ProviderError | None = None
        breaker = self._channel.breaker
        if tally.signs_of_life is None:
            tally.signs_of_life = breaker.signs_of_life
        while True:
            is_probe = failed is None and not breaker.is_clear and await self._pass_breaker(met)
            try:
                if failed is not None:
                    first, failed = failed, None
                    raise first
                if not prefixes:
                    completion = await self._attempt(request, cost_max_pico, tokens, tally)
                else:
                    completion = await self._attempt_in_turn(
                        prefixes, request, cost_max_pico, tokens, tally
                    )
                breaker.heard()
                return completion
            except ProviderError as error:
                met, now_s = error, self._clock.monotonic()
                row = SentRow(invocation.fingerprint, tally.started_s, tally.signs_of_life)
                self._tell_breaker(error, row, now_s, was_probe=is_probe)
                if backoff is None:
                    backoff = Backoff(self._retry_policy, self._random, tally.started_s)
                delay_s = backoff.next_delay_s(error, now_s)
                if delay_s is None:
                    _say_what_was_tried(error, tally, now_s)
                    raise
                if not isinstance(error, Throttled):
                    tally.retries += 1
                    self.meter.retried()
            except BaseException:  # canceled, or a bug: others wait for what the probe shows
                if is_probe:
                    breaker.abandoned()
                raise
            await self._waits.wait(self._clock.sleep(delay_s), Wait.RETRY)

    def request(self, invocation: Invocation, output_tokens: int | None = None) -> ProviderRequest:
        """Return the request for an invocation, with this limit of its answer or the default."""
        caching = self._channel.caching
        is_marked = caching is not None and caching.marks_max > 0
        return invocation.to_request(
            self._policy.request_timeout_s, is_marked=is_marked, output_tokens_max=output_tokens
        )

    def tokens_max(self, invocation: Invocation, request: ProviderRequest) -> float:
        """Return what a request reserves of the provider's quota of tokens, about."""
        return len(invocation.body) / CHARS_PER_TOKEN + (output_tokens_max(request.body) or 0)

    async def _pass_breaker(self, met: ProviderError | None) -> bool:
        """Wait until a request may go to the endpoint, and say whether it is the probe.

        Raises ModelUnreachable where none may, from what the invocation itself has `met` before.
        """
        breaker = self._channel.breaker
        while True:
            now_s = self._clock.monotonic()
            match breaker.admit(now_s):
                case Admission.SEND:
                    return False
                case Admission.PROBE:
                    return True
                case Admission.REFUSE:
                    raise breaker.to_error(now_s, self._clock.wall()) from met
            await self._waits.wait(self._clock.sleep(PROBE_PAUSE_S), Wait.PROBE)

    def _tell_breaker(
        self, error: ProviderError, row: SentRow, now_s: float, *, was_probe: bool
    ) -> None:
        """Tell how a request failed; raises ModelUnreachable if no other one is to be sent."""
        breaker = self._channel.breaker
        if isinstance(error, NotConfigured):  # which tells nothing of the endpoint
            if was_probe:
                breaker.abandoned()
            return
        if isinstance(error, Throttled) or not isinstance(error, TransientProviderError):
            breaker.heard()
            return
        breaker.failed(error, row, now_s, was_probe=was_probe)
        if breaker.state is BreakerState.OPEN:
            raise breaker.to_error(now_s, self._clock.wall()) from error

    async def _attempt_in_turn(
        self,
        prefixes: Sequence[bytes],
        request: ProviderRequest,
        cost_max_pico: int,
        tokens: float,
        tally: Tally,
    ) -> Completion:
        """Send the request when its start is in the cache, or is its own to put there."""
        warm = self._channel.warm
        written = await self._waits.wait(warm.take_turn(prefixes), Wait.PROMPT_CACHE)
        try:
            completion = await self._attempt(request, cost_max_pico, tokens, tally)
            warm.keep(prefixes)
        finally:
            warm.end_turn(written)
        return completion

    async def _attempt(
        self, request: ProviderRequest, cost_max_pico: int, tokens: float, tally: Tally
    ) -> Completion:
        """Send the request once; settle the reservation and the permit whatever happens.

        `tokens` are what the request reserves of the provider's quota.
        """
        reservation = self.budgets.try_reserve(cost_max_pico)
        if reservation is None:
            reserving = self.budgets.reserve(cost_max_pico)
            reservation = await self._waits.wait(reserving, Wait.BUDGET)
        permit = await self._permit(reservation, tokens)
        if not tally.attempts:
            tally.started_s = self._clock.monotonic()
        self.meter.sending(is_first=not tally.attempts)
        tally.attempts += 1
        try:
            completion = await self._channel.provider.complete(request)
        except BaseException as error:  # however it ended: both must be settled
            self.refused(error, reservation, permit, tally)
            raise
        permit.succeeded(self.quota_tokens(completion.usage))
        self._channel.limiter.tell(completion.stated_quota)
        cost_usd = self.cost_usd(completion.usage)
        _settle(reservation, tally, cost_usd)
        self.meter.paid([completion.usage], [cost_usd])
        tally.paid(completion.usage, cost_usd)
        return completion

    @property
    def signs_of_life(self) -> int:
        """How many its breaker has counted."""
        return self._channel.breaker.signs_of_life

    def heard(self) -> None:
        """The model has answered what was sent by a group."""
        self._channel.breaker.heard()

    def try_acquire(self, tokens: float, requests: int) -> Permit | None:
        """Return a permit for so many requests, if all of them may be sent now."""
        if not self._channel.breaker.is_clear:
            return None
        return self._channel.limiter.try_acquire(self._share, tokens, requests)

    async def _permit(self, reservation: Reservation, tokens: float) -> Permit:
        limiter = self._channel.limiter
        try:
            if self.budgets.outlives_the_process:
                with self._waits.counted(Wait.JOURNAL):
                    await self.budgets.secure(reservation)
            permit = limiter.try_acquire(self._share, tokens)
            if permit is not None:
                return permit
            return await self._waits.wait(limiter.acquire(self._share, tokens))
        except BaseException:  # above all when it is canceled: what is set aside is free again
            reservation.release()
            raise

    def quota_tokens(self, usage: TokenUsage | None) -> float | None:
        """Return what a request with this usage has taken of the provider's quota of tokens."""
        if usage is None:
            return None
        written = usage.input_tokens + usage.cache_write_tokens
        return written + usage.output_tokens * self._channel.burndown

    def refused(
        self, error: BaseException, reservation: Reservation, permit: Permit, tally: Tally
    ) -> None:
        """End a request that came back without an answer.

        What is no error of a provider's is a bug of its code, or the gateway closes: then it may
        have been paid.
        """
        if isinstance(error, NotConfigured):
            tally.attempts -= 1
            self.meter.unsent(was_first=not tally.attempts)
        is_throttle = isinstance(error, Throttled)
        is_possibly_paid = error.possibly_paid if isinstance(error, ProviderError) else True
        if isinstance(error, Throttled):
            tally.throttles += 1
            self._channel.limiter.tell(error.stated_quota)
            is_epoch = permit.throttled(error.quota, error.retry_after_s)
            channel = self._channel
            if is_epoch:
                channel.quota_log.epoch(error.quota, channel.limiter.window)
            channel.quota_log.learned(channel.limiter.learned)
        else:
            permit.failed()
        if is_possibly_paid:
            tally.possibly_paid += 1
            _settle(reservation, tally, None)
        else:
            reservation.release()
        self.meter.refused(is_throttle=is_throttle, is_possibly_paid=is_possibly_paid)

    def cost_usd(self, usage: TokenUsage | None) -> float | None:
        """Return what a request with this usage cost, None where that is unknown."""
        if usage is None or self._channel.price is None:
            return None
        if self._is_free:
            return 0.0
        return self._channel.price.cost_usd(usage)

    def cost_max_pico(self, invocation: Invocation, request: ProviderRequest) -> int:
        """Return the most that one request can cost.

        Where nobody knows that is 0 without a budget; under one BudgetExceeded is raised.
        """
        if self._is_free:
            return 0
        price = self._channel.price
        usage = usage_max(invocation.body, request.body)
        if price is not None and usage is not None:
            written = TokenUsage(0, usage.output_tokens, 0, usage.input_tokens)  # prompt caching
            return pico_of(max(price.cost_usd(usage), price.cost_usd(written)))
        limiting = self.budgets.limiting
        if limiting is None:
            return 0
        if price is None:
            raise BudgetExceeded(
                f"{limiting.title} is set, and the price of {invocation.model_id!r} is unknown",
                hint=f'Add its price as [prices."{invocation.model_id}"] in outcrop.toml'
                f"{limiting.way_without}.",
            )
        raise BudgetExceeded(
            f"{limiting.title} is set, and a request names no limit of its answer, so that its "
            "cost has no upper bound",
            hint="Set the model family's own limit (such as max_tokens) in the request.",
        )


def _settle(reservation: Reservation, tally: Tally, cost_usd: float | None) -> None:
    """Spend what a request cost: all that was reserved, where that is not known."""
    cost_pico = reservation.cost_pico if cost_usd is None else pico_of(cost_usd)
    tally.settled(reservation.settle(cost_pico))


def _say_what_was_tried(error: ProviderError, tally: Tally, now_s: float) -> None:
    if tally.attempts > 1 and error.detail is None:
        error.detail = (
            f"given up after {tally.attempts} attempts in {now_s - tally.started_s:.1f} s"
        )
