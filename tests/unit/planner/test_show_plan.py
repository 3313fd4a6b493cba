from __future__ import annotations

import json
from dataclasses import replace

from outcrop.planner.call_numbers import CallNumbers, Interval
from outcrop.planner.plan_costs import filtered, over, scanned
from outcrop.planner.plan_node import InferNode, PlanNode
from outcrop.planner.show_plan import show_json, show_text

NUMBERS = CallNumbers(
    rows=9,
    invocations=5,
    calls=4,
    reused=1,
    input_tokens=40,
    output_tokens=80,
    cost_usd=0.0125,
    price_as_of="2026-11-01",
    time_s=2.04,
)
UNKNOWN = replace(NUMBERS, reused=None, cost_usd=None, price_as_of=None, time_s=None)


def _tree(numbers: CallNumbers) -> PlanNode:
    below = filtered(scanned("Seq Scan on t", 9, 4), 9, "(i < 9)", "Subquery Scan")
    node = over("Infer f on model 'm' via p", 9, (below,))
    infer = InferNode("_d1", "f", "m", "p", numbers)
    return replace(node, details=(("Prompt", "p"),), infer=infer)


def test_text() -> None:
    assert show_text(_tree(NUMBERS), {}) == [
        "XN Infer f on model 'm' via p  (rows=9 invocations=5 reused=1 calls=4 tokens in=40 "
        "out=80 cost=$0.0125 prices of 2026-11-01 time=2.0 s)",
        "  Prompt: p",
        "  ->  XN Seq Scan on t  (cost=0.00..0.11 rows=9 width=4)",
        "        Filter: (i < 9)",
        "Model calls: invocations=5 reused=1 calls=4 tokens in=40 out=80 cost=$0.0125 prices "
        "of 2026-11-01 time=2.0 s",
    ]


def test_a_plan_without_calls_says_nothing_of_them() -> None:
    assert show_text(scanned("Result", 1, 0), {}) == ["XN Result  (cost=0.00..0.01 rows=1 width=0)"]
    assert list(json.loads(show_json(scanned("Result", 1, 0), {}))) == ["Plan"]


def test_what_is_unknown_is_said_to_be() -> None:
    first, *_ = show_text(_tree(UNKNOWN), {})
    assert "cost=unknown time=unknown" in first
    assert "reused" not in first
    calls = json.loads(show_json(_tree(UNKNOWN), {}))["Model Calls"]
    assert [calls[key] for key in ("Reused", "Cost USD", "Prices Of", "Time S")] == [None] * 4


def test_a_local_model_is_free_and_has_no_date() -> None:
    numbers = replace(NUMBERS, cost_usd=0.0, price_as_of="local")
    assert "cost=$0 time" in show_text(_tree(numbers), {})[0]


def test_a_bound_is_marked() -> None:
    text = show_text(_tree(replace(NUMBERS, is_bound=True)), {})[0]
    assert "invocations=at most 5 reused=1 calls=at most 4" in text


def test_actuals_stand_beside_estimates() -> None:
    lines = show_text(_tree(UNKNOWN), {"_d1": NUMBERS}, has_actuals=True)
    assert "cost=unknown" in lines[0]
    assert lines[2].startswith("  Actual: rows=9 invocations=5 reused=1 calls=4")
    assert lines[-2].startswith("Estimated calls: ")
    assert lines[-1].startswith("Actual calls: ")
    document = json.loads(show_json(_tree(UNKNOWN), {"_d1": NUMBERS}, has_actuals=True))
    assert document["Plan"]["Calls"]["Cost USD"] is None
    assert document["Plan"]["Actual Calls"]["Cost USD"] == 0.0125
    assert document["Actual Model Calls"]["Calls"] == 4


def test_a_sample_shows_its_bounds() -> None:
    sampled = replace(
        NUMBERS,
        sampled=3,
        selectivity=0.25,
        selectivity_interval=Interval(0.1, 0.5),
        output_tokens_interval=Interval(70.2, 90.4),
        cost_interval=Interval(0.01, 0.02),
    )
    lines = show_text(_tree(UNKNOWN), {"_d1": sampled})
    assert lines[2:6] == [
        "  Sample: 3 invocations answered",
        "  Selectivity: 0.250 (0.100 to 0.500)",
        "  Tokens out: 80 (70 to 90)",
        "  Cost: $0.0125 ($0.01 to $0.02)",
    ]
    assert lines[-1] == "Cost, 90 % interval: $0.01 to $0.02"
    document = json.loads(show_json(_tree(UNKNOWN), {"_d1": sampled}))
    assert document["Plan"]["Calls"]["Selectivity Interval"] == [0.1, 0.5]
    assert document["Model Calls"]["Cost USD Interval"] == [0.01, 0.02]
