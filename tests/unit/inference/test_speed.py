from __future__ import annotations

from outcrop.inference.speed import CallSpeed, StatementSpeed, speed_of


def test_nothing_is_known_before_the_first_answer() -> None:
    assert speed_of([]) is None


def test_many_calls_show_how_many_go_on_at_once() -> None:
    assert speed_of([StatementSpeed(100, 50.0, 10.0)]) == CallSpeed(0.5, 5.0)


def test_few_calls_say_nothing_of_how_many_could_go_on_at_once() -> None:
    assert speed_of([StatementSpeed(10, 5.0, 0.5)]) == CallSpeed(0.5, None)
    assert speed_of([StatementSpeed(1, 0.0, 0.0)]) == CallSpeed(0.0, None)


def test_the_latest_statement_that_says_it_counts() -> None:
    few, latest, older = (
        StatementSpeed(2, 2.0, 1.0),
        StatementSpeed(100, 100.0, 50.0),
        StatementSpeed(98, 98.0, 10.0),
    )
    assert speed_of([few, latest, older]) == CallSpeed(1.0, 2.0)
