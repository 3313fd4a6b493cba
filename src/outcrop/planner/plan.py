"""The staged plan: what the executor does, step by step, and nothing of how.

A plan is a sequence of stages. `Materialize` stores the rows of a query as a temporary relation
of the engine; `Infer` asks the models for the distinct arguments found in such a relation. `result`
is the query that gives the statement's rows: it reads temporary relations where the statement
called models, and it never calls one itself. `FilterInBatches` runs stages of its own on growing
batches, where a LIMIT stands above a model predicate or a DISTINCT of answers, or where the order
of several such predicates is learned from the first rows.

A plan may run many times, and in several sessions at once: nobody changes its trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel, Relation
from outcrop.datatypes import DataType
from outcrop.planner.order_predicates import Ordering
from outcrop.sql.duckdb_dialect import render


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of a statement's result, as the client sees it."""

    name: str
    datatype: DataType


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The base of what holds a query: writes it as the engine's SQL when that is first asked for.

    A copy with another query (`dataclasses.replace`) writes its own.
    """

    _sql: str | None = field(default=None, init=False, repr=False, compare=False)

    def _render(self, query: exp.Query) -> str:
        if self._sql is None:
            object.__setattr__(self, "_sql", render(query))
        return self._sql or ""


@dataclass(frozen=True, slots=True)
class StagedCall(_Rendered):
    """A model call of an `Infer` stage.

    `distinct` gives (id, argument, ...) for the argument tuples to ask about, each once, in the
    order of their first rows; its rows are stored as relation `ids`, and the answers, (id, value),
    as relation `answers`. SUPER arguments are JSON text. A row whose first argument is NULL, or
    whose guard is not true, has no id: its answer is NULL, without a call.
    """

    model: ExternalModel
    distinct: exp.Query
    ids: str
    answers: str

    @property
    def sql(self) -> str:
        """`distinct` as the engine's SQL."""
        return self._render(self.distinct)


@dataclass(frozen=True, slots=True)
class Materialize(_Rendered):
    """Store the rows of `query` as temporary relation `relation`.

    `follows` is set where `query` takes the rows of that relation of an `Infer` stage one by one,
    in their order: what is answered there can be stored here, and asked about, before the rest is.
    """

    relation: str
    query: exp.Query
    follows: str | None = None

    @property
    def sql(self) -> str:
        """`query` as the engine's SQL."""
        return self._render(self.query)


@dataclass(frozen=True, slots=True)
class Infer:
    """Answer `calls` for the distinct arguments in temporary relation `relation`.

    The calls of one stage do not depend on each other. Column `row` numbers the relation's rows
    from 1, in the order in which they leave.
    """

    relation: str
    row: str
    calls: tuple[StagedCall, ...]


@dataclass(frozen=True, slots=True)
class PredicateTest(_Rendered):
    """How many rows conditions on answers have tested, and how many passed each.

    `query` gives one row: the number of rows, then for each condition that of those which passed.
    It is run when all of them are answered.
    """

    conditions: tuple[str, ...]
    query: exp.Query

    @property
    def sql(self) -> str:
        """`query` as the engine's SQL."""
        return self._render(self.query)


@dataclass(frozen=True, slots=True)
class BatchOrder(_Rendered):
    """One order in which the predicates of a batch can be decided: its stages, then its query."""

    stages: tuple[Stage, ...]
    query: exp.Query
    tests: tuple[PredicateTest, ...] = ()

    @property
    def sql(self) -> str:
        """`query` as the engine's SQL."""
        return self._render(self.query)


@dataclass(frozen=True, slots=True)
class FilterInBatches:
    """Ask about one batch of rows after the other, and keep the rows that pass the predicates.

    The rows of temporary relation `source` are taken in the order of their column `row`; each batch
    is stored as relation `batch`, for which one of `orders` is run; what its query gives is
    appended to `relation`, numbered anew by `row`. All orders give the same rows, and name the same
    call alike; the first is the one that is expected to be cheapest, and which really is shows from
    batch to batch. It ends with the batch that makes `relation` hold `rows_wanted` rows; None: all
    that pass. With `is_distinct` a row that is equal to one before it is left out.
    """

    source: str
    row: str
    batch: str
    orders: tuple[BatchOrder, ...]
    relation: str
    rows_wanted: int | None
    is_distinct: bool = False

    @property
    def expected(self) -> BatchOrder:
        """The order that is expected to be cheapest."""
        return self.orders[0]


Stage = Materialize | Infer | FilterInBatches


@dataclass(frozen=True, slots=True)
class StagedPlan(_Rendered):
    """A statement, planned.

    `is_streamed` says that `result` takes the rows of the last stage, which asks, one by one, so
    that a row can leave as soon as it, and all before it, are answered. `system_views` are to be
    filled with rows before the first stage; `reads` are the stored relations that the statement
    reads, by which a materialized view knows when it is stale. `tests` show what the predicates
    outside of batches select; `orderings` are the decisions that depend on what earlier statements
    saw of them (`order_predicates.is_current`).
    """

    stages: tuple[Stage, ...]
    result: exp.Query
    columns: tuple[OutputColumn, ...]
    is_streamed: bool = False
    system_views: tuple[Relation, ...] = ()
    reads: tuple[Relation, ...] = ()
    tests: tuple[PredicateTest, ...] = ()
    orderings: tuple[Ordering, ...] = ()

    @property
    def sql(self) -> str:
        """`result` as the engine's SQL."""
        return self._render(self.result)

    def calls(self) -> Iterator[StagedCall]:
        """Yield every model call of the plan, in the expected order of its predicates."""
        yield from _calls(self.stages)

    def queries(self) -> Iterator[exp.Query]:
        """Yield every query of the plan."""
        yield from _queries(self.stages)
        yield self.result


def _calls(stages: tuple[Stage, ...]) -> Iterator[StagedCall]:
    for stage in stages:
        match stage:
            case Infer():
                yield from stage.calls
            case FilterInBatches():
                yield from _calls(stage.expected.stages)


def _queries(stages: tuple[Stage, ...]) -> Iterator[exp.Query]:
    for stage in stages:
        match stage:
            case Materialize():
                yield stage.query
            case Infer():
                yield from (call.distinct for call in stage.calls)
            case FilterInBatches():
                for order in stage.orders:
                    yield from _queries(order.stages)
                    yield order.query


def relations_of(stages: Iterable[Stage]) -> set[str]:
    """Return the relations that stages store."""
    names: set[str] = set()
    for stage in stages:
        match stage:
            case Materialize():
                names.add(stage.relation)
            case Infer():
                names |= {name for call in stage.calls for name in (call.ids, call.answers)}
            case FilterInBatches():
                names |= {stage.source, stage.batch, stage.relation}
                names |= {name for order in stage.orders for name in relations_of(order.stages)}
    return names


def read_by(query: exp.Query) -> set[str]:
    """Return the temporary relations that a query reads."""
    return {table.name for table in query.find_all(exp.Table) if not table.db}
