"""Warehouses, tables and models that the benchmarks share."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, TypeVar

from outcrop.cli.collector import spared_collector
from outcrop.config import parse_config
from outcrop.session import Session
from outcrop.warehouse import Warehouse

Rows = list[tuple[Any, ...]]
T = TypeVar("T")

DIGITS = "(0), (1), (2), (3), (4), (5), (6), (7), (8), (9)"
NUMBERS_MAX = 10_000
# So many numbers, from which the tables are made.
NUMBERS = (
    "SELECT a.d * 1000 + b.d * 100 + c.d * 10 + d.d AS n "
    "FROM digits a, digits b, digits c, digits d ORDER BY n"
)


_VOLATILITY = {True: "VOLATILE", False: "STABLE"}


@contextmanager
def open_warehouse(config: Mapping[str, Any]) -> Iterator[Warehouse]:
    """Give a new warehouse with this `outcrop.toml`."""
    with (
        TemporaryDirectory(prefix="outcrop-bench-") as folder,
        Warehouse.open(Path(folder) / "warehouse", config=parse_config(config)) as warehouse,
    ):
        yield warehouse


@contextmanager
def open_session(config: Mapping[str, Any]) -> Iterator[Session]:
    """Give a session in a new warehouse with this `outcrop.toml`, and the table `numbers`."""
    with open_warehouse(config) as warehouse:
        session = warehouse.open_session()
        try:
            create_numbers(session)
            with spared_collector():  # as the command line does, for both sides of a comparison
                yield session
        finally:
            session.close()


def create_numbers(session: Session) -> None:
    """Create the table `numbers`, of 10,000."""
    session.execute("CREATE TABLE digits (d integer)")
    session.execute(f"INSERT INTO digits VALUES {DIGITS}")
    session.execute(f"CREATE TABLE numbers AS {NUMBERS}")


def create_notes(session: Session, rows: int, prompt: str) -> None:
    """(Re)create the table `notes` (id, body): `prompt` is an expression of the number `n`."""
    session.execute("DROP TABLE IF EXISTS notes")
    few = f"a.n < {math.ceil(rows / NUMBERS_MAX)}"
    numbers = f"SELECT a.n * {NUMBERS_MAX} + b.n AS n FROM numbers a, numbers b WHERE {few}"
    session.execute(
        f"CREATE TABLE notes AS SELECT n AS id, {prompt} AS body FROM ({numbers}) AS counted "
        f"WHERE n < {rows} ORDER BY n"
    )


def create_tickets(session: Session, tickets: Iterable[tuple[int, int, str]]) -> None:
    """Create the table `tickets` (seed, id, body)."""
    session.execute("CREATE TABLE tickets (seed integer, id integer, body varchar(100))")
    with NamedTemporaryFile("w", suffix=".csv", encoding="utf-8") as file:
        file.writelines(f"{seed},{number},{body}\n" for seed, number, body in tickets)
        file.flush()
        session.execute(f"COPY tickets FROM '{file.name}' CSV")


def create_model(
    session: Session, model_type: str, model_id: str, *, is_volatile: bool = False
) -> None:
    """Create the model function `ask`; one that is volatile is asked for every row by itself."""
    session.execute(
        f"CREATE EXTERNAL MODEL asked FUNCTION ask IAM_ROLE default MODEL_TYPE {model_type} "
        f"SETTINGS (MODEL_ID '{model_id}', VOLATILITY {_VOLATILITY[is_volatile]})"
    )


def create_predicate(session: Session, word: str, *, is_volatile: bool = False) -> None:
    """Create the model function `is_WORD`, which says yes to texts with that word, and else no.

    The provider must be that of `scripted_judge`.
    """
    session.execute(
        f"CREATE EXTERNAL MODEL judge_{word} FUNCTION is_{word} IAM_ROLE default MODEL_TYPE "
        f"BEDROCK SETTINGS (MODEL_ID 'judge', PROMPT 'Is it {word}?', "
        f"VOLATILITY {_VOLATILITY[is_volatile]})"
    )


def scripted_judge(latency_ms: float = 0) -> dict[str, Any]:
    """Return an `outcrop.toml` whose only provider answers what `create_predicate` asks."""
    answers = [
        {"match_regex": r"^Is it (\w+)\? .*\b\1\b", "answer": "yes"},
        {"match_regex": r"^Is it \w+\? ", "answer": "no"},
    ]
    return {
        "providers": {"bedrock": {"kind": "scripted", "latency_ms": latency_ms, "answers": answers}}
    }


def run(session: Session, sql: str) -> Rows:
    """Run one statement and return its rows."""
    return list(session.execute(sql).rows())


def calls_so_far(session: Session) -> int:
    """Return how many calls the warehouse has made."""
    [(calls,)] = run(session, "SELECT sum(calls) FROM sys_llm_detail")
    return int(calls or 0)


def time_of(session: Session, sql: str) -> float:
    """Return the seconds that one statement takes, to its last row."""
    started = time.perf_counter()
    run(session, sql)
    return time.perf_counter() - started


def in_turn(sides: Sequence[T], turn: int) -> Sequence[T]:
    """Return the sides in the order of this turn: the first of one is the last of the next."""
    return sides if turn % 2 == 0 else sides[::-1]
