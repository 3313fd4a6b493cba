"""Move predicates next to the relations that they speak of, below joins, subqueries and calls.

Type:   query rewrite (sqlglot's pass, which knows outer joins, windows and limits)
Goal:   fewer rows reach a model.
Before: SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t) AS s WHERE s.i > 2
After:  SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t WHERE t.i > 2) AS s

A predicate that calls a model, or reads an answer, goes into a subquery, where it saves the calls
of the select list, but never below a join: what joins has at most as many distinct prompts as what
might join.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates, replace_aliases

from outcrop.planner.blocks import (
    Names,
    arms,
    blocks,
    conjuncts,
    has_random,
    is_null_extended,
    is_open,
    is_row_by_row,
    is_true,
    own_columns,
    rename_sources,
    set_condition,
    source_names,
    sources,
)
from outcrop.planner.model_call import ModelCall, has_call, has_call_in_scope, reads_answer
from outcrop.sql.dialect import Outcrop

_HELD = "_held"
_BLOCK = "block"
"""The key of `meta` by which a block is known again in a copy."""


def push_predicates_down(query: exp.Query) -> exp.Query:
    """Return `query` with its predicates as low as they can stand."""
    held = _hold_model_predicates(query)
    query = _push(query)
    _release(query, held)
    for block in blocks(query):
        for clause in ("where", "having"):
            if condition := block.args.get(clause):
                kept = [part for part in conjuncts(condition) if not is_true(part)]
                set_condition(block, clause, kept)
        for join in block.args.get("joins") or []:
            kept = [part for part in conjuncts(join.args.get("on")) if not is_true(part)]
            if kept:
                join.set("on", exp.and_(*kept, copy=False))
    names = Names.beside(query)
    for block in reversed(blocks(query)):
        _push_constants(block)
        _push_predicates_with_subqueries(block, names)
        _push_model_predicates(block)
    return query


def _push(query: exp.Query) -> exp.Query:
    """Apply sqlglot's pass. It may leave one node in two places, which a copy parts."""
    pushed: exp.Query = pushdown_predicates(query, dialect=Outcrop).copy()
    return pushed


def _hold_model_predicates(query: exp.Query) -> list[exp.Expr]:
    """Put something that no pass moves in the place of each predicate that needs a model.

    The pass sees the subqueries of such a predicate alone.
    """
    held: list[exp.Expr] = []
    for number, block in enumerate(blocks(query)):
        block.meta[_BLOCK] = number
        conditions = [block.args.get("where")]
        conditions += [join.args.get("on") for join in block.args.get("joins") or []]
        for condition in conditions:
            for part in conjuncts(condition):
                if has_call_in_scope(part) or reads_answer(part) or _has_held(part):
                    for inner in list(_outermost_queries(part)):
                        inner.replace(_push(inner.copy()))
                    place = f"{len(held):06}"  # sorts as written
                    arguments = [exp.Literal.string(place), exp.Literal.number(number)]
                    part.replace(exp.Anonymous(this=_HELD, expressions=arguments))
                    held.append(part)
    return held


def _has_held(part: exp.Expr) -> bool:
    """Tell whether a subquery in `part` holds what may read the relations around it, unseen."""
    return next(_held_nodes(part), None) is not None


def _held_nodes(tree: exp.Expr) -> Iterator[exp.Anonymous]:
    return (node for node in tree.find_all(exp.Anonymous) if node.name == _HELD)


def _outermost_queries(part: exp.Expr) -> Iterator[exp.Query]:
    """Yield the queries in `part` that are in no other."""
    kinds = (exp.Select, exp.SetOperation)
    for node in part.walk(prune=lambda n: isinstance(n, kinds)):
        if isinstance(node, kinds):
            yield node


def _release(query: exp.Query, held: list[exp.Expr]) -> None:
    """Put each predicate back; one that holds a subquery may have others within.

    In a subquery beside OR, sqlglot's pass copies a condition as a whole to where a part of it may
    go, and leaves the condition where it was.
    """
    while found := list(_held_nodes(query)):
        for node in found:
            place, number = (int(argument.name) for argument in node.expressions)
            block = node.find_ancestor(exp.Select)
            part = held[place].copy()  # a subquery may have been copied
            if block is None or block.meta.get(_BLOCK) != number:
                node.replace(exp.true())
            else:
                node.replace(
                    exp.paren(part, copy=False) if isinstance(part, exp.Connector) else part
                )


def _push_constants(block: exp.Select) -> None:
    """Copy what WHERE or ON says of no row, such as 1 = 0, to what it makes idle.

    Where WHERE does not hold, the block gives no rows, whatever it joins; where ON does not, the
    join takes none of the side that it does not keep. So the constant may go into any ON, and into
    any subquery there.
    """
    joins: list[exp.Join] = block.args.get("joins") or []
    from_ = block.args.get("from_")
    sources = [from_.this] if from_ is not None else []
    sources += [join.this for join in joins]
    _copy_constants(block.args.get("where"), sources, joins)
    for number, join in enumerate(joins):
        before, own = sources[: number + 1], [join.this]
        match join.side:
            case "":
                idle = [*joins[:number], *takewhile(_adds_no_rows, joins[number + 1 :])]
                _copy_constants(join.args.get("on"), [*before, *own], idle)
            case "LEFT":
                _copy_constants(join.args.get("on"), own, [])
            case "RIGHT":
                _copy_constants(join.args.get("on"), before, joins[:number])


