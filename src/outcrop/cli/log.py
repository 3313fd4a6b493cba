"""The log of the command line: events of the runtime, as text or JSON lines, to stderr or a file.

An application that uses Outcrop as a library sets up the logger `outcrop` itself.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime

from outcrop.cli.messages import Messages
from outcrop.config import LogConfig
from outcrop.errors import FileUnavailable
from outcrop.inference.events import EVENTS

_LOGGER = "outcrop"


def log_config(config: LogConfig, options: argparse.Namespace) -> LogConfig:
    """Return what `outcrop.toml` says of the log, overruled by the command line's options."""
    return replace(
        config,
        level=options.log_level or config.level,
        format=options.log_format or config.format,
        file=options.log_file or config.file,
    )


@contextmanager
def logging_to(messages: Messages, config: LogConfig) -> Iterator[None]:
    """Log as `config` says within the block; what goes to stderr goes there through `messages`."""
    logger = logging.getLogger(_LOGGER)
    handler = _handler(messages, config)
    handler.setFormatter(JsonFormatter() if config.format == "json" else TextFormatter())
    level_before = logger.level
    logger.addHandler(handler)
    logger.setLevel(config.level.upper())
    try:
        yield
    finally:
        logger.setLevel(level_before)
        logger.removeHandler(handler)
        handler.close()


def _handler(messages: Messages, config: LogConfig) -> logging.Handler:
    if config.file is None:
        return _MessagesHandler(messages)
    try:
        return logging.FileHandler(config.file, encoding="utf-8")
    except OSError as error:
        raise FileUnavailable(
            f"the log {str(config.file)!r} cannot be written: {error.strerror}",
            hint="Choose another --log-file.",
        ) from error


class _MessagesHandler(logging.Handler):
    """Writes records among the other messages, so that the line of progress stays whole."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line."""
        self._messages.remark(self.format(record))


class JsonFormatter(logging.Formatter):
    """A record as one JSON object on one line: `time`, `level`, `event`, and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        head = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps({**head, **_fields(record)}, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A record as one line of words: the same as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        values = (f"{name}={_shown(value)}" for name, value in _fields(record).items())
        head = f"{_time(record)} {record.levelname} {record.getMessage()}"
        return " ".join((head, *values))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    """Return the fields of a record's event that say something."""
    event = EVENTS.get(record.getMessage())
    names = () if event is None else (field.name for field in fields(event))
    values = {name: getattr(record, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _shown(value: object) -> str:
    if isinstance(value, str) and (not value or not value.isprintable() or " " in value):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
