"""A staged plan to rows: its stages in order, then its result.

The executor runs inside a transaction that its caller has begun, so that all stages of a statement
read one snapshot. Temporary relations are named per statement and dropped by `cleanup`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from outcrop.engines.base import EngineSession
from outcrop.errors import Error, RowsFailed, TransientProviderError, counted
from outcrop.execution.batches import BatchRun
from outcrop.execution.order_choice import Spent
from outcrop.execution.question import Failures
from outcrop.planner.plan import (
    FilterInBatches,
    Infer,
    Materialize,
    PredicateTest,
    Stage,
    read_by,
)

_NAMED_IN_MESSAGE_MAX = 5
_PROMPT_EXCERPT_CHARACTERS = 40


class StageOperator(ABC):
    """What answers the calls of a stage: by asking, or, for EXPLAIN, by counting them.

    One that is still busy when `run` returns overrides `follow` and `settle`.
    """

    __slots__ = ()

    @abstractmethod
    def run(self, stage: Infer) -> None:
        """Store the distinct arguments of every call of `stage`, and their answers."""

    def follow(self, stage: Materialize) -> bool:
        """Take it on to store the rows of `stage` bit by bit; False: it is to be stored at once."""
        return False

    def settle(self, relations: Collection[str] | None = None) -> None:
        """See to it that relations hold all that they will; all of them, if none is named."""
        return

    def spent(self) -> Spent:
        """Return what calls came to so far; nothing, where none are made."""
        return Spent()


class PlanRun:
    """One run of a plan's stages on one session of the engine."""

    def __init__(self, engine: EngineSession) -> None:
        self._engine = engine
        self._stored: set[str] = set()
        self.tested: dict[str, tuple[int, int]] = {}

    def run_stages(self, stages: Sequence[Stage], operator: StageOperator) -> None:
        """Run stages to their end; what fails in them is counted by the operator."""
        self.start_stages(stages, operator)
        operator.settle()

    def start_stages(self, stages: Sequence[Stage], operator: StageOperator) -> None:
        """Run stages in order; the operator may still be busy with some of them at the end."""
        for stage in stages:
            match stage:
                case Materialize():
                    if operator.follow(stage):
                        self._stored.add(stage.relation)
                        continue
                    operator.settle(read_by(stage.query))
                    self.store(stage.relation, stage.sql)
                case Infer():
                    self.own(stage)
                    operator.run(stage)
                case FilterInBatches():
                    for _ in self.fill(stage, operator):
                        pass

    def fill(self, stage: FilterInBatches, operator: StageOperator) -> Iterator[int]:
        """Run a stage batch by batch; yield after each how many rows have passed so far."""

        def run_stages(stages: Sequence[Stage]) -> None:
            self.run_stages(stages, operator)

        operator.settle()
        yield from BatchRun(stage, self._engine, self, run_stages, operator.spent).fill()

    def own(self, stage: Infer) -> None:
        """Drop the relations that a stage stores when this run is over."""
        self._stored |= {name for call in stage.calls for name in (call.ids, call.answers)}

    def store(self, relation: str, sql: str) -> int:
        """Store the rows of a query as a temporary relation, and return how many they are."""
        self._stored.add(relation)
        return self._engine.materialize(relation, sql)

    def test(self, tests: Sequence[PredicateTest]) -> None:
        """Note in `tested` how many rows conditions have tested, and how many passed.

        All of those rows must be answered.
        """
        for test in tests:
            rows = self._engine.query(test.sql)
            total, *passed = (int(column[0].as_py()) for column in next(iter(rows.batches())))
            for condition, count in zip(test.conditions, passed, strict=True):
                before = self.tested.get(condition, (0, 0))
                self.tested[condition] = (before[0] + total, before[1] + count)

    def cleanup(self) -> None:
        """Drop what the stages stored; in a transaction that failed, its end does that."""
        with suppress(Error):
            self.drop(set(self._stored))

    def drop(self, relations: Collection[str]) -> None:
        """Drop temporary relations that were stored."""
        for name in sorted(relations):
            self._engine.drop(name)
        self._stored -= set(relations)


def rows_failed(failures: Failures) -> RowsFailed:
    """Return the error that names the rows that failed, with their causes."""
    named = sorted(failures.named, key=lambda failure: failure.row)[:_NAMED_IN_MESSAGE_MAX]
    lines = [
        f"row {f.row} ({_excerpt(f.prompt)!r}): {f.function}: {f.error.message}" for f in named
    ]
    if failures.count > len(named):
        lines.append(f"and {failures.count - len(named)} more; sys_llm_call lists them")
    hints = [f.error.hint for f in named if f.error.hint]
    if any(isinstance(f.error, TransientProviderError) for f in named):
        hints.append("SET outcrop.retry_timeout TO '1h'; tries throttled calls for longer.")
    return RowsFailed(
        f"{counted(failures.count, 'model call')} gave no answer; {lines[0]}",
        detail="\n".join(lines) if len(lines) > 1 else None,
        hint=" ".join([*dict.fromkeys(hints), _rerun(failures), _GIVE_NULL]),
    )


_GIVE_NULL = "SET outcrop.on_error TO null; gives NULL for them instead."


def _rerun(failures: Failures) -> str:
    """Say what running the statement again would pay for."""
    if failures.answered == failures.count:
        return "All answers are kept: running the statement again pays nothing and fails alike."
    return (
        "Every other answer is kept: running the statement again pays for the failed calls alone."
    )


def _excerpt(prompt: str) -> str:
    if len(prompt) <= _PROMPT_EXCERPT_CHARACTERS:
        return prompt
    return prompt[:_PROMPT_EXCERPT_CHARACTERS] + "..."
