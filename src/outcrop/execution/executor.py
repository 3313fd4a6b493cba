"""A staged plan to rows: its stages in order, then its result.

The executor runs inside a transaction that its caller has begun, so that all stages of a statement
read one snapshot. Temporary relations are named per statement and dropped by `cleanup`.
"""

from __future__ import annotations

from contextlib import suppress

from outcrop.engines.base import EngineSession
from outcrop.errors import Error, RowsFailed
from outcrop.execution.infer import Failures, InferOperator
from outcrop.planner.plan import Infer, Materialize, StagedPlan
from outcrop.sql.duckdb_dialect import render

_NAMED_IN_MESSAGE_MAX = 5
_PROMPT_EXCERPT_CHARACTERS = 40


class PlanRun:
    """One run of a plan on one session of the engine."""

    def __init__(self, plan: StagedPlan, engine: EngineSession) -> None:
        self._plan = plan
        self._engine = engine
        self._stored: list[str] = []

    def run_stages(self, operator: InferOperator) -> None:
        """Run every stage, in order.

        Raises RowsFailed if a call failed whose failure the user did not ask to see as NULL. All
        other calls of the statement have been answered by then, and are journaled.
        """
        for stage in self._plan.stages:
            match stage:
                case Materialize():
                    self._stored.append(stage.relation)
                    self._engine.materialize(stage.relation, render(stage.query))
                case Infer():
                    self._stored += [name for c in stage.calls for name in (c.ids, c.answers)]
                    operator.run(stage)
        if operator.failures.count:
            raise rows_failed(operator.failures)

    def cleanup(self) -> None:
        """Drop what the stages stored; in a transaction that failed, its end does that."""
        with suppress(Error):
            for name in self._stored:
                self._engine.drop(name)
        self._stored = []


def rows_failed(failures: Failures) -> RowsFailed:
    """Return the error that names the rows that failed, with their causes."""
    named = failures.named[:_NAMED_IN_MESSAGE_MAX]
    lines = [
        f"row {f.row} ({_excerpt(f.prompt)!r}): {f.function}: {f.error.message}" for f in named
    ]
    if failures.count > len(named):
        lines.append(f"and {failures.count - len(named)} more; sys_llm_call lists them")
    calls = "call" if failures.count == 1 else "calls"
    hints = [f.error.hint for f in named if f.error.hint]
    return RowsFailed(
        f"{failures.count} model {calls} gave no answer; {lines[0]}",
        detail="\n".join(lines),
        hint=" ".join(
            [
                *dict.fromkeys(hints),
                "Every other answer is kept: running the statement again pays for the failed "
                "calls alone. SET outcrop.on_error TO null; gives NULL for them instead.",
            ]
        ),
    )


def _excerpt(prompt: str) -> str:
    if len(prompt) <= _PROMPT_EXCERPT_CHARACTERS:
        return prompt
    return prompt[:_PROMPT_EXCERPT_CHARACTERS] + "..."
