"""A provider that writes down what each of its answers costs, and the process that a test kills.

    python -m tests.durability.ledger FOLDER LIMIT_USD SECONDS_PER_CALL

asks more prompts than fit into a budget of LIMIT_USD a day, and ends when that
is spent. Its journal and its ledger are in FOLDER.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.errors import BudgetExceeded, ProviderError
from outcrop.inference.budget import pico_of
from outcrop.inference.prices import Prices
from outcrop.inference.tokens import usage_max
from outcrop.providers.base import Completion, ProviderRequest, TokenUsage
from outcrop.providers.converse import text_response
from outcrop.providers.scripted import ScriptedProvider, count_tokens, prompt_text
from tests.unit.inference.support import FlatPrice, house, invocation, response_to


@dataclass(frozen=True)
class Paid:
    """What one request cost; `is_answered` unless its answer was lost."""

    prompt: str
    model_id: str
    cost_pico: int
    is_answered: bool


@dataclass
class Ledger:
    """All that was paid, whoever asks for it."""

    prices: Prices
    paid: list[Paid] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: ProviderRequest, usage: TokenUsage, *, is_answered: bool) -> None:
        price = self.prices.find("ledger", request.model_id)
        assert price is not None
        cost_pico = pico_of(price.cost_usd(usage))
        with self._lock:
            self.paid.append(
                Paid(prompt_text(request.body), request.model_id, cost_pico, is_answered)
            )


class LedgerProvider:
    """A scripted provider whose answers have random lengths, up to the limit of the request.

    An answer that is lost on the way was as long as it could be.
    """

    concurrency_max = None
    lets_wait = False

    def __init__(self, scripted: ScriptedProvider, ledger: Ledger, random: Random) -> None:
        self.name = scripted.name
        self._scripted = scripted
        self._ledger = ledger
        self._random = random

    async def complete(self, request: ProviderRequest) -> Completion:
        prompt = prompt_text(request.body)
        tokens_max = int(request.body["inferenceConfig"]["maxTokens"])
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)
        try:
            await self._scripted.complete(request)
        except ProviderError as error:
            if error.possibly_paid:
                lost = TokenUsage(len(prompt.encode()), tokens_max)
                self._ledger.add(request, lost, is_answered=False)
            raise
        usage = TokenUsage(count_tokens(prompt), self._random.randint(1, tokens_max))
        self._ledger.add(request, usage, is_answered=True)
        response = text_response(
            f"answer to {prompt}", stop_reason="end_turn", usage=usage, latency_ms=1
        )
        return Completion(response, usage, 1)

    async def close(self) -> None:
        """Do nothing: nothing is held open."""


LEDGER = "costs"
CALLS_MAX = 2_000


def costs_pico(folder: Path) -> list[int]:
    """Return what the processes in a folder have paid, each request by itself."""
    path = folder / LEDGER
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    folder, limit_usd, seconds_per_call = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    ledger = os.open(folder / LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def behavior(prompt: str) -> Completion:
        """Take all that the request may cost, and write that down."""
        asked = invocation(prompt)
        usage = usage_max(asked.body, asked.to_request(1.0).body)
        assert usage is not None
        await asyncio.sleep(seconds_per_call)
        os.write(ledger, f"{pico_of(FlatPrice().cost_usd(usage))}\n".encode())
        return Completion(response_to(prompt), usage, 1)

    budget = BudgetConfig(limit_usd, BudgetPeriod.DAY, user="ann")
    asked = (invocation(f"{os.getpid()} {number}") for number in range(CALLS_MAX))
    with house(folder, behavior, budgets=[budget]) as home:
        statement = home.statement(max_concurrency=8)
        try:
            for _ in statement.ask(asked, model="m", function="f"):
                pass
        except BudgetExceeded as error:
            statement.finish(error)


if __name__ == "__main__":
    main()
