"""The tables [limits."model-id"] of `outcrop.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest

from outcrop.config import LimitConfig, parse_config
from outcrop.errors import ConfigInvalid, StatedQuota
from outcrop.settings import CONCURRENCY_MAX


def limits(toml: str) -> Mapping[str, LimitConfig]:
    return parse_config(tomllib.loads(toml)).limits


def test_without_tables_there_are_no_limits() -> None:
    assert limits("") == {}
    assert LimitConfig().quota == StatedQuota()


def test_each_table_limits_one_model() -> None:
    found = limits(
        """
        [limits."a.model"]
        requests_per_minute = 90
        tokens_per_minute = 30_000.0
        max_concurrency = 8
        [limits.another]
        requests_per_minute = 0.5
        """
    )
    assert found == {"a.model": LimitConfig(90, 30_000.0, 8), "another": LimitConfig(0.5)}
    assert found["a.model"].quota == StatedQuota(1.5, 500.0)
    assert found["another"].max_concurrency == CONCURRENCY_MAX


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("limits = 3", r"\[limits\] must be a table"),
        ("limits.m = 3", r"limits\.m must be a table with at least one of requests_per_minute"),
        ("[limits.m]", r"limits\.m must be a table with at least one of"),
        ("[limits.a.model]\nmax_concurrency = 3", r"limits\.a must be a table"),
        ("[limits.m]\nrequest_per_minute = 3", r"unknown key limits\.m\.request_per_minute"),
        ("[limits.m]\nrequests_per_minute = 0", r"requests_per_minute must be above 0"),
        ("[limits.m]\nrequests_per_minute = inf", r"requests_per_minute must be a number from 0"),
        ("[limits.m]\nrequests_per_minute = nan", r"requests_per_minute must be a number from 0"),
        ("[limits.m]\nrequests_per_minute = true", r"requests_per_minute must be a number from 0"),
        ("[limits.m]\ntokens_per_minute = '9'", r"tokens_per_minute must be a number from 0"),
        ("[limits.m]\nmax_concurrency = 0", r"max_concurrency must be a whole number from 1 to"),
        ("[limits.m]\nmax_concurrency = 1.0", r"max_concurrency must be a whole number from 1 to"),
        ("[limits.m]\nmax_concurrency = 4097", r"max_concurrency must be a whole number from 1"),
        ("[limits.m]\nmax_concurrency = true", r"max_concurrency must be a whole number from 1"),
    ],
)
def test_what_is_wrong_is_named(toml: str, message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message):
        limits(toml)


def test_hints() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        limits("[limits.m]\nrequest_per_minute = 3")
    assert "requests_per_minute" in (caught.value.hint or "")
    with pytest.raises(ConfigInvalid) as caught:
        limits("[limits.a.model]\nmax_concurrency = 3")
    assert "Quote the id" in (caught.value.hint or "")
