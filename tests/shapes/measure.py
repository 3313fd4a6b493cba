"""What a shape costs: the calls of a real warehouse, beside the smallest number possible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from outcrop.config import parse_config
from outcrop.errors import Error
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.shapes.database import MODELS, TABLES
from tests.shapes.shapes import FILES, Refused, Shape
from tests.shapes.smallest import PlainDatabase, Row, find_smallest

_CONFIG = {
    "providers": {
        f"scripted_{name}": {
            "kind": "scripted",
            "answers": [{"match_regex": regex, "answer": text} for regex, text in model.rules],
        }
        for name, model in MODELS.items()
    }
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A shape as it ran: its calls, those of what ran before it, and whether its result was right.

    `calls_min` is the smallest number possible.
    """

    shape: Shape
    calls: int
    calls_before: int
    calls_min: int
    is_right: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused statement, what it failed with, and the calls that it made."""

    refused: Refused
    error: Error
    calls: int


class NotRefused(AssertionError):
    """A statement ran that was thought to be refused: it is a shape."""


def prepare(folder: Path) -> None:
    """Make a warehouse with the tables and the models in `folder`."""
    with _open_session(folder) as session:
        for statement in (*TABLES, *(_create_model(name) for name in MODELS)):
            session.execute(statement)


def measure(shape: Shape, database: PlainDatabase, folder: Path) -> Measured:
    """Run a shape on the warehouse that was prepared in `folder`; find its smallest number."""
    with _open_session(folder) as session:
        for statement in shape.before:
            _run(session, statement, folder)
        calls_before = _calls(session, folder)
        rows = _run(session, shape.sql, folder)
        calls = _calls(session, folder) - calls_before
        for statement in shape.after:
            rows = _run(session, statement, folder)
    smallest = find_smallest(database, shape.plain_script, shape.known)
    is_right = smallest.reading.is_right(rows, smallest.rows)
    return Measured(shape, calls, calls_before, smallest.calls, is_right)


def refuse(refused: Refused, folder: Path) -> Refusal:
    """Run a refused statement on the warehouse that was prepared in `folder`."""
    with _open_session(folder) as session:
        try:
            _run(session, refused.sql, folder)
        except Error as error:
            return Refusal(refused, error, _calls(session, folder))
    raise NotRefused(refused.sql)


@contextmanager
def _open_session(folder: Path) -> Iterator[Session]:
    with Warehouse.open(folder / "warehouse", config=parse_config(_CONFIG)) as warehouse:
        yield warehouse.open_session()


def _create_model(function: str) -> str:
    return (
        f"CREATE EXTERNAL MODEL model_{function} FUNCTION {function} IAM_ROLE default "
        f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID 'a.model', ENDPOINT 'scripted_{function}')"
    )


def _run(session: Session, sql: str, folder: Path) -> list[Row]:
    result = session.execute(sql.replace(FILES, str(folder)))
    try:
        return [tuple(row) for row in result.rows()]
    finally:
        result.close()


def _calls(session: Session, folder: Path) -> int:
    """Return how many calls were made so far."""
    [[calls]] = _run(session, "SELECT sum(calls) FROM sys_llm_detail", folder)
    return int(str(calls or 0))
