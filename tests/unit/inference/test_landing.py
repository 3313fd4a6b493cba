"""The landing: answers that come back in one turn of the event loop are journaled as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from outcrop.errors import InternalError, Unavailable
from outcrop.inference.gateway import Outcome
from outcrop.inference.records import CallStatus, NewCalls
from tests.unit.inference.support import EagerClock, House, ask, house, invocations, texts
from tests.unit.inference.test_gateway_faults import break_writes

COUNT = 8


class Together:
    """A provider's behavior that answers COUNT requests in one turn of the event loop.

    `at_last` is called in that turn, when all of them have come back and none has landed.
    """

    def __init__(self, at_last: Callable[[Together], None] = lambda together: None) -> None:
        self.workers: list[asyncio.Task[object]] = []
        self._at_last = at_last
        self._all_sent: asyncio.Event | None = None

    async def __call__(self, prompt: str) -> None:
        if self._all_sent is None:
            self._all_sent = asyncio.Event()
        worker = asyncio.current_task()
        assert worker is not None
        self.workers.append(worker)
        if len(self.workers) == COUNT:
            self._all_sent.set()
            asyncio.get_running_loop().call_soon(self._at_last, self)
        await self._all_sent.wait()

    @property
    def first_to_land(self) -> asyncio.Task[object]:
        """The worker of the last request, which finds that all are sent and does not wait."""
        return self.workers[-1]


def stored(home: House) -> list[NewCalls]:
    """Return a list that grows by what is journaled from now on."""
    store, calls = home.journal.store, list[NewCalls]()

    async def store_and_note(group: NewCalls) -> None:
        calls.append(group)
        await store(group)

    home.journal.store = store_and_note  # type: ignore[method-assign]
    return calls


def ask_all(home: House) -> list[Outcome]:
    return ask(home.statement(max_concurrency=COUNT), invocations(COUNT))


def fingerprints(groups: Sequence[NewCalls]) -> set[bytes]:
    return {fingerprint for group in groups for fingerprint in group.fingerprints}


def test_answers_that_come_back_together_are_journaled_as_one(tmp_path: Path) -> None:
    with house(tmp_path, Together()) as home:
        groups = stored(home)
        outcomes = ask_all(home)
        assert texts(outcomes) == {f"answer to prompt {number}" for number in range(COUNT)}
        assert not any(outcome.is_reused for outcome in outcomes)
        [group] = groups
        assert fingerprints(groups) == {one.fingerprint for one in invocations(COUNT)}
        assert group.status is CallStatus.ANSWERED
        assert texts(ask_all(home)) == texts(outcomes)
    assert len(home.provider.requests) == COUNT


def test_each_answer_keeps_the_time_that_it_took(tmp_path: Path) -> None:
    clock, together = EagerClock(), Together()

    async def take_a_second(prompt: str) -> None:
        clock.now_s += 1.0
        await together(prompt)

    with house(tmp_path, take_a_second, clock=clock) as home:
        groups = stored(home)
        ask_all(home)
        assert len(groups) == 1
        took = {call.started_at.timestamp(): call.duration_ms for call in home.journal.calls()}
    started_s = clock.wall() - COUNT
    assert took == {started_s + n: (COUNT - n) * 1_000 for n in range(COUNT)}


def test_answers_after_other_troubles_are_journaled_apart(tmp_path: Path) -> None:
    together, refused = Together(), list[str]()

    async def fail_two(prompt: str) -> None:
        if prompt in {"prompt 0", "prompt 3"} and prompt not in refused:
            refused.append(prompt)
            raise Unavailable("later")
        await together(prompt)

    with house(tmp_path, fail_two, clock=EagerClock()) as home:
        groups = stored(home)
        assert len(texts(ask_all(home))) == COUNT
        found = sorted((group.attempts, group.retries, len(group.usages)) for group in groups)
        assert found == [(1, 0, COUNT - 2), (2, 1, 2)]
        attempts = {call.fingerprint: call.attempts for call in home.journal.calls()}
        expected = {
            one.fingerprint: 2 if n in {0, 3} else 1 for n, one in enumerate(invocations(COUNT))
        }
        assert attempts == expected


def cancel_all(together: Together) -> None:
    for worker in together.workers:
        worker.cancel()


def cancel_the_first(together: Together) -> None:
    together.first_to_land.cancel()


def cancel_another(together: Together) -> None:
    together.workers[2].cancel()


@pytest.mark.parametrize("cancel", [cancel_all, cancel_the_first, cancel_another])
def test_what_came_back_is_kept_when_its_worker_is_abandoned(
    tmp_path: Path, cancel: Callable[[Together], None]
) -> None:
    together = Together(cancel)
    with house(tmp_path, together) as home:
        assert len(texts(ask_all(home))) == COUNT
        found = [call.status for call in home.journal.calls()]
        assert found == [CallStatus.ANSWERED] * COUNT
    assert any(worker.cancelled() for worker in together.workers)
    with house(tmp_path) as home:
        assert len(texts(ask_all(home))) == COUNT
        assert home.provider.requests == []


def test_answers_of_one_group_that_cannot_be_journaled_are_not_released(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with house(tmp_path, Together(lambda _: break_writes(path, are_broken=True))) as home:
        groups = stored(home)
        released: list[Outcome] = []
        asking = home.statement(max_concurrency=COUNT).ask(
            invocations(COUNT), model="m", function="f"
        )
        with pytest.raises(InternalError):
            released.extend(asking)
        assert (released, len(groups)) == ([], 1)
        break_writes(path, are_broken=False)
        assert len(texts(ask_all(home))) == COUNT
    assert len(home.provider.requests) == 2 * COUNT
