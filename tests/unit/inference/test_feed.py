"""Invocations that wait to be asked."""

from __future__ import annotations

from collections.abc import Iterator

from outcrop.inference.feed import Feed
from outcrop.inference.invocation import Invocation
from tests.unit.inference.support import invocations


def test_what_is_at_hand_is_taken_in_its_order() -> None:
    asked = invocations(5)
    feed = Feed.of(asked)

    assert feed.take_announced() == 5
    assert feed.take(3) + feed.take(3) == asked
    assert feed.take(3) == []
    assert feed.is_exhausted


def test_an_iterator_is_pulled_no_further_than_asked() -> None:
    pulled: list[Invocation] = []

    def source() -> Iterator[Invocation]:
        for invocation in invocations(5):
            pulled.append(invocation)
            yield invocation

    feed = Feed.of(source())
    assert not pulled
    assert feed.take(2) == pulled
    assert len(pulled) == 2
    assert feed.take_announced() is None


def test_an_open_feed_may_be_empty_for_now() -> None:
    first, second = invocations(2)
    feed = Feed()
    woken: list[bool] = []
    feed.watch(lambda: woken.append(feed.is_exhausted))

    assert feed.take(1) == []
    assert not feed.is_exhausted
    feed.put([first], 1)
    feed.put([second], 1)
    assert feed.take_announced() == 2
    assert feed.take_announced() == 0
    assert feed.take(10) == [first, second]
    feed.close()
    assert feed.is_exhausted
    assert woken == [False, False, True]
