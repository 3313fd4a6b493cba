"""What a statement's model calls have come to so far, counted as they happen.

A cost that is not known is never counted as zero: `cost_usd` is None as long as no cost is known,
and `is_cost_complete` says whether it is the whole of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from outcrop.inference.records import Answer, StatementOutcome, StatementTotals
from outcrop.providers.base import JsonObject, TokenUsage


@dataclass(slots=True)
class Cost:
    """A sum of costs, some of which may be unknown."""

    known_usd: float = 0.0
    known: int = 0
    unknown: int = 0

    def add(self, costs_usd: Sequence[float | None]) -> None:
        """Add costs; None is an unknown one."""
        known = [cost_usd for cost_usd in costs_usd if cost_usd is not None]
        self.known += len(known)
        self.known_usd += sum(known)
        self.unknown += len(costs_usd) - len(known)

    def merge(self, other: Cost) -> None:
        """Add all that `other` holds."""
        self.known_usd += other.known_usd
        self.known += other.known
        self.unknown += other.unknown

    @property
    def usd(self) -> float | None:
        """The sum of the known costs; None if there are only unknown ones."""
        return None if self.unknown and not self.known else self.known_usd


@dataclass(slots=True)
class Counts:
    """The counters of a meter.

    `calls_total` is None where it is not known how many invocations there will be; `sent` counts
    invocations, `attempts` the requests for them; `cached_tokens` of `input_tokens` were read from
    the provider's prompt cache; `unusable` answers came and hold no value, and
    `unasked` rows were such that nothing could be asked of them;
    `asked_again` answers were cut at a limit that the runtime chose, and asked for again;
    `in_flight` is what the provider works on now; `repeated` were asked before in this statement,
    which has paid for their answers.
    """

    calls_total: int | None = 0
    asked: int = 0
    answered: int = 0
    reused: int = 0
    repeated: int = 0
    failed: int = 0
    unusable: int = 0
    unasked: int = 0
    sent: int = 0
    attempts: int = 0
    throttles: int = 0
    retries: int = 0
    possibly_paid: int = 0
    asked_again: int = 0
    truncated: int = 0
    in_flight: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    saved_input_tokens: int = 0
    saved_output_tokens: int = 0
    cost: Cost = field(default_factory=Cost)
    saved_cost: Cost = field(default_factory=Cost)

    def merge(self, other: Counts) -> None:
        """Add all that `other` counted."""
        if self.calls_total is None or other.calls_total is None:
            self.calls_total = None
        else:
            self.calls_total += other.calls_total
        self.cost.merge(other.cost)
        self.saved_cost.merge(other.saved_cost)
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_SUMMED = tuple(
    f.name for f in fields(Counts) if f.name not in ("calls_total", "cost", "saved_cost")
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a statement's model calls are.

    `done` = answered + reused + repeated + failed; `waiting` were asked for and are neither done
    nor in flight; `reused` cost nothing, since the journal or another statement's call had the
    answer, `repeated` nothing more, since this statement had it.
    """

    calls_total: int | None
    done: int
    sent: int
    reused: int
    repeated: int
    failed: int
    in_flight: int
    waiting: int
    throttles: int
    retries: int
    truncated: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    is_cost_complete: bool
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a statement's model calls came to in the end, for its closing NOTICE."""

    outcome: StatementOutcome
    invocations: int
    calls: int
    reused: int
    failed: int
    throttles: int
    retries: int
    truncated: int
    asked_again: int
    possibly_paid: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: float | None
    is_cost_complete: bool
    saved_input_tokens: int
    saved_output_tokens: int
    saved_cost_usd: float | None
    elapsed_s: float


