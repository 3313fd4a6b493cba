from __future__ import annotations

from outcrop.cli.demo import Totals, example_directory, summarize
from outcrop.cli.walkthrough import Step, steps_of

SCRIPT = """\
-- A first paragraph,
-- on two lines.

-- 1. A table.
CREATE TABLE t (n integer); -- why not

-- 2. A string with ; in it.
SELECT ';' -- inside
FROM t;
SELECT 2
"""


def test_a_step_is_a_statement_with_the_comments_above_it() -> None:
    assert list(steps_of(SCRIPT)) == [
        Step(("A first paragraph, on two lines.", "1. A table."), "CREATE TABLE t (n integer)"),
        Step(("why not", "2. A string with ; in it."), "SELECT ';' -- inside\nFROM t"),
        Step((), "SELECT 2"),
    ]


def test_the_example_is_complete() -> None:
    names = {path.name for path in example_directory().iterdir()}
    assert {"diet_plans.sql", "patients.csv", "outcrop.toml", "README.md"} <= names


def test_the_summary_tells_what_a_run_cost() -> None:
    assert summarize(Totals(9, 4, 500, 600, None), 21.4) == (
        "9 calls, 4 answers reused, 500 tokens in, 600 out, price unknown, 21 s.\n"
        "Run it again, and nothing is paid twice."
    )
    assert summarize(Totals(0, 13, 0, 0, 0.0), 1.2) == (
        "Every answer was reused: 13 of them, 0 calls, in 1 s."
    )
