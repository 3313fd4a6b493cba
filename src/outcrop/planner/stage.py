"""Normal form to staged plan: the query is cut at its inference blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel
from outcrop.planner.blocks import Names, blocks
from outcrop.planner.call_queries import (
    argument_text,
    column_of,
    distinct_arguments,
    join_answers,
    stored_table,
)
from outcrop.planner.limited_filter import (
    LimitedFilter,
    chain_of,
    find_limited_filter,
    has_subquery,
    is_link,
    lower_order,
)
from outcrop.planner.model_call import ModelCall
from outcrop.planner.model_filters import predicate_tests, stored_queries
from outcrop.planner.order_predicates import (
    Ordering,
    PredicateHistory,
    Ranked,
    costs_of,
    order_predicates,
)
from outcrop.planner.plan import BatchOrder, FilterInBatches, Infer, Materialize, Stage, StagedCall
from outcrop.planner.predicates import CALL_NUMBER, PredicateChain, find_chain, name_of
from outcrop.planner.rules.extract_calls import call_of, is_inference_block
from outcrop.planner.split import Split

CallNames: TypeAlias = "dict[tuple[int, int], tuple[str, str]]"
"""The relations of a call's arguments and answers, by its number and how often it was made."""
_NODES_PLANNED_MAX = 1_200
"""How large the alternatives of an order may be together, in nodes: each of them is planned."""
_ORDERED = "ordered"
"""Marks a block whose predicates stand in the order in which they are to be decided."""


