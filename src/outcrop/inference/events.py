"""What the runtime logs: a closed set of events, each a dataclass of the fields that it has.

They go to the logger `outcrop.inference` of the standard library: the message of a record is the
name of its event, and the fields are attributes of the record, as `extra` gives them.

No event has a key, a header, a provider's message or an answer; an error is told by its class, and
by its code where that is a known one, since messages quote what was sent. Texts of statements and
requests, which hold prompts, are in `query_text` and `request`, and these are None unless the user
asked for prompts.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import ClassVar, TypeAlias, get_args

from outcrop.errors import Error, ProviderError, QuotaKind
from outcrop.inference.meter import Summary
from outcrop.inference.records import CallStatus, LearnedLimits, NewCalls
from outcrop.providers.fault_table import ANTHROPIC, BEDROCK, HTTP, OPENAI, TRANSPORT

LOGGER = "outcrop.inference"

_logger = logging.getLogger(LOGGER)
# As every library does: nothing is printed for an application that has not set up logging.
_logger.addHandler(logging.NullHandler())

# What a provider calls its error is its own, and may be anything: these are known names.
_CODES = frozenset[str]().union(BEDROCK, OPENAI, ANTHROPIC, HTTP, TRANSPORT)
_RATE_CHANGE = 0.1


@dataclass(frozen=True, slots=True)
class StatementBegun:
    """A statement began that may ask models."""

    NAME: ClassVar[str] = "statement_begun"
    LEVEL: ClassVar[int] = logging.INFO
    query_id: str
    user: str
    query_group: str
    query_text: str | None


@dataclass(frozen=True, slots=True)
class StatementEnded:
    """It ended, and nothing of it is in flight any more; the numbers are its closing notice's."""

    NAME: ClassVar[str] = "statement_ended"
    LEVEL: ClassVar[int] = logging.INFO
    query_id: str
    user: str
    outcome: str
    calls: int
    reused: int
    failed: int
    asked_again: int
    throttles: int
    retries: int
    possibly_paid: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call was answered, and its answer is on disk."""

    NAME: ClassVar[str] = "call_answered"
    LEVEL: ClassVar[int] = logging.DEBUG
    query_id: str
    model: str
    provider: str
    model_id: str
    fingerprint: str
    attempts: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    duration_ms: int
    request: str | None


@dataclass(frozen=True, slots=True)
class RowFailed:
    """A row got no value: its call failed, or what was answered holds none."""

    NAME: ClassVar[str] = "row_failed"
    LEVEL: ClassVar[int] = logging.WARNING
    query_id: str
    model: str
    provider: str
    model_id: str
    fingerprint: str
    status: str
    attempts: int
    error: str | None
    error_code: str | None
    request: str | None


@dataclass(frozen=True, slots=True)
class ThrottleEpoch:
    """A throttle that was not due made the window smaller; `quota` is what was hit, if it said."""

    NAME: ClassVar[str] = "throttle_epoch"
    LEVEL: ClassVar[int] = logging.INFO
    provider: str
    model_id: str
    quota: str | None
    concurrency_max: int


@dataclass(frozen=True, slots=True)
class RatesLearned:
    """What is known of a model's quotas has changed by a tenth or more."""

    NAME: ClassVar[str] = "rates_learned"
    LEVEL: ClassVar[int] = logging.INFO
    provider: str
    model_id: str
    requests_per_second: float | None
    tokens_per_second: float | None


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """A model's circuit breaker opened, closed, or lets a probe through; and for which error."""

    NAME: ClassVar[str] = "breaker_changed"
    LEVEL: ClassVar[int] = logging.WARNING
    provider: str
    model_id: str
    state: str
    error: str | None
    error_code: str | None


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """So much of a budget is spent, for the first time in its period."""

    NAME: ClassVar[str] = "budget_alert"
    LEVEL: ClassVar[int] = logging.WARNING
    query_id: str
    percent: int
    reason: str


@dataclass(frozen=True, slots=True)
class BudgetStopped:
    """A statement stopped at a budget; `reason` names it, and what is kept and left."""

    NAME: ClassVar[str] = "budget_stopped"
    LEVEL: ClassVar[int] = logging.WARNING
    query_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class JournalFailed:
    """The journal could not be written: `lost` paid calls are lost by that."""

    NAME: ClassVar[str] = "journal_failed"
    LEVEL: ClassVar[int] = logging.ERROR
    what: str
    error: str
    lost: int = 0
    stack: str | None = None


@dataclass(frozen=True, slots=True)
class CodeFailed:
    """A bug, of a provider's code or of the runtime: where, without the error's own words."""

    NAME: ClassVar[str] = "code_failed"
    LEVEL: ClassVar[int] = logging.ERROR
    what: str
    error: str
    stack: str


@dataclass(frozen=True, slots=True)
class CallsGivenUp:
    """The warehouse closes, and what has not come back by now is given up."""

    NAME: ClassVar[str] = "calls_given_up"
    LEVEL: ClassVar[int] = logging.ERROR
    grace_s: float


