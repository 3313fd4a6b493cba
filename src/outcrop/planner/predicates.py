"""Model predicates: the conditions of a chain of blocks on answers, by what they ask.

In normal form each such condition stands in a block of its own, above the inference block that
answers it. Here such a chain of blocks is taken together again, as one block over what the chain
reads; so its predicates can be named by what they mean, and can be put into another order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel
from outcrop.planner.blocks import Names, blocks, conjuncts, set_condition
from outcrop.planner.limited_filter import chain_of, is_link
from outcrop.planner.model_call import ModelCall, calls_in_scope
from outcrop.planner.rules.extract_calls import extract_calls, is_inference_block
from outcrop.planner.rules.filter_before_calls import filter_before_calls
from outcrop.sql.dialect import Outcrop

CONDITION = "model condition"
"""Where a condition on an answer keeps its name, among sqlglot's notes on a node."""
CALL_NUMBER = "call number"
"""Where a call keeps the number by which it is found again in another order."""

_CONDITION_CHARACTERS_MAX = 1_000
_NODES_MAX = 2_000
"""How large a chain may be when taken together, in nodes: a value stands wherever it is read."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """Conditions that ask the same calls, so that they are decided together."""

    conditions: tuple[exp.Expr, ...]
    calls: frozenset[ModelCall]


@dataclass(frozen=True, slots=True)
class PredicateChain:
    """A chain of blocks, from its uppermost filter down, taken together.

    `links` are the blocks, `top` the first of them, `base` the derived table that the last one
    reads. `flat` gives the same rows, as one block over `base`, in no order; `conditions` are its,
    those of `top` at last.
    """

    links: tuple[exp.Select, ...]
    base: exp.Subquery
    flat: exp.Select
    conditions: tuple[exp.Expr, ...]

    @property
    def top(self) -> exp.Select:
        """The uppermost filter."""
        return self.links[0]

    def predicates(self) -> tuple[Predicate, ...]:
        """Return the model predicates among the conditions, in their order."""
        groups: dict[frozenset[ModelCall], list[exp.Expr]] = {}
        for condition in self.conditions:
            if calls := frozenset(calls_in_scope(condition)):
                groups.setdefault(calls, []).append(condition)
        return tuple(Predicate(tuple(found), calls) for calls, found in groups.items())

    def ordered(self, order: Sequence[int], names: Names) -> exp.Select:
        """Return blocks in normal form that decide the predicates in an order."""
        block = self.flat.copy()
        predicates = self.predicates()
        wanted = [c for index in order for c in predicates[index].conditions]
        rest = [c for c in self.conditions if not any(calls_in_scope(c))]
        set_condition(block, "where", [c.copy() for c in (*rest, *wanted)])
        filter_before_calls(block, names)
        for inner in blocks(block):
            extract_calls(inner, names)
        return block


def find_chain(block: exp.Select) -> PredicateChain | None:
    """Return the chain of blocks that ends in `block`, which filters.

    None if none does, or if it is too large to be taken together: its order stays as written.
    """
    if not block.args.get("where") or not is_link(block, may_be_cut=True):
        return None
    links = chain_of(block)
    while links and not is_inference_block(links[-1]):
        links.pop()
    if not links or any(part.find(exp.Query) for part in _own_parts(links)):
        return None
    if _nodes_together(links) > _NODES_MAX:
        return None
    return _flatten(links)


def note_conditions(query: exp.Expr, models: Mapping[int, ExternalModel]) -> list[exp.Expr]:
    """Note on every condition on an answer, in normal form, what it is called; return them."""
    noted: list[exp.Expr] = []
    for block in blocks(query):
        if block.args.get("where") is None or is_inference_block(block):
            continue
        chain = find_chain(block)
        if chain is None:
            continue
        own = conjuncts(block.args["where"])
        for condition, meaning in zip(own, chain.conditions[-len(own) :], strict=True):
            if any(calls_in_scope(meaning)) and (name := name_of(meaning, chain.flat, models)):
                condition.meta[CONDITION] = name
                noted.append(condition)
    return noted


def _own_parts(links: Sequence[exp.Select]) -> list[exp.Expr]:
    """Return what the links themselves compute and ask, without what they read."""
    found: list[exp.Expr] = []
    for link in links:
        found += link.expressions
        found += [link.args["where"]] if link.args.get("where") else []
    return found


def _nodes_together(links: Sequence[exp.Select]) -> int:
    """Return how many nodes links have when taken together, which grows with their product."""
    nodes: dict[str, int] = {}
    conditions = 0

    def count(part: exp.Expr) -> int:
        return sum(nodes.get(n.name, 1) if isinstance(n, exp.Column) else 1 for n in part.walk())

    for link in reversed(links):
        conditions += sum(count(part) for part in conjuncts(link.args.get("where")))
        nodes = {part.alias_or_name: count(part.unalias()) for part in link.expressions}
    return conditions + sum(nodes.values())


def _flatten(links: Sequence[exp.Select]) -> PredicateChain:
    """Take links, the upper ones first, together; the conditions of lower ones come first."""
    values: dict[str, exp.Expr] = {}
    conditions: list[exp.Expr] = []
    projections: list[exp.Expr] = []
    for link in reversed(links):
        conditions += [_lowered(c, values) for c in conjuncts(link.args.get("where"))]
        projections = [
            exp.alias_(_lowered(p.unalias(), values), p.alias_or_name, quoted=True, copy=False)
            for p in link.expressions
        ]
        values = {p.alias_or_name: p.this for p in projections}
    base: exp.Subquery = links[-1].args["from_"].this
    flat = exp.Select(expressions=projections)
    flat.set("from_", exp.From(this=base.copy()))
    set_condition(flat, "where", conditions)
    numbers: dict[ModelCall, int] = {}
    for call in calls_in_scope(flat):
        call.meta[CALL_NUMBER] = numbers.setdefault(call.copy(), len(numbers))
    return PredicateChain(tuple(links), base, flat, tuple(conditions))


def _lowered(node: exp.Expr, values: Mapping[str, exp.Expr]) -> exp.Expr:
    """Return an expression in terms of what the block below reads, which gives `values`.

    The lowest block's has none to be replaced.
    """
    root = exp.Paren(this=node.copy())
    for column in list(root.find_all(exp.Column)) if values else ():
        value = values[column.name].copy()
        value.type = column.type
        is_atom = isinstance(value, exp.Column | exp.Func | exp.Literal | exp.Case)
        column.replace(value if is_atom else exp.paren(value, copy=False))
    lowered: exp.Expr = root.this.pop()
    return lowered


def name_of(
    condition: exp.Expr, block: exp.Select, models: Mapping[int, ExternalModel]
) -> str | None:
    """Return what a condition of `block` asks of the stored columns, as a text.

    It is the same for the same condition in another statement, whatever that one's aliases and
    subqueries, and after a restart: columns are named by their relation, calls by the model's name
    and id. None where a column is computed by what cannot be followed (a set operation, a common
    table expression).
    """
    root = exp.Paren(this=condition.copy())
    for column in list(root.find_all(exp.Column)):
        meaning = _meaning(column, block)
        if meaning is None:
            return None
        column.replace(meaning)
    for call in list(root.find_all(ModelCall)):
        model = models[call.model_oid]
        name = f"{model.name}[{model.model_id}]"
        call.replace(exp.Anonymous(this=name, expressions=call.expressions))
    text: str = root.this.sql(dialect=Outcrop, comments=False)
    if len(text) <= _CONDITION_CHARACTERS_MAX:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:_CONDITION_CHARACTERS_MAX]}... {digest}"


def _meaning(column: exp.Column, block: exp.Select) -> exp.Expr | None:
    """Return a column of `block` in terms of stored relations."""
    source = _source(column.table, block)
    if isinstance(source, exp.Table) and source.db:
        return exp.column(column.name, table=source.name, db=source.db)
    inner = source.this if isinstance(source, exp.Subquery) else None
    if not isinstance(inner, exp.Select):
        return None
    value = next((p.unalias() for p in inner.expressions if p.alias_or_name == column.name), None)
    if value is None or value.find(exp.Query) is not None:
        return None
    root = exp.Paren(this=value.copy())
    for part in list(root.find_all(exp.Column)):
        meaning = _meaning(part, inner)
        if meaning is None:
            return None
        part.replace(meaning)
    found: exp.Expr = root.this
    return found.pop() if isinstance(found, exp.Column) else root


def _source(name: str, block: exp.Select) -> exp.Expr | None:
    """Return the relation that a block calls `name`."""
    from_ = block.args.get("from_")
    sources = [from_.this] if from_ is not None else []
    sources += [join.this for join in block.args.get("joins") or []]
    return next((s for s in sources if s.alias_or_name == name), None)
