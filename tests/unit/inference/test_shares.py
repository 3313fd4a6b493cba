"""Who is next of those who wait for one model."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from outcrop.inference.shares import Share, Shares


def _served(weights: dict[str, float], amounts: dict[str, float], turns: int) -> Counter[str]:
    """Return how often each is served, where all want more than there is."""

    async def scenario() -> Counter[str]:
        shares: Shares[None] = Shares()
        by_name = {name: Share[None](weight) for name, weight in weights.items()}
        for name, share in by_name.items():
            for _ in range(turns):
                shares.wait(share, amounts.get(name, 1.0))
        counts: Counter[str] = Counter()
        for _ in range(turns):
            first = shares.first()
            assert first is not None
            shares.serve(first[0], None, first[1])
            counts[next(name for name, s in by_name.items() if s is first[0])] += 1
        return counts

    return asyncio.run(scenario())


def test_equal_weights_get_equal_shares() -> None:
    assert _served({"a": 1, "b": 1, "c": 1}, {}, 300) == {"a": 100, "b": 100, "c": 100}


def test_shares_are_as_the_weights() -> None:
    counts = _served({"high": 4, "low": 1}, {}, 500)
    assert counts["high"] == pytest.approx(400, abs=2)


def test_who_wants_more_at_a_time_is_served_less_often() -> None:
    counts = _served({"large": 1, "small": 1}, {"large": 10.0}, 330)
    assert counts["small"] == pytest.approx(300, abs=2)


def test_who_comes_late_is_next_and_does_not_make_up_for_the_past() -> None:
    async def scenario() -> list[str]:
        shares: Shares[None] = Shares()
        old, new = Share[None](), Share[None]()
        for _ in range(100):
            shares.wait(old, 1.0)
        for _ in range(50):
            shares.serve(old, None, 1.0)
        for _ in range(10):
            shares.wait(new, 1.0)
        order = []
        for _ in range(8):
            first = shares.first()
            assert first is not None
            order.append("new" if first[0] is new else "old")
            shares.serve(first[0], None, 1.0)
        return order

    order = asyncio.run(scenario())
    assert "new" in order[:2]
    assert Counter(order)["new"] in (4, 5)


def test_what_was_got_without_waiting_counts() -> None:
    async def scenario() -> bool:
        shares: Shares[None] = Shares()
        busy, idle = Share[None](), Share[None]()
        for _ in range(20):
            shares.charge(busy, 1.0)
        shares.wait(busy, 1.0)
        shares.wait(idle, 1.0)
        first = shares.first()
        return first is not None and first[0] is idle

    assert asyncio.run(scenario())


def test_who_has_left_is_passed_over() -> None:
    async def scenario() -> None:
        shares: Shares[None] = Shares()
        gone, there = Share[None](), Share[None]()
        shares.wait(gone, 1.0).cancel()
        waits = shares.wait(there, 2.0)
        assert shares.first() == (there, 2.0)
        shares.serve(there, None, 2.0)
        assert waits.done()
        assert shares.first() is None
        assert not shares

    asyncio.run(scenario())
