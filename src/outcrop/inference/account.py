"""The books of one statement and one model function in it: its meter and its row in the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from outcrop.errors import Error
from outcrop.inference.clock import Clock
from outcrop.inference.events import JournalFailed, emit
from outcrop.inference.journal import Journal
from outcrop.inference.meter import Meter, totals_of
from outcrop.inference.records import Answer, NewStatement, StatementOutcome


class Account:
    """Counts what is asked, and keeps the statement's row for `sys_llm_detail`."""

    def __init__(self, statement: NewStatement, journal: Journal, clock: Clock) -> None:
        self.meter = Meter()
        self.statement = statement
        self._journal = journal
        self._clock = clock
        self._opening = asyncio.Lock()
        self._statement_id: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the row is written, so that calls can name it."""
        return self._statement_id is not None

    @property
    def statement_id(self) -> int:
        """The id of the row."""
        assert self._statement_id is not None, "opened before anything is sent"
        return self._statement_id

    def answered_before(self, answers: Iterable[Answer]) -> None:
        """Count answers that cost nothing now: only what others paid for is reused."""
        query_id = self.statement.query_id
        found = list(answers)
        foreign = [answer for answer in found if answer.query_id != query_id]
        self.meter.reused(foreign)
        self.meter.repeated(len(found) - len(foreign))

    async def open(self) -> None:
        """Write the row, on the event loop, before the first call.

        This also proves that the journal can be written before anything is paid: raises DiskFull.
        """
        async with self._opening:
            if self._statement_id is None:
                totals = totals_of(self.meter.counts(), StatementOutcome.RUNNING)
                self._statement_id = await self._journal.begin_statement(self.statement, totals)

    def close(self, outcome: StatementOutcome) -> None:
        """Write how it ended. A failure to do so is logged: the answers are safe all the same."""
        totals = totals_of(self.meter.counts(), outcome, self._clock.wall())
        try:
            if self._statement_id is None:
                self._statement_id = self._journal.put_statement(self.statement, totals)
            else:
                self._journal.put_totals(self._statement_id, totals)
        except Error as error:
            emit(JournalFailed("the totals of a statement", type(error).__name__))
