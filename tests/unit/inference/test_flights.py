"""Single flight: who sends an invocation that several ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.errors import Error
from outcrop.inference.flights import Flight, FlightTable
from outcrop.inference.records import Answer
from tests.unit.inference.support import invocation, invocations


@dataclass(eq=False)
class Asker:
    is_stopped: bool = False
    wants_fresh: bool = False

    def enqueue(self, flights: Sequence[Flight]) -> None: ...
    def offer(self, flights: Sequence[Flight]) -> None: ...
    def share(self, fingerprint: bytes, answer: Answer) -> None: ...
    def fail(self, fingerprint: bytes, error: Error) -> None: ...
    def stop(self, error: Error) -> None: ...


def test_the_first_to_ask_owns_the_flight() -> None:
    table, ann, ben = FlightTable(), Asker(), Asker()
    [own] = table.claim([invocation("a")], ann)
    assert table.claim([invocation("a")], ben) == []
    assert table.land(own) == [ann, ben]
    assert len(table) == 0


def test_the_same_invocation_twice_in_one_chunk_is_one_flight() -> None:
    table, ann = FlightTable(), Asker()
    [own] = table.claim([invocation("a"), invocation("a")], ann)
    assert table.land(own) == [ann, ann]


def test_a_flight_that_is_given_up_goes_to_the_next_who_has_not_stopped() -> None:
    table, ann, ben, cat = FlightTable(), Asker(), Asker(is_stopped=True), Asker()
    [own] = table.claim([invocation("a")], ann)
    table.claim([invocation("a")], ben)
    table.claim([invocation("a")], cat)
    ann.is_stopped = True
    assert table.give_up(own) is cat
    assert table.land(own) == [cat]


def test_a_flight_that_nobody_waits_for_is_gone() -> None:
    table, ann = FlightTable(), Asker()
    [own] = table.claim([invocation("a")], ann)
    ann.is_stopped = True
    assert table.give_up(own) is None
    assert len(table) == 0
    assert len(table.claim([invocation("a")], Asker())) == 1


def test_flights_of_one_alone_land_at_once_and_shared_ones_stay() -> None:
    table, ann = FlightTable(), Asker()
    own = table.claim(invocations(3), ann)
    table.claim([own[1].invocation], Asker())
    assert table.land_unshared(own) == [own[1]]
    assert len(table) == 1


def test_a_journaled_answer_serves_its_finder_and_all_who_reuse() -> None:
    table = FlightTable()
    finder, reuser, fresh = Asker(wants_fresh=True), Asker(), Asker(wants_fresh=True)
    [own] = table.claim([invocation("a")], finder)
    table.claim([invocation("a")], reuser)
    table.claim([invocation("a")], fresh)
    assert table.land_reused(own, finder) == ([finder, reuser], fresh)
    assert table.land(own) == [fresh]


def test_a_journaled_answer_that_serves_all_ends_the_flight_at_once() -> None:
    """Who asks next must look into the journal, and not wait for a flight that nobody flies."""
    table, finder, reuser = FlightTable(), Asker(), Asker()
    [own] = table.claim([invocation("a")], finder)
    table.claim([invocation("a")], reuser)
    assert table.land_reused(own, finder) == ([finder, reuser], None)
    assert len(table) == 0
