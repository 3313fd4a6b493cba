"""The arms of a UNION ALL, taken apart: what stays in each, and what the block above computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    conjuncts,
    derived_table,
    has_random,
    is_open,
    set_condition,
    typed_column,
)
from outcrop.planner.model_call import ModelCall, has_call_in_scope


@dataclass(slots=True)
class Arm:
    """An arm while its calls are lifted: `block` is what is left of it.

    `values` are the columns that are computed above, by their position, `conditions` what is asked
    there; both take what `inputs` hand up, by their names.
    """

    block: exp.Select
    values: dict[int, exp.Expr] = field(default_factory=dict)
    conditions: list[exp.Expr] = field(default_factory=list)
    inputs: dict[str, exp.Expr] = field(default_factory=dict)


@dataclass(slots=True)
class Slots:
    """The columns by which arms hand up inputs: those of one type are shared."""

    names: Names
    alias: str
    types: dict[str, exp.DataType | None] = field(default_factory=dict)

    def lift(self, value: exp.Expr, arm: Arm) -> exp.Expr:
        """Return an expression of an arm as the block above writes it."""
        root = exp.Paren(this=value.copy())
        for node in list(_inputs(root)):
            node.replace(typed_column(self._slot(node, arm), self.alias, node))
        lifted: exp.Expr = root.this
        return lifted.pop()

    def _slot(self, value: exp.Expr, arm: Arm) -> str:
        for name, handed_up in arm.inputs.items():
            if handed_up == value:
                return name
        free = (
            name
            for name, datatype in self.types.items()
            if name not in arm.inputs and datatype == value.type and datatype is not None
        )
        name = next(free, None) or self.names.fresh("x")
        self.types[name] = value.type
        arm.inputs[name] = value.copy()
        return name


def taken_apart(query: exp.Query, slots: Slots) -> Arm:
    """Return an arm with what can be computed above it."""
    if not isinstance(query, exp.Select) or not is_plain_arm(query):
        return Arm(_around(query, slots.names))
    arm = Arm(query.copy())
    for position, projection in enumerate(arm.block.expressions):
        if _is_movable(projection):
            arm.values[position] = slots.lift(projection.unalias(), arm)
            arm.values[position].type = projection.unalias().type
    parts = conjuncts(arm.block.args.get("where"))
    moved = [part for part in parts if _is_movable(part)]
    arm.conditions = [slots.lift(part, arm) for part in moved]
    if moved:
        set_condition(arm.block, "where", [part for part in parts if part not in moved])
    return arm


def is_plain_arm(query: exp.Query) -> bool:
    """Tell whether what an arm computes of its rows may be computed above it."""
    is_plain = isinstance(query, exp.Select) and is_open(query)
    return is_plain and not any(query.args.get(key) for key in ("order", "with_"))


def _around(query: exp.Query, names: Names) -> exp.Select:
    """Return a block that gives the rows of a query as they are."""
    alias = names.fresh("q")
    block = exp.Select()
    for projection in query.selects:
        name = projection.alias_or_name
        column = typed_column(name, alias, projection.unalias())
        block.select(exp.alias_(column, name, quoted=True), copy=False)
    block.set("from_", exp.From(this=derived_table(query.copy(), alias)))
    return block


def _is_movable(value: exp.Expr) -> bool:
    return has_call_in_scope(value) and value.find(exp.Query) is None and not has_random(value)


def _inputs(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what an expression takes of an arm's rows, and the prompts that are constants."""
    for child in node.iter_expressions():
        is_prompt = isinstance(node, ModelCall) and isinstance(child, exp.Literal)
        if isinstance(child, exp.Column) or (is_prompt and child is not node.this):
            yield child
        else:
            yield from _inputs(child)
