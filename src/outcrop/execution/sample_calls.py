"""A few of a plan's calls, made for real, and what they say of all: EXPLAIN (SAMPLE n).

What is answered is journaled like any answer, so that the statement itself will not pay for it
again. The rows whose calls were not drawn are left out of what follows, and what follows is counted
that many times more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from outcrop.execution.count_calls import CallCounter, rows_of
from outcrop.execution.executor import PlanRun, StageOperator
from outcrop.execution.infer import ANSWER_SCHEMA, InferOperator, batched
from outcrop.inference.journal import LOOKUP_MAX
from outcrop.inference.records import Answer
from outcrop.planner.call_numbers import CallNumbers, Interval, time_of_calls
from outcrop.planner.estimate_from_sample import Mean, Z, mean_of, share_interval
from outcrop.planner.model_filters import passing_query
from outcrop.planner.plan import FilterInBatches, Infer, Materialize, Stage, StagedCall, StagedPlan
from outcrop.providers.base import TokenUsage
from outcrop.sql.duckdb_dialect import render

_BUCKETS = 1_000_000
# How many more rows the executor asks about than a clairvoyant would (batches.batch_size).
_OVERSHOOT = 1.1


@dataclass(frozen=True, slots=True)
class _Scale:
    """How many real rows a row of a relation stands for: about, at least and at most.

    `rows_max` bounds the rows themselves where the sample has none that could be counted.
    """

    value: float = 1.0
    low: float = 1.0
    high: float = 1.0
    rows_max: float = 0.0


@dataclass(slots=True)
class CallSampler(StageOperator):
    """Samples the calls of one plan. `bounds` are what `CallCounter` found, by `ids` of the call.

    `size` is the most that is asked of each call; `random` draws them.
    """

    counter: CallCounter
    operator: InferOperator
    bounds: Mapping[str, CallNumbers]
    size: int
    random: Random
    _plan: StagedPlan | None = None
    _found: dict[str, CallNumbers] = field(default_factory=dict)
    _scales: dict[str, _Scale] = field(default_factory=dict)
    _samples: dict[str, _Sample] = field(default_factory=dict)

    def sample(self, plan: StagedPlan, run: PlanRun) -> Mapping[str, CallNumbers]:
        """Run a plan on the rows whose calls are drawn, and return what all calls come to.

        A call that no drawn row reaches is left out: nothing more is known of it than before.
        """
        self._plan = plan
        for stage in plan.stages:
            self._run_stage(stage, run)
        return self._found

    def _run_stage(self, stage: Stage, run: PlanRun) -> None:
        match stage:
            case Materialize():
                run.run_stages([stage], self)
                self._scales[stage.relation] = self._scale_of(stage.query)
            case Infer():
                run.run_stages([stage], self)
            case FilterInBatches():
                self._run_fill(stage, run)

    def _run_fill(self, stage: FilterInBatches, run: PlanRun) -> None:
        """Sample from all rows in the expected order of predicates.

        Under a LIMIT, take as many of the calls as the rows that will be needed.
        """
        everything = exp.select("*").from_(exp.to_table(stage.source))
        order = stage.expected
        last = Materialize(stage.relation, order.query)
        for part in (Materialize(stage.batch, everything), *order.stages, last):
            self._run_stage(part, run)
        if stage.rows_wanted is None:
            return
        rows = self._count(stage.batch) * self._scales[stage.batch].value
        scale = self._scales[stage.relation]
        passed = self._count(stage.relation) * scale.value
        share = min(1.0, stage.rows_wanted / passed) if passed else 1.0
        for call in StagedPlan((stage,), order.query, ()).calls():
            if rows and (found := self._found.get(call.ids)) is not None:
                self._found[call.ids] = _part(found, share, stage.rows_wanted)

    def _scale_of(self, query: exp.Query) -> _Scale:
        read = [self._scales.get(table.name) for table in query.find_all(exp.Table) if not table.db]
        return max((s for s in read if s is not None), key=lambda s: s.value, default=_Scale())

    def _count(self, relation: str, condition: str = "TRUE") -> int:
        sql = f'SELECT count(*) FROM "{relation}" WHERE {condition}'
        [row] = rows_of(self.counter.engine, sql)
        return int(str(row[0]))

    def run(self, stage: Infer) -> None:
        """Draw from the calls of a stage, answer what is drawn, and leave the other rows out."""
        rows = self._count(stage.relation)
        for call in stage.calls:
            self._sample_call(call, stage.relation, rows)
        keys = [_keys(call)[0] for call in stage.calls]
        asked = " OR ".join(f'"{key}" IS NOT NULL' for key in keys)
        before = self._count(stage.relation, asked)
        for call in stage.calls:
            self._leave_out(call, stage.relation)
        kept = self._count(stage.relation, asked)
        if before and kept < before:
            cut = round(_BUCKETS * kept / before)
            self.counter.engine.execute(
                f'DELETE FROM "{stage.relation}" WHERE NOT ({asked}) '
                f"AND hash(rowid) % {_BUCKETS} >= {cut}"
            )
        self._note_selectivity(stage, before, kept)

    def _leave_out(self, call: StagedCall, relation: str) -> None:
        """Remove the rows of which a call was not answered."""
        keys = _keys(call)
        matches = " AND ".join(f'd."{key}" IS NOT DISTINCT FROM r."{key}"' for key in keys)
        self.counter.engine.execute(
            f'DELETE FROM "{relation}" AS r WHERE r."{keys[0]}" IS NOT NULL AND NOT EXISTS '
            f'(SELECT 1 FROM "{call.ids}" AS d JOIN "{call.answers}" AS a ON a.id = d.id '
            f"WHERE {matches})"
        )

    def _note_selectivity(self, stage: Infer, before: int, kept: int) -> None:
        """Note how many rows pass what is asked of these answers, and what a row now stands for.

        Rows with the same arguments pass together: it is invocations that were drawn.
        """
        assert self._plan is not None
        scale = self._scales[stage.relation]
        grown = before / kept if kept else 1.0
        query = passing_query(self._plan, stage.relation)
        low = high = 1.0
        rows_max = 0.0
        if query is not None and kept:
            [(total, passed)] = rows_of(self.counter.engine, render(query))
            share = int(str(passed)) / int(str(total)) if total else 0.0
            answered = min(self._samples[call.ids].answered for call in stage.calls)
            everything = max(self._samples[call.ids].invocations for call in stage.calls)
            bounds = share_interval(share * answered, answered, everything * scale.value)
            low, high = (bounds.low / share, bounds.high / share) if share else (0.0, 1.0)
            rows_max = bounds.high * before * scale.high
            for call in stage.calls:
                self._found[call.ids] = _with_selectivity(self._found[call.ids], share, bounds)
        self._scales[stage.relation] = _Scale(
            scale.value * grown, scale.low * grown * low, scale.high * grown * high, rows_max
        )

    def _sample_call(self, call: StagedCall, relation: str, rows: int) -> None:
        counter = self.counter
        ids = self.operator.store_ids(call)
        asked = [row for b in ids for row in zip(*(c.to_pylist() for c in b.columns), strict=True)]
        invocations = dict(counter.invocations(call, asked))
        known = self._answers(list(invocations)) if counter.options.reuse_answers else {}
        open_ = [fingerprint for fingerprint in invocations if fingerprint not in known]
        drawn = self.random.sample(open_, min(self.size, len(open_)))
        chosen = [row[0] for fingerprint in drawn for row in invocations[fingerprint][1]]
        values = list(self.operator.ask(call, [_only(batch, chosen) for batch in ids]))
        values += counter.read(call, known, invocations)
        counter.engine.load_arrow(call.answers, batched(values), ANSWER_SCHEMA)
        usages = list(self._answers(drawn).values())
        sample = _Sample(rows, len(invocations), len(open_), len(drawn), usages)
        self._samples[call.ids] = sample
        self._found[call.ids] = self._extrapolate(call, sample, self._scales[relation])

    def _answers(self, fingerprints: Sequence[bytes]) -> dict[bytes, Answer]:
        found: dict[bytes, Answer] = {}
        for start in range(0, len(fingerprints), LOOKUP_MAX):
            found |= self.counter.journal.lookup(fingerprints[start : start + LOOKUP_MAX])
        return found

    def _extrapolate(self, call: StagedCall, sample: _Sample, scale: _Scale) -> CallNumbers:
        """Return what all calls come to, by those that were drawn."""
        model, bound = self.counter.models[call.model.oid], self.bounds[call.ids]
        invocations = min(sample.invocations * scale.value, bound.invocations)
        calls = min(sample.open * scale.value, bound.calls)
        low = min(sample.open * scale.low, calls)
        high = min(max(sample.open * scale.high, calls), bound.calls)
        usages = [answer.usage for answer in sample.answers if answer.usage is not None]
        tokens_in = mean_of([_input(usage) for usage in usages], calls)
        tokens_out = mean_of([usage.output_tokens for usage in usages], calls)
        costs = [a.cost_usd for a in sample.answers if a.cost_usd is not None]
        if not sample.invocations and scale.rows_max:
            return _unseen(bound, min(scale.rows_max, bound.calls))
        has_price = model.price is not None and len(costs) == len(sample.answers)
        cost = mean_of(costs, calls) if has_price else None
        return CallNumbers(
            rows=round(sample.rows * scale.value),
            invocations=round(invocations),
            calls=round(calls),
            reused=round(invocations) - round(calls),
            input_tokens=round(calls * tokens_in.value),
            output_tokens=round(calls * tokens_out.value),
            cost_usd=None if cost is None else calls * cost.value,
            price_as_of=None if model.price is None else model.price.as_of,
            time_s=time_of_calls(self.counter.models[call.model.oid], round(calls)),
            output_tokens_interval=_interval(tokens_out, low, high),
            cost_interval=None if cost is None else _interval(cost, low, high),
            sampled=sample.drawn,
        )


@dataclass(frozen=True, slots=True)
class _Sample:
    """What was drawn from the rows of one call: of `open` invocations without answer, `drawn`."""

    rows: int
    invocations: int
    open: int
    drawn: int
    answers: Sequence[Answer]

    @property
    def answered(self) -> int:
        """How many invocations have an answer, drawn or journaled before."""
        return self.invocations - self.open + self.drawn


def _unseen(bound: CallNumbers, calls_max: float) -> CallNumbers:
    """Return the numbers of a call that no drawn row reaches: none, and at most what could."""
    share = calls_max / bound.calls if bound.calls else 0.0
    cost_usd = bound.cost_usd
    return replace(
        bound,
        rows=0,
        invocations=0,
        calls=0,
        reused=0,
        input_tokens=0,
        output_tokens=0,
        cost_usd=None if cost_usd is None else 0.0,
        time_s=0.0,
        is_bound=False,
        output_tokens_interval=Interval(0.0, bound.output_tokens * share),
        cost_interval=None if cost_usd is None else Interval(0.0, cost_usd * share),
        sampled=0,
    )


def _interval(mean: Mean, low: float, high: float) -> Interval:
    return Interval(mean.low * low, mean.high * high)


def _input(usage: TokenUsage) -> int:
    return usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens


def _keys(call: StagedCall) -> list[str]:
    """Return the names of the columns that hold a call's arguments."""
    return [column.name for column in call.distinct.selects[1:]]


