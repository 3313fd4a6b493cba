"""A staged plan to rows: its stages in order, then its result.

The executor runs inside a transaction that its caller has begun, so that all stages of a statement
read one snapshot. Temporary relations are named per statement and dropped by `cleanup`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from outcrop.engines.base import EngineSession
from outcrop.errors import Error, RowsFailed, TransientProviderError
from outcrop.execution.question import Failures
from outcrop.planner.plan import FillUpTo, Infer, Materialize, Stage
from outcrop.sql.duckdb_dialect import render

BATCH_ROWS_MAX = 65_536
_EAGERNESS = 0.6

_NAMED_IN_MESSAGE_MAX = 5
_PROMPT_EXCERPT_CHARACTERS = 40


class StageOperator(Protocol):
    """What answers the calls of a stage: by asking, or, for EXPLAIN, by counting them."""

    def run(self, stage: Infer) -> None:
        """Store the distinct arguments of every call of `stage`, and their answers."""
        ...


class PlanRun:
    """One run of a plan's stages on one session of the engine."""

    def __init__(self, engine: EngineSession) -> None:
        self._engine = engine
        self._stored: set[str] = set()

    def run_stages(self, stages: Sequence[Stage], operator: StageOperator) -> None:
        """Run stages in order; what fails in them is counted by the operator."""
        for stage in stages:
            match stage:
                case Materialize():
                    self._store(stage.relation, render(stage.query))
                case Infer():
                    self.own(stage)
                    operator.run(stage)
                case FillUpTo():
                    self._fill(stage, operator)

    def own(self, stage: Infer) -> None:
        """Drop the relations that a stage stores when this run is over."""
        self._stored |= {name for call in stage.calls for name in (call.ids, call.answers)}

    def _store(self, relation: str, sql: str) -> int:
        self._stored.add(relation)
        return self._engine.materialize(relation, sql)

    def _fill(self, stage: FillUpTo, operator: StageOperator) -> None:
        """Run a stage's own stages on growing batches, until enough rows have passed them."""
        rows_total = self._count(stage.source)
        body = relations_of(stage.stages) | {stage.batch}
        query = render(stage.query)
        taken = passed = 0
        while True:
            size = batch_size(taken, passed, stage.rows_wanted)
            self._store(
                stage.batch,
                f'SELECT * FROM "{stage.source}" WHERE "{stage.row}" > {taken} '
                f'AND "{stage.row}" <= {taken + size}',
            )
            self.run_stages(stage.stages, operator)
            if taken == 0:
                passed += self._store(stage.relation, query)
            else:
                passed += self._engine.execute(f'INSERT INTO "{stage.relation}" {query}')
            taken += size
            self._drop(body)
            if passed >= stage.rows_wanted or taken >= rows_total:
                return

    def _count(self, relation: str) -> int:
        rows = self._engine.query(f'SELECT count(*) FROM "{relation}"')
        return int(next(iter(rows.batches())).column(0)[0].as_py())

    def cleanup(self) -> None:
        """Drop what the stages stored; in a transaction that failed, its end does that."""
        with suppress(Error):
            self._drop(set(self._stored))

    def _drop(self, relations: set[str]) -> None:
        for name in sorted(relations):
            self._engine.drop(name)
        self._stored -= relations


def batch_size(taken: int, passed: int, rows_wanted: int) -> int:
    """Return how many rows to ask about next.

    The share of rows that passes is estimated from those seen, as if one of two more had passed
    (Laplace's rule of succession), so that a batch which nothing passed is followed by a larger
    one. A batch is a little smaller than that share asks for: each round costs a latency, each row
    beyond the last one needed costs a call. For LIMIT 5 this makes 1.09 to 1.13 times the calls of
    a clairvoyant, in 3 to 7 rounds, for shares from 0.5 to 0.01 (means of 500 seeds).
    """
    wanted = rows_wanted - passed
    if not taken:
        return max(1, wanted)
    share = (passed + 1) / (taken + 2)
    return max(1, min(math.ceil(_EAGERNESS * wanted / share), BATCH_ROWS_MAX))


def relations_of(stages: Sequence[Stage]) -> set[str]:
    """Return the relations that stages store."""
    names: set[str] = set()
    for stage in stages:
        match stage:
            case Materialize():
                names.add(stage.relation)
            case Infer():
                names |= {name for call in stage.calls for name in (call.ids, call.answers)}
            case FillUpTo():
                names |= {stage.source, stage.relation, *relations_of(stage.stages)}
    return names


def rows_failed(failures: Failures) -> RowsFailed:
    """Return the error that names the rows that failed, with their causes."""
    named = sorted(failures.named, key=lambda failure: failure.row)[:_NAMED_IN_MESSAGE_MAX]
    lines = [
        f"row {f.row} ({_excerpt(f.prompt)!r}): {f.function}: {f.error.message}" for f in named
    ]
    if failures.count > len(named):
        lines.append(f"and {failures.count - len(named)} more; sys_llm_call lists them")
    calls = "call" if failures.count == 1 else "calls"
    hints = [f.error.hint for f in named if f.error.hint]
    if any(isinstance(f.error, TransientProviderError) for f in named):
        hints.append("SET outcrop.retry_timeout TO '1h'; tries throttled calls for longer.")
    return RowsFailed(
        f"{failures.count} model {calls} gave no answer; {lines[0]}",
        detail="\n".join(lines),
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
