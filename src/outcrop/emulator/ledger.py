"""What the emulator was asked and what a real account would have been billed for.

The ledger is the judge of "never pay twice": a test compares its numbers with what the client
says it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from outcrop.providers.base import TokenUsage


class Outcome(StrEnum):
    """How a request ended for its client."""

    ANSWERED = "answered"
    THROTTLED = "throttled"
    FAILED = "failed"


@dataclass(slots=True)
class ModelCounts:
    """The numbers of one model. `requests` = answered + throttled + failed + still in flight."""

    requests: int = 0
    answered: int = 0
    throttled: int = 0
    failed: int = 0
    paid: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class LedgerSnapshot:
    """The ledger at one moment; the members are those of the JSON at `/_dev/ledger`.

    `requests` asked a model; CountTokens is not among them. `paid` are those whose model ran, also
    where the answer was then cut off; `distinct_paid` counts equal ones once (same model, same
    body but for the limit of the answer and marks for the prompt cache) and `paid_twice` is the
    rest. `input_tokens` are those that were neither read from the prompt cache nor written to it.
    `throttled` and `failed` are those that ended in a ThrottlingException, or in another error or a
    broken answer. `faults` are the injected ones by name.
    """

    requests: int
    answered: int
    throttled: int
    failed: int
    paid: int
    distinct_paid: int
    paid_twice: int
    in_flight: int
    peak_in_flight: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    count_tokens: int
    faults: Mapping[str, int]
    by_model: Mapping[str, ModelCounts]


@dataclass(slots=True)
class Ledger:
    """The running numbers. Used on the emulator's event loop alone."""

    in_flight: int = 0
    peak_in_flight: int = 0
    count_tokens: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    by_model: dict[str, ModelCounts] = field(default_factory=dict)
    # 16 bytes for each distinct request that was paid.
    paid: set[bytes] = field(default_factory=set)

    def begin(self, model_id: str) -> None:
        """Count a request that has come in."""
        self._counts_of(model_id).requests += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def pay(self, model_id: str, identity: bytes, usage: TokenUsage) -> None:
        """Count that the model ran for the request with this identity."""
        counts = self._counts_of(model_id)
        counts.paid += 1
        counts.input_tokens += usage.input_tokens
        counts.output_tokens += usage.output_tokens
        counts.cache_read_tokens += usage.cache_read_tokens
        counts.cache_write_tokens += usage.cache_write_tokens
        self.paid.add(identity)

    def inject(self, fault: str) -> None:
        """Count an injected fault."""
        self.faults[fault] = self.faults.get(fault, 0) + 1

    def end(self, model_id: str, outcome: Outcome) -> None:
        """Count how a request ended."""
        self.in_flight -= 1
        counts = self._counts_of(model_id)
        match outcome:
            case Outcome.ANSWERED:
                counts.answered += 1
            case Outcome.THROTTLED:
                counts.throttled += 1
            case Outcome.FAILED:
                counts.failed += 1

    def reset(self) -> None:
        """Forget everything but what is in flight."""
        self.peak_in_flight = self.in_flight
        self.count_tokens = 0
        self.faults = {}
        self.by_model = {}
        self.paid = set()

    def snapshot(self) -> LedgerSnapshot:
        """Return the numbers of this moment."""
        models = self.by_model.values()
        paid = sum(counts.paid for counts in models)
        return LedgerSnapshot(
            requests=sum(counts.requests for counts in models),
            answered=sum(counts.answered for counts in models),
            throttled=sum(counts.throttled for counts in models),
            failed=sum(counts.failed for counts in models),
            paid=paid,
            distinct_paid=len(self.paid),
            paid_twice=paid - len(self.paid),
            in_flight=self.in_flight,
            peak_in_flight=self.peak_in_flight,
            input_tokens=sum(counts.input_tokens for counts in models),
            output_tokens=sum(counts.output_tokens for counts in models),
            cache_read_tokens=sum(counts.cache_read_tokens for counts in models),
            cache_write_tokens=sum(counts.cache_write_tokens for counts in models),
            count_tokens=self.count_tokens,
            faults=dict(self.faults),
            by_model={model_id: replace(counts) for model_id, counts in self.by_model.items()},
        )

    def _counts_of(self, model_id: str) -> ModelCounts:
        return self.by_model.setdefault(model_id, ModelCounts())
