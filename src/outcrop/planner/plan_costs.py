"""The costs of operators, in Redshift's unit: 0.01 for a row that is read.

They order plans and say where the rows are; what a statement costs in dollars is its model calls'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from outcrop.planner.blocks import count_of
from outcrop.planner.plan_node import PlanNode

_ROW = 0.01
_OPERATION = 0.0025


def scanned(operator: str, rows: float, width: float) -> PlanNode:
    """Return an operator that reads `rows` rows from where they are stored."""
    return PlanNode(operator, rows, width, 0.0, rows * _ROW)


def over(operator: str, rows: float, children: tuple[PlanNode, ...]) -> PlanNode:
    """Return an operator that passes on the rows of its children, one after the other."""
    total = sum(child.cost_total for child in children)
    work = sum(child.rows for child in children) * _OPERATION
    start = min((child.cost_start for child in children), default=0.0)
    width = max((child.width for child in children), default=0.0)
    return PlanNode(operator, rows, width, start, total + work, children=children)


def filtered(node: PlanNode, rows: float, condition: str, title: str) -> PlanNode:
    """Return `node` with a filter: its own, if it is a scan that has none yet."""
    if node.operator.startswith("Seq Scan") and not node.details:
        cost = node.cost_total + node.rows * _OPERATION
        return replace(node, rows=rows, cost_total=cost, details=(("Filter", condition),))
    return replace(over(title, rows, (node,)), details=(("Filter", condition),))


def joined(
    outer: PlanNode, inner: PlanNode, rows: float, kind: str, condition: str | None
) -> PlanNode:
    """Return a join: a hash join on an equality, else a nested loop."""
    width = outer.width + inner.width
    if condition is None:
        work = outer.rows * inner.rows * _OPERATION
        node = over(f"Nested Loop{kind} Join", rows, (outer, inner))
        return replace(node, width=width, cost_total=node.cost_total + work)
    hashed = replace(over("Hash", inner.rows, (inner,)), cost_start=inner.cost_total)
    node = over(f"Hash{kind} Join", rows, (outer, hashed))
    return replace(
        node, width=width, cost_start=hashed.cost_total, details=(("Hash Cond", condition),)
    )


def aggregated(operator: str, node: PlanNode, groups: float) -> PlanNode:
    """Return an operator that has read all rows before it gives the first group."""
    result = over(operator, min(groups, node.rows) if groups > 1 else groups, (node,))
    return replace(result, cost_start=result.cost_total, cost_total=result.cost_total)


def sorted_rows(node: PlanNode, keys: str) -> PlanNode:
    """Return a sort by `keys`."""
    work = node.rows * math.log2(max(node.rows, 2)) * _OPERATION
    total = node.cost_total + work
    return PlanNode(
        "Sort", node.rows, node.width, total, total, (("Sort Key", keys),), children=(node,)
    )


def cut(node: PlanNode, rows: float) -> PlanNode:
    """Return a limit to `rows` rows; the rest of what is below is not paid for."""
    kept = min(rows, node.rows)
    share = kept / node.rows if node.rows else 0.0
    total = node.cost_start + (node.cost_total - node.cost_start) * share
    return PlanNode("Limit", kept, node.width, node.cost_start, total, children=(node,))


def limited(node: PlanNode, query: exp.Query) -> PlanNode:
    """Return `node` under the LIMIT and OFFSET of a query, where they are numbers."""
    limit, offset = (count_of(query.args.get(clause)) for clause in ("limit", "offset"))
    if limit is not None:
        return cut(node, limit)
    return cut(node, max(node.rows - offset, 0)) if offset else node


def with_subplans(node: PlanNode, subplans: Sequence[PlanNode]) -> PlanNode:
    """Return `node` with the plans of its subqueries below it."""
    if not subplans:
        return node
    below = tuple(over("SubPlan", plan.rows, (plan,)) for plan in subplans)
    cost = node.cost_total + sum(plan.cost_total for plan in below)
    return replace(node, children=(*node.children, *below), cost_total=cost)
