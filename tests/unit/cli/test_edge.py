from __future__ import annotations

import io
from pathlib import Path

import pytest

from outcrop.cli.edge import attempt
from outcrop.cli.messages import Messages
from outcrop.cli.terminal import Terminal
from outcrop.errors import InternalError, UndefinedRelation


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def messages(stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Messages:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("OUTCROP_DEBUG", raising=False)
    return Messages(stream, Terminal())


def fail(error: BaseException) -> None:
    raise error


def test_success_says_nothing(messages: Messages, stream: io.StringIO) -> None:
    assert attempt(lambda: None, messages)
    assert stream.getvalue() == ""


def test_an_error_of_ours_is_reported(messages: Messages, stream: io.StringIO) -> None:
    assert not attempt(lambda: fail(UndefinedRelation("relation 'x' does not exist")), messages)
    assert stream.getvalue() == "ERROR:  42P01: relation 'x' does not exist\n"


def test_an_unexpected_exception_is_logged(
    messages: Messages, stream: io.StringIO, tmp_path: Path
) -> None:
    assert not attempt(lambda: fail(KeyError("x")), messages)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "ERROR:  XX000: KeyError: 'x'"
    assert lines[2] == "HINT:  This is a bug in Outcrop; please report it with the statement."
    log = Path(lines[1].removeprefix("DETAIL:  The traceback is in "))
    assert log.is_relative_to(tmp_path)
    assert "Traceback (most recent call last)" in log.read_text()
    assert "Traceback" not in stream.getvalue()


def test_the_log_of_exceptions_does_not_hold_what_they_quote(
    messages: Messages, tmp_path: Path
) -> None:
    prompt = "I am " + "Jonas Berg"

    def bind() -> None:
        try:
            fail(KeyError(prompt))
        except KeyError as cause:
            raise InternalError(f"not one query: {prompt}") from cause

    assert not attempt(bind, messages)
    [log] = tmp_path.rglob("outcrop.log")
    lines = log.read_text().splitlines()
    assert [line for line in lines if not line.startswith(" ")][1:] == [
        "Traceback (most recent call last):",
        "KeyError",
        "Traceback (most recent call last):",
        "InternalError",
    ]
    assert prompt not in log.read_text()


def test_debugging_shows_the_traceback(
    messages: Messages, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTCROP_DEBUG", "1")
    assert not attempt(lambda: fail(KeyError("x")), messages)
    assert "Traceback (most recent call last)" in stream.getvalue()


@pytest.mark.parametrize("error", [BrokenPipeError(), KeyboardInterrupt()])
def test_what_is_no_error_passes(messages: Messages, error: BaseException) -> None:
    with pytest.raises(type(error)):
        attempt(lambda: fail(error), messages)


def test_messages_erase_the_line_of_progress(messages: Messages, stream: io.StringIO) -> None:
    messages.show_progress("1/2")
    messages.show_progress("2/2")
    messages.remark("done")
    messages.clear_progress()
    assert stream.getvalue() == "\r\x1b[2K1/2\r\x1b[2K2/2\r\x1b[2Kdone\n"
