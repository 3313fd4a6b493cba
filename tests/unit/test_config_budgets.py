"""The tables [[budgets]] of `outcrop.toml`."""

from __future__ import annotations

import tomllib

import pytest

from outcrop.config import BudgetConfig, BudgetPeriod, parse_config
from outcrop.errors import ConfigInvalid

GOOD = 'max_cost_usd = 5\nperiod = "day"\n'


def budgets(toml: str) -> tuple[BudgetConfig, ...]:
    return parse_config(tomllib.loads(toml)).budgets


def test_without_tables_there_are_no_budgets() -> None:
    assert budgets("") == ()


def test_each_table_is_a_budget() -> None:
    toml = f"""
        [[budgets]]
        {GOOD}
        [[budgets]]
        max_cost_usd = 0.5
        period = "month"
        user = "ann"
        model = "anthropic.claude-v2"
    """
    assert budgets(toml) == (
        BudgetConfig(5.0, BudgetPeriod.DAY),
        BudgetConfig(0.5, BudgetPeriod.MONTH, "ann", "anthropic.claude-v2"),
    )


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("budgets = 5", "budgets must be tables, each under a heading [[budgets]]"),
        (f"[budgets]\n{GOOD}", "budgets must be tables, each under a heading [[budgets]]"),
        ("budgets = [5]", "budgets[1] must be a table with max_cost_usd and period"),
        ('[[budgets]]\nperiod = "day"', "budgets[1].max_cost_usd is missing"),
        ("[[budgets]]\nmax_cost_usd = 5", "budgets[1].period is missing"),
        (f'[[budgets]]\n{GOOD}uesr = "ann"', "unknown key budgets[1].uesr"),
        (f'[[budgets]]\n{GOOD}user = ""', "budgets[1].user must be a text that is not empty"),
        (f"[[budgets]]\n{GOOD}model = 7", "budgets[1].model must be a text that is not empty"),
        (
            f'[[budgets]]\n{GOOD}[[budgets]]\nmax_cost_usd = 5\nperiod = "week"',
            "budgets[2].period must be 'day' or 'month', and is 'week'",
        ),
        (
            "[[budgets]]\nmax_cost_usd = 5\nperiod = ['day']",
            "budgets[1].period must be 'day' or 'month', and is ['day']",
        ),
        *(
            (
                f'[[budgets]]\nmax_cost_usd = {value}\nperiod = "day"',
                "budgets[1].max_cost_usd must be a number from 0",
            )
            for value in ("-1", "nan", "inf", "true", "'5'")
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(toml: str, message: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        budgets(toml)
    assert caught.value.message == message


def test_a_mistyped_key_is_guessed() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        budgets(f'[[budgets]]\n{GOOD}uesr = "ann"')
    assert caught.value.hint == "Did you mean 'user'?"
