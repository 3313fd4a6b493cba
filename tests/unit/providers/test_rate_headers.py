from __future__ import annotations

from collections.abc import Mapping

import pytest

from outcrop.errors import StatedQuota
from outcrop.providers import rate_headers
from outcrop.providers.rate_headers import (
    ANTHROPIC_HEADERS,
    OPENAI_HEADERS,
    QuotaReader,
    RateHeaders,
    duration_s,
)

# As OpenAI's documentation shows them.
OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:01Z",
    "anthropic-ratelimit-input-tokens-limit": "30000",
    "anthropic-ratelimit-input-tokens-remaining": "29000",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:00:02Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "8000",
    "anthropic-ratelimit-output-tokens-reset": "2026-11-23T12:00:00Z",
}


def read(names: RateHeaders, headers: Mapping[str, str]) -> StatedQuota | None:
    return QuotaReader(names).read("a.model", headers)


def test_limits_are_those_of_a_minute() -> None:
    assert read(OPENAI_HEADERS, OPENAI) == StatedQuota(1.0, 2_500.0)
    assert read(ANTHROPIC_HEADERS, ANTHROPIC) == StatedQuota(50 / 60, 38_000 / 60)
    most_restrictive = {**ANTHROPIC, "anthropic-ratelimit-tokens-limit": "6000"}
    assert read(ANTHROPIC_HEADERS, most_restrictive) == StatedQuota(50 / 60, 100.0)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"x-ratelimit-limit-requests": "600"}, StatedQuota(10.0, None)),
        ({"x-ratelimit-limit-tokens": "600"}, StatedQuota(None, 10.0)),
        ({"x-ratelimit-limit-requests": "0"}, None),
        ({"x-ratelimit-limit-requests": "-1"}, None),
        ({"x-ratelimit-limit-requests": "many"}, None),
        ({"x-ratelimit-limit-requests": "600, 600"}, None),
        ({"x-ratelimit-limit-requests": "\u00b2"}, None),
        ({"x-ratelimit-limit-requests": "9" * 400}, None),
        ({**OPENAI, "x-ratelimit-reset-requests": "soon"}, StatedQuota(1.0, 2_500.0)),
        ({**OPENAI, "x-ratelimit-remaining-requests": "60"}, StatedQuota(1.0, 2_500.0)),
    ],
)
def test_what_is_not_said_is_not_known(
    headers: Mapping[str, str], expected: StatedQuota | None
) -> None:
    assert read(OPENAI_HEADERS, headers) == expected


def test_some_of_the_headers_of_tokens_are_not_enough() -> None:
    headers = {"anthropic-ratelimit-input-tokens-limit": "30000"}
    assert read(ANTHROPIC_HEADERS, headers) is None


def test_a_quota_of_requests_a_day_is_no_rate() -> None:
    groq = {
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-limit-tokens": "18000",
        "x-ratelimit-remaining-requests": "14370",
        "x-ratelimit-remaining-tokens": "17997",
        "x-ratelimit-reset-requests": "2m59.56s",
        "x-ratelimit-reset-tokens": "7.66ms",
    }
    assert read(OPENAI_HEADERS, groq) == StatedQuota(None, 300.0)


def test_the_same_quota_is_the_same_object_until_it_changes() -> None:
    reader = QuotaReader(OPENAI_HEADERS)
    first = reader.read("a.model", OPENAI)
    assert reader.read("a.model", {**OPENAI, "x-ratelimit-remaining-requests": "3"}) is first
    changed = {**OPENAI, "x-ratelimit-limit-requests": "120"}
    assert reader.read("a.model", changed) == StatedQuota(2.0, 2_500.0)
    assert reader.read("another.model", {}) is None


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_headers, "MODELS_MAX", 2)
    reader = QuotaReader(OPENAI_HEADERS)
    for number in range(10):
        assert reader.read(f"model {number}", OPENAI) == StatedQuota(1.0, 2_500.0)
    assert len(reader._known) <= 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("17ms", 0.017),
        ("2m59.56s", 179.56),
        ("1h30m", 5_400.0),
        ("1d", 86_400.0),
        ("10", 10.0),
        ("", None),
        ("s", None),
        ("1s ", None),
        ("1.s", None),
        ("1m2", None),
        ("-1s", None),
        ("1" * 5_000, None),
    ],
)
def test_durations(text: str, expected: float | None) -> None:
    assert duration_s(text) == (None if expected is None else pytest.approx(expected))
