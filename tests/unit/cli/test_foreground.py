from __future__ import annotations

import _thread
import io
import threading

import pytest

from outcrop.cli.foreground import Foreground
from outcrop.cli.messages import Messages
from outcrop.cli.terminal import Terminal
from outcrop.errors import QueryCanceled
from outcrop.inference.meter import Progress
from tests.unit.cli.test_progress import HALF


class RunningSession:
    """As much of a session as the foreground sees: one statement that runs until it is canceled."""

    def __init__(self) -> None:
        self.was_painted = threading.Event()
        self._canceled = threading.Event()

    def progress(self) -> Progress:
        self.was_painted.set()
        return HALF

    def cancel(self) -> None:
        self._canceled.set()

    def run_until_canceled(self) -> None:
        _thread.interrupt_main()
        assert self._canceled.wait(timeout=30)
        raise QueryCanceled("canceled")


def foreground(session: RunningSession, terminal: Terminal, stream: io.StringIO) -> Foreground:
    return Foreground(session, Messages(stream, terminal))  # type: ignore[arg-type]


def test_what_a_function_gives_comes_back() -> None:
    with foreground(RunningSession(), Terminal(), io.StringIO()) as front:
        assert front.call(lambda: threading.current_thread().name) == "outcrop-session_0"
        with pytest.raises(TimeoutError, match="mine"):
            front.call(fail)


def fail() -> None:
    raise TimeoutError("mine")


def test_the_first_interrupt_cancels_the_statement() -> None:
    session, stream = RunningSession(), io.StringIO()
    with foreground(session, Terminal(), stream) as front:
        with pytest.raises(QueryCanceled):
            front.call(session.run_until_canceled)
        assert front.was_interrupted
    assert stream.getvalue() == (
        "Canceling; what was answered is kept. Press Ctrl-C again to stop at once.\n"
    )


def test_progress_is_shown_on_a_terminal_and_erased() -> None:
    session, stream = RunningSession(), io.StringIO()
    with foreground(session, Terminal(60, has_cursor=True), stream) as front:
        front.call(lambda: session.was_painted.wait(timeout=30))
    assert "350/700" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[2K")


def test_progress_is_not_shown_elsewhere() -> None:
    session, stream = RunningSession(), io.StringIO()
    with foreground(session, Terminal(), stream) as front:
        front.call(lambda: session.was_painted.wait(timeout=0.5))
    assert stream.getvalue() == ""
