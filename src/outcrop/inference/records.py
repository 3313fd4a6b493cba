"""The records of the journal: what is stored of an answer, a call and a statement.

`New...` is what the runtime hands in; the others are what the journal gives back. Times are
seconds since the Unix epoch inside the journal, and aware UTC datetimes in what it gives back.
What is made for every call is a named tuple, which takes half of a frozen dataclass's time, and
holds the calls of a whole group, where they were sent as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from outcrop.errors import Error, ProviderError
from outcrop.providers.base import JsonObject, TokenUsage


class CallStatus(StrEnum):
    """How the sending of one invocation ended.

    POSSIBLY_PAID: without an answer, after a request whose answer may have been lost on the way.
    UNUSABLE: no call of its own, but what a statement met: an answer that holds no value for its
    row (it is blocked, empty, not of the declared type), or a row that no request can be made of.
    CANCELED: the statement stopped between two attempts, all of which were refused, or cut short.
    """

    ANSWERED = "answered"
    FAILED = "failed"
    POSSIBLY_PAID = "possibly_paid"
    UNUSABLE = "unusable"
    CANCELED = "canceled"


def error_code_of(error: Error) -> str:
    """Return the code of a call's error: the provider's own, or else the name of its class."""
    return error.code if isinstance(error, ProviderError) else type(error).__name__


class StatementOutcome(StrEnum):
    """How a statement ended, as far as its model calls go. A killed one stays RUNNING."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    BUDGET_EXCEEDED = "budget_exceeded"


@dataclass(frozen=True, slots=True)
class Answer:
    """A journaled answer. `cost_usd` is what was paid for it, None where the price is unknown.

    `query_id` is that of the statement which paid.
    """

    response: JsonObject
    usage: TokenUsage | None
    cost_usd: float | None
    query_id: str


class NewAnswers(NamedTuple):
    """The answers of calls, to be stored under the calls' fingerprints; columns, a value each.

    `request_chars` are the lengths of the requests' bodies, from which token estimates are learned;
    `texts` are the JSON texts of `responses`, where they came as such.
    """

    responses: Sequence[JsonObject]
    texts: Sequence[bytes | None]
    request_chars: Sequence[int]
    priced_as_of: str | None
    owner: str
    query_id: str


@dataclass(frozen=True, slots=True)
class Payment:
    """What a user paid for a model on a day (UTC, as an ISO date), in picodollars.

    An upper bound, where it is not known what a request cost.
    """

    day: str
    user: str
    model_id: str
    cost_pico: int


class NewCalls(NamedTuple):
    """Invocations that are journaled as one, or a single one; also one that could not be sent.

    `fingerprints`, `usages`, `costs_usd`, `started_at` and `durations_ms` are columns, with a value
    for each; the rest is the same for all. `answers` are there only if they came. `payments` are
    for all requests that were made, also for those whose answer was lost.
    """

    statement_id: int
    provider: str
    model_id: str
    status: CallStatus
    fingerprints: Sequence[bytes]
    usages: Sequence[TokenUsage | None]
    costs_usd: Sequence[float | None]
    started_at: Sequence[float]
    durations_ms: Sequence[int]
    attempts: int
    throttles: int
    retries: int
    possibly_paid: int
    error_code: str | None = None
    error_message: str | None = None
    answers: NewAnswers | None = None
    payments: Sequence[Payment] = ()


@dataclass(frozen=True, slots=True)
class NewStatement:
    """A statement and one model function in it, as it begins."""

    query_id: str
    user: str
    query_group: str
    query_text: str
    model: str
    function: str
    started_at: float


@dataclass(frozen=True, slots=True)
class StatementTotals:
    """What a statement's calls of one model function came to. Costs are None where unknown."""

    outcome: StatementOutcome
    ended_at: float | None = None
    invocations: int = 0
    calls: int = 0
    reused: int = 0
    failed: int = 0
    attempts: int = 0
    throttles: int = 0
    retries: int = 0
    truncated: int = 0
    possibly_paid: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    saved_input_tokens: int = 0
    saved_output_tokens: int = 0
    saved_cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One row of `sys_llm_call`."""

    call_id: int
    query_id: str
    fingerprint: bytes
    user: str
    model: str
    function: str
    provider: str
    model_id: str
    status: CallStatus
    attempts: int
    throttles: int
    retries: int
    possibly_paid: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    started_at: datetime
    duration_ms: int
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class StatementDetail:
    """One row of `sys_llm_detail`: a statement and one model function in it."""

    query_id: str
    user: str
    query_group: str
    query_text: str
    model: str
    function: str
    started_at: datetime
    ended_at: datetime | None
    outcome: StatementOutcome
    invocations: int
    calls: int
    reused: int
    failed: int
    attempts: int
    throttles: int
    retries: int
    truncated: int
    possibly_paid: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    saved_input_tokens: int
    saved_output_tokens: int
    saved_cost_usd: float | None


@dataclass(frozen=True, slots=True)
class LearnedLimits:
    """What is known of a model's quotas, per second; None where nothing is."""

    requests_per_s: float | None = None
    tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class TokenHistory:
    """What the journaled answers of one model teach about its tokens; sums over the answers."""

    answers: int
    request_chars: int
    input_tokens: int
    output_tokens: int
