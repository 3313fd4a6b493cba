"""Statements of several users at once, with faults, cancels and callers that leave early.

Whatever happens, no invocation is paid for twice, and at the end every answer is there.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from outcrop.errors import QueryCanceled, Rejected, Throttled, Unavailable
from outcrop.inference.gateway import Statement
from outcrop.inference.records import CallStatus
from tests.unit.inference.support import EagerClock, House, house, invocation, invocations

PROMPTS = 120
USERS = 6
STATEMENTS_PER_USER = 4


class Weather:
    """A provider's moods: it answers most of the time, and counts what it was paid for."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.paid: Counter[str] = Counter()

    async def __call__(self, prompt: str) -> None:
        mood = self._random.random()
        if mood < 0.5:
            await asyncio.sleep(self._random.random() * 0.002)
        if mood < 0.08:
            raise Throttled("slow down", retry_after_s=0.01)
        if mood < 0.16:
            raise Unavailable("down")
        if mood < 0.2:
            raise Rejected("not this time")
        self.paid[prompt] += 1


class User(threading.Thread):
    """Runs statements over some of the prompts; cancels one now and then, or stops reading it."""

    def __init__(self, home: House, seed: int) -> None:
        super().__init__()
        self._home = home
        self._random = Random(seed)
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for _ in range(STATEMENTS_PER_USER):
                self._run_statement()
        except BaseException as error:
            self.failure = error
            raise

    def _run_statement(self) -> None:
        chosen = self._random.sample(range(PROMPTS), 70)
        statement = self._home.statement(max_concurrency=self._random.choice((1, 4, 16)))
        end = self._random.choice(("normal", "normal", "cancel", "leave"))
        after = self._random.randrange(60)
        seen = self._read(statement, chosen, end, after)
        statement.finish()
        if end == "normal":
            assert seen == len(chosen)

    def _read(self, statement: Statement, chosen: Sequence[int], end: str, after: int) -> int:
        asked = [invocation(f"prompt {index}") for index in chosen]
        seen = 0
        try:
            for _ in statement.ask(asked, model="m", function="f"):
                seen += 1
                if seen == after and end == "leave":
                    break
                if seen == after and end == "cancel":
                    statement.cancel()
        except QueryCanceled:
            assert end == "cancel"
        return seen


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    """Let the interpreter switch threads far more often than usual, so that races are run."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(usual_s)


@pytest.mark.usefixtures("_eager_threads")
@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_paid_twice(tmp_path: Path, seed: int) -> None:
    weather = Weather(seed)
    with house(tmp_path, weather, clock=EagerClock()) as home:
        users = [User(home, seed * 100 + number) for number in range(USERS)]
        for user in users:
            user.start()
        for user in users:
            user.join()
        assert [user.failure for user in users] == [None] * USERS
        home.gateway.close()
        assert set(weather.paid.values()) == {1}
        calls = [call for call in home.journal.calls() if call.status is CallStatus.ANSWERED]
        assert len(calls) == len(weather.paid)
        keys = [one.fingerprint for one in invocations(PROMPTS)]
        assert len(home.journal.lookup(keys)) == len(weather.paid)