Event: TypeAlias = (
    StatementBegun
    | StatementEnded
    | CallAnswered
    | RowFailed
    | ThrottleEpoch
    | RatesLearned
    | BreakerChanged
    | BudgetAlert
    | BudgetStopped
    | JournalFailed
    | CodeFailed
    | CallsGivenUp
)
EVENTS: Mapping[str, type[Event]] = MappingProxyType({e.NAME: e for e in get_args(Event)})
"""All events by their names."""


def is_logged(event: type[Event]) -> bool:
    """Return whether anybody listens to the level of an event."""
    return _logger.isEnabledFor(event.LEVEL)


def emit(event: Event) -> None:
    """Log an event, if anybody listens to its level."""
    if is_logged(type(event)):
        values = {field.name: getattr(event, field.name) for field in fields(event)}
        _logger.log(event.LEVEL, event.NAME, extra=values)


def emit_statement_ended(query_id: str, user: str, summary: Summary) -> None:
    """Log the end of a statement."""
    emit(
        StatementEnded(
            query_id=query_id,
            user=user,
            outcome=summary.outcome.value,
            calls=summary.calls,
            reused=summary.reused,
            failed=summary.failed,
            asked_again=summary.asked_again,
            throttles=summary.throttles,
            retries=summary.retries,
            possibly_paid=summary.possibly_paid,
            input_tokens=summary.input_tokens,
            output_tokens=summary.output_tokens,
            cost_usd=summary.cost_usd,
            elapsed_s=round(summary.elapsed_s, 3),
        )
    )


def emit_calls(
    query_id: str,
    model: str,
    calls: NewCalls,
    requests: Sequence[str | None],
    error: Error | None = None,
) -> None:
    """Log calls that were answered, or have failed; `requests` where prompts are wanted."""
    if not is_logged(CallAnswered if calls.status is CallStatus.ANSWERED else RowFailed):
        return
    columns = (calls.fingerprints, calls.usages, calls.costs_usd, calls.durations_ms, requests)
    for fingerprint, usage, cost_usd, duration_ms, request in zip(*columns, strict=True):
        if calls.status is CallStatus.ANSWERED:
            emit(
                CallAnswered(
                    query_id=query_id,
                    model=model,
                    provider=calls.provider,
                    model_id=calls.model_id,
                    fingerprint=fingerprint.hex(),
                    attempts=calls.attempts,
                    input_tokens=None if usage is None else usage.all_input_tokens,
                    output_tokens=None if usage is None else usage.output_tokens,
                    cost_usd=cost_usd,
                    duration_ms=duration_ms,
                    request=request,
                )
            )
        else:
            emit(
                RowFailed(
                    query_id=query_id,
                    model=model,
                    provider=calls.provider,
                    model_id=calls.model_id,
                    fingerprint=fingerprint.hex(),
                    status=calls.status.value,
                    attempts=calls.attempts,
                    error=None if error is None else type(error).__name__,
                    error_code=code_of(error),
                    request=request,
                )
            )


def emit_code_failed(what: str, error: BaseException) -> None:
    """Log a bug: the class of its error, and the lines of code that it came through."""
    emit(CodeFailed(what, type(error).__name__, stack_of(error)))


def stack_of(error: BaseException) -> str:
    """Return the lines of code through which an error came, without its message."""
    return "".join(traceback.format_tb(error.__traceback__))


def code_of(error: Error | None) -> str | None:
    """Return a provider's code of an error, if it is one of those that are known."""
    code = error.code if isinstance(error, ProviderError) else None
    return code if code in _CODES else None


class QuotaLog:
    """Logs what one model's quotas do."""

    def __init__(self, provider: str, model_id: str) -> None:
        self._provider = provider
        self._model_id = model_id
        self._told = LearnedLimits()

    def epoch(self, quota: QuotaKind | None, concurrency_max: int) -> None:
        """A throttle has made the window smaller."""
        kind = None if quota is None else quota.value
        emit(ThrottleEpoch(self._provider, self._model_id, kind, concurrency_max))

    def learned(self, limits: LearnedLimits) -> None:
        """These quotas are known now; they are told if they have changed enough."""
        told = self._told
        if _has_changed(told.requests_per_s, limits.requests_per_s) or _has_changed(
            told.tokens_per_s, limits.tokens_per_s
        ):
            self._told = limits
            rates = (limits.requests_per_s, limits.tokens_per_s)
            emit(RatesLearned(self._provider, self._model_id, *rates))


def emit_breaker_changed(
    provider: str, model_id: str, state: str, cause: ProviderError | None
) -> None:
    """Log that a circuit breaker goes into `state`."""
    error = None if cause is None else type(cause).__name__
    emit(BreakerChanged(provider, model_id, state, error, code_of(cause)))


def _has_changed(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(now - before) > _RATE_CHANGE * before
