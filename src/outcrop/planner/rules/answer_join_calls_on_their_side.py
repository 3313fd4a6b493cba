"""Answer a model predicate of an outer join's ON on the relation that its arguments come from.

Type:   block rewrite
Goal:   an outer join may ask a model about one of its sides: about the rows of it that have a
        partner by the rest of ON, of which WHERE keeps what the join makes.
Before: SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x' WHERE t.i < 4
After:  SELECT t.i FROM t LEFT JOIN (SELECT u.i, CASE WHEN EXISTS (SELECT 1 FROM t WHERE t.i = u.i
        AND t.i < 4) THEN f(u.b) END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x' WHERE t.i < 4

The same call above LEFT JOIN takes these answers. A call of constants is answered on the side that
is joined, or on the other one if the join stands for a subquery that is evaluated for its rows. The
whole side is asked about where ON has no equality beside the call, or where it takes other answers
to know the partners. Does not fire where a call's arguments come from both sides; such a query is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    conjuncts,
    group_keys,
    has_random,
    is_aggregated,
    join_conditions,
    own_columns,
    set_condition,
    source_names,
    upper_clauses,
)
from outcrop.planner.correlation import ADDED
from outcrop.planner.guards import guard_of
from outcrop.planner.model_call import (
    ModelCall,
    calls_in_scope,
    has_call,
    has_call_in_scope,
)
from outcrop.planner.nulls import is_null_of_nulls


def answer_join_calls_on_their_side(block: exp.Select, names: Names) -> None:
    """Rewrite the ON of `block`'s joins that still hold calls."""
    if not any(has_call_in_scope(condition) for condition in join_conditions(block)):
        return
    before = block.copy()
    pending: list[_Pending] = []
    for position, join in enumerate(block.args["joins"]):
        calls = list(calls_in_scope(join.args.get("on")))
        calls_before = list(calls_in_scope(before.args["joins"][position].args.get("on")))
        for call, call_before in zip(calls, calls_before, strict=True):
            constants_side = block.args["from_"].this if join.meta.get(ADDED) else join
            tables = _tables(call_before) or {constants_side.alias_or_name}
            if len(tables) == 1 and call.find_ancestor(ModelCall) is None:
                side = _Side(before, position, tables.pop())
                is_all_that_joins = side.is_extended() and side.guards(call_before) == []
                is_read_above = is_all_that_joins and is_null_of_nulls(call)
                asked_if = side.asked_if(call_before)
                pending.append(_Pending(call, side.table, asked_if, is_read_above))
    for number, one in enumerate(pending, start=1):
        guards = [later.asked_if for later in pending[number:] if later.asked_if is not None]
        answer = _answer_below(block, one, guards, names)
        if one.is_read_above:
            _read_above(block, one.call, answer)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A call that is to be made on the relation `table`, for the rows that fulfil `asked_if`."""

    call: ModelCall
    table: str
    asked_if: exp.Expr | None
    is_read_above: bool


@dataclass(frozen=True, slots=True)
class _Side:
    """One relation of a block, as one side of the join at a position."""

    block: exp.Select
    position: int
    table: str

    def asked_if(self, call: ModelCall) -> exp.Expr | None:
        """Return the condition under which a row of the side is asked about; None: always.

        What ON asks of the side before `call` needs answers of its own.
        """
        partner = self._has_partner(call)
        parts = [part for part in self._asked_before(call) if partner is None or has_call(part)]
        if partner is not None:
            parts.insert(0, partner)
        return exp.and_(*parts) if parts else None

    def _asked_before(self, call: ModelCall) -> list[exp.Expr]:
        """Return what WHERE and ON require of the side alone before ON evaluates `call`."""
        parts = conjuncts(self._join.args["on"])
        position = parts.index(_part_of(call, self._join.args["on"]))
        before = [part for n, part in enumerate(parts) if n < position or not has_call(part)]
        found = (*self._kept(), *before, *self.guards(call))
        return [
            part
            for part in found
            if _is_of_rows(part)
            and _tables(part) <= {self.table}
            and not any(call.is_volatile for call in part.find_all(ModelCall))
        ]

    def _has_partner(self, call: ModelCall) -> exp.Expr | None:
        """Return the condition that a row has a partner for which ON evaluates `call`.

        None where answers are needed to know it, or where it is no matter of equality.
        """
        around = self._partners()
        known = source_names(around) | {self.table}
        parts = [part for part in conjuncts(self._join.args["on"]) if _is_known(part, known)]
        is_matched = any(isinstance(p, exp.EQ) and {self.table} < _tables(p) for p in parts)
        if not is_matched or has_call(around) or has_random(around):
            return None
        others = (*self.guards(call), *self._kept())
        parts += [part for part in others if _is_known(part, known)]
        set_condition(around, "where", [part.copy() for part in parts])
        return exp.Exists(this=around)

    def guards(self, call: ModelCall) -> list[exp.Expr]:
        """Return under which conditions the part of ON that holds `call` evaluates it."""
        return conjuncts(guard_of(call, _part_of(call, self._join.args["on"])))

    def is_extended(self) -> bool:
        """Tell whether each row that the join gives has answers, or NULLs in their place."""
        return self._is_joined() and self._join.side == "LEFT"

    @property
    def _join(self) -> exp.Join:
        join: exp.Join = self.block.args["joins"][self.position]
        return join

    def _is_joined(self) -> bool:
        """Tell whether the side is the one that stands behind JOIN."""
        return self._join.alias_or_name == self.table

    def _partners(self) -> exp.Select:
        """Return a block over the other side."""
        first, joins = self._join.this, []
        if self._is_joined():
            first = self.block.args["from_"].this
            joins = self.block.args["joins"][: self.position]
        around = exp.Select(expressions=[exp.alias_(exp.Literal.number(1), "one", quoted=True)])
        around.set("from_", exp.From(this=first.copy()))
        around.set("joins", [join.copy() for join in joins])
        return around

    def _kept(self) -> list[exp.Expr]:
        """Return what WHERE asks of the side all of whose rows the join keeps."""
        joins: list[exp.Join] = self.block.args["joins"]
        if any(join.side in ("RIGHT", "FULL") for join in joins[self.position + 1 :]):
            return []
        kept: set[str] = set()
        if self._join.side == "LEFT":
            before = [self.block.args["from_"].this, *(j.this for j in joins[: self.position])]
            kept = {source.alias_or_name for source in before}
        elif self._join.side == "RIGHT":
            kept = {self._join.alias_or_name}
        return [p for p in conjuncts(self.block.args.get("where")) if _is_known(p, kept)]


def _tables(node: exp.Expr) -> set[str]:
    return {column.table for column in node.find_all(exp.Column)}


def _is_known(part: exp.Expr, tables: set[str]) -> bool:
    """Tell whether a condition can be decided from the rows of some relations alone."""
    return not has_call(part) and _is_of_rows(part) and _tables(part) <= tables


def _is_of_rows(part: exp.Expr) -> bool:
    """Tell whether a condition depends on nothing but the rows that it reads."""
    return part.find(exp.Query) is None and not has_random(part)


def _part_of(call: ModelCall, condition: exp.Expr) -> exp.Expr:
    """Return the part of a condition that holds a call."""
    return next(p for p in conjuncts(condition) if any(node is call for node in p.walk()))


def _answer_below(
    block: exp.Select, pending: _Pending, guards: Sequence[exp.Expr], names: Names
) -> exp.Column:
    """Make a call in a block over its relation, and return the column of the answers.

    `guards` are those of the calls that are made above it.
    """
    call, table, guard = pending.call, pending.table, pending.asked_if
    source = _source(block, table)
    answer = names.fresh("y")
    parts = (*upper_clauses(block), *join_conditions(block), *guards)
    read = {column.name for part in parts for column in own_columns(part, {table})}
    value: exp.Expr = call.copy()
    if guard is not None:
        value = exp.Case(ifs=[exp.If(this=guard, true=value)])
    side = exp.Select(
        expressions=[
            *(
                exp.alias_(exp.column(name, table=table, quoted=True), name, quoted=True)
                for name in sorted(read)
            ),
            exp.alias_(value, answer, quoted=True),
        ]
    )
    column = exp.column(answer, table=table, quoted=True)
    column.type = call.type
    call.replace(column)
    replacement = exp.Subquery(alias=exp.TableAlias(this=exp.to_identifier(table, quoted=True)))
    source.replace(replacement)
    side.set("from_", exp.From(this=source))
    replacement.set("this", side)
    return column


def _read_above(block: exp.Select, call: ModelCall, answer: exp.Column) -> None:
    """Have `block` read an answer wherever else it makes the same call.

    Above groups it could be read only as a key.
    """
    if is_aggregated(block) and call not in group_keys(block):
        return
    equal = [
        other for part in upper_clauses(block) for other in calls_in_scope(part) if other == call
    ]
    for other in equal:
        other.replace(answer.copy())


def _source(block: exp.Select, table: str) -> exp.Expr:
    candidates: list[exp.Expr] = [
        block.args["from_"].this,
        *(join.this for join in block.args["joins"]),
    ]
    return next(source for source in candidates if source.alias_or_name == table)
