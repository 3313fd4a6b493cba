"""What must be true after each kill, and at the end: the ledger against the journal and the rows.

The ledger is the witness, since no kill can change it. An answer is **in flight** at a kill if it
was paid for and is not in the journal: that, and nothing else, may be paid for again.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from outcrop.inference.budget import pico_of
from outcrop.inference.journal_file import unpack
from outcrop.inference.journal_upkeep import verify
from tests.durability.kills.bank import COST_MAX_PICO, Payment, asked_of, read_ledger
from tests.durability.kills.run import SHOWN, WAREHOUSE, Limit, records
from tests.durability.kills.workload import Workload

Asked = tuple[str, str]  # a model, and a prompt


class Audit:
    """The books of all runs of one workload, in one folder."""

    def __init__(self, folder: Path, workload: Workload) -> None:
        self._folder = folder
        self._slots = workload.slots
        self._users = workload.users
        self._kept: dict[Asked, str] = {}
        self._may_be_paid_again: Counter[Asked] = Counter()
        self._lost_in_flight_max = 0
        self.ledger: list[Payment] = []

    def after_kill(self, run: int, limits: tuple[Limit, ...]) -> None:
        """A run was killed, under these budgets."""
        self._after_run(limits)
        in_flight = [
            (payment.model, payment.prompt)
            for payment in self.ledger
            if payment.run == run
            and payment.is_answered
            and (payment.model, payment.prompt) not in self._kept
        ]
        assert len(in_flight) <= self._slots, "more than the slots were in flight"
        assert len(in_flight) == len(set(in_flight))
        self._may_be_paid_again.update(in_flight)
        self._lost_in_flight_max += self._slots

    def after_end(self, limits: tuple[Limit, ...], report: dict[str, Any], kills: int) -> None:
        """A run came to its end, after so many kills."""
        self._after_run(limits)
        answered = {(p.model, p.prompt) for p in self.ledger if p.is_answered}
        assert set(self._kept) <= answered <= {*self._kept, *self._may_be_paid_again}
        self._check_calls(kills)
        for limit, (spent_usd, reserved_usd) in zip(limits, report["spent"], strict=True):
            paid_pico = self.spent_pico(limit)
            others_pico = self.spent_pico(replace(limit, user=None)) - paid_pico
            assert reserved_usd == 0.0
            # A kill counts as if all slots had been in flight, each at the most that it can cost.
            in_flight_pico = kills * self._slots * COST_MAX_PICO
            assert paid_pico <= pico_of(spent_usd) <= paid_pico + others_pico + in_flight_pico

    def spent_pico(self, limit: Limit) -> int:
        """Return what the ledger says of a budget: of a user's, what is surely that user's."""
        return sum(p.cost_pico for p in self.ledger if self._is_of(limit, p))

    def _is_of(self, limit: Limit, payment: Payment) -> bool:
        users = (None, *self._users) if len(self._users) == 1 else (None,)
        is_of_user = limit.user in users or payment.prompt.startswith(f"{limit.user}: ")
        return is_of_user and limit.model in (None, payment.model)

    def _after_run(self, limits: tuple[Limit, ...]) -> None:
        """Check what holds at any moment."""
        self.ledger = read_ledger(self._folder)
        journal = self._folder / WAREHOUSE / "journal.sqlite"
        assert verify(journal).problems == ()
        kept = answers_in(journal)
        lost = [asked for asked, text in self._kept.items() if kept.get(asked) != text]
        assert lost == [], "answers that were in the journal are gone, or have changed"
        self._kept = kept
        shown = [text for row in records(self._folder / SHOWN) for text in row[1:] if text]
        assert {text for text in shown if text not in kept.values()} == set()
        paid = Counter((p.model, p.prompt) for p in self.ledger if p.is_answered)
        too_often = {
            asked: n for asked, n in paid.items() if n > 1 + self._may_be_paid_again[asked]
        }
        assert too_often == {}, "paid twice, and not in flight at a kill"
        for limit in limits:
            assert self.spent_pico(limit) <= pico_of(limit.max_cost_usd), f"overshot {limit}"

    def _check_calls(self, kills: int) -> None:
        """Compare the records of calls and statements with the ledger."""
        lost = sum(not payment.is_answered for payment in self.ledger)
        calls = _figures(self._folder, _CALLS)
        assert calls["answered"] == len(self._kept)
        assert calls["possibly_paid"] <= lost <= calls["possibly_paid"] + self._lost_in_flight_max
        if not kills:
            answered = sum(p.cost_pico for p in self.ledger if p.is_answered) / 1e12
            details = _figures(self._folder, _DETAILS)
            assert math.isclose(calls["cost_usd"] or 0.0, answered, rel_tol=1e-9)
            assert math.isclose(details["cost_usd"] or 0.0, answered, rel_tol=1e-9)
            assert details["sent"] == calls["sent"]
            assert details["possibly_paid"] == lost
            assert details["running"] == 0


_CALLS = """
SELECT sum(status = 'answered') AS answered, sum(attempts > 0) AS sent,
  sum(possibly_paid) AS possibly_paid, sum(cost_usd) AS cost_usd FROM call
"""
_DETAILS = """
SELECT sum(calls) AS sent, sum(possibly_paid) AS possibly_paid, sum(cost_usd) AS cost_usd,
  sum(outcome = 'running') AS running FROM statement
"""


def answers_in(journal: Path) -> dict[Asked, str]:
    """Return the texts of all answers of a journal, by what was asked."""
    found: dict[Asked, str] = {}
    with closing(sqlite3.connect(journal)) as connection:
        for (packed,) in connection.execute("SELECT response FROM answer"):
            response = unpack(packed, journal)
            text = response["output"]["message"]["content"][0]["text"]
            assert asked_of(text) not in found
            found[asked_of(text)] = text
    return found


def _figures(folder: Path, query: str) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / WAREHOUSE / "journal.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        [row] = connection.execute(query)
        return {key: row[key] or 0 for key in row.keys()}  # noqa: SIM118
