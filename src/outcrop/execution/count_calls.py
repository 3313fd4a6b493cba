"""The calls that a plan would make, counted exactly, without making one.

The relational part of the plan is run, and the answers that the journal has are used like any
others. Where a later stage depends on answers that nobody has yet, what is counted there is the
most that can come (`planner/relax_unknown.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from sqlglot import exp

from outcrop.catalog.objects import Volatility
from outcrop.engines.base import EngineSession
from outcrop.execution.executor import PlanRun, StageOperator
from outcrop.execution.infer import ANSWER_SCHEMA, batched
from outcrop.execution.journaled_calls import JournaledCalls, Row, Valued, id_of, values_of
from outcrop.execution.order_choice import OrderChoice
from outcrop.execution.stored_rows import count_rows, rows_of
from outcrop.inference.journal import LOOKUP_MAX
from outcrop.planner.call_numbers import CallNumbers, ModelStatistics, cost_of_calls, time_of_calls
from outcrop.planner.plan import (
    FilterInBatches,
    Infer,
    Materialize,
    Stage,
    StagedCall,
    StagedPlan,
    relations_of,
)
from outcrop.planner.relax_unknown import Unknown, relax_unknown


@dataclass(slots=True)
class CallCount:
    """What was counted of one call; `chars` is the length of the requests that would be sent."""

    rows: int = 0
    invocations: int = 0
    calls: int = 0
    chars: int = 0
    is_bound: bool = False

    def numbers(self, model: ModelStatistics) -> CallNumbers:
        """Return the count with what it comes to."""
        input_tokens = round(self.chars * model.tokens_per_char)
        output_tokens = round(self.calls * model.output_tokens_of_answer())
        mean = input_tokens / self.calls if self.calls else 0.0
        return CallNumbers(
            rows=self.rows,
            invocations=self.invocations,
            calls=self.calls,
            reused=self.invocations - self.calls,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_usd=cost_of_calls(model, self.calls, mean, model.output_tokens_of_answer()),
            price_as_of=None if model.price is None else model.price.as_of,
            time_s=time_of_calls(model, self.calls),
            is_bound=self.is_bound,
        )


class _Unanswered(Exception):
    """A batch needs an answer that nobody has: the next batch cannot be known."""


@dataclass(slots=True)
class CallCounter(StageOperator):
    """Counts the calls of one plan. `counts` are by the `ids` of each call.

    It stands where the executor has the operator that asks (`run`).
    """

    engine: EngineSession
    journaled: JournaledCalls
    counts: dict[str, CallCount] = field(default_factory=dict)
    _unknown: Unknown = field(default_factory=Unknown)
    _seen: set[bytes] = field(default_factory=set)
    _must_be_exact: bool = False

    def count(self, plan: StagedPlan) -> Mapping[str, CallNumbers]:
        """Run the stages of a plan, and return what its calls come to."""
        calls = list(plan.calls())
        self._unknown.structural |= {name for c in calls for name in (c.ids, c.answers)}
        run = PlanRun(self.engine)
        try:
            for stage in plan.stages:
                self._count_stage(stage, run)
        finally:
            run.cleanup()
        return {
            call.ids: self.counts.get(call.ids, CallCount()).numbers(self._model(call))
            for call in calls
        }

    def _model(self, call: StagedCall) -> ModelStatistics:
        return self.journaled.models[call.model.oid]

    def _count_stage(self, stage: Stage, run: PlanRun) -> None:
        match stage:
            case Materialize():
                self._store(stage, run)
            case Infer():
                run.run_stages([stage], self)
            case FilterInBatches():
                self._fill(stage, run)

    def _store(self, stage: Materialize, run: PlanRun) -> None:
        relaxed = relax_unknown(stage.query, self._unknown)
        run.run_stages([replace(stage, query=relaxed.query)], self)
        if relaxed.columns:
            self._unknown.columns[stage.relation] = relaxed.columns
        if relaxed.has_more_rows:
            self._unknown.rows.add(stage.relation)
            if relaxed.rows_max is not None:
                self._unknown.rows_max[stage.relation] = relaxed.rows_max

    def _fill(self, stage: FilterInBatches, run: PlanRun) -> None:
        """Count batch by batch as long as all answers are there, else the calls for all rows."""
        queries = [order.query for order in stage.orders]
        for order in stage.orders:
            queries += [s.query for s in order.stages if isinstance(s, Materialize)]
        read = [_all_rows(stage.source), *queries]
        is_known = not any(self._unknown.is_read_by(query) for query in read)
        if is_known and self._fill_exactly(stage, run):
            return
        self._count_stage(Materialize(stage.batch, _all_rows(stage.source)), run)
        choice = OrderChoice(len(stage.orders), count_rows(self.engine, stage.source))
        if choice.is_tried or stage.rows_wanted is not None:
            self._count_orders(stage, run)
        else:
            for part in (*stage.expected.stages, Materialize(stage.relation, stage.expected.query)):
                self._count_stage(part, run)
            return
        self._unknown.rows.add(stage.relation)
        if stage.rows_wanted is not None:
            self._unknown.rows_max[stage.relation] = stage.rows_wanted

    def _count_orders(self, stage: FilterInBatches, run: PlanRun) -> None:
        """Count the calls that each order would make for all rows: any may be taken for any batch.

        What a call comes to at most is what it does in the order that asks it first.
        """
        counts_before, seen_before = self.counts, self._seen
        most: dict[str, CallCount] = {}
        seen: set[bytes] = set()
        for order in reversed(stage.orders):  # the rows that are kept are the expected one's
            run.drop({stage.relation, *relations_of(order.stages)})
            self.counts = {ids: replace(count) for ids, count in counts_before.items()}
            self._seen = set(seen_before)
            for call in StagedPlan(order.stages, order.query, ()).calls():
                self._unknown.structural |= {call.ids, call.answers}
            for part in (*order.stages, Materialize(stage.relation, order.query)):
                self._count_stage(part, run)
            for call in StagedPlan(order.stages, order.query, ()).calls():
                count = self.counts.get(call.ids, CallCount())
                known = most.get(call.ids)
                most[call.ids] = count if known is None or known.calls < count.calls else known
            seen |= self._seen
        for count in most.values():
            count.is_bound = True
        self.counts, self._seen = counts_before | most, seen

    def _fill_exactly(self, stage: FilterInBatches, run: PlanRun) -> bool:
        """Run the batches, and return whether every answer was there."""
        counts_before = {ids: replace(count) for ids, count in self.counts.items()}
        seen_before = set(self._seen)
        self._must_be_exact = True
        try:
            run.run_stages([stage], self)
        except _Unanswered:
            self.counts, self._seen = counts_before, seen_before
            for name in relations_of((stage,)) - {stage.source}:
                self.engine.drop(name)
            return False
        finally:
            self._must_be_exact = False
        return True

    def run(self, stage: Infer) -> None:
        """Count the calls of a stage, and store the answers that are there."""
        rows = count_rows(self.engine, stage.relation)
        for call in stage.calls:
            self.engine.materialize(call.ids, call.sql)
            values = self._count_call(call, stage.relation, rows)
            self.engine.load_arrow(call.answers, batched(values), ANSWER_SCHEMA)

    def _count_call(self, call: StagedCall, relation: str, rows: int) -> list[Valued]:
        """Count one call; return its answers by id, with stand-ins for those not there."""
        count = self.counts.setdefault(call.ids, CallCount())
        count.rows += rows
        keys = {column.name for column in call.distinct.selects[1:]}
        asked = list(rows_of(self.engine, f'SELECT * FROM "{call.ids}" ORDER BY id'))
        is_unknown = not keys.isdisjoint(self._unknown.columns.get(relation, frozenset()))
        if is_unknown:
            values = self._count_stand_ins(call, count, asked)
        else:
            values = self._count_known(call, count, asked)
        if is_unknown or relation in self._unknown.rows:
            count.is_bound = True
            most = self._unknown.rows_max.get(relation)
            if most is not None:
                _limit(count, most)
        return values

    def _count_stand_ins(
        self, call: StagedCall, count: CallCount, asked: Sequence[Row]
    ) -> list[Valued]:
        model = self._model(call)
        count.invocations += len(asked)
        count.calls += len(asked)
        tokens = model.input_tokens_of(model.output_tokens_of_answer() / model.tokens_per_char)
        count.chars += round(len(asked) * tokens / model.tokens_per_char)
        self._unknown.columns[call.answers] = frozenset({"value"})
        return [(id_of(row), _stand_in(call, row)) for row in asked]

    def _count_known(
        self, call: StagedCall, count: CallCount, asked: Sequence[Row]
    ) -> list[Valued]:
        values: list[Valued] = []
        is_volatile = call.model.volatility is Volatility.VOLATILE
        invocations = self.journaled.invocations(
            call, asked, lambda row: f"{call.ids}:{row}" if is_volatile else ""
        )
        pending = iter(invocations.items())
        while chunk := dict(islice(pending, LOOKUP_MAX)):
            answers = self.journaled.usable_answers(list(chunk))
            for fingerprint, (invocation, rows) in chunk.items():
                count.invocations += 1
                if fingerprint not in answers:
                    is_new = fingerprint not in self._seen
                    count.calls += is_new
                    count.chars += len(invocation.body) if is_new else 0
                    self._seen.add(fingerprint)
                    values += [(id_of(row), _stand_in(call, row)) for row in rows]
                    self._note_unanswered(call)
            values += values_of(call, answers, chunk)
        return values

    def _note_unanswered(self, call: StagedCall) -> None:
        if self._must_be_exact:
            raise _Unanswered
        self._unknown.columns[call.answers] = frozenset({"value"})


def _limit(count: CallCount, most: int) -> None:
    """Bring a bound down to the number of rows that there can be."""
    if count.calls > most:
        count.chars = round(count.chars * most / count.calls)
        count.calls = most
    count.invocations = min(count.invocations, most)
    count.rows = min(count.rows, most)


def _stand_in(call: StagedCall, row: Row) -> str:
    return f"{call.ids}:{row[0]}"


def _all_rows(relation: str) -> exp.Query:
    return exp.select("*").from_(exp.to_table(relation))
