"""Warehouses, tables and models that the benchmarks share."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from outcrop.config import parse_config
from outcrop.session import Session
from outcrop.warehouse import Warehouse

Rows = list[tuple[Any, ...]]
T = TypeVar("T")

DIGITS = "(0), (1), (2), (3), (4), (5), (6), (7), (8), (9)"
# 10,000 numbers, from which the tables are made.
NUMBERS = (
    "SELECT a.d * 1000 + b.d * 100 + c.d * 10 + d.d AS n "
    "FROM digits a, digits b, digits c, digits d ORDER BY n"
)


@contextmanager
def open_session(config: Mapping[str, Any]) -> Iterator[Session]:
    """Give a session in a new warehouse with this `outcrop.toml`, and the table `numbers`."""
    with (
        TemporaryDirectory(prefix="outcrop-bench-") as folder,
        Warehouse.open(Path(folder) / "warehouse", config=parse_config(config)) as warehouse,
    ):
        session = warehouse.open_session()
        try:
            session.execute("CREATE TABLE digits (d integer)")
            session.execute(f"INSERT INTO digits VALUES {DIGITS}")
            session.execute(f"CREATE TABLE numbers AS {NUMBERS}")
            gc.freeze()  # as the command line does, for both sides of every comparison
            yield session
        finally:
            session.close()
            gc.unfreeze()


def create_notes(session: Session, rows: int, prompt: str) -> None:
    """(Re)create the table `notes` (id, body): `prompt` is an expression of the number `n`."""
    session.execute("DROP TABLE IF EXISTS notes")
    session.execute(
        f"CREATE TABLE notes AS SELECT n AS id, {prompt} AS body FROM numbers "
        f"WHERE n < {rows} ORDER BY n"
    )


def create_model(session: Session, model_type: str, model_id: str) -> None:
    """Create the model function `ask`."""
    session.execute(
        f"CREATE EXTERNAL MODEL asked FUNCTION ask IAM_ROLE default MODEL_TYPE {model_type} "
        f"SETTINGS (MODEL_ID '{model_id}')"
    )


def run(session: Session, sql: str) -> Rows:
    """Run one statement and return its rows."""
    return list(session.execute(sql).rows())


def time_of(session: Session, sql: str) -> float:
    """Return the seconds that one statement takes, to its last row."""
    started = time.perf_counter()
    run(session, sql)
    return time.perf_counter() - started


def in_turn(sides: Sequence[T], turn: int) -> Sequence[T]:
    """Return the sides in the order of this turn: the first of one is the last of the next."""
    return sides if turn % 2 == 0 else sides[::-1]
