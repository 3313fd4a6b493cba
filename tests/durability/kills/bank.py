"""A provider that writes each payment to a file outside of the process, and says so first.

A line of the ledger is `run model cost kind prompt`: `kind` is `answered`, or `lost` where the
answer did not reach the caller, which then costs the most that it can. What is paid and which
faults a prompt meets depends on the prompt and the seed alone, so that runs can be compared.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from outcrop.config import PriceOverride
from outcrop.errors import Rejected, Throttled, TimedOut, Unavailable
from outcrop.inference.budget import pico_of
from outcrop.inference.invocation import canonical_json
from outcrop.inference.tokens import usage_max
from outcrop.pricing.table import PriceTable
from outcrop.providers.base import Completion, ProviderRequest, TokenUsage
from outcrop.providers.converse import text_response
from outcrop.providers.scripted import count_tokens, prompt_text
from outcrop.providers.seeded import digest
from tests.durability.kills.workload import TOKENS_MAX

LEDGER = "ledger"
LATENCY_S = 0.002  # at most, before the payment, and after it
PRICES = {
    "small": PriceOverride(11.7, 53.3, "2026-11-01"),
    "middle": PriceOverride(101.9, 310.1, "2026-11-01"),
    "large": PriceOverride(733.1, 1_901.3, "2026-11-01"),
}
_PRICES = PriceTable.load(PRICES)
COST_MAX_PICO = pico_of((500 * 733.1 + TOKENS_MAX * 1_901.3) / 10**6)  # of any request, and more


@dataclass(frozen=True, slots=True)
class Payment:
    """One line of the ledger."""

    run: int
    model: str
    cost_pico: int
    is_answered: bool
    prompt: str


def read_ledger(folder: Path) -> list[Payment]:
    """Return all that was paid by the processes that used a folder."""
    path = folder / LEDGER
    if not path.exists():
        return []
    payments = []
    for line in path.read_text().splitlines():
        run, model, cost, kind, prompt = line.split(" ", 4)
        payments.append(Payment(int(run), model, int(cost), kind == "answered", prompt))
    return payments


def answer_to(model: str, prompt: str) -> str:
    """Return what a model answers to a prompt; it names both."""
    words = digest(0, model, prompt)[0] % 20
    return f"{model} of {prompt} = " + "word " * words


def asked_of(answer: str) -> tuple[str, str]:
    """Return the model and the prompt whose answer this is."""
    model, _, rest = answer.partition(" of ")
    return model, rest.partition(" = ")[0]


class Bank:
    """See the module. `tick` is told of each payment, before and after it is written."""

    name = "bank"
    concurrency_max = None
    lets_wait = False

    def __init__(self, folder: Path, run: int, seed: int, tick: Callable[[str], None]) -> None:
        self._ledger = os.open(folder / LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._run = run
        self._seed = seed
        self._tick = tick
        self._attempts: dict[tuple[str, str], int] = {}

    async def complete(self, request: ProviderRequest) -> Completion:
        """Pay and answer, or fail."""
        model, prompt = request.model_id, prompt_text(request.body)
        attempt = self._attempts[model, prompt] = self._attempts.get((model, prompt), 0) + 1
        draws = digest(self._seed, model, prompt, str(attempt))
        fault = draws[0] if attempt < 3 else 255
        if digest(self._seed, model, prompt, "lasting")[0] < 6:
            raise Rejected("this is refused", code="ValidationException")
        if fault < 6:
            raise Throttled("slow down", retry_after_s=0.02)
        if fault < 12:
            raise Unavailable("overloaded")
        before_s, after_s = draws[1] / 255 * LATENCY_S, draws[2] / 255 * LATENCY_S
        await asyncio.sleep(before_s)
        if fault < 24:
            lost = usage_max(canonical_json(request.body), request.body)
            assert lost is not None
            self._pay(model, prompt, lost, "lost")
            await asyncio.sleep(after_s)
            raise (TimedOut if fault < 18 else Unavailable)("no answer came", possibly_paid=True)
        text = answer_to(model, prompt)
        usage = TokenUsage(count_tokens(prompt), count_tokens(text))
        self._pay(model, prompt, usage, "answered")
        await asyncio.sleep(after_s)
        response = text_response(text, stop_reason="end_turn", usage=usage, latency_ms=1)
        return Completion(response, usage, 1)

    def _pay(self, model: str, prompt: str, usage: TokenUsage, kind: str) -> None:
        price = _PRICES.find("bank", model)
        assert price is not None
        cost_pico = pico_of(price.cost_usd(usage))
        self._tick("payment")
        os.write(self._ledger, f"{self._run} {model} {cost_pico} {kind} {prompt}\n".encode())
        self._tick("payment")

    async def close(self) -> None:
        """Let go of the ledger."""
        os.close(self._ledger)
