"""Runs a session's work beside the main thread, which shows progress and hears Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, TypeVar

from outcrop.cli.messages import Messages
from outcrop.cli.progress import format_progress

if TYPE_CHECKING:
    from outcrop.session import Session

T = TypeVar("T")

EXIT_INTERRUPTED = 130
# How often progress is painted, and the longest that Ctrl-C waits to be heard.
_POLL_S = 0.1


class Foreground:
    """Calls functions of a session in one other thread, one at a time.

    The first Ctrl-C cancels what runs and keeps the answers that have come; a second one, while it
    still runs, ends the process: the journal is on disk at every moment, so nothing is lost.
    """

    def __init__(self, session: Session, messages: Messages) -> None:
        self._session = session
        self._messages = messages
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outcrop-session")
        self._shows_progress = messages.terminal.has_cursor
        self.forget_interrupts()

    def __enter__(self) -> Foreground:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns, or raise what it raises."""
        previous = signal.signal(signal.SIGINT, self._note_interrupt)
        try:
            future = self._pool.submit(function)
            while not wait([future], timeout=_POLL_S).done:
                self._heed_interrupts()
                self._paint()
            return future.result()
        finally:
            signal.signal(signal.SIGINT, previous)
            self._messages.clear_progress()

    def forget_interrupts(self) -> None:
        """Begin anew: what was interrupted is over."""
        self._interrupts = self._heeded = 0

    @property
    def was_interrupted(self) -> bool:
        """Whether Ctrl-C was pressed since interrupts were forgotten last."""
        return self._interrupts > 0

    def _note_interrupt(self, number: int, frame: FrameType | None) -> None:
        """Only count: a signal comes at any moment, also while a lock is held."""
        self._interrupts += 1

    def _heed_interrupts(self) -> None:
        if self._interrupts > self._heeded:
            self._heeded += 1
            if self._heeded > 1:
                self._messages.remark("Stopped. What was answered is kept.")
                os._exit(EXIT_INTERRUPTED)
            self._messages.remark(
                "Canceling; what was answered is kept. Press Ctrl-C again to stop at once."
            )
            self._session.cancel()

    def _paint(self) -> None:
        progress = self._session.progress() if self._shows_progress else None
        if progress is not None:
            self._messages.show_progress(format_progress(progress, self._messages.terminal))
