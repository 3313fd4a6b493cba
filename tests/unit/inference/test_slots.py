"""Slots of a statement, taken several at a time."""

from __future__ import annotations

import asyncio

from outcrop.inference.slots import Slots


def test_no_more_are_taken_than_are_free() -> None:
    async def run() -> list[int]:
        slots = Slots(10)
        return [await slots.take(4), await slots.take(4), await slots.take(4)]

    assert asyncio.run(run()) == [4, 4, 2]


def test_who_waits_longest_is_served_first() -> None:
    async def run() -> list[tuple[str, int]]:
        slots, served = Slots(4), list[tuple[str, int]]()

        async def take(name: str, most: int) -> None:
            served.append((name, await slots.take(most)))

        await slots.take(4)
        tasks = [asyncio.create_task(take(*args)) for args in (("a", 3), ("b", 3), ("c", 1))]
        await asyncio.sleep(0)
        assert served == []
        slots.release(4)
        late = asyncio.create_task(take("late", 4))
        await asyncio.gather(*tasks[:2])
        slots.release(3)
        await asyncio.gather(*tasks, late)
        return served

    assert asyncio.run(run()) == [("a", 3), ("b", 1), ("c", 1), ("late", 2)]


def test_a_canceled_wait_passes_its_turn_on() -> None:
    async def run() -> int:
        slots = Slots(1)
        await slots.take()
        first, second = (asyncio.create_task(slots.take()) for _ in range(2))
        await asyncio.sleep(0)
        slots.release()  # wakes the first
        first.cancel()
        taken = await second
        assert first.cancelled()
        return taken

    assert asyncio.run(run()) == 1


def test_a_canceled_wait_in_the_middle_is_forgotten() -> None:
    async def run() -> int:
        slots = Slots(1)
        await slots.take()
        first, second, third = (asyncio.create_task(slots.take()) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        slots.release()
        await first
        slots.release()
        return await third

    assert asyncio.run(run()) == 1