@dataclass(slots=True)
class Stager:
    """Cuts one query into stages; `stages` grows in the order in which they must run."""

    models: Mapping[int, ExternalModel]
    names: Names
    history: PredicateHistory | None = None
    stages: list[Stage] = field(default_factory=list)
    orderings: list[Ordering] = field(default_factory=list)
    call_names: CallNames = field(default_factory=dict)
    _staged: dict[exp.Select, exp.Select] = field(default_factory=dict)
    _orders: dict[int, tuple[exp.Ordered, ...]] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _made: Counter[int] = field(default_factory=Counter)

    def stage_root(self, query: exp.Query) -> tuple[exp.Query, bool]:
        """Stage a statement's whole query; also tell whether its rows can stream."""
        query = self._stage_predicates(query)
        if isinstance(query, exp.Select):
            self._sort_before_calls(query)
        query = self._stage_blocks(query)
        match self.stages[-1] if self.stages else None:
            case Infer(relation) | FilterInBatches(relation=relation):
                return query, self._followed(query) == relation
        return query, False

    def _sort_before_calls(self, root: exp.Select) -> None:
        """Have the rows of the first inference block numbered in the order of the root's ORDER BY.

        Then rows can leave in that order as soon as they are answered, and none is sorted later. A
        key that needs an answer comes from a block above it: then that one's rows are numbered so.
        """
        if root.args.get("limit") or not root.args.get("order"):
            return
        if not is_link(root, may_be_cut=True):
            return
        chain = chain_of(root)
        for index in reversed([i for i, link in enumerate(chain) if is_inference_block(link)]):
            order = lower_order(root, chain[1 : index + 1])
            if order is not None:
                root.set("order", None)
                self._orders[id(chain[index])] = order
                return

    def _followed(self, query: exp.Expr) -> str | None:
        """Return the stored relation whose rows `query` takes one by one, if there is one."""
        node: exp.Expr | None = query
        while isinstance(node, exp.Select):
            source = node.args["from_"].this if node.args.get("from_") else None
            if isinstance(source, exp.Table):
                is_cut = node.args.get("limit") or node.args.get("offset")
                return None if is_cut else source.name
            if not is_link(node) or has_subquery(node):
                return None
            node = source.this if isinstance(source, exp.Subquery) else None
        return None

    def stage(self, query: exp.Query) -> exp.Query:
        """Append the stages of `query`, which is in normal form; return the query that is left."""
        return self._stage_blocks(self._stage_predicates(query))

    def _stage_predicates(self, query: exp.Query) -> exp.Query:
        """Append the stages of what comes before blocks, and of what is filtered in batches.

        Chains of predicates that are not filtered in batches are put into their order.
        """
        for with_ in list(query.find_all(exp.With))[::-1]:
            self._store_shared(with_)
        while (limited := _next_limited_filter(query)) is not None:
            query = _replace(query, limited.block, self._stage_limited_filter(limited))
        while (chain := _next_chain(query)) is not None:
            query = _replace(query, chain.top, self._stage_chain(chain))
        return query

    def _stage_blocks(self, query: exp.Query) -> exp.Query:
        """Append the stages of inference blocks; return the query that is left."""
        for block in blocks(query):
            if is_inference_block(block):
                staged = self._stage_block(block)
                if isinstance(block.parent, exp.SetOperation):
                    staged.set("order", None)  # its rows have no order to keep
                query = _replace(query, block, staged)
        return query

    def _store_shared(self, with_: exp.With) -> None:
        """Store each common table expression once, and have its readers read what is stored."""
        owner = with_.parent
        for cte in list(with_.expressions):
            relation = self.names.fresh("r")
            if with_.recursive:
                body: exp.Query = exp.select("*").from_(stored_table(cte.alias), copy=False)
                body.set("with_", with_.copy())
            else:
                body = self.stage(cte.this.copy())
            self.stages.append(Materialize(relation, body))
            _rename_readers(owner, cte.alias, relation)
            for later in with_.expressions:
                _rename_readers(later, cte.alias, relation)
        with_.pop()

    def _stage_limited_filter(self, limited: LimitedFilter) -> exp.Select:
        """Append the stages that fill a relation with as many rows as a LIMIT wants.

        Return the select that reads them, with that LIMIT.
        """
        chain = next(
            (c for link in chain_of(limited.block) if (c := find_chain(link)) is not None), None
        )
        return self._stage_in_batches(limited, [()] if chain is None else self._orders_of(chain))

    def _stage_chain(self, chain: PredicateChain) -> exp.Select:
        """Return what gives the rows of a chain, with its predicates in the cheapest order.

        Where that is to be learned, append the stages that learn it.
        """
        is_cut = any(chain.top.args.get(clause) for clause in ("limit", "offset"))
        keys = None if is_cut else lower_order(chain.top, chain.links[1:])
        orders = self._orders_of(chain)
        if len(orders) > 1 and keys is not None:
            return self._stage_in_batches(LimitedFilter(chain.top, chain.base, keys, None), orders)
        if is_cut or chain.top.args.get("order"):
            return self._separate_filter(chain.top)
        top = chain.ordered(orders[0], self.names) if orders[0] else chain.top
        for link in chain_of(top):
            link.meta[_ORDERED] = True
        return top

    def _separate_filter(self, block: exp.Select) -> exp.Select:
        """Return `block` with its filter in a block below, so that it only sorts and cuts."""
        split = Split(block, self.names)
        split.lower("from_", "where")
        return split.finish()

    def _orders_of(self, chain: PredicateChain) -> Sequence[Sequence[int]]:
        """Return the orders of a chain's predicates that may be cheapest, the expected one first.

        A single one that is as written is empty: nothing is to be done for it.
        """
        predicates = chain.predicates()
        if len(predicates) < 2:
            return [()]
        called = [[self.models[call.model_oid] for call in p.calls] for p in predicates]
        ranked = [
            Ranked(tuple(name_of(c, chain.flat, self.models) for c in predicate.conditions), cost)
            for predicate, cost in zip(predicates, costs_of(called, self.history), strict=True)
        ]
        ordering = order_predicates(ranked, self.history)
        if ordering not in self.orderings:
            self.orderings.append(ordering)
        is_as_written = list(ordering.order) == sorted(ordering.order)
        if ordering.is_known and is_as_written:
            return [()]
        orders = ordering.orders()
        nodes = sum(1 for _ in chain.flat.walk())
        return orders if nodes * len(orders) <= _NODES_PLANNED_MAX else orders[:1]

    def _stage_in_batches(
        self, limited: LimitedFilter, orders: Sequence[Sequence[int]]
    ) -> exp.Select:
        """Append the stage that filters batch by batch; return the select that reads its rows.

        Each order is of the predicates of the uppermost chain; an empty one leaves it as it is.
        """
        base, alias = limited.base, limited.base.alias
        names = base.this.named_selects
        source, batch, filled, row = (self.names.fresh(prefix) for prefix in "rbrn")
        rows = exp.select(
            *(exp.alias_(column_of(name, alias), name, quoted=True) for name in names),
            exp.alias_(_row_number(limited.order), row, quoted=True),
        ).from_(
            exp.Subquery(this=self.stage(base.this.copy()), alias=base.args["alias"].copy()),
            copy=False,
        )
        self.stages.append(Materialize(source, rows))
        taken = exp.select(*(exp.column(name, quoted=True) for name in names))
        taken.from_(stored_table(batch), copy=False)
        base.set("this", taken.order_by(exp.column(row, quoted=True), copy=False))
        body = limited.block.copy()
        result = exp.select().from_(stored_table(filled), copy=False)
        for projection in body.expressions:
            name = self.names.fresh("c")  # the block's own names may repeat
            column = exp.alias_(column_of(name, filled), projection.alias_or_name, quoted=True)
            result.select(column, copy=False)
            projection.replace(exp.alias_(projection.unalias().copy(), name, quoted=True))
        for clause in ("limit", "offset"):
            result.set(clause, body.args.pop(clause, None))
        body.set("order", None)  # the base has it
        body.set("distinct", None)
        call_names: CallNames = {}
        self.stages.append(
            FilterInBatches(
                source,
                row,
                batch,
                tuple(self._batch_order(body.copy(), order, call_names) for order in orders),
                filled,
                limited.rows_wanted,
                limited.is_distinct,
            )
        )
        return result

    def _batch_order(
        self, body: exp.Select, order: Sequence[int], call_names: CallNames
    ) -> BatchOrder:
        """Return the stages of a batch with the predicates of its uppermost chain in an order."""
        part = Stager(self.models, self.names, call_names=call_names)
        query: exp.Query = body
        if order:
            chain = next(c for link in chain_of(body) if (c := find_chain(link)) is not None)
            query = _replace(body, chain.top, chain.ordered(order, self.names))
        query = part._stage_blocks(query)
        tests = predicate_tests([*stored_queries(part.stages), query])
        return BatchOrder(tuple(part.stages), query, tests)

    def _stage_block(self, block: exp.Select) -> exp.Select:
        """Append the stages of an inference block; return the select that reads their rows.

        A subquery that also stands in a guard is there twice, under the same names: its stages
        are run once.
        """
        key = block.copy()
        if key not in self._staged:
            self._staged[key] = self._append_stages(block)
        return self._staged[key].copy()

    def _append_stages(self, block: exp.Select) -> exp.Select:
        source: exp.Subquery = block.args["from_"].this
        alias = source.alias
        relation = self.names.fresh("r")
        row = self.names.fresh("n")
        stored: list[exp.Expr] = []
        source_alias = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
        result = exp.select().from_(stored_table(relation, source_alias), copy=False)
        calls: list[StagedCall] = []
        for projection in block.expressions:
            name = projection.alias_or_name
            if (found := call_of(projection)) is None:
                stored.append(exp.alias_(projection.unalias().copy(), name, quoted=True))
                result.select(exp.alias_(column_of(name, alias), name, quoted=True), copy=False)
                continue
            call, keys = self._call(relation, row, *found)
            calls.append(call)
            stored += [exp.alias_(key, key_name, quoted=True) for key_name, key in keys.items()]
            join_answers(result, alias, call, (row, *keys), name)
        order = self._orders.pop(id(block), ())
        stored.append(exp.alias_(_row_number(order), row, quoted=True))
        self._asked.add(relation)
        rows = exp.Select(expressions=stored)
        rows.set("from_", exp.From(this=source.copy()))
        follows = None if order else self._followed(source.this)
        if follows not in self._asked or any(part.find(exp.Query) for part in stored):
            follows = None  # a subquery needs every answer of what it reads
        self.stages += [
            Materialize(relation, rows, follows),
            Infer(relation, row, tuple(calls)),
        ]
        return result.order_by(column_of(row, alias), copy=False)

    def _call(
        self, relation: str, row: str, call: ModelCall, guard: exp.Expr | None
    ) -> tuple[StagedCall, dict[str, exp.Expr]]:
        """Return a call's part of the plan, and the columns that hold its arguments."""
        model = self.models[call.model_oid]
        keys: dict[str, exp.Expr] = {}
        for position, argument in enumerate(call.expressions):
            key = argument_text(model, position, argument.copy())
            if guard is not None:
                key = exp.Case(ifs=[exp.If(this=guard.copy(), true=key)])
            keys[self.names.fresh("k")] = key
        ids, answers = self._names_of(call)
        distinct = distinct_arguments(relation, row, tuple(keys), model.volatility)
        return StagedCall(model, distinct, ids, answers), keys

    def _names_of(self, call: ModelCall) -> tuple[str, str]:
        """Return the names of a call's relations, which are the same in every order of a batch.

        A call that is made once in a guard and again outside of it is made twice.
        """
        number = call.meta.get(CALL_NUMBER)
        fresh = self.names.fresh("d"), self.names.fresh("a")
        if number is None:
            return fresh
        self._made[number] += 1
        return self.call_names.setdefault((number, self._made[number]), fresh)


