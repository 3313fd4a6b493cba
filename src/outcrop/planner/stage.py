"""Normal form to staged plan: the query is cut at its inference blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel, Volatility
from outcrop.datatypes import TYPES, TypeKind
from outcrop.planner.bind import answer_type
from outcrop.planner.blocks import Names, blocks
from outcrop.planner.limited_filter import (
    LimitedFilter,
    chain_of,
    find_limited_filter,
    is_link,
    lower_order,
)
from outcrop.planner.model_call import ModelCall
from outcrop.planner.plan import FillUpTo, Infer, Materialize, Stage, StagedCall
from outcrop.planner.rules.extract_calls import call_of, is_inference_block
from outcrop.providers.base import RequestType


@dataclass(slots=True)
class Stager:
    """Cuts one query into stages; `stages` grows in the order in which they must run."""

    models: Mapping[int, ExternalModel]
    names: Names
    stages: list[Stage] = field(default_factory=list)
    _staged: dict[exp.Select, exp.Select] = field(default_factory=dict)
    _orders: dict[int, tuple[exp.Ordered, ...]] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def stage_root(self, query: exp.Query) -> tuple[exp.Query, bool]:
        """Stage a statement's whole query; also tell whether its rows can stream."""
        if isinstance(query, exp.Select):
            self._sort_before_calls(query)
        query = self.stage(query)
        last = self.stages[-1] if self.stages else None
        return query, isinstance(last, Infer) and self._followed(query) == last.relation

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
        """Return the relation of an `Infer` stage whose rows `query` takes one by one."""
        node: exp.Expr | None = query
        while isinstance(node, exp.Select):
            source = node.args["from_"].this if node.args.get("from_") else None
            if isinstance(source, exp.Table):
                return source.name if source.name in self._asked else None
            parts = [*node.expressions, node.args.get("where")]
            has_subquery = any(part is not None and part.find(exp.Query) for part in parts)
            if not is_link(node) or has_subquery:
                return None
            node = source.this if isinstance(source, exp.Subquery) else None
        return None

    def stage(self, query: exp.Query) -> exp.Query:
        """Append the stages of `query`, which is in normal form; return the query that is left."""
        for with_ in list(query.find_all(exp.With))[::-1]:
            self._store_shared(with_)
        while (limited := _next_limited_filter(query)) is not None:
            query = _replace(query, limited.block, self._stage_limited_filter(limited))
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
                body: exp.Query = exp.select("*").from_(_table(cte.alias))
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
        base, alias = limited.base, limited.base.alias
        names = base.this.named_selects
        source, batch, filled, row = (self.names.fresh(prefix) for prefix in "rbrn")
        rows = exp.select(
            *(exp.alias_(_column(name, alias), name, quoted=True) for name in names),
            exp.alias_(_row_number(limited.order), row, quoted=True),
        ).from_(exp.Subquery(this=self.stage(base.this.copy()), alias=base.args["alias"].copy()))
        self.stages.append(Materialize(source, rows))
        taken = exp.select(*(exp.column(name, quoted=True) for name in names)).from_(_table(batch))
        base.set("this", taken.order_by(exp.column(row, quoted=True)))
        body = limited.block.copy()
        result = exp.select().from_(_table(filled))
        for projection in body.expressions:
            name = self.names.fresh("c")  # the block's own names may repeat
            column = exp.alias_(_column(name, filled), projection.alias_or_name, quoted=True)
            result.select(column, copy=False)
            projection.replace(exp.alias_(projection.unalias().copy(), name, quoted=True))
        for clause in ("limit", "offset"):
            result.set(clause, body.args.pop(clause, None))
        body.set("order", None)  # the base has it
        part = Stager(self.models, self.names)
        query = part.stage(body)
        self.stages.append(
            FillUpTo(source, row, batch, tuple(part.stages), query, filled, limited.rows_wanted)
        )
        return result

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
        result = exp.select().from_(exp.alias_(_table(relation), alias, table=True, quoted=True))
        calls: list[StagedCall] = []
        for projection in block.expressions:
            name = projection.alias_or_name
            if (found := call_of(projection)) is None:
                stored.append(exp.alias_(projection.unalias().copy(), name, quoted=True))
                result.select(exp.alias_(_column(name, alias), name, quoted=True), copy=False)
                continue
            call, keys = self._call(relation, row, *found)
            calls.append(call)
            stored += [exp.alias_(key, key_name, quoted=True) for key_name, key in keys.items()]
            _join_answers(result, alias, call, (row, *keys), name)
        order = self._orders.pop(id(block), ())
        stored.append(exp.alias_(_row_number(order), row, quoted=True))
        self._asked.add(relation)
        rows = exp.Select(expressions=stored)
        rows.set("from_", exp.From(this=source.copy()))
        follows = None if order else self._followed(source.this)
        self.stages += [
            Materialize(relation, rows, follows),
            Infer(relation, row, tuple(calls)),
        ]
        return result.order_by(_column(row, alias), copy=False)

    def _call(
        self, relation: str, row: str, call: ModelCall, guard: exp.Expr | None
    ) -> tuple[StagedCall, dict[str, exp.Expr]]:
        """Return a call's part of the plan, and the columns that hold its arguments."""
        model = self.models[call.model_oid]
        keys: dict[str, exp.Expr] = {}
        for position, argument in enumerate(call.expressions):
            key = _key(model, position, argument.copy())
            if guard is not None:
                key = exp.Case(ifs=[exp.If(this=guard.copy(), true=key)])
            keys[self.names.fresh("k")] = key
        staged = StagedCall(
            model=model,
            distinct=_distinct(relation, row, tuple(keys), model.volatility),
            ids=self.names.fresh("d"),
            answers=self.names.fresh("a"),
        )
        return staged, keys


