"""The edge of the command line: where every error ends, expected or not."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_log_path

from outcrop.cli.messages import Messages
from outcrop.errors import Error, InternalError

LOG_FILE = "outcrop.log"

_logger = logging.getLogger("outcrop.cli")


def attempt(work: Callable[[], None], messages: Messages, text: str = "") -> bool:
    """Run `work`, report its error if it fails, and return whether it succeeded.

    `text` is the script that positions of errors point into. An unexpected exception becomes one
    line; its traceback goes to the log, and to stderr where OUTCROP_DEBUG is set. A broken pipe
    and Ctrl-C are no errors and pass through.
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
    """Append the traceback of `error` to the log and return the log's path."""
    log_file = user_log_path("outcrop", appauthor=False, ensure_exists=True) / LOG_FILE
    handler = logging.FileHandler(log_file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    _logger.addHandler(handler)
    _logger.propagate = False
    try:
        _logger.error("statement failed unexpectedly", exc_info=error)
    finally:
        _logger.removeHandler(handler)
        handler.close()
    if os.environ.get("OUTCROP_DEBUG"):
        messages.remark("".join(traceback.format_exception(error)).rstrip())
    return log_file
