"""A few of a plan's calls, made for real, and what they say of all: EXPLAIN (SAMPLE n).

What is answered is journaled like any answer, so that the statement itself will not pay for it
again. First the plan is run on the rows whose calls are drawn: the rows of calls that were not
drawn are left out of what follows. Then it is run on all rows, as often as it takes to see what the
sample leaves open, on answers like those that were given (`imputed_answers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from outcrop.engines.base import EngineSession
from outcrop.execution.arrow_columns import integer_column
from outcrop.execution.executor import PlanRun, StageOperator
from outcrop.execution.extrapolate import extrapolated
from outcrop.execution.imputed_answers import (
    AnswerSource,
    CallSample,
    CallTally,
    ImputingOperator,
    SampledAnswer,
)
from outcrop.execution.infer import ANSWER_SCHEMA, InferOperator, batched
from outcrop.execution.journaled_calls import JournaledCalls, read_value, values_of
from outcrop.execution.read_answer import AnswerReader
from outcrop.execution.stored_rows import count_rows, rows_of
from outcrop.planner.call_numbers import CallNumbers
from outcrop.planner.estimate_from_sample import RUNS, share_interval
from outcrop.planner.model_filters import passing_query
from outcrop.planner.plan import FilterInBatches, Infer, Materialize, Stage, StagedCall, StagedPlan
from outcrop.sql.duckdb_dialect import render

_BUCKETS = 1_000_000


@dataclass(slots=True)
class CallSampler(StageOperator):
    """Samples the calls of one plan. `bounds` are what `CallCounter` found, by `ids` of the call.

    `size` is the most that is asked of each call; `random` draws them.
    """

    engine: EngineSession
    journaled: JournaledCalls
    operator: InferOperator
    bounds: Mapping[str, CallNumbers]
    size: int
    random: Random
    _plan: StagedPlan | None = None
    _samples: dict[str, CallSample] = field(default_factory=dict)

    def sample(self, plan: StagedPlan, run: PlanRun) -> Mapping[str, CallNumbers]:
        """Ask what is drawn, and return what all calls come to."""
        self._plan = plan
        self._samples = {call.ids: CallSample() for call in plan.calls()}
        for stage in plan.stages:
            self._run_stage(stage, run)
        run.cleanup()
        tallies = self._imputed(plan)
        shares = [
            sample.selectivity_interval.high
            for sample in self._samples.values()
            if sample.selectivity == 0 and sample.selectivity_interval is not None
        ]
        return {
            call.ids: extrapolated(
                self.journaled.models[call.model.oid],
                self._samples[call.ids],
                [tally[call.ids] for tally in tallies],
                self.bounds[call.ids],
                self.random,
                max(shares, default=None),
            )
            for call in plan.calls()
        }

    def _run_stage(self, stage: Stage, run: PlanRun) -> None:
        match stage:
            case Materialize() | Infer():
                run.run_stages([stage], self)
            case FilterInBatches():
                self._run_fill(stage, run)

    def _run_fill(self, stage: FilterInBatches, run: PlanRun) -> None:
        """Sample from all rows, wherever the last one that is needed may stand."""
        everything = exp.select("*").from_(exp.to_table(stage.source))
        order = stage.expected
        last = Materialize(stage.relation, order.query)
        for part in (Materialize(stage.batch, everything), *order.stages, last):
            self._run_stage(part, run)

    def run(self, stage: Infer) -> None:
        """Draw from the calls of a stage, answer what is drawn, and leave the other rows out."""
        for call in stage.calls:
            self._samples[call.ids] = self._sample_call(call)
        keys = [_keys(call)[0] for call in stage.calls]
        asked = " OR ".join(f'"{key}" IS NOT NULL' for key in keys)
        before = count_rows(self.engine, stage.relation, asked)
        for call in stage.calls:
            self._leave_out(call, stage.relation)
        kept = count_rows(self.engine, stage.relation, asked)
        if before and kept < before:
            cut = round(_BUCKETS * kept / before)
            self.engine.execute(
                f'DELETE FROM "{stage.relation}" WHERE NOT ({asked}) '
                f"AND hash(rowid) % {_BUCKETS} >= {cut}"
            )
        self._note_passed(stage)

    def _leave_out(self, call: StagedCall, relation: str) -> None:
        """Remove the rows of which a call was not answered."""
        keys = _keys(call)
        matches = " AND ".join(f'd."{key}" IS NOT DISTINCT FROM r."{key}"' for key in keys)
        self.engine.execute(
            f'DELETE FROM "{relation}" AS r WHERE r."{keys[0]}" IS NOT NULL AND NOT EXISTS '
            f'(SELECT 1 FROM "{call.ids}" AS d JOIN "{call.answers}" AS a ON a.id = d.id '
            f"WHERE {matches})"
        )

    def _note_passed(self, stage: Infer) -> None:
        """Note how many rows pass what is asked of these answers.

        Rows with the same arguments pass together: it is invocations that were drawn.
        """
        assert self._plan is not None
        query = passing_query(self._plan, stage.relation)
        if query is None or not count_rows(self.engine, stage.relation):
            return
        [(total, passed)] = rows_of(self.engine, render(query))
        share = int(str(passed)) / int(str(total)) if total else 0.0
        samples = [self._samples[call.ids] for call in stage.calls]
        answered = min(sample.answered for sample in samples)
        everything = max(sample.invocations for sample in samples)
        for sample in samples:
            sample.selectivity = share
            sample.selectivity_interval = share_interval(share * answered, answered, everything)

    def _sample_call(self, call: StagedCall) -> CallSample:
        ids = self.operator.store_ids(call)
        question = self.operator.question(call)
        asked = [row for b in ids for row in zip(*(c.to_pylist() for c in b.columns), strict=True)]
        invocations = self.journaled.invocations(call, asked, question.salt_of)
        known = self.journaled.usable_answers(list(invocations))
        open_ = [fingerprint for fingerprint in invocations if fingerprint not in known]
        drawn = self.random.sample(open_, min(self.size, len(open_)))
        chosen = [row[0] for fingerprint in drawn for row in invocations[fingerprint][1]]
        question.add([_only(batch, chosen) for batch in ids])
        question.close()
        values = list(self.operator.answers(question))
        values += values_of(call, known, invocations)
        self.engine.load_arrow(call.answers, batched(values), ANSWER_SCHEMA)
        reader = AnswerReader(call.model)
        answers = {
            fingerprint: SampledAnswer(
                len(invocations[fingerprint][0].body), read_value(reader, answer), answer
            )
            for fingerprint, answer in self.journaled.answers(drawn).items()
        }
        return CallSample(answers, len(invocations), len(drawn), len(known) + len(drawn))

    def _imputed(self, plan: StagedPlan) -> list[Mapping[str, CallTally]]:
        """Run the plan on all rows: once if no answer bears on which calls there are."""
        sampled = {f: a for sample in self._samples.values() for f, a in sample.answers.items()}
        sources = {
            call.ids: AnswerSource(call, self.journaled, self._samples[call.ids], sampled)
            for call in plan.calls()
        }
        runs = RUNS if any(bound.is_bound for bound in self.bounds.values()) else 1
        before = list(takewhile(lambda stage: isinstance(stage, Materialize), plan.stages))
        tallies: list[Mapping[str, CallTally]] = []
        stored = PlanRun(self.engine)
        try:
            stored.run_stages(before, self)
            for _ in range(runs):
                operator = ImputingOperator(self.engine, sources, self.random)
                run = PlanRun(self.engine)
                try:
                    run.run_stages(plan.stages[len(before) :], operator)
                finally:
                    run.cleanup()
                tallies.append(operator.tallies)
        finally:
            stored.cleanup()
        return tallies


def _keys(call: StagedCall) -> list[str]:
    """Return the names of the columns that hold a call's arguments."""
    return [column.name for column in call.distinct.selects[1:]]


def _only(batch: pa.RecordBatch, ids: Sequence[object]) -> pa.RecordBatch:
    """Return the rows of a batch whose first column is among `ids`."""
    return batch.filter(pc.is_in(batch.column(0), integer_column([int(str(i)) for i in ids])))
