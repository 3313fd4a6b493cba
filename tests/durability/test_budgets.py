"""Budgets that outlive a statement: many users at once, restarts, kills; none is ever overshot."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

import outcrop.warehouse
from outcrop.config import BudgetConfig, BudgetPeriod, PriceOverride, WarehouseConfig
from outcrop.errors import BudgetExceeded, Error
from outcrop.inference.budget import pico_of
from outcrop.pricing.table import PriceTable
from outcrop.providers.base import Provider, ProviderConfig, TokenUsage
from outcrop.providers.scripted import ScriptedProvider
from outcrop.providers.scripted_options import parse_options
from outcrop.session import Notice
from outcrop.warehouse import PROVIDER_MODULES, Warehouse
from tests.durability.ledger import Ledger, LedgerProvider, Paid, costs_pico
from tests.durability.support import wait_until

DAY, MONTH = BudgetPeriod.DAY, BudgetPeriod.MONTH
USERS = ("ann", "bob", "cid", "dot")
MODELS = ("small", "middle", "large")
STATEMENTS = 100
PROMPTS = 12  # in each statement
TOKENS_MAX = 60
FAULTS = {"throttle": 0.01, "reset": 0.03, "timeout": 0.02, "unavailable": 0.01}

OpenWarehouse = Callable[..., Warehouse]


@pytest.fixture(params=[1, 2])
def random(request: pytest.FixtureRequest) -> Random:
    return Random(request.param)


@pytest.fixture
def ledger(random: Random) -> Ledger:
    prices = {
        model: PriceOverride(random.uniform(10, 900), random.uniform(10, 2_000), "2026-11-01")
        for model in MODELS
    }
    return Ledger(PriceTable.load(prices))


@pytest.fixture
def open_warehouse(
    tmp_path: Path, ledger: Ledger, random: Random, monkeypatch: pytest.MonkeyPatch
) -> OpenWarehouse:
    """Return what opens the warehouse under budgets; its provider `bank` keeps the ledger."""

    def build(config: ProviderConfig) -> Provider:
        options = parse_options("bank", {"faults": FAULTS, "seed": random.randrange(1_000)})
        return LedgerProvider(ScriptedProvider("bank", options), ledger, random)

    modules = {**PROVIDER_MODULES, "ledger": "tests.durability.ledger"}
    monkeypatch.setattr(outcrop.warehouse, "PROVIDER_MODULES", modules)
    monkeypatch.setattr(
        outcrop.warehouse, "importlib", SimpleNamespace(import_module=lambda _: _Module(build))
    )

    def opened(*budgets: BudgetConfig) -> Warehouse:
        config = WarehouseConfig(
            providers={"bank": {"kind": "ledger"}},
            prices=ledger.prices._overrides,  # type: ignore[attr-defined]  # a PriceTable
            budgets=budgets,
        )
        return Warehouse.open(tmp_path / "shop", config=config)

    return opened


class _Module:
    def __init__(self, build: Callable[[ProviderConfig], Provider]) -> None:
        self.build = build


def fill(warehouse: Warehouse) -> None:
    """Make the prompts of all statements; each says whose it is."""
    session = warehouse.open_session()
    session.execute("CREATE TABLE notes (statement integer, body varchar(200))")
    for statement in range(STATEMENTS):
        bodies = (f"{user_of(statement)} {statement} {n} {'x' * n}" for n in range(PROMPTS))
        rows = ", ".join(f"({statement}, '{body}')" for body in bodies)
        session.execute(f"INSERT INTO notes VALUES {rows}")
    for model in MODELS:
        session.execute(
            f"CREATE EXTERNAL MODEL m_{model} FUNCTION ask_{model} IAM_ROLE DEFAULT MODEL_TYPE "
            f"BEDROCK SETTINGS (MODEL_ID '{model}', ENDPOINT 'bank', MAX_TOKENS {TOKENS_MAX})"
        )
    session.close()


def user_of(statement: int) -> str:
    return USERS[statement % len(USERS)]


def model_of(statement: int) -> str:
    return MODELS[statement % len(MODELS)]


def ask(
    warehouse: Warehouse, statement: int, *settings: str, notices: list[Notice] | None = None
) -> int | Error:
    """Run a statement in a session of its user; return how many rows it gave, or its error."""
    said = notices if notices is not None else []
    session = warehouse.open_session(user=user_of(statement), on_notice=said.append)
    try:
        for setting in settings:
            session.execute(f"SET {setting}")
        query = f"SELECT ask_{model_of(statement)}(body) FROM notes WHERE statement = {statement}"
        return len(list(session.execute(query).rows()))
    except Error as error:
        return error
    finally:
        session.close()


def ask_all(warehouse: Warehouse, settings: Callable[[int], list[str]]) -> list[int | Error]:
    """Run all statements at once."""
    results: list[int | Error] = [0] * STATEMENTS

    def run(statement: int) -> None:
        results[statement] = ask(warehouse, statement, *settings(statement))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(STATEMENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def is_counted(budget: BudgetConfig, paid: Paid) -> bool:
    return budget.user in (None, paid.prompt.split()[0]) and budget.model in (None, paid.model_id)


def call_usd(ledger: Ledger, model: str) -> float:
    """Return about what a call costs."""
    price = ledger.prices.find("ledger", model)
    assert price is not None
    return price.cost_usd(TokenUsage(6, TOKENS_MAX // 2))


def spent_pico(ledger: Ledger, budget: BudgetConfig) -> int:
    return sum(paid.cost_pico for paid in ledger.paid if is_counted(budget, paid))


def shown_usd(warehouse: Warehouse) -> list[tuple[float, float]]:
    """Return what `sys_llm_budget` shows as spent and reserved, in the order of the file."""
    session = warehouse.open_session()
    rows = session.execute(
        "SELECT spent_usd, reserved_usd FROM sys_llm_budget WHERE period <> 'session'"
    ).rows()
    found = [(float(str(spent)), float(str(reserved))) for spent, reserved in rows]
    session.close()
    return found


def test_a_hundred_statements_of_four_users_overshoot_nothing(
    open_warehouse: OpenWarehouse, ledger: Ledger, random: Random
) -> None:
    per_call = {model: call_usd(ledger, model) for model in MODELS}
    expected = PROMPTS * sum(per_call[model_of(number)] for number in range(STATEMENTS))
    budgets = [
        BudgetConfig(expected * random.uniform(0.3, 0.7), MONTH),
        BudgetConfig(expected * random.uniform(0.05, 0.2), DAY, user="ann"),
        BudgetConfig(expected * random.uniform(0.05, 0.2), MONTH, user="bob"),
        BudgetConfig(expected * random.uniform(0.05, 0.3), DAY, model="small"),
        BudgetConfig(expected * random.uniform(0.02, 0.05), DAY, "cid", "large"),
    ]
    own_usd = [
        round(PROMPTS * per_call[model_of(number)] * random.uniform(0.3, 3.0), 9)
        for number in range(STATEMENTS)
    ]

    def settings(statement: int) -> list[str]:
        name = random.choice(["max_cost_usd", "session_max_cost_usd"])
        return [f"outcrop.{name} TO {own_usd[statement]:.9f}"]

    for _ in range(2):  # the second time after a restart, of which the budgets know nothing
        paid_before = len(ledger.paid)
        with open_warehouse(*budgets) as warehouse:
            if not paid_before:
                fill(warehouse)
            results = ask_all(warehouse, settings)
            shown = shown_usd(warehouse)
        stopped = [result for result in results if isinstance(result, Error)]
        assert stopped
        assert all(isinstance(error, BudgetExceeded) for error in stopped)
        for budget, (spent_usd, reserved_usd) in zip(budgets, shown, strict=True):
            # What was lost on the way counts at its bound: never less than it cost.
            assert spent_pico(ledger, budget) <= pico_of(spent_usd) + 1
            assert pico_of(spent_usd) <= pico_of(budget.max_cost_usd)
            assert reserved_usd == 0.0
        own: Counter[int] = Counter()
        for paid in ledger.paid[paid_before:]:
            own[int(paid.prompt.split()[1])] += paid.cost_pico
        assert all(cost <= pico_of(own_usd[number]) for number, cost in own.items())
    with open_warehouse(BudgetConfig(100 * expected, DAY)) as warehouse:
        assert ask_all(warehouse, lambda _: []) == [PROMPTS] * STATEMENTS
    answered = [paid.prompt for paid in ledger.paid if paid.is_answered]
    assert len(answered) == len(set(answered)) == PROMPTS * STATEMENTS


def test_what_fits_is_answered_and_a_raised_limit_pays_for_the_rest(
    open_warehouse: OpenWarehouse, ledger: Ledger
) -> None:
    limit_usd = limit_of_ann(ledger)
    with open_warehouse(BudgetConfig(limit_usd, DAY, user="ann")) as warehouse:
        fill(warehouse)
        stopped = ask(warehouse, 0)
        assert isinstance(stopped, BudgetExceeded)
        assert f"daily budget for user 'ann' of ${limit_usd} is reached" in stopped.message
        assert "it begins anew at" in stopped.message
        assert stopped.hint is not None
        assert "raise its max_cost_usd in outcrop.toml" in stopped.hint
        assert "left alone: about $" in stopped.hint
        assert ask(warehouse, 1) == PROMPTS  # bob has no budget
    answered = [paid.prompt for paid in ledger.paid if paid.is_answered]
    assert 0 < len([prompt for prompt in answered if prompt.startswith("ann")]) < PROMPTS
    with open_warehouse(BudgetConfig(1_000.0, DAY, user="ann")) as warehouse:
        assert ask(warehouse, 0) == PROMPTS
        assert ask(warehouse, 1) == PROMPTS
    answered = [paid.prompt for paid in ledger.paid if paid.is_answered]
    assert len(answered) == len(set(answered)) == 2 * PROMPTS


def limit_of_ann(ledger: Ledger) -> float:
    """Return a limit that is reached before her first statement is answered, but not at once."""
    price = ledger.prices.find("ledger", model_of(0))
    assert price is not None
    return round(3 * price.cost_usd(TokenUsage(250, TOKENS_MAX)), 6)


def test_alerts_come_before_the_closing_notice_and_once(
    open_warehouse: OpenWarehouse, ledger: Ledger
) -> None:
    limit_usd = limit_of_ann(ledger)
    with open_warehouse(BudgetConfig(limit_usd, MONTH, user="ann")) as warehouse:
        fill(warehouse)
        first: list[Notice] = []
        assert isinstance(ask(warehouse, 0, notices=first), BudgetExceeded)
        *alerts, closing = first
        assert {alert.severity for alert in alerts} == {"NOTICE"}
        assert len(alerts) == len({alert.message.split(" %")[0] for alert in alerts})
        assert f"budget for user 'ann' of ${limit_usd} is spent: $" in alerts[0].message
        assert "reused" in closing.message
        again: list[Notice] = []
        assert isinstance(ask(warehouse, 0, notices=again), BudgetExceeded)
        assert len(again) == 1


LIMIT_USD = 0.1


def test_what_is_in_flight_at_a_kill_overshoots_nothing(tmp_path: Path) -> None:
    """All is spent to the last call that fits, over a process that is killed again and again."""

    def start() -> subprocess.Popen[bytes]:
        arguments = [str(tmp_path), str(LIMIT_USD), "0.004"]
        return subprocess.Popen([sys.executable, "-m", "tests.durability.ledger", *arguments])

    for calls in (5, 60, 61, 130, 200, 201, 260):
        process = start()
        wait_until(lambda n=calls: len(costs_pico(tmp_path)) >= n)  # type: ignore[misc]
        process.kill()
        process.wait()
    assert start().wait(timeout=60) == 0
    costs = costs_pico(tmp_path)
    assert sum(costs) <= pico_of(LIMIT_USD)
    assert sum(costs) + 8 * 8 * max(costs) >= pico_of(LIMIT_USD)
