"""The calls of a plan as they really went, call by call, for EXPLAIN ANALYZE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from outcrop.engines.base import EngineSession
from outcrop.execution.executor import PlanRun, StageOperator, rows_failed
from outcrop.execution.infer import ANSWER_SCHEMA, InferOperator, batched
from outcrop.execution.order_choice import Spent
from outcrop.execution.stored_rows import count_rows
from outcrop.inference.meter import Progress
from outcrop.planner.call_numbers import CallNumbers, ModelStatistics, total_numbers
from outcrop.planner.plan import Infer, StagedCall, StagedPlan


@dataclass(slots=True)
class MeasuringOperator(StageOperator):
    """Asks like any statement, one call of the plan after the other, and notes what each came to.

    `progress` gives what the statement's calls came to so far; the difference is the call's own.
    """

    engine: EngineSession
    operator: InferOperator
    progress: Callable[[], Progress | None]
    models: Mapping[int, ModelStatistics]
    _found: dict[str, CallNumbers] = field(default_factory=dict)

    def run_plan(self, plan: StagedPlan, run: PlanRun) -> Mapping[str, CallNumbers]:
        """Run a plan to its last row, which is let go; raises RowsFailed as the statement would."""
        run.run_stages(plan.stages, self)
        if self.operator.failures.count:
            raise rows_failed(self.operator.failures)
        for _ in self.engine.query(plan.sql).batches():
            pass
        return {call.ids: self._found.get(call.ids) or self._nothing(call) for call in plan.calls()}

    def _nothing(self, call: StagedCall) -> CallNumbers:
        """Return the numbers of a call that no row came to."""
        price = self.models[call.model.oid].price
        return CallNumbers(0, 0, 0, 0, 0, 0, 0.0, None if price is None else price.as_of, 0.0)

    def run(self, stage: Infer) -> None:
        """Answer the calls of a stage."""
        rows = count_rows(self.engine, stage.relation)
        for call in stage.calls:
            before = self.progress()
            answers = self.operator.ask(call, self.operator.store_ids(call))
            self.engine.load_arrow(call.answers, batched(answers), ANSWER_SCHEMA)
            after = self.progress()
            assert before is not None
            assert after is not None
            self._add(call, rows, before, after)

    def spent(self) -> Spent:
        """Return what calls came to so far."""
        return self.operator.spent()

    def _add(self, call: StagedCall, rows: int, before: Progress, after: Progress) -> None:
        price = self.models[call.model.oid].price
        calls = after.sent - before.sent
        cost_usd = (after.cost_usd or 0.0) - (before.cost_usd or 0.0)
        found = CallNumbers(
            rows=rows,
            invocations=after.done - before.done,
            calls=calls,
            reused=_free(after) - _free(before),
            input_tokens=after.input_tokens - before.input_tokens,
            output_tokens=after.output_tokens - before.output_tokens,
            cost_usd=None if price is None and calls else cost_usd,
            price_as_of=None if price is None else price.as_of,
            time_s=after.elapsed_s - before.elapsed_s,
        )
        known = self._found.get(call.ids)  # an earlier batch of the same call
        self._found[call.ids] = found if known is None else total_numbers([known, found])


def _free(progress: Progress) -> int:
    """Return how many answers cost nothing: others paid, or an earlier call of the plan."""
    return progress.reused + progress.repeated
