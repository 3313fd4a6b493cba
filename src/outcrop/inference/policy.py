"""What a statement wants of the gateway, and what it gets for each invocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from outcrop.errors import Error
from outcrop.providers.base import JsonObject, TokenUsage


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """The session's settings that bear on model calls, as they were when the statement began."""

    reuse_answers: bool = True
    max_cost_usd: float | None = None
    max_calls: int | None = None
    session_max_cost_usd: float | None = None
    max_concurrency: int = 64
    request_timeout_s: float = 120.0
    retry_timeout_s: float = 600.0
    prompt_caching: bool = True
    weight: float = 1.0


class Outcome(NamedTuple):
    """What became of one invocation: a `response`, or an `error` that is this row's alone.

    `error` is a ProviderError, or an InternalError where the provider's code failed. `is_reused`:
    this statement did not pay for the answer.
    """

    fingerprint: bytes
    response: JsonObject | None
    error: Error | None
    is_reused: bool
    usage: TokenUsage | None
