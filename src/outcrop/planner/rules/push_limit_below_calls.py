"""Sort and cut before calling, but for what the order itself needs an answer of.

Type:   block rewrite
Goal:   LIMIT 5 makes five calls.
Before: SELECT f(t.p) FROM t ORDER BY t.i LIMIT 5
After:  SELECT f(q.p) FROM (SELECT t.p, t.i FROM t ORDER BY t.i LIMIT 5) AS q ORDER BY q.i

Where ORDER BY holds a call, it alone is made for every row, and handed up to whoever makes it too.
Without ORDER BY any rows would do; where the engine has no order of its own (after a join or a
grouping) the rows are sorted by what is read of them, so that the same data gives the same prompts,
and a second run finds their answers in the journal.

Does not fire where WHERE holds a call, nor above DISTINCT, groups or windows.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from outcrop.planner.blocks import SOURCE_CLAUSES, Names, has_own_call, is_plain
from outcrop.planner.guards import guard_of
from outcrop.planner.model_call import calls_in_scope, has_call_in_scope
from outcrop.planner.split import Split


def push_limit_below_calls(block: exp.Select, names: Names) -> None:
    """Split `block` if its LIMIT can go first."""
    where = block.args.get("where")
    is_cut = block.args.get("limit") or block.args.get("offset")
    if not is_cut or not is_plain(block) or not has_own_call(block):
        return
    needed = _needed_by_order(block)
    if has_call_in_scope(where) or all(call in needed for call in _calls(block.expressions)):
        return
    cut_first(block, needed, names)


def cut_first(block: exp.Select, needed: Sequence[exp.Expr], names: Names) -> None:
    """Split `block` into one that sorts, cuts and computes what is `needed`, and one above it."""
    order = block.args.get("order")
    split = Split(block, names)
    split.lower(*SOURCE_CLAUSES, "where", "limit", "offset")
    split.lower_expressions(needed, "v")
    if order is not None:
        split.inner.set("order", order.copy())
    split.finish()
    if order is None and not _has_stored_order(split.inner):
        keys = [projection.unalias().copy() for projection in split.inner.expressions]
        split.inner.order_by(*keys, copy=False)


def _needed_by_order(block: exp.Select) -> list[exp.Expr]:
    """Return the keys of ORDER BY that hold calls, and those calls that are made for every row."""
    order = block.args.get("order")
    keys = [key.this for key in order.expressions if has_call_in_scope(key)] if order else []
    calls = [c for key in keys for c in calls_in_scope(key) if guard_of(c, key) is None]
    return [*keys, *calls]


def _calls(parts: list[exp.Expr]) -> list[exp.Expr]:
    return [call for part in parts for call in calls_in_scope(part)]


def _has_stored_order(block: exp.Expr) -> bool:
    """Tell whether a block's rows come in the order in which tables store them."""
    if isinstance(block, exp.Union) and not block.args.get("distinct"):
        return all(_has_stored_order(arm.unnest()) for arm in (block.left, block.right))
    if not isinstance(block, exp.Select) or not is_plain(block) or block.args.get("joins"):
        return False
    from_ = block.args.get("from_")
    if from_ is None or block.args.get("order"):
        return True
    return isinstance(from_.this, exp.Table) or _has_stored_order(from_.this.unnest())
