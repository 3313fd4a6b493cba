"""Quotas that a provider's headers state, or `outcrop.toml`, from there to the limiter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from outcrop.config import parse_config
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.unit.providers.wire_server import Behaviour, answer, serving

ROWS = 30
LIMITS = (
    "SELECT requests_per_second, tokens_per_second, requests_per_second_max, "
    "tokens_per_second_max FROM sys_llm_limits"
)
OPENAI = answer(
    {
        "choices": [{"index": 0, "message": {"content": "Yes."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3},
    },
    headers={
        "X-RateLimit-Limit-Requests": "6000",
        "X-RateLimit-Remaining-Requests": "5999",
        "X-RateLimit-Reset-Requests": "10ms",
        "X-RateLimit-Limit-Tokens": "1500000",
        "X-RateLimit-Remaining-Tokens": "1499984",
        "X-RateLimit-Reset-Tokens": "6m0s",
    },
)
ANTHROPIC = answer(
    {
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 3},
    },
    headers={
        "anthropic-ratelimit-requests-limit": "6000",
        "anthropic-ratelimit-requests-remaining": "5999",
        "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:01Z",
        "anthropic-ratelimit-input-tokens-limit": "1200000",
        "anthropic-ratelimit-output-tokens-limit": "300000",
    },
)


@contextmanager
def session_of(folder: Path, kind: str, config: Mapping[str, Any]) -> Iterator[Session]:
    with Warehouse.open(folder / "w", config=parse_config(config)) as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (p varchar(40))")
        values = ", ".join(f"('prompt {n}')" for n in range(ROWS))
        session.execute(f"INSERT INTO t VALUES {values}")
        session.execute(
            f"CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE {kind.upper()} "
            "SETTINGS (MODEL_ID 'a.model', ENDPOINT 'mine')"
        )
        yield session
        session.close()


def query(session: Session, sql: str) -> list[tuple[object, ...]]:
    return list(session.execute(sql).rows())


@pytest.mark.parametrize(("kind", "behaviour"), [("openai", OPENAI), ("anthropic", ANTHROPIC)])
def test_headers_seed_the_limiter(tmp_path: Path, kind: str, behaviour: Behaviour) -> None:
    with serving(behaviour) as server:
        config = {"providers": {"mine": {"kind": kind, "base_url": str(server.url)}}}
        with session_of(tmp_path, kind, config) as session:
            assert query(session, "SELECT count(f(p)) FROM t") == [(ROWS,)]
            assert query(session, LIMITS) == [(100.0, 25_000.0, 100.0, 25_000.0)]
            assert query(session, "SELECT sum(throttles) FROM sys_llm_detail") == [(0,)]
        assert len(server.received) == ROWS


def test_what_is_configured_is_less_than_what_is_stated(tmp_path: Path) -> None:
    with serving(OPENAI) as server:
        config = {
            "providers": {"mine": {"kind": "openai", "base_url": str(server.url)}},
            "limits": {"a.model": {"requests_per_minute": 3_000}},
        }
        with session_of(tmp_path, "openai", config) as session:
            assert query(session, "SELECT count(f(p)) FROM t") == [(ROWS,)]
            assert query(session, LIMITS) == [(50.0, 25_000.0, 50.0, 25_000.0)]


def test_limits_of_a_model_hold_for_all_statements(tmp_path: Path) -> None:
    config = {
        "providers": {"mine": {"kind": "scripted", "latency_ms": 1}},
        "limits": {
            "a.model": {"tokens_per_minute": 6_000_000, "max_concurrency": 2},
            "another.model": {"requests_per_minute": 1},
        },
    }
    with session_of(tmp_path, "bedrock", config) as session:
        assert query(session, "SELECT count(f(p)) FROM t") == [(ROWS,)]
        assert query(session, LIMITS) == [(None, 100_000.0, None, 100_000.0)]
        assert query(session, "SELECT concurrency_max FROM sys_llm_limits") == [(2,)]
