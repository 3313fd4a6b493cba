"""Single flight: of equal invocations that are asked for at the same time, one is sent.

Whoever asks **claims** an invocation first and looks into the journal second; a flight leaves the
table only after its answer is on disk. So of two who ask, the second either finds the flight in
the table and waits for it, or finds its answer in the journal. There is no moment between.

A flight that was looked up, and is not sent yet, is open: it stands in the queue of everybody who
waits for it, and whoever has a slot first sends it, and pays. So a question of one row does not
wait for a slow statement that asked the same before, and has many others to send first. A flight
that is given up before it was sent goes to the next who waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol

from outcrop.errors import Error
from outcrop.inference.invocation import Invocation
from outcrop.inference.records import Answer


class Waiter(Protocol):
    """Somebody who waits for flights. Its methods are called on the gateway's event loop."""

    @property
    def is_stopped(self) -> bool:
        """Whether it has stopped waiting."""
        ...

    @property
    def wants_fresh(self) -> bool:
        """Whether an answer that was in the journal before will not do."""
        ...

    def enqueue(self, flights: Sequence[Flight]) -> None:
        """Send these, which are now its own."""
        ...

    def offer(self, flights: Sequence[Flight]) -> None:
        """Send these, which others wait for as well, unless one of them does so first."""
        ...

    def share(self, fingerprint: bytes, answer: Answer) -> None:
        """Take an answer to what was asked elsewhere, or before."""
        ...

    def fail(self, fingerprint: bytes, error: Error) -> None:
        """Take an error instead of an answer."""
        ...

    def stop(self, error: Error) -> None:
        """Send nothing more, since `error` is the end of the whole statement."""
        ...


class Flight:
    """An invocation on its way, and who waits for it.

    `is_open`, which is for the event loop alone: anybody who waits for it may send it now.
    """

    __slots__ = ("fingerprint", "invocation", "is_open", "waiters")

    def __init__(self, invocation: Invocation, fingerprint: bytes, waiter: Waiter) -> None:
        self.invocation = invocation
        self.fingerprint = fingerprint
        self.is_open = False
        self.waiters: list[Waiter] = [waiter]


class FlightTable:
    """All flights of a gateway. Any thread may use it; bounded by its users' windows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def claim(self, invocations: Iterable[Invocation], waiter: Waiter) -> list[Flight]:
        """Make `waiter` wait for each invocation; return the flights that are now its own."""
        pairs = [(invocation.fingerprint, invocation) for invocation in invocations]
        own: list[Flight] = []
        with self._lock:
            for fingerprint, invocation in pairs:
                flight = self._flights.get(fingerprint)
                if flight is None:
                    flight = self._flights[fingerprint] = Flight(invocation, fingerprint, waiter)
                    own.append(flight)
                else:
                    flight.waiters.append(waiter)
        return own

    def find(self, invocations: Iterable[Invocation]) -> list[Flight]:
        """Return the flights there are of invocations."""
        with self._lock:
            found = [self._flights.get(invocation.fingerprint) for invocation in invocations]
        return [flight for flight in found if flight is not None]

    def land_unshared(self, flights: Iterable[Flight]) -> list[Flight]:
        """Remove the flights for which one alone waits; return the others, which stay."""
        shared: list[Flight] = []
        with self._lock:
            for flight in flights:
                if len(flight.waiters) == 1:
                    del self._flights[flight.fingerprint]
                else:
                    shared.append(flight)
        return shared

    def land(self, flight: Flight) -> Sequence[Waiter]:
        """Remove a flight that ended; return who waited for it."""
        with self._lock:
            del self._flights[flight.fingerprint]
            return flight.waiters

    def land_all(self, flights: Iterable[Flight]) -> None:
        """Remove flights that ended; nobody can wait for one any more."""
        with self._lock:
            for flight in flights:
                del self._flights[flight.fingerprint]

    def land_reused(self, flight: Flight, finder: Waiter) -> tuple[Sequence[Waiter], Waiter | None]:
        """End a flight whose answer `finder` found in the journal, for all whom that satisfies.

        Returns them, and who must send it all the same, because it wants a fresh answer. If nobody
        does, the flight is gone at once: whoever asks next finds the answer in the journal.
        """
        with self._lock:
            served: list[Waiter] = []
            unserved: list[Waiter] = []
            for waiter in flight.waiters:
                is_served = waiter is finder or not waiter.wants_fresh
                (served if is_served else unserved).append(waiter)
            flight.waiters = unserved
            return served, self._next_owner(flight)

    def give_up(self, flight: Flight) -> Waiter | None:
        """Give up a flight that was not sent; return who must send it instead, if anybody."""
        with self._lock:
            return self._next_owner(flight)

    def _next_owner(self, flight: Flight) -> Waiter | None:
        """Return who waits longest for a flight, or remove it if nobody does any more."""
        flight.waiters = [waiter for waiter in flight.waiters if not waiter.is_stopped]
        if flight.waiters:
            return flight.waiters[0]
        del self._flights[flight.fingerprint]
        return None
