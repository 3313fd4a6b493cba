"""What the runtime logs of quotas, breakers and errors."""

from __future__ import annotations

import logging
from dataclasses import fields

import pytest

from outcrop.errors import AuthFailed, OutputInvalid, QuotaKind, Unreachable
from outcrop.inference.breaker import PATIENCE_S, Breaker, SentRow
from outcrop.inference.events import EVENTS, QuotaLog, code_of
from outcrop.inference.records import LearnedLimits


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("DEBUG", logger="outcrop")
    return caplog


def events(records: pytest.LogCaptureFixture, *names: str) -> list[tuple[object, ...]]:
    """Return the events so far, each with these fields."""
    return [(r.getMessage(), *(vars(r)[n] for n in names)) for r in records.records]


def test_no_field_hides_an_attribute_of_records() -> None:
    taken = vars(logging.makeLogRecord({}))
    for event in EVENTS.values():
        assert not {field.name for field in fields(event)} & {*taken, "message", "asctime"}


def test_rates_are_told_when_they_have_changed_by_a_tenth(
    records: pytest.LogCaptureFixture,
) -> None:
    log = QuotaLog("here", "a.model")
    log.learned(LearnedLimits())
    for per_s in (None, 40.0, 41.0, 43.9, 44.1, 40.0, 39.0):
        log.learned(LearnedLimits(per_s, None))
    log.learned(LearnedLimits(39.0, 7_000.0))
    told = events(records, "model_id", "requests_per_second", "tokens_per_second")
    assert told == [
        ("rates_learned", "a.model", 40.0, None),
        ("rates_learned", "a.model", 44.1, None),
        ("rates_learned", "a.model", 39.0, None),
        ("rates_learned", "a.model", 39.0, 7_000.0),
    ]


def test_an_epoch_says_what_was_hit(records: pytest.LogCaptureFixture) -> None:
    log = QuotaLog("here", "a.model")
    log.epoch(QuotaKind.TOKENS, 8)
    log.epoch(None, 4)
    assert events(records, "quota", "concurrency_max") == [
        ("throttle_epoch", "tokens", 8),
        ("throttle_epoch", None, 4),
    ]


def test_a_breaker_says_each_change_once(records: pytest.LogCaptureFixture) -> None:
    breaker = Breaker("here", "a.model")
    error = Unreachable("secret", code="ConnectFailed")
    row = SentRow(b"f", 0.0, 0)
    for _ in range(5):
        breaker.failed(error, row, 1.0)
    breaker.failed(error, row, 2.0 + PATIENCE_S, was_probe=True)
    for _ in range(2):
        breaker.heard()
    assert events(records, "state", "error", "error_code") == [
        ("breaker_changed", "half-open", "Unreachable", "ConnectFailed"),
        ("breaker_changed", "open", "Unreachable", "ConnectFailed"),
        ("breaker_changed", "closed", None, None),
    ]
    assert "secret" not in records.text


def test_a_code_is_told_where_it_is_a_known_one() -> None:
    assert code_of(AuthFailed("", code="AccessDeniedException")) == "AccessDeniedException"
    assert code_of(AuthFailed("", code="sk-a-key")) is None
    assert code_of(OutputInvalid("")) is None
    assert code_of(None) is None