def _key(model: ExternalModel, position: int, argument: exp.Expr) -> exp.Expr:
    """Return an argument as text: a prompt as it is, a SUPER as JSON."""
    is_super = position > 0 or model.request_type is RequestType.RAW
    if is_super:
        argument = exp.Anonymous(this="to_json", expressions=[argument])
    return exp.cast(argument, exp.DataType.Type.TEXT, copy=False)


def _distinct(
    relation: str, row_name: str, keys: tuple[str, ...], volatility: Volatility
) -> exp.Query:
    """Return the query for the argument tuples to ask about, in the order of their first rows."""
    first = exp.column(keys[0], quoted=True)
    columns = [exp.column(key, quoted=True) for key in keys]
    row = exp.column(row_name, quoted=True)
    if volatility is Volatility.VOLATILE:
        query = exp.select(exp.alias_(row, "id"), *columns)
    else:
        query = exp.select(exp.alias_(exp.Min(this=row), "id"), *columns).group_by(*columns)
    return (
        query.from_(_table(relation))
        .where(exp.not_(exp.Is(this=first, expression=exp.null())))
        .order_by(exp.column("id"))
    )


def _join_answers(
    select: exp.Select, alias: str, call: StagedCall, columns: tuple[str, ...], answer: str
) -> None:
    """Add the answers of a call to the rows that asked: NULL where there is none.

    `columns` are those of the row's number and of its keys.
    """
    row, *keys = columns
    if call.model.volatility is Volatility.VOLATILE:
        matches: list[exp.Expr] = [
            exp.EQ(this=_column(row, alias), expression=_column("id", call.ids))
        ]
    else:
        matches = [
            exp.NullSafeEQ(this=_column(key, alias), expression=_column(key, call.ids))
            for key in keys
        ]
    select.select(exp.alias_(_answer_value(call), answer, quoted=True), copy=False)
    select.join(_table(call.ids), on=exp.and_(*matches), join_type="left", copy=False)
    select.join(
        _table(call.answers),
        on=exp.EQ(this=_column("id", call.answers), expression=_column("id", call.ids)),
        join_type="left",
        copy=False,
    )


def _answer_value(call: StagedCall) -> exp.Expr:
    """Return the stored text of an answer as a value of the type that the model returns."""
    value: exp.Expr = _column("value", call.answers)
    datatype = answer_type(call.model)
    if datatype.kind is TypeKind.SUPER:
        as_json = exp.cast(value, exp.DataType.Type.JSON)
        return exp.cast(as_json, exp.DataType.Type.VARIANT)
    if datatype.kind is TypeKind.DECIMAL:
        return exp.cast(value, f"DECIMAL({datatype.precision},{datatype.scale})")
    if not datatype.is_character:
        return exp.cast(value, TYPES[datatype.kind].duckdb)
    return value


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


def _table(name: str) -> exp.Table:
    """Return a temporary relation; `exp.to_table` would parse its name, which takes longer."""
    return exp.Table(this=exp.to_identifier(name))


def _column(name: str, table: str) -> exp.Column:
    return exp.column(name, table=table, quoted=True)
