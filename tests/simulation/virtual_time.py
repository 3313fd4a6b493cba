"""Virtual time for a whole gateway: its event loop, its threads and its journal's writer.

Everything runs as shipped, but one thread at a time: the event loop goes on until it has nothing to
do, then every thread that waited for what has come by now goes on until it waits again, and when
all wait, the clock jumps to the next moment that anybody waits for. So a run depends on its seed
alone; a second of virtual time costs nothing; and where all wait and no such moment is left,
something hangs, which is found at once.

`Scheduler.crash` is a `kill -9`: no code of the gateway runs any more, and nothing but what was
committed to the journal is left.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import selectors
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from outcrop.inference import ask, journal
from outcrop.inference.journal_writer import JournalWriter, Waiter, Write

COMMIT_S = 0.002
TICK_S = 0.002  # what happens within it happens at once, which is quicker to run


class Crashed(BaseException):
    """The process of this thread is gone."""


class Hang(AssertionError):
    """Everybody waits, and nothing will come."""


class Actor:
    """A thread that waits for its turn, until `is_ready` or some moment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turn = threading.Lock()
        self.turn.acquire()
        self.is_ready: Callable[[], bool] = lambda: True
        self.until_s = math.inf


class Scheduler:
    """Whose turn it is, and what time. The thread that makes it is the first actor."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.is_crashed = False
        self.failure: BaseException | None = None
        self._crash_at_s = math.inf
        self._loop: VirtualLoop | None = None
        self._loop_turn = threading.Lock()
        self._loop_turn.acquire()
        self._actors: list[Actor] = []
        self._director = Actor("director")
        self._current = threading.local()
        self._current.actor = self._director

    def start(self, name: str, action: Callable[[], None]) -> None:
        """Start a thread that takes part. What it raises ends the run."""
        actor = Actor(name)
        self._actors.append(actor)

        def run() -> None:
            self._current.actor = actor
            actor.turn.acquire()
            try:
                if not self.is_crashed:
                    action()
            except Crashed:
                pass
            except BaseException as error:  # noqa: BLE001  # raised by the director
                self.fail(error)
            finally:
                self._actors.remove(actor)
                self._loop_turn.release()

        threading.Thread(target=run, name=name, daemon=True).start()

    def wait_for(self, is_ready: Callable[[], bool], until_s: float = math.inf) -> None:
        """Let others run until `is_ready`, or that moment; raises Crashed if that comes first."""
        actor: Actor = self._current.actor
        if self.is_crashed:
            raise Crashed
        if is_ready():
            return
        actor.is_ready, actor.until_s = is_ready, until_s
        self._loop_turn.release()
        actor.turn.acquire()
        if self.is_crashed:
            raise Crashed

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self.wait_for(lambda: False, self.now_s + seconds)

    def run_actors(self) -> None:
        """Let everybody run until all have ended, or the process crashes; for the director."""
        with suppress(Crashed):
            self.wait_for(lambda: not self._actors)
        if self.failure is not None:
            raise self.failure

    def restart(self) -> None:
        """A new process begins."""
        self.is_crashed = False
        self._crash_at_s = math.inf

    def crash_at(self, moment_s: float) -> None:
        """Have the process crash at a moment."""
        self._crash_at_s = moment_s

    def crash(self) -> None:
        """Have the process crash now: what else runs at this moment changes nothing any more."""
        self.is_crashed = True
        self._crash_at_s = math.inf

    def fail(self, error: BaseException) -> None:
        """End the run with an error, wherever this is called."""
        self.failure = self.failure or error
        self.crash()

    @property
    def is_actor(self) -> bool:
        """Whether the current thread takes part, and is not the event loop's."""
        return getattr(self._current, "actor", None) is not None

    # What the event loop calls.

    def begin(self, loop: VirtualLoop) -> None:
        """Wait for the loop's first turn."""
        self._loop_turn.acquire()
        self._loop = loop

    def end(self) -> None:
        """Let the director go on: the loop has ended."""
        self._loop = None
        self._director.turn.release()

    def idle(self, timeout_s: float | None) -> None:
        """The loop has nothing to do for so long: let actors run, or time pass."""
        if not self.is_crashed and not self._run_ready():
            moment_s = math.inf if timeout_s is None else self.now_s + timeout_s
            moment_s = min(moment_s, self._crash_at_s, *(a.until_s for a in self._everybody()))
            if moment_s == math.inf:
                waiting = ", ".join(actor.name for actor in self._everybody())
                self.fail(Hang(f"all wait at {self.now_s:.3f} s: {waiting}"))
            else:
                self.now_s = max(self.now_s, moment_s)
                if moment_s == self._crash_at_s:
                    self.crash()
        if self.is_crashed:
            self._end_all()

    def _everybody(self) -> list[Actor]:
        return [*self._actors, self._director]

    def _run_ready(self) -> bool:
        """Give everybody a turn who is ready; return whether anybody was."""
        was_any_ready = False
        for actor in self._everybody():
            if self.is_crashed:
                break
            if actor.until_s <= self.now_s or actor.is_ready():
                was_any_ready = True
                self._give_turn(actor)
        return was_any_ready

    def _give_turn(self, actor: Actor) -> None:
        actor.is_ready, actor.until_s = _never, math.inf
        actor.turn.release()
        self._loop_turn.acquire()

    def _end_all(self) -> None:
        """End the threads of a process that is gone, and its loop."""
        assert self._loop is not None
        for actor in list(self._actors):
            self._give_turn(actor)
        self._loop.drop_all()


