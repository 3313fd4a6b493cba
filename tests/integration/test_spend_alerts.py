"""Spend alerts come while the statement runs that spends."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

import outcrop.warehouse
from outcrop.config import BudgetConfig, BudgetPeriod, PriceOverride, WarehouseConfig
from outcrop.providers.base import Completion, ProviderRequest, TokenUsage
from outcrop.providers.converse import text_response
from outcrop.session import Notice
from outcrop.warehouse import PROVIDER_MODULES, Warehouse

ROWS = 20
WAIT_S = 60.0
USAGE = TokenUsage(0, 1_000)  # a tenth of a dollar a call


class HoldingProvider:
    """Answers until so much is spent that there is an alert, then waits until it was told."""

    name = "bank"
    concurrency_max = 1
    lets_wait = True

    def __init__(self) -> None:
        self.answered = 0
        self.told = {calls: threading.Event() for calls in (5, 8, 10)}

    async def complete(self, request: ProviderRequest) -> Completion:
        told = self.told.get(self.answered)
        if told is not None:
            was_told = await asyncio.to_thread(told.wait, WAIT_S)
            assert was_told, f"nothing was told after {self.answered} answers"
        self.answered += 1
        response = text_response("yes", stop_reason="end_turn", usage=USAGE, latency_ms=1)
        return Completion(response, USAGE, 1)

    async def close(self) -> None:
        """Do nothing: nothing is held open."""


@pytest.mark.parametrize("select", ["SELECT f(p) FROM t", "SELECT count(f(p)) FROM t"])
def test_each_alert_comes_as_soon_as_so_much_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, select: str
) -> None:
    provider = HoldingProvider()
    modules = {**PROVIDER_MODULES, "holding": "provided below"}
    monkeypatch.setattr(outcrop.warehouse, "PROVIDER_MODULES", modules)
    module = SimpleNamespace(build=lambda _: provider)
    monkeypatch.setattr(
        outcrop.warehouse, "importlib", SimpleNamespace(import_module=lambda _: module)
    )
    config = WarehouseConfig(
        providers={"bank": {"kind": "holding"}},
        prices={"a.model": PriceOverride(0.0, 100.0, "2026-11-01")},
        budgets=(BudgetConfig(1.0, BudgetPeriod.DAY), BudgetConfig(10.0, BudgetPeriod.MONTH)),
    )
    notices: list[Notice] = []

    def on_notice(notice: Notice) -> None:
        notices.append(notice)
        if " % of the daily" in notice.message:
            provider.told[provider.answered].set()

    with Warehouse.open(tmp_path / "w", config=config) as warehouse:
        session = warehouse.open_session(on_notice=on_notice)
        session.execute("CREATE TABLE t (p varchar(40))")
        values = ", ".join(f"('prompt {n}')" for n in range(ROWS))
        session.execute(f"INSERT INTO t VALUES {values}")
        session.execute(
            "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
            "SETTINGS (MODEL_ID 'a.model', ENDPOINT 'bank', MAX_TOKENS 1000)"
        )
        with pytest.raises(Exception, match="the daily budget of"):
            list(session.execute(select).rows())
    told = [(n.severity, n.message.partition(" is spent")[0]) for n in notices[:-1]]
    assert told == [
        ("NOTICE", "50 % of the daily budget of $1"),
        ("NOTICE", "80 % of the daily budget of $1"),
        ("WARNING", "100 % of the daily budget of $1"),
    ]
    assert notices[-1].message.startswith("10 calls")
