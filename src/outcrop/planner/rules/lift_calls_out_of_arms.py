"""Make the calls of the arms of a UNION ALL in a block above it.

Type:   query rewrite
Goal:   what is around a UNION ALL drops rows first, by a LIMIT, a join or a predicate, as it does
        around a subquery.
Before: SELECT s.y FROM (SELECT f(t.p) AS y FROM t
        UNION ALL SELECT f(u.b) AS f FROM u WHERE g(u.b) = 'x') AS s LIMIT 2
After:  SELECT s.y FROM (SELECT f(q1.x2) AS y FROM (SELECT 1 AS a3, t.p AS x2 FROM t
        UNION ALL SELECT 2 AS a3, u.b AS x2 FROM u) AS q1 WHERE q1.a3 <> 2 OR g(q1.x2) = 'x') AS s
        LIMIT 2

Each arm hands up what its calls take. Where arms differ in what they make of it, `CASE a3 WHEN 1
THEN ... END` tells them apart. An arm that groups, cuts or makes rows distinct keeps its calls, and
so does a subquery. What is around goes on down. Does not fire unless something around drops rows,
on arms whose types differ, and where a CASE would have too many branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    blocks,
    conjuncts,
    derived_table,
    is_aggregated,
    is_open,
    set_condition,
    sources,
    typed_column,
)
from outcrop.planner.model_call import has_call, has_call_in_scope
from outcrop.planner.rules.push_predicates_down import push_predicates_down
from outcrop.planner.union_arms import Arm, Slots, is_plain_arm, taken_apart

_ARMS_MAX = 16
"""How many arms are told apart: the guard of each call in a CASE names all branches before it."""


def lift_calls_out_of_arms(query: exp.Query) -> exp.Query:
    """Return `query` with the calls of unions in blocks around them, where that may save some."""
    names = Names.beside(query)
    is_changed = False
    for block in blocks(query):
        for source in sources(block):
            union = source.this if isinstance(source, exp.Subquery) else None
            if isinstance(union, exp.Union) and has_call(union) and _drops_rows(block):
                arms = _arms(union)
                lifted = _lifted(arms, union.named_selects, names) if arms else None
                if lifted is not None:
                    union.replace(lifted)
                    is_changed = True
    return push_predicates_down(query) if is_changed else query


def _drops_rows(block: exp.Select) -> bool:
    """Tell whether a block, or one around that takes its rows as they are, may drop some."""
    is_cut = block.args.get("limit") or block.args.get("offset")
    if block.args.get("joins") or (is_cut and not is_aggregated(block)):
        return True
    if any(not has_call_in_scope(part) for part in conjuncts(block.args.get("where"))):
        return True
    source = block.parent
    around = source.parent.parent if isinstance(source, exp.Subquery) and source.parent else None
    return isinstance(around, exp.Select) and is_open(block) and _drops_rows(around)


def _arms(node: exp.Expr) -> list[exp.Query]:
    """Return what a UNION ALL puts together; nothing for one that is cut."""
    if isinstance(node, exp.Subquery) and not node.alias:
        found = _arms(node.this)
        return found or ([node.this] if isinstance(node.this, exp.Query) else [])
    keys = ("order", "limit", "offset", "with_")
    if not isinstance(node, exp.Union) or node.args.get("distinct"):
        return []
    if any(node.args.get(key) for key in keys):
        return []
    arms: list[exp.Query] = []
    for side in (node.this, node.expression):
        arms += _arms(side) or [side]
    return arms


def _lifted(queries: Sequence[exp.Query], outputs: list[str], names: Names) -> exp.Select | None:
    """Return the block that makes the calls of the arms; None where it cannot."""
    if any(len(set(named)) < len(outputs) for named in (outputs, *_names_read(queries))):
        return None
    alias, number = names.fresh("q"), names.fresh("a")
    slots = Slots(names, alias)
    arms = [taken_apart(query, slots) for query in queries]
    lifted = sorted({position for arm in arms for position in arm.values})
    if not lifted and not any(arm.conditions for arm in arms):
        return None
    if any(not _is_of_one_type(arms, position) for position in lifted):
        return None
    firsts = [projection.unalias() for projection in arms[0].block.expressions]
    above = _Above(arms, exp.column(number, table=alias, quoted=True))
    projections = [
        exp.alias_(
            above.value(position, typed_column(name, alias, firsts[position]))
            if position in lifted
            else typed_column(name, alias, firsts[position]),
            name,
            quoted=True,
        )
        for position, name in enumerate(outputs)
    ]
    conditions = above.conditions()
    if above.tells_apart and len(arms) > _ARMS_MAX:
        return None
    result = exp.Select(expressions=projections)
    set_condition(result, "where", conditions)
    kept = [p for p in range(len(outputs)) if any(p not in arm.values for arm in arms)]
    below = [
        _below(arm, [(p, outputs[p]) for p in kept], slots, (number, place))
        for place, arm in enumerate(arms, start=1)
    ]
    union: exp.Query = below[0]
    for other in below[1:]:
        union = exp.union(union, other, distinct=False, copy=False)
    result.set("from_", exp.From(this=derived_table(union, alias)))
    return result


def _names_read(queries: Sequence[exp.Query]) -> list[list[str]]:
    """Return the names of the columns of arms that are read by them."""
    return [query.named_selects for query in queries if not is_plain_arm(query)]


def _is_of_one_type(arms: Sequence[Arm], position: int) -> bool:
    """Tell whether a column has one type in all arms, so that CASE gives what UNION gives."""
    values = [arm.values.get(position, arm.block.expressions[position].unalias()) for arm in arms]
    types = {value.type.this if value.type is not None else None for value in values}
    return len(types) == 1 and types.isdisjoint({None, exp.DType.UNKNOWN})


@dataclass(slots=True)
class _Above:
    """What is computed above the arms; `number` is the column by which they are told apart."""

    arms: Sequence[Arm]
    number: exp.Column
    tells_apart: bool = False

    def value(self, position: int, kept: exp.Column) -> exp.Expr:
        """Return a column that some arms leave to the block above."""
        values = [arm.values.get(position) for arm in self.arms]
        first = values[0]
        if first is not None and all(value == first for value in values):
            return first.copy()
        self.tells_apart = True
        branches = [
            exp.If(this=exp.Literal.number(place), true=value.copy())
            for place, value in enumerate(values, start=1)
            if value is not None
        ]
        default = kept.copy() if None in values else None
        case = exp.Case(this=self.number.copy(), ifs=branches, default=default)
        case.type = branches[0].args["true"].type
        return case

    def conditions(self) -> list[exp.Expr]:
        """Return what the arms ask of their rows, each of its own."""
        shared = [
            condition
            for condition in self.arms[0].conditions
            if all(condition in arm.conditions for arm in self.arms)
        ]
        found = [condition.copy() for condition in shared]
        for place, arm in enumerate(self.arms, start=1):
            for condition in arm.conditions:
                if condition not in shared:
                    self.tells_apart = True
                    is_other = exp.NEQ(
                        this=self.number.copy(), expression=exp.Literal.number(place)
                    )
                    found.append(exp.paren(exp.or_(is_other, condition.copy(), copy=False)))
        return found


def _below(
    arm: Arm, kept: Sequence[tuple[int, str]], slots: Slots, numbered: tuple[str, int]
) -> exp.Select:
    """Return what is left of an arm: its number, its own columns, and its inputs."""
    name, place = numbered
    projections = [exp.alias_(exp.Literal.number(place), name, quoted=True)]
    for position, output in kept:
        own = None if position in arm.values else arm.block.expressions[position].unalias()
        projections.append(exp.alias_(own.copy() if own else exp.null(), output, quoted=True))
    for slot in slots.types:
        handed_up = arm.inputs.get(slot)
        projections.append(
            exp.alias_(handed_up.copy() if handed_up else exp.null(), slot, quoted=True)
        )
    arm.block.set("expressions", projections)
    return arm.block