def _never() -> bool:
    return False


class _NoSelector(selectors.SelectSelector):
    """Instead of waiting for sockets, lets time pass."""

    scheduler: Scheduler

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout > 0:
            self.scheduler.idle(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on the scheduler's clock."""

    def __init__(self, scheduler: Scheduler) -> None:
        selector = _NoSelector()
        selector.scheduler = scheduler
        super().__init__(selector)
        self._scheduler = scheduler
        self.has_ended = False

    def time(self) -> float:
        return self._scheduler.now_s

    def call_at(self, when: float, *arguments: Any, **keywords: Any) -> Any:  # type: ignore[override]
        """Have something called at the next tick."""
        return super().call_at(math.ceil(when / TICK_S) * TICK_S, *arguments, **keywords)

    def run_forever(self) -> None:
        self._scheduler.begin(self)
        try:
            super().run_forever()
        finally:
            self.has_ended = True
            self._scheduler.end()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Run it here: it waits for nobody but the journal, which writes at once."""
        future = self.create_future()
        future.set_result(func(*args))
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A callback has failed, which is a bug whatever it was."""
        self._scheduler.fail(context.get("exception") or AssertionError(context["message"]))

    def drop_all(self) -> None:
        """Forget all that was to run. What coroutines do as they are closed changes nothing."""
        dropped: set[asyncio.Task[Any]] = set()
        while left := asyncio.all_tasks(self) - dropped:  # they may start others as they are closed
            for task in left:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(RuntimeError):  # it waits for something even then
                    task.get_coro().close()
            dropped |= left
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]
        self.stop()

    def _write_to_self(self) -> None:
        """Nobody sleeps who must be woken."""


class _Inbox:
    """A queue whose reader is an actor."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        self._items.append(item)

    def get(self) -> Any:
        self._scheduler.wait_for(lambda: bool(self._items))
        return self._items.popleft()


class _Writer(JournalWriter):
    """The journal's writer: commits what was handed in within `COMMIT_S`, on the event loop."""

    scheduler: Scheduler
    _is_due = False
    _may_run = False

    def __init__(self, path: Path, connection: sqlite3.Connection, wall: Callable[[], float]):
        super().__init__(path, connection, wall)
        self._thread.join()  # which did nothing
        connection.execute("PRAGMA synchronous = OFF")
        self._may_run = True

    def put(self, write: Write, waiter: Waiter) -> None:
        if self.scheduler.is_crashed:
            return
        super().put(write, waiter)
        if not isinstance(waiter, asyncio.Future):
            self._commit_pending()
        elif not self._is_due:
            self._is_due = True
            waiter.get_loop().call_later(COMMIT_S, self._commit_pending)

    def close(self) -> None:
        self._commit_pending()
        if self._unsaved:
            super()._save_unsaved_at_last()
        super().close()

    def _commit_pending(self) -> None:
        self._is_due = False
        if not self.scheduler.is_crashed:
            super()._run()

    def _run(self) -> None:
        if self._may_run:
            super()._run()

    def _next_group(self) -> list[tuple[Write, Waiter]]:
        group, self._pending = self._pending, []
        return group

    def _save_unsaved_at_last(self) -> None:
        """Not yet: `close` does."""


@contextmanager
def virtual_time() -> Iterator[Scheduler]:
    """Have gateways and journals that are opened in the block run on a clock of their own."""
    scheduler = Scheduler()
    result = concurrent.futures.Future.result

    def wait_in_turn(future: Any, timeout: float | None = None) -> Any:
        if scheduler.is_actor:
            scheduler.wait_for(future.done)
        return result(future, 0)

    class Writer(_Writer):
        pass

    Writer.scheduler = scheduler
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", lambda: VirtualLoop(scheduler))
        patch.setattr(ask, "SimpleQueue", lambda: _Inbox(scheduler))
        patch.setattr(journal, "JournalWriter", Writer)
        patch.setattr(concurrent.futures.Future, "result", wait_in_turn)
        yield scheduler