class Meter:
    """Counts for one statement and model function. Any thread may count or read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()

    def counts(self) -> Counts:
        """Return a copy of the counters, all of one moment."""
        copy = Counts()
        with self._lock:
            copy.merge(self._counts)
        return copy

    def expect(self, calls: int | None) -> None:
        """So many invocations will be asked for; None if that is not known."""
        with self._lock:
            if calls is None:
                self._counts.calls_total = None
            elif self._counts.calls_total is not None:
                self._counts.calls_total += calls

    def asked(self, count: int) -> None:
        """So many invocations were asked for."""
        with self._lock:
            self._counts.asked += count

    def reused(self, answers: Iterable[Answer]) -> None:
        """These answers were paid for by others: they are journaled, or were in flight."""
        with self._lock:
            for answer in answers:
                self._counts.reused += 1
                self._counts.saved_cost.add([answer.cost_usd])
                self._counts.truncated += is_truncated(answer.response)
                if answer.usage is not None:
                    self._counts.saved_input_tokens += answer.usage.all_input_tokens
                    self._counts.saved_output_tokens += answer.usage.output_tokens

    def repeated(self, count: int) -> None:
        """So many invocations were such as this statement has paid for already."""
        with self._lock:
            self._counts.repeated += count

    def sending(self, requests: int = 1, *, is_first: bool) -> None:
        """Requests go out; each the first one for its invocation, or another one."""
        with self._lock:
            self._counts.attempts += requests
            self._counts.sent += requests * is_first
            self._counts.in_flight += requests

    def unsent(self, *, was_first: bool) -> None:
        """A request did not go out after all."""
        with self._lock:
            self._counts.attempts -= 1
            self._counts.sent -= was_first

    def refused(self, *, is_throttle: bool, is_possibly_paid: bool) -> None:
        """A request came back without an answer."""
        with self._lock:
            self._counts.in_flight -= 1
            self._counts.throttles += is_throttle
            if is_possibly_paid:
                self._counts.possibly_paid += 1
                self._counts.cost.add([None])

    def retried(self) -> None:
        """An invocation will be sent again after a fault that was no throttle."""
        with self._lock:
            self._counts.retries += 1

    def asked_again(self) -> None:
        """An answer was cut, and paid for, and is asked for again with a larger limit."""
        with self._lock:
            self._counts.asked_again += 1

    def paid(self, usages: Sequence[TokenUsage | None], costs_usd: Sequence[float | None]) -> None:
        """Requests came back with answers, of which these are the usages and the costs."""
        known = [usage for usage in usages if usage is not None]
        counts = self._counts
        with self._lock:
            counts.in_flight -= len(usages)
            counts.cost.add(costs_usd)
            counts.input_tokens += sum([usage.all_input_tokens for usage in known])
            counts.cached_tokens += sum([usage.cache_read_tokens for usage in known])
            counts.output_tokens += sum([usage.output_tokens for usage in known])

    def answered(self, responses: Sequence[JsonObject]) -> None:
        """Answers are on disk and released."""
        with self._lock:
            self._counts.answered += len(responses)
            self._counts.truncated += sum(map(is_truncated, responses))

    def failed(self) -> None:
        """An invocation ended without an answer."""
        with self._lock:
            self._counts.failed += 1

    def unusable(self, *, was_asked: bool) -> None:
        """A row got no value: from an answer that has none, or since nothing could be asked."""
        with self._lock:
            if was_asked:
                self._counts.unusable += 1
            else:
                self._counts.unasked += 1


def is_truncated(response: JsonObject) -> bool:
    """Return whether the answer was cut at its limit (Converse's stopReason)."""
    return response.get("stopReason") == "max_tokens"


def total_of(meters: Sequence[Meter]) -> Counts:
    """Return the sum of what `meters` counted."""
    total = Counts()
    for meter in meters:
        total.merge(meter.counts())
    return total


def failed_of(counts: Counts) -> int:
    """Return how many rows or invocations got no value, for whatever cause."""
    return counts.failed + counts.unusable + counts.unasked


def progress_of(counts: Counts, elapsed_s: float) -> Progress:
    """Return `counts` as a user sees them while they grow."""
    done = counts.answered + counts.reused + counts.repeated + counts.failed
    return Progress(
        calls_total=counts.calls_total,
        done=done + counts.unasked,
        sent=counts.sent,
        reused=counts.reused,
        repeated=counts.repeated,
        failed=failed_of(counts),
        in_flight=counts.in_flight,
        waiting=max(counts.asked - done - counts.in_flight, 0),
        throttles=counts.throttles,
        retries=counts.retries,
        truncated=counts.truncated,
        input_tokens=counts.input_tokens,
        output_tokens=counts.output_tokens,
        cost_usd=counts.cost.usd,
        is_cost_complete=not counts.cost.unknown,
        elapsed_s=elapsed_s,
    )


def summary_of(counts: Counts, outcome: StatementOutcome, elapsed_s: float) -> Summary:
    """Return `counts` as the closing NOTICE tells them."""
    return Summary(
        outcome=outcome,
        invocations=counts.asked - counts.repeated,
        calls=counts.sent,
        reused=counts.reused,
        failed=failed_of(counts),
        throttles=counts.throttles,
        retries=counts.retries,
        truncated=counts.truncated,
        asked_again=counts.asked_again,
        possibly_paid=counts.possibly_paid,
        input_tokens=counts.input_tokens,
        cached_tokens=counts.cached_tokens,
        output_tokens=counts.output_tokens,
        cost_usd=counts.cost.usd,
        is_cost_complete=not counts.cost.unknown,
        saved_input_tokens=counts.saved_input_tokens,
        saved_output_tokens=counts.saved_output_tokens,
        saved_cost_usd=counts.saved_cost.usd,
        elapsed_s=elapsed_s,
    )


def totals_of(
    counts: Counts, outcome: StatementOutcome, ended_at: float | None = None
) -> StatementTotals:
    """Return `counts` as `sys_llm_detail` keeps them."""
    return StatementTotals(
        outcome=outcome,
        ended_at=ended_at,
        invocations=counts.asked - counts.repeated,
        calls=counts.sent,
        reused=counts.reused,
        failed=failed_of(counts),
        attempts=counts.attempts,
        throttles=counts.throttles,
        retries=counts.retries,
        truncated=counts.truncated,
        possibly_paid=counts.possibly_paid,
        input_tokens=counts.input_tokens,
        output_tokens=counts.output_tokens,
        cost_usd=counts.cost.usd,
        saved_input_tokens=counts.saved_input_tokens,
        saved_output_tokens=counts.saved_output_tokens,
        saved_cost_usd=counts.saved_cost.usd,
    )
