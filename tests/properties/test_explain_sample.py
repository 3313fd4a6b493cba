"""EXPLAIN (SAMPLE n): its interval holds what the statement then costs, in nine of ten draws."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from outcrop.config import parse_config
from outcrop.session import Session
from outcrop.warehouse import Warehouse

_PRICE = {"input_usd_per_million": 1_000, "output_usd_per_million": 5_000, "as_of": "2026-01-01"}
_CONFIG = {
    "providers": {
        "bedrock": {
            "kind": "scripted",
            "answers": [{"match_regex": "[a-h]$", "answer": "yes"}],
        }
    },
    "prices": {"one": _PRICE, "two": _PRICE},
}
_DRAWS = 12

SHAPES = [
    "SELECT i FROM t WHERE f('{0} ' || p) = 'yes'",
    "SELECT i FROM t WHERE f('{0} ' || p) = 'yes' AND g('{0} ' || q) > 'A'",
    "SELECT i FROM t WHERE f('{0} ' || p) = 'yes' LIMIT 12",
]


def _fill(session: Session) -> None:
    draw = Random(1)
    rows = [
        f"({i}, '{'word ' * draw.randint(1, 60)}{i} {draw.choice('abcdefghijklmnopqrstuvwxyz')}', "
        f"'{'x' * draw.randint(1, 30)} {i % 70}')"
        for i in range(150)
    ]
    for statement in (
        "CREATE TABLE t (i integer, p varchar(1000), q varchar(100))",
        f"INSERT INTO t VALUES {', '.join(rows)}",
        *(
            f"CREATE EXTERNAL MODEL {model} FUNCTION {function} IAM_ROLE default "
            f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID '{model}')"
            for model, function in (("one", "f"), ("two", "g"))
        ),
    ):
        session.execute(statement).close()


def _spent(session: Session) -> float:
    [(spent,)] = session.execute("SELECT coalesce(sum(cost_usd), 0) FROM sys_llm_detail").rows()
    return float(str(spent))


def _calls(node: dict[str, Any]) -> list[dict[str, Any]]:
    below = [found for child in node.get("Plans", ()) for found in _calls(child)]
    return [*below, node["Calls"]] if "Calls" in node else below


@pytest.mark.parametrize("shape", SHAPES)
def test_the_interval_holds_the_true_cost(shape: str, tmp_path: Path) -> None:
    covered = 0
    with Warehouse.open(tmp_path / "w", config=parse_config(_CONFIG)) as warehouse:
        session = warehouse.open_session()
        _fill(session)
        for seed in range(_DRAWS):
            query = shape.format(seed)
            before = _spent(session)
            [(document,)] = session.execute(f"EXPLAIN (SAMPLE 30, FORMAT JSON) {query}").rows()
            calls = _calls(json.loads(str(document))["Plan"])
            assert all(found["Sampled"] <= 30 for found in calls)
            for _ in session.execute(query).rows():
                pass
            cost = _spent(session) - before  # the sample's calls are among the statement's
            low, high = (sum(f["Cost USD Interval"][side] for f in calls) for side in (0, 1))
            covered += low - 1e-9 <= cost <= high + 1e-9
    assert covered >= _DRAWS - 3
