"""The edge of the command line: where every error ends, expected or not."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_log_path

from outcrop.cli.messages import Messages
from outcrop.errors import Error, InternalError

LOG_FILE = "outcrop.log"


def attempt(work: Callable[[], None], messages: Messages, text: str = "") -> bool:
    """Run `work`, report its error if it fails, and return whether it succeeded.

    `text` is the script that positions of errors point into. An unexpected exception becomes one
    line; where it came from goes to a file, and its traceback to stderr where OUTCROP_DEBUG is set.
    A broken pipe and Ctrl-C are no errors and pass through.
    """
    try:
        work()
    except Error as error:
        if isinstance(error, InternalError):
            _log(error, messages)
        messages.error(error, text)
        return False
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the edge: see the docstring
        log_file = _log(error, messages)
        what = InternalError(
            f"{type(error).__name__}: {error}", detail=f"The traceback is in {log_file}"
        )
        messages.error(what)
        return False
    return True


def _log(error: Exception, messages: Messages) -> Path:
    """Append where `error` came from to a file, and return the file's path."""
    log_file = user_log_path("outcrop", appauthor=False, ensure_exists=True) / LOG_FILE
    with log_file.open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} statement failed unexpectedly\n")
        log.writelines(_origin(error))
    if os.environ.get("OUTCROP_DEBUG"):
        messages.remark("".join(traceback.format_exception(error)).rstrip())
    return log_file


def _origin(error: BaseException) -> Iterator[str]:
    """Yield the traceback of an error and of its causes, with classes in the place of messages.

    A message may quote the statement, and so a prompt: no log holds these unless it is asked for.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _origin(cause)
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__name__}\n"
