"""What workers wait for, counted, and ended when the statement stops."""

from __future__ import annotations

import asyncio

import pytest

from outcrop.inference.limiter import Wait
from outcrop.inference.waits import Waits


def test_what_most_wait_for_is_told() -> None:
    waits = Waits()
    assert waits.most() == (None, 0)
    with waits.counted(Wait.RETRY), waits.counted(Wait.JOURNAL, 3):
        assert waits.most() == (Wait.JOURNAL, 3)
        with waits.counted(Wait.RETRY, 3):
            assert waits.most() == (Wait.RETRY, 4)
    assert waits.most() == (None, 0)


@pytest.mark.parametrize("wait", [Wait.BUDGET, Wait.PROBE])
def test_what_holds_up_all_is_told_first(wait: Wait) -> None:
    waits = Waits()
    with waits.counted(Wait.RETRY, 9), waits.counted(wait):
        assert waits.most() == (wait, 1)


def test_the_end_of_all_ends_waits_and_their_counts() -> None:
    async def scenario() -> None:
        waits = Waits()
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = [
            asyncio.create_task(waits.wait(never, Wait.RETRY)),
            asyncio.create_task(waits.wait(asyncio.sleep(3_600))),
        ]
        await asyncio.sleep(0)
        assert waits.most() == (Wait.RETRY, 1)
        waits.end_all()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 2
        assert waits.most() == (None, 0)
        waits.end_all()

    asyncio.run(scenario())


def test_a_wait_that_is_over_gives_its_result() -> None:
    async def scenario() -> str:
        return await Waits().wait(asyncio.sleep(0, "done"), Wait.BUDGET)

    assert asyncio.run(scenario()) == "done"
