"""An answer is paid for once, whatever happens to the process that asked.

The judge is the emulator's ledger. 1,000 rows hold 700 distinct prompts.
"""

from __future__ import annotations

import csv
import io
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.emulator.server import RunningEmulator
from outcrop.providers.scripted import scripted_answer
from outcrop.warehouse import Warehouse
from tests.emulated import (
    CREATE_MODEL,
    Command,
    bedrock_environment,
    count_answers,
    interrupt,
    scripted_emulator,
    wait_until,
)

ROWS, DISTINCT = 1_000, 700
CONCURRENCY = 16

SETUP = f"""
CREATE TABLE digits (d integer);
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE notes AS
SELECT a.d * 100 + b.d * 10 + c.d AS id,
       'note ' || mod(a.d * 100 + b.d * 10 + c.d, {DISTINCT}) AS body
FROM digits a, digits b, digits c;
{CREATE_MODEL};
"""
ASK = f"""
SET outcrop.max_concurrency TO {CONCURRENCY};
SELECT id, advise(body) AS answer FROM notes ORDER BY id;
"""
EXPECTED = [(str(i), scripted_answer(f"note {i % DISTINCT}")) for i in range(ROWS)]


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    with scripted_emulator(latency_ms=20) as running:
        yield running


@pytest.fixture
def command(tmp_path: Path, emulator: RunningEmulator) -> Command:
    with Warehouse.open(tmp_path / "shop") as warehouse:
        session = warehouse.open_session()
        for result in session.run_script(SETUP):
            result.close()
        session.close()
    return Command(tmp_path / "shop", bedrock_environment(emulator))


def rows_of(output: str) -> list[tuple[str, ...]]:
    return [tuple(row) for row in csv.reader(io.StringIO(output))][1:]


def test_each_distinct_prompt_is_paid_once(command: Command, emulator: RunningEmulator) -> None:
    for _ in range(2):
        done = command.sql(ASK)
        assert (done.returncode, rows_of(done.stdout)) == (0, EXPECTED)
        ledger = emulator.ledger()
        assert (ledger.requests, ledger.paid, ledger.distinct_paid) == (DISTINCT,) * 3
        assert ledger.peak_in_flight <= CONCURRENCY
    assert f"0 calls, {DISTINCT} reused" in done.stderr


def test_kill_9_costs_at_most_what_was_in_flight(
    command: Command, emulator: RunningEmulator
) -> None:
    with command.start_sql(ASK) as process:
        wait_until(lambda: emulator.ledger().paid >= DISTINCT // 2, "half of the answers")
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: emulator.ledger().in_flight == 0, "the end of what was in flight")
    paid, kept = emulator.ledger().paid, count_answers(command.warehouse)
    assert DISTINCT // 2 <= paid < DISTINCT, "the kill came too late to show anything"
    assert paid - CONCURRENCY <= kept <= paid

    done = command.sql(ASK)
    assert (done.returncode, rows_of(done.stdout)) == (0, EXPECTED)
    ledger = emulator.ledger()
    assert ledger.distinct_paid == DISTINCT
    assert ledger.paid == paid + DISTINCT - kept
    assert ledger.paid <= DISTINCT + CONCURRENCY
    assert ledger.peak_in_flight <= CONCURRENCY


def test_a_row_that_was_shown_is_never_paid_again(
    command: Command, emulator: RunningEmulator
) -> None:
    with command.start_sql("SELECT id, advise(body) AS answer FROM notes") as process:
        assert process.stdout is not None
        shown = [next(process.stdout) for _ in range(200)][1:]
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: emulator.ledger().in_flight == 0, "the end of what was in flight")
    paid = emulator.ledger().paid
    ids = ", ".join(line.partition(",")[0] for line in shown)
    done = command.sql(f"SELECT count(advise(body)) FROM notes WHERE id IN ({ids})")
    assert rows_of(done.stdout) == [(str(len(shown)),)]
    assert emulator.ledger().paid == paid


def test_kill_9_again_and_again_still_ends(command: Command, emulator: RunningEmulator) -> None:
    kills = 3
    for kill in range(1, kills + 1):
        with command.start_sql(ASK) as process:
            enough = kill * DISTINCT // (kills + 1)
            wait_until(lambda: emulator.ledger().paid >= enough, f"{enough} answers")  # noqa: B023
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = command.sql(ASK)
    assert (done.returncode, rows_of(done.stdout)) == (0, EXPECTED)
    assert emulator.ledger().distinct_paid == DISTINCT
    assert emulator.ledger().paid_twice <= kills * CONCURRENCY


def test_ctrl_c_waits_for_what_is_in_flight_and_loses_nothing(
    command: Command, emulator: RunningEmulator
) -> None:
    with command.start_sql(ASK) as process:
        wait_until(lambda: emulator.ledger().paid >= DISTINCT // 2, "half of the answers")
        interrupt(process)
        output, messages = process.communicate()
        assert process.returncode == 130, messages
    assert set(rows_of(output)) <= set(EXPECTED)
    assert "57014" in messages
    paid = emulator.ledger().paid
    assert paid < DISTINCT, "Ctrl-C came too late to show anything"
    assert count_answers(command.warehouse) == paid

    done = command.sql(ASK)
    assert (done.returncode, rows_of(done.stdout)) == (0, EXPECTED)
    assert emulator.ledger().paid == DISTINCT
    assert emulator.ledger().paid_twice == 0


def test_a_rollback_keeps_the_answers(command: Command, emulator: RunningEmulator) -> None:
    store = "CREATE TABLE advices AS SELECT id, advise(body) AS answer FROM notes;"
    undone = command.sql(f"BEGIN; {store} ROLLBACK; SELECT count(*) FROM advices;")
    assert undone.returncode == 1
    assert "42P01" in undone.stderr
    assert emulator.ledger().paid == DISTINCT
    done = command.sql(f"{store} SELECT count(answer) FROM advices;")
    assert rows_of(done.stdout) == [(str(ROWS),)]
    assert emulator.ledger().paid == DISTINCT