def _rename_readers(node: exp.Expr | None, name: str, relation: str) -> None:
    for table in list(node.find_all(exp.Table)) if node is not None else ():
        if table.name == name and not table.db:
            alias = table.alias_or_name
            table.set("this", exp.to_identifier(relation, quoted=True))
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def _next_limited_filter(query: exp.Query) -> LimitedFilter | None:
    """Return the outermost limited filter of `query`."""
    found = (find_limited_filter(block) for block in reversed(blocks(query)))
    return next((limited for limited in found if limited is not None), None)


def _next_chain(query: exp.Query) -> PredicateChain | None:
    """Return the outermost chain of several predicates whose order is open."""
    for block in reversed(blocks(query)):
        chain = None if block.meta.get(_ORDERED) else find_chain(block)
        if chain is not None and len(chain.predicates()) > 1:
            return chain
    return None


def _replace(query: exp.Query, block: exp.Select, by: exp.Select) -> exp.Query:
    """Return `query` with one of its blocks, or itself, replaced."""
    if block is query:
        return by
    block.replace(by)
    return query


def _row_number(order: tuple[exp.Ordered, ...] = ()) -> exp.Expr:
    """Return the number of a row, in the order that it comes in, or in that of some keys."""
    window = exp.Window(this=exp.RowNumber(), over="OVER")
    if order:
        window.set("order", exp.Order(expressions=[key.copy() for key in order]))
    return window
