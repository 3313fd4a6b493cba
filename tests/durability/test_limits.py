"""What stops a statement (a budget, a full disk, another process) stops it in time and clean."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.config import PriceOverride, WarehouseConfig
from outcrop.emulator.server import RunningEmulator
from outcrop.errors import BudgetExceeded, WarehouseBusy
from outcrop.session import Notice, Session
from outcrop.warehouse import Warehouse
from tests.emulated import (
    DEADLINE_S,
    Command,
    Shop,
    bedrock_environment,
    count_answers,
    scripted_emulator,
)

PROMPTS = 200
INPUT_USD, OUTPUT_USD = 3_000.0, 15_000.0  # for a million tokens: dear, so that little is a lot
CONFIG = WarehouseConfig(
    prices={"anthropic.claude-v2": PriceOverride(INPUT_USD, OUTPUT_USD, "2026-11-01")}
)
ASK = "SELECT id, advise(body) FROM notes"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    with scripted_emulator(latency_ms=2) as running:
        for name, value in bedrock_environment(running).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def notices() -> list[Notice]:
    return []


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return the path of a warehouse with 200 notes and a model."""
    shop = Shop(tmp_path / "shop", [f"note {number}" for number in range(PROMPTS)])
    shop.close()
    return shop.path


@pytest.fixture
def session(shop: Path, emulator: RunningEmulator, notices: list[Notice]) -> Iterator[Session]:
    with Warehouse.open(shop, config=CONFIG) as warehouse:
        opened = warehouse.open_session(on_notice=notices.append)
        yield opened
        opened.close()


def ask(session: Session) -> list[tuple[object, ...]]:
    """Have the model answer every note, and read the answers to their end."""
    return list(session.execute(ASK).rows())


def cost_usd(emulator: RunningEmulator) -> float:
    ledger = emulator.ledger()
    return (ledger.input_tokens * INPUT_USD + ledger.output_tokens * OUTPUT_USD) / 1_000_000


def test_a_budget_is_spent_and_never_overshot(
    session: Session, emulator: RunningEmulator, shop: Path, notices: list[Notice]
) -> None:
    budget_usd = 5.0
    session.execute("SET outcrop.max_tokens_default TO 40")
    session.execute(f"SET outcrop.max_cost_usd TO {budget_usd}")
    spent_usd = 0.0
    for _ in range(3):
        with pytest.raises(BudgetExceeded) as caught:
            ask(session)
        assert caught.value.sqlstate == "53400"
        statement_usd = cost_usd(emulator) - spent_usd
        spent_usd = cost_usd(emulator)
        # Less is left than one more call could cost, so the budget was used as well.
        assert 0.75 * budget_usd < statement_usd <= budget_usd
        assert f"${statement_usd:,.2f}" in notices[-1].message
        assert count_answers(shop) == emulator.ledger().paid < PROMPTS
    session.execute("SET outcrop.max_cost_usd TO none")
    assert len(ask(session)) == PROMPTS
    assert (emulator.ledger().paid, emulator.ledger().paid_twice) == (PROMPTS, 0)


def test_a_budget_counts_calls_exactly(session: Session, emulator: RunningEmulator) -> None:
    session.execute("SET outcrop.max_calls TO 37")
    for done in (37, 74):
        with pytest.raises(BudgetExceeded) as caught:
            ask(session)
        assert f"{PROMPTS - done:,} invocations are left" in caught.value.message
        assert emulator.ledger().paid == done
    session.execute("SET outcrop.max_calls TO none")
    ask(session)
    # Answers that are reused do not count.
    session.execute("SET outcrop.max_calls TO 0")
    assert len(ask(session)) == PROMPTS
    assert emulator.ledger().paid == PROMPTS


def test_a_budget_needs_a_price(shop: Path, emulator: RunningEmulator) -> None:
    with Warehouse.open(shop, config=WarehouseConfig()) as warehouse:
        session = warehouse.open_session()
        session.execute("SET outcrop.max_cost_usd TO 1")
        with pytest.raises(BudgetExceeded, match="is set, and the price of"):
            ask(session)
        session.close()
    assert emulator.ledger().requests == 0


def test_a_warehouse_is_open_in_one_process(
    shop: Path, session: Session, emulator: RunningEmulator
) -> None:
    done = Command(shop, bedrock_environment(emulator)).sql(ASK)
    assert done.returncode == 1
    assert "55006" in done.stderr
    assert "Traceback" not in done.stderr
    # The one that was first goes on.
    assert len(ask(session)) == PROMPTS
    assert emulator.ledger().paid == PROMPTS


def test_a_warehouse_is_opened_once_in_one_process(shop: Path, session: Session) -> None:
    with pytest.raises(WarehouseBusy):
        Warehouse.open(shop)
    assert list(session.execute("SELECT count(*) FROM notes").rows()) == [(PROMPTS,)]


# Runs in a process of its own, whose files may grow by a few pages more: a full disk in small.
FILL_THE_DISK = textwrap.dedent(
    """
    import json, resource, sys
    from pathlib import Path
    from outcrop.errors import DiskFull
    from outcrop.warehouse import Warehouse

    shop = Path(sys.argv[1])
    with Warehouse.open(shop) as warehouse:
        session = warehouse.open_session()
        session.execute("SET outcrop.max_concurrency TO 8")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = (shop / "journal.sqlite-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, hard))
        try:
            list(session.execute("SELECT id, advise(body) FROM notes").rows())
        except DiskFull as error:
            print(json.dumps([error.sqlstate, error.message, error.hint]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        session.close()
    """
)


def test_a_full_disk_stops_the_statement_and_loses_no_answer(
    shop: Path, emulator: RunningEmulator
) -> None:
    child = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(shop)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert child.returncode == 0, child.stderr
    sqlstate, message, hint = json.loads(child.stdout)
    assert sqlstate == "53100"
    assert "journal" in message
    assert "not paid for again" in hint
    paid = emulator.ledger().paid
    assert 0 < paid < PROMPTS
    # What came back while the disk was full was kept in memory, and written when there was room.
    assert count_answers(shop) == paid
    done = Command(shop, bedrock_environment(emulator)).sql(
        f"SELECT count(*) FROM ({ASK}) AS q(i, a) WHERE a IS NOT NULL"
    )
    assert done.stdout.split() == ["count", str(PROMPTS)]
    assert (emulator.ledger().paid, emulator.ledger().paid_twice) == (PROMPTS, 0)
