"""The limit of an answer that nobody set: learned, mended, and in the books to the last token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.inference.output_limit import LENGTHS_LEAST
from tests.emulated import OpenShop, Shop, shop_opener

LONG = "a long story, " * 40
SHORT = [f"note {number}" for number in range(LENGTHS_LEAST + 10)]


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenShop]:
    with shop_opener(tmp_path, monkeypatch.setenv) as opener:
        yield opener


def totals(shop: Shop, view: str) -> tuple[object, ...]:
    [row] = shop.query(
        f"SELECT sum(attempts), sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM {view}"
    )
    return row


def test_a_long_answer_after_short_ones_is_asked_for_again(open_shop: OpenShop) -> None:
    script = {"answers": [{"match_regex": "long", "answer": LONG}]}
    shop, emulator = open_shop(SHORT, script)
    shop.ask()
    assert "asked again" not in shop.notices[-1].message
    emulator.reset_ledger()

    [(answer,)] = shop.query("SELECT advise('a long one')")
    assert str(answer).strip() == LONG.strip()
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.paid) == (2, 2)
    assert shop.notices[-1].message.startswith(
        f"1 call, 0 reused, 0 failed, 1 asked again for a longer answer, {ledger.input_tokens} "
        f"tokens in, {ledger.output_tokens} out, "
    )
    assert totals(shop, "sys_llm_call") == pytest.approx(totals(shop, "sys_llm_detail"))

    # What was answered is found again, whatever limit it was asked with.
    shop.query("SELECT advise('a long one')")
    assert shop.notices[-1].message.startswith("0 calls, 1 reused")
    assert emulator.ledger().requests == 2


def test_a_limit_that_the_user_set_is_kept(open_shop: OpenShop) -> None:
    script = {"answers": [{"match_regex": "long", "answer": LONG}]}
    shop, emulator = open_shop(SHORT, script)
    shop.ask()
    emulator.reset_ledger()
    shop.query("SELECT advise('a long one', object('maxTokens', 20))")
    assert "1 answer cut at the token limit" in shop.notices[-1].message
    assert "asked again" not in shop.notices[-1].message
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.output_tokens) == (1, 20)
