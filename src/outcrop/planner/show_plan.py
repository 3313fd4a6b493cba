"""The tree of EXPLAIN as lines of text, in Redshift's form, and as one JSON document.

`measured` holds what was counted, sampled or really done, by the `ids` of each call; a call that is
not in it is shown as estimated. With `has_actuals` both are shown, one beside the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from outcrop.planner.call_numbers import CallNumbers, Interval, total_numbers
from outcrop.planner.plan_node import PlanNode
from outcrop.pricing.usd import format_usd

LOCAL = "local"
Measured = Mapping[str, CallNumbers]


def show_text(plan: PlanNode, measured: Measured, *, has_actuals: bool = False) -> list[str]:
    """Return the lines of a plan, with a last one for all its calls together."""
    lines = list(_lines(plan, measured, 0, has_actuals=has_actuals))
    nodes = list(plan.infer_nodes())
    if nodes:
        estimate = total_numbers(node.calls for node in nodes)
        found = total_numbers(measured.get(node.ids, node.calls) for node in nodes)
        if has_actuals:
            lines.append(f"Estimated calls: {_numbers(estimate)}")
            lines.append(f"Actual calls: {_numbers(found)}")
        else:
            lines.append(f"Model calls: {_numbers(found)}")
            if found.cost_interval is not None:
                lines.append(f"Cost, 90 % interval: {_usd_interval(found.cost_interval)}")
    return lines


def _lines(node: PlanNode, measured: Measured, depth: int, *, has_actuals: bool) -> Iterator[str]:
    lead = " " * (6 * depth - 4) + "->  " if depth else ""
    indent = " " * (6 * depth + 2)
    yield f"{lead}XN {node.operator}  ({_summary(node, measured, has_actuals=has_actuals)})"
    for name, value in node.details:
        yield f"{indent}{name}: {value}"
    if node.infer is not None and (found := measured.get(node.infer.ids)) is not None:
        if has_actuals:
            yield f"{indent}Actual: {_row_numbers(found)}"
        yield from (f"{indent}{line}" for line in _sample_lines(found))
    for child in node.children:
        yield from _lines(child, measured, depth + 1, has_actuals=has_actuals)


def _summary(node: PlanNode, measured: Measured, *, has_actuals: bool) -> str:
    if node.infer is None:
        return (
            f"cost={node.cost_start:.2f}..{node.cost_total:.2f} "
            f"rows={_rows(node)} width={round(node.width)}"
        )
    found = None if has_actuals else measured.get(node.infer.ids)
    return _row_numbers(found or node.infer.calls)


def _rows(node: PlanNode) -> int:
    """Return the estimated rows: one where there are hardly any, since none would mislead."""
    return max(1, round(node.rows)) if node.rows else 0


def _row_numbers(numbers: CallNumbers) -> str:
    return f"rows={numbers.rows} {_numbers(numbers)}"


def _numbers(numbers: CallNumbers) -> str:
    parts = [
        f"invocations={'at most ' if numbers.is_bound else ''}{numbers.invocations}",
        *([] if numbers.reused is None else [f"reused={numbers.reused}"]),
        f"calls={'at most ' if numbers.is_bound else ''}{numbers.calls}",
        f"tokens in={numbers.input_tokens} out={numbers.output_tokens}",
        _cost(numbers),
        f"time={'unknown' if numbers.time_s is None else f'{numbers.time_s:.1f} s'}",
    ]
    return " ".join(parts)


def _cost(numbers: CallNumbers) -> str:
    if numbers.cost_usd is None:
        return "cost=unknown"
    if numbers.price_as_of in (None, LOCAL):
        return f"cost={format_usd(numbers.cost_usd)}"
    return f"cost={format_usd(numbers.cost_usd)} prices of {numbers.price_as_of}"


def _sample_lines(numbers: CallNumbers) -> Iterator[str]:
    if numbers.sampled is not None:
        yield f"Sample: {numbers.sampled} invocations answered"
    if numbers.selectivity is not None and (share := numbers.selectivity_interval) is not None:
        yield f"Selectivity: {numbers.selectivity:.3f} ({share.low:.3f} to {share.high:.3f})"
    if (tokens := numbers.output_tokens_interval) is not None:
        yield f"Tokens out: {numbers.output_tokens} ({tokens.low:.0f} to {tokens.high:.0f})"
    if numbers.cost_interval is not None:
        yield f"Cost: {format_usd(numbers.cost_usd or 0)} ({_usd_interval(numbers.cost_interval)})"


def _usd_interval(interval: Interval) -> str:
    return f"{format_usd(interval.low)} to {format_usd(interval.high)}"


def show_json(plan: PlanNode, measured: Measured, *, has_actuals: bool = False) -> str:
    """Return a plan as one JSON document; what is unknown is null."""
    nodes = list(plan.infer_nodes())
    document: dict[str, Any] = {"Plan": _object(plan, measured, has_actuals=has_actuals)}
    if nodes:
        estimate = total_numbers(node.calls for node in nodes)
        found = total_numbers(measured.get(node.ids, node.calls) for node in nodes)
        document["Model Calls"] = _calls(estimate if has_actuals else found)
        if has_actuals:
            document["Actual Model Calls"] = _calls(found)
    return json.dumps(document, ensure_ascii=False, indent=2)


def _object(node: PlanNode, measured: Measured, *, has_actuals: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Node Type": node.operator,
        "Startup Cost": round(node.cost_start, 2),
        "Total Cost": round(node.cost_total, 2),
        "Plan Rows": _rows(node),
        "Plan Width": round(node.width),
        **dict(node.details),
    }
    if (infer := node.infer) is not None:
        known = measured.get(infer.ids)
        found |= {"Node Type": "Infer", "Function": infer.function}
        found |= {"Model": infer.model_id, "Provider": infer.provider}
        found["Calls"] = _calls(infer.calls if has_actuals else known or infer.calls)
        if has_actuals and known is not None:
            found["Actual Calls"] = _calls(known)
    if node.children:
        found["Plans"] = [
            _object(child, measured, has_actuals=has_actuals) for child in node.children
        ]
    return found


def _calls(numbers: CallNumbers) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Rows": numbers.rows,
        "Invocations": numbers.invocations,
        "Reused": numbers.reused,
        "Calls": numbers.calls,
        "At Most": numbers.is_bound,
        "Input Tokens": numbers.input_tokens,
        "Output Tokens": numbers.output_tokens,
        "Cost USD": numbers.cost_usd,
        "Prices Of": numbers.price_as_of,
        "Time S": numbers.time_s,
    }
    if numbers.sampled is not None:
        found["Sampled"] = numbers.sampled
        found["Selectivity"] = numbers.selectivity
        found["Selectivity Interval"] = _bounds(numbers.selectivity_interval)
    if numbers.output_tokens_interval is not None:
        found["Output Tokens Interval"] = _bounds(numbers.output_tokens_interval)
        found["Cost USD Interval"] = _bounds(numbers.cost_interval)
    return found


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
