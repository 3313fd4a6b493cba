"""What is spent by day: what the journal is told, and in which order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.inference.journal import Journal
from outcrop.inference.records import Payment
from outcrop.inference.reservation import BudgetSet
from outcrop.inference.spending import Spending
from tests.unit.inference.support import VirtualClock

USERS = [f"user {number}" for number in range(40)]


def test_what_was_secured_first_is_taken_back_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the order of addresses: a simulated world depends on its seed alone."""
    journal = Journal.open(tmp_path / "journal.sqlite")
    told: list[Payment] = []
    reserve_spending = journal.reserve_spending

    async def tell(reserved: Payment) -> None:
        told.append(reserved)
        await reserve_spending(reserved)

    monkeypatch.setattr(journal, "reserve_spending", tell)

    async def scenario() -> None:
        spending = Spending(journal, VirtualClock(), [BudgetConfig(1.0, BudgetPeriod.DAY)])
        for user in USERS:
            budgets = BudgetSet((), spending, user, "model")
            reservation = await budgets.reserve(1)
            await budgets.secure(reservation)
            reservation.release()
        await spending.take_back()

    asyncio.run(scenario())
    journal.close()
    assert [(one.user, one.cost_pico) for one in told] == [
        *((user, 1) for user in USERS),
        *((user, 0) for user in USERS),
    ]