def _only(batch: pa.RecordBatch, ids: Sequence[object]) -> pa.RecordBatch:
    """Return the rows of a batch whose first column is among `ids`."""
    return batch.filter(pc.is_in(batch.column(0), pa.array(ids, batch.column(0).type)))


def _with_selectivity(numbers: CallNumbers, share: float, bounds: Interval) -> CallNumbers:
    return replace(numbers, selectivity=share, selectivity_interval=bounds)


def _part(numbers: CallNumbers, share: float, rows_wanted: int) -> CallNumbers:
    """Return a part of the numbers of a call: that of the rows which are needed.

    How many rows it takes until `rows_wanted` have passed is a matter of chance, even where the
    selectivity is known (a negative binomial distribution); that widens the interval.
    """
    least = most = 1.0
    bounds, passing = numbers.selectivity_interval, numbers.selectivity
    if bounds is not None and passing and bounds.low:
        chance = Z * math.sqrt((1 - passing) / rows_wanted) if rows_wanted else 0.0
        least = passing / bounds.high * max(0.0, 1 - chance)
        most = passing / bounds.low * (1 + chance)
    part = min(1.0, share * _OVERSHOOT)
    high = min(1.0, part * most)
    low = min(part, share * least)
    return replace(
        numbers,
        rows=round(numbers.rows * part),
        invocations=round(numbers.invocations * part),
        calls=round(numbers.calls * part),
        reused=None if numbers.reused is None else round(numbers.reused * part),
        input_tokens=round(numbers.input_tokens * part),
        output_tokens=round(numbers.output_tokens * part),
        cost_usd=None if numbers.cost_usd is None else numbers.cost_usd * part,
        time_s=None if numbers.time_s is None else numbers.time_s * part,
        output_tokens_interval=_scaled(numbers.output_tokens_interval, low, high),
        cost_interval=_scaled(numbers.cost_interval, low, high),
    )


def _scaled(interval: Interval | None, low: float, high: float) -> Interval | None:
    return None if interval is None else Interval(interval.low * low, interval.high * high)
