"""The tree that EXPLAIN shows: operators with their estimates, in Redshift's words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from outcrop.planner.call_numbers import CallNumbers


@dataclass(frozen=True, slots=True)
class InferNode:
    """A model call in the tree: `ids` names it in the staged plan, `calls` is the estimate."""

    ids: str
    function: str
    model_id: str
    provider: str
    calls: CallNumbers


@dataclass(frozen=True, slots=True)
class PlanNode:
    """An operator. `details` are lines such as (`Filter`, `(x = 3)`); costs are in Redshift's unit.

    `infer` is set where the operator calls a model.
    """

    operator: str
    rows: float
    width: float
    cost_start: float
    cost_total: float
    details: tuple[tuple[str, str], ...] = ()
    children: tuple[PlanNode, ...] = ()
    infer: InferNode | None = None

    def infer_nodes(self) -> Iterator[InferNode]:
        """Yield every model call in the tree, those below first."""
        for child in self.children:
            yield from child.infer_nodes()
        if self.infer is not None:
            yield self.infer
