"""A call that fails costs its own row; a fault that passes costs nothing but a retry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.errors import RowsFailed
from tests.emulated import (
    OpenShop,
    Shop,
    answers_to,
    count_answers,
    read_total,
    shop_opener,
)


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenShop]:
    with shop_opener(tmp_path, monkeypatch.setenv) as opener:
        yield opener


def detail(shop: Shop, column: str) -> object:
    """Return a column of `sys_llm_detail` for the last statement that asked."""
    [(value,)] = shop.query(f"SELECT {column} FROM sys_llm_detail ORDER BY start_time DESC LIMIT 1")
    return value


def test_one_prompt_that_always_fails_costs_its_row_only(open_shop: OpenShop) -> None:
    prompts = [f"note {number}" for number in range(200)]
    prompts[123] = "a poisoned note"
    shop, emulator = open_shop(prompts, {"fail_matching": "poison"})
    with pytest.raises(RowsFailed) as caught:
        shop.ask()
    assert caught.value.sqlstate == "38000"
    assert "1 model call gave no answer" in caught.value.message
    assert "a poisoned note" in caught.value.message
    assert "pays for the failed calls alone" in (caught.value.hint or "")
    assert (emulator.ledger().paid, count_answers(shop.path)) == (199, 199)

    # The same again asks for the failed row alone, once: a refusal is never tried again.
    emulator.reset_ledger()
    with pytest.raises(RowsFailed):
        shop.ask()
    assert (emulator.ledger().requests, emulator.ledger().paid) == (1, 0)

    shop.session.execute("SET outcrop.on_error TO 'null'")
    expected = answers_to(prompts)
    expected[123] = (123, None)
    assert shop.ask() == expected
    assert "1 failed (1 given as NULL)" in shop.notices[-1].message
    failed = shop.query(
        "SELECT status, attempts, error_code FROM sys_llm_call WHERE error_code IS NOT NULL"
    )
    assert failed == [("failed", 1, "ValidationException")] * 3


def test_a_failed_row_leaves_no_half_table(open_shop: OpenShop) -> None:
    shop, emulator = open_shop(["good", "poison"], {"fail_matching": "poison"})
    with pytest.raises(RowsFailed):
        shop.query("CREATE TABLE advices AS SELECT advise(body) AS a FROM notes")
    assert "advices" not in {relation.name.name for relation in shop.session.catalog().relations}
    shop.query("CREATE TABLE advices (a varchar(100))")
    with pytest.raises(RowsFailed):
        shop.query("INSERT INTO advices SELECT advise(body) FROM notes")
    assert shop.query("SELECT count(*) FROM advices") == [(0,)]
    assert emulator.ledger().paid == 1


def test_a_storm_of_throttles_fails_no_row(open_shop: OpenShop) -> None:
    prompts = [f"note {number}" for number in range(160)]
    shop, emulator = open_shop(prompts, quotas={"rps": 80})
    assert shop.ask() == answers_to(prompts)
    ledger = emulator.ledger()
    assert (ledger.paid, ledger.paid_twice, ledger.failed) == (160, 0, 0)
    assert ledger.throttled > 0
    assert detail(shop, "throttles") == ledger.throttled
    assert detail(shop, "failed") == 0


@pytest.mark.parametrize("fault", ["throttling", "service-unavailable", "reset-before"])
def test_an_unpaid_fault_is_tried_again_and_costs_nothing(open_shop: OpenShop, fault: str) -> None:
    prompts = [f"note {number}" for number in range(60)]
    shop, emulator = open_shop(prompts, faults={fault: 0.2})
    assert shop.ask() == answers_to(prompts)
    ledger = emulator.ledger()
    assert ledger.faults[fault] > 0
    assert (ledger.paid, ledger.paid_twice) == (60, 0)


@pytest.mark.parametrize("fault", ["reset-after", "truncated-body", "garbage"])
def test_an_answer_lost_on_its_way_is_counted_as_possibly_paid(
    open_shop: OpenShop, fault: str
) -> None:
    prompts = [f"note {number}" for number in range(60)]
    shop, emulator = open_shop(prompts, faults={fault: 0.2})
    assert shop.ask() == answers_to(prompts)
    ledger = emulator.ledger()
    assert ledger.faults[fault] > 0
    # Each fault made one payment without an answer, and none of them is hidden.
    assert ledger.paid_twice == ledger.faults[fault]
    assert detail(shop, "attempts") == ledger.requests
    assert read_total(shop.path, "possibly_paid") == ledger.faults[fault]
    emulator.reset_ledger()
    assert shop.ask() == answers_to(prompts)
    assert emulator.ledger().requests == 0


def test_a_provider_that_hangs_is_given_up_in_time(open_shop: OpenShop) -> None:
    prompts = [f"note {number}" for number in range(20)]
    shop, emulator = open_shop(prompts, faults={"hang": 0.2})
    shop.session.execute("SET outcrop.request_timeout TO '500ms'")
    assert shop.ask() == answers_to(prompts)
    ledger = emulator.ledger()
    assert ledger.faults["hang"] > 0
    assert (ledger.paid, ledger.paid_twice) == (20, 0)
    assert read_total(shop.path, "possibly_paid") == ledger.faults["hang"]
