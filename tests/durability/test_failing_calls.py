"""A call that fails costs its own row; a fault that passes costs nothing but a retry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from outcrop.emulator.server import RunningEmulator
from outcrop.errors import RowsFailed
from outcrop.providers.scripted import scripted_answer
from outcrop.session import Notice, Session
from outcrop.warehouse import Warehouse
from tests.emulated import (
    CREATE_MODEL,
    bedrock_environment,
    count_answers,
    read_total,
    scripted_emulator,
)

Rows = list[tuple[object, ...]]


class Shop:
    """An emulator with its faults, and a warehouse that asks it."""

    def __init__(self, path: Path, emulator: RunningEmulator, prompts: list[str]) -> None:
        self.path = path
        self.emulator = emulator
        self.notices: list[Notice] = []
        self.warehouse = Warehouse.open(path)
        self.session: Session = self.warehouse.open_session(on_notice=self.notices.append)
        self.session.execute("CREATE TABLE notes (id integer, body varchar(100))")
        values = ", ".join(f"({number}, '{body}')" for number, body in enumerate(prompts))
        self.session.execute(f"INSERT INTO notes VALUES {values}")
        self.session.execute(CREATE_MODEL.strip().removesuffix(";"))

    def query(self, sql: str) -> Rows:
        return list(self.session.execute(sql).rows())

    def ask(self) -> Rows:
        return self.query("SELECT id, advise(body) FROM notes ORDER BY id")

    def detail(self, column: str) -> object:
        """Return a column of `sys_llm_detail` for the last statement that asked."""
        [(value,)] = self.query(
            f"SELECT {column} FROM sys_llm_detail ORDER BY start_time DESC LIMIT 1"
        )
        return value

    def close(self) -> None:
        self.session.close()
        self.warehouse.close()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shop]]:
    """Return what opens a shop: the prompts, the backend's script, the emulator's settings."""
    with ExitStack() as stack:

        def open_shop(
            prompts: list[str], script: dict[str, Any] | None = None, **settings: Any
        ) -> Shop:
            emulator = stack.enter_context(scripted_emulator(script, **settings))
            for name, value in bedrock_environment(emulator).items():
                monkeypatch.setenv(name, value)
            opened = Shop(tmp_path / "shop", emulator, prompts)
            stack.callback(opened.close)
            return opened

        yield open_shop


def answers_to(prompts: list[str]) -> Rows:
    return [(number, scripted_answer(prompt)) for number, prompt in enumerate(prompts)]


def test_one_prompt_that_always_fails_costs_its_row_only(shop: Callable[..., Shop]) -> None:
    prompts = [f"note {number}" for number in range(200)]
    prompts[123] = "a poisoned note"
    one = shop(prompts, {"fail_matching": "poison"})
    with pytest.raises(RowsFailed) as caught:
        one.ask()
    assert caught.value.sqlstate == "38000"
    assert "1 model call gave no answer" in caught.value.message
    assert "a poisoned note" in caught.value.message
    assert "pays for the failed calls alone" in (caught.value.hint or "")
    assert (one.emulator.ledger().paid, count_answers(one.path)) == (199, 199)

    # The same again asks for the failed row alone, once: a refusal is never tried again.
    one.emulator.reset_ledger()
    with pytest.raises(RowsFailed):
        one.ask()
    assert (one.emulator.ledger().requests, one.emulator.ledger().paid) == (1, 0)

    one.session.execute("SET outcrop.on_error TO 'null'")
    expected = answers_to(prompts)
    expected[123] = (123, None)
    assert one.ask() == expected
    assert "1 failed (1 given as NULL)" in one.notices[-1].message
    failed = one.query(
        "SELECT status, attempts, error_code FROM sys_llm_call WHERE error_code IS NOT NULL"
    )
    assert failed == [("failed", 1, "ValidationException")] * 3


def test_a_failed_row_leaves_no_half_table(shop: Callable[..., Shop]) -> None:
    one = shop(["good", "poison"], {"fail_matching": "poison"})
    with pytest.raises(RowsFailed):
        one.query("CREATE TABLE advices AS SELECT advise(body) AS a FROM notes")
    assert "advices" not in {relation.name.name for relation in one.session.catalog().relations}
    one.query("CREATE TABLE advices (a varchar(100))")
    with pytest.raises(RowsFailed):
        one.query("INSERT INTO advices SELECT advise(body) FROM notes")
    assert one.query("SELECT count(*) FROM advices") == [(0,)]
    assert one.emulator.ledger().paid == 1


def test_a_storm_of_throttles_fails_no_row(shop: Callable[..., Shop]) -> None:
    prompts = [f"note {number}" for number in range(160)]
    one = shop(prompts, quota_rps=80)
    assert one.ask() == answers_to(prompts)
    ledger = one.emulator.ledger()
    assert (ledger.paid, ledger.paid_twice, ledger.failed) == (160, 0, 0)
    assert ledger.throttled > 0
    assert one.detail("throttles") == ledger.throttled
    assert one.detail("failed") == 0


@pytest.mark.parametrize("fault", ["throttling", "service-unavailable", "reset-before"])
def test_an_unpaid_fault_is_tried_again_and_costs_nothing(
    shop: Callable[..., Shop], fault: str
) -> None:
    prompts = [f"note {number}" for number in range(60)]
    one = shop(prompts, faults={fault: 0.2})
    assert one.ask() == answers_to(prompts)
    ledger = one.emulator.ledger()
    assert ledger.faults[fault] > 0
    assert (ledger.paid, ledger.paid_twice) == (60, 0)


@pytest.mark.parametrize("fault", ["reset-after", "truncated-body", "garbage"])
def test_an_answer_lost_on_its_way_is_counted_as_possibly_paid(
    shop: Callable[..., Shop], fault: str
) -> None:
    prompts = [f"note {number}" for number in range(60)]
    one = shop(prompts, faults={fault: 0.2})
    assert one.ask() == answers_to(prompts)
    ledger = one.emulator.ledger()
    assert ledger.faults[fault] > 0
    # Each fault made one payment without an answer, and none of them is hidden.
    assert ledger.paid_twice == ledger.faults[fault]
    assert one.detail("attempts") == ledger.requests
    assert read_total(one.path, "possibly_paid") == ledger.faults[fault]
    one.emulator.reset_ledger()
    assert one.ask() == answers_to(prompts)
    assert one.emulator.ledger().requests == 0


def test_a_provider_that_hangs_is_given_up_in_time(shop: Callable[..., Shop]) -> None:
    prompts = [f"note {number}" for number in range(20)]
    one = shop(prompts, faults={"hang": 0.2})
    one.session.execute("SET outcrop.request_timeout TO '500ms'")
    assert one.ask() == answers_to(prompts)
    ledger = one.emulator.ledger()
    assert ledger.faults["hang"] > 0
    assert (ledger.paid, ledger.paid_twice) == (20, 0)
    assert read_total(one.path, "possibly_paid") == ledger.faults["hang"]