def _adds_no_rows(join: exp.Join) -> bool:
    return join.side not in ("RIGHT", "FULL")


def _copy_constants(
    condition: exp.Expr | None, sources: Sequence[exp.Expr], joins: Sequence[exp.Join]
) -> None:
    """Add the constants among the parts of a condition to the WHERE of subqueries, and to ON."""
    parts = conjuncts(condition)
    constants = [part for part in parts if _is_constant(part) and not is_true(part)]
    if not constants:
        return
    for join in joins:
        if on := conjuncts(join.args.get("on")):
            added = [part.copy() for part in constants if part not in on]
            join.set("on", exp.and_(*on, *added, copy=False))
    for source in sources:
        for arm in arms(source.this) if isinstance(source, exp.Subquery) else []:
            parts = conjuncts(arm.args.get("where"))
            added = [part.copy() for part in constants if part not in parts]
            set_condition(arm, "where", [*parts, *added])


def _is_constant(part: exp.Expr) -> bool:
    return part.find(exp.Column, exp.Query, ModelCall) is None and not has_random(part)


def _only_source(block: exp.Select) -> exp.Select | None:
    """Return the subquery that is all that `block` reads, if a filter may as well stand in it."""
    from_ = block.args.get("from_")
    source = from_.this if from_ is not None and not block.args.get("joins") else None
    inner = source.this if isinstance(source, exp.Subquery) else None
    return inner if isinstance(inner, exp.Select) and is_open(inner) else None


def _push_predicates_with_subqueries(block: exp.Select, names: Names) -> None:
    """Move what IN and EXISTS ask of a subquery's rows before the models of that subquery.

    What they ask models themselves depends on no row of it, and is asked in any case.
    """
    inner, conditions = _only_source(block), conjuncts(block.args.get("where"))
    if inner is None:
        return
    beside = (*conditions, *conjuncts(inner.args.get("where")))
    if not any(has_call_in_scope(part) or reads_answer(part) for part in beside):
        return
    alias: str = block.args["from_"].this.alias
    for part in conditions:
        lowered = part.copy() if part.find(exp.Query) is not None else None
        if lowered is None or has_call_in_scope(lowered) or has_random(lowered):
            continue
        for query in blocks(lowered):
            if source_names(query) & source_names(inner):
                rename_sources(query, (), names)
        if _lower_columns(lowered, alias, inner):
            kept = [other for other in conjuncts(block.args.get("where")) if other is not part]
            set_condition(block, "where", kept)
            set_condition(inner, "where", [*conjuncts(inner.args.get("where")), lowered])


def _lower_columns(part: exp.Expr, alias: str, inner: exp.Select) -> bool:
    """Have a predicate on a subquery speak of what the subquery reads; False if it cannot."""
    values = {projection.alias_or_name: projection.unalias() for projection in inner.expressions}
    columns = list(own_columns(part, {alias}))
    for column in columns:
        value = values.get(column.name)
        if value is None or has_call(value) or value.find(exp.Query) is not None:
            return False
        if has_random(value):
            return False
    for column in columns:
        value = values[column.name].copy()
        column.replace(value if isinstance(value, exp.Column) else exp.paren(value, copy=False))
    return True


def _push_model_predicates(block: exp.Select) -> None:
    """Move the model predicates of `block` into the subquery that is all they read."""
    where = conjuncts(block.args.get("where"))
    kept = [part for part in where if not _is_moved(part, block, _open_sources(block))]
    if len(kept) < len(where):
        set_condition(block, "where", kept)
    for join in block.args.get("joins") or []:
        own = {join.alias_or_name: join.this} if join.side == "LEFT" else {}
        targets = own if join.side else _open_sources(block)
        on = conjuncts(join.args.get("on"))
        kept = [part for part in on if not _is_moved(part, block, targets)]
        if len(kept) < len(on):
            join.set("on", exp.and_(*kept, copy=False) if kept else exp.true())


def _open_sources(block: exp.Select) -> dict[str, exp.Expr]:
    """Return the relations of a block, by name, of which no join makes rows of NULLs."""
    return {s.alias_or_name: s for s in sources(block) if not is_null_extended(block, s)}


def _is_moved(part: exp.Expr, block: exp.Select, targets: Mapping[str, exp.Expr]) -> bool:
    """Move a model predicate into the one subquery that it reads, if a filter may stand there.

    What calls a model itself stays above joins.
    """
    if part.find(exp.Query) is not None:
        return False
    if has_call_in_scope(part):
        inner = _only_source(block)
    else:
        names = {column.table for column in part.find_all(exp.Column)}
        source = targets.get(names.pop()) if len(names) == 1 else None
        inner = source.this if isinstance(source, exp.Subquery) else None
    if not isinstance(inner, exp.Select) or not _takes_filter(inner):
        return False
    lowered = replace_aliases(inner, part)
    if has_random(lowered):
        return False
    set_condition(inner, "where", [*conjuncts(inner.args.get("where")), lowered])
    return True


def _takes_filter(block: exp.Select) -> bool:
    """Tell whether a filter of what a block gives may as well stand in its WHERE."""
    distinct = block.args.get("distinct")
    is_cut = block.args.get("limit") or block.args.get("offset")
    return is_row_by_row(block) and not is_cut and not (distinct and distinct.args.get("on"))
