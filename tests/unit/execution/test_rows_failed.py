"""The error of a statement some of whose calls gave no answer."""

from __future__ import annotations

from outcrop.errors import Rejected, Throttled
from outcrop.execution.executor import rows_failed
from outcrop.execution.question import Failures, RowFailure
from outcrop.settings import OnError


def _failures(*added: RowFailure) -> Failures:
    failures = Failures()
    for failure in added:
        failures.add(failure, OnError.FAIL)
    return failures


def test_one_row_is_named_with_its_cause() -> None:
    error = rows_failed(
        _failures(RowFailure(3, "Hello", "f", Rejected("too rude", hint="Be kind.")))
    )
    assert error.sqlstate == "38000"
    assert error.message == "1 model call gave no answer; row 3 ('Hello'): f: too rude"
    assert error.detail is None  # the message says it all
    assert str(error.hint).startswith("Be kind. Every other answer is kept")
    assert "SET outcrop.on_error TO null" in str(error.hint)


def test_a_long_prompt_is_cut() -> None:
    error = rows_failed(_failures(RowFailure(1, "x" * 500, "f", Rejected("no"))))
    assert f"('{'x' * 40}...')" in error.message


def test_many_rows_are_counted_and_a_few_are_named() -> None:
    many = [RowFailure(n, "p", "f", Throttled("slow down", hint="Wait.")) for n in range(100)]
    failures = _failures(*many)
    error = rows_failed(failures)
    assert error.message.startswith("100 model calls gave no answer; row 0 ('p')")
    lines = str(error.detail).split("\n")
    assert len(lines) == 6
    assert lines[-1] == "and 95 more; sys_llm_call lists them"
    assert str(error.hint).count("Wait.") == 1
    assert len(failures.named) == 20
