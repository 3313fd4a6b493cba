"""Stages that are asked side by side: what does not need an answer does not wait for it.

An `Infer` stage only starts its questions here, each in a thread of its own, and the plan goes on.
A relation that needs all answers of a stage waits for them (`settle`). One that takes the rows of
the stage one by one (`Materialize.follows`) does not: as soon as the first rows are answered they
are stored there, and asked about, while the rest is still on its way. So independent stages are
asked in parallel, and where one stage depends on another each row goes on alone.

The engine is used by the statement's own thread alone, for a portion of rows at a time (`Pace`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

import pyarrow as pa

from outcrop.engines.base import EngineSession
from outcrop.execution.asked import AskedCall, AskedStage, Following
from outcrop.execution.executor import StageOperator
from outcrop.execution.infer import ANSWER_SCHEMA, InferOperator, batched
from outcrop.execution.order_choice import Spent
from outcrop.execution.portions import Portions, new_ids_sql
from outcrop.execution.question import Failures
from outcrop.execution.stored_rows import count_rows
from outcrop.planner.plan import Infer, Materialize, StagedCall

_PATIENCE_S = 0.1
_ANSWERS_KEPT_MAX = 8_192
_CALLS_MAX = 32  # each has a thread; together they have no more slots than one

Fetch: TypeAlias = "Callable[[int, int], list[pa.RecordBatch]]"


class Flow(StageOperator):
    """Asks for one statement. Once closed, it asks nothing more and has no thread left."""

    def __init__(self, engine: EngineSession, operator: InferOperator) -> None:
        self._engine = engine
        self._operator = operator
        self._stages: dict[str, AskedStage] = {}
        self._unread: dict[str, Following] = {}
        self._news = threading.Event()
        self._ended = threading.Event()
        self._is_closed = False

    @property
    def failures(self) -> Failures:
        """What has failed so far."""
        return self._operator.failures

    def spent(self) -> Spent:
        """Return what calls came to so far."""
        return self._operator.spent()

    def run(self, stage: Infer) -> None:
        """Start to ask the calls of a stage."""
        fed_by = self._unread.pop(stage.relation, None)
        while fed_by is None and self._calls_under_way >= _CALLS_MAX:
            self._wait()
        calls = [self._start(call) for call in stage.calls]
        asked = AskedStage(stage, calls, fed_by)
        self._stages[stage.relation] = asked
        if fed_by is not None:
            fed_by.reader = asked
        else:
            asked.rows = count_rows(self._engine, stage.relation)
        for call in calls:
            call.add(self._operator.store_ids(call.staged))
            if fed_by is None:
                call.close()

    def follow(self, stage: Materialize) -> bool:
        """Store the rows of a stage bit by bit, if those that it takes are still being answered."""
        source = self._stages.get(stage.follows or "")
        if source is None or source.is_complete or source.following is not None:
            return False
        if self._calls_under_way >= _CALLS_MAX:
            return False
        portions = Portions(stage.query, source.stage)
        self._engine.materialize(stage.relation, portions.sql(0, 0))
        following = Following(stage.relation, portions)
        source.watch(following)
        self._unread[stage.relation] = following
        return True

    def settle(self, relations: Collection[str] | None = None) -> None:
        """Wait until these relations, or all, hold every row and every answer."""
        awaited = [s for s in self._stages.values() if relations is None or s.gives(relations)]
        while not all(stage.is_complete for stage in awaited):
            self._wait()
        for stage in awaited:
            self._store_answers(stage)
        if relations is None:
            self._stages.clear()

    def portions(self, stage: Infer, fetch: Fetch) -> Iterator[list[pa.RecordBatch]]:
        """Yield what `fetch` gives for the rows of a stage's relation, as they are answered.

        `fetch` gets the numbers of the rows that left before, and of the last that may leave now.
        No row leaves from the first failed one on; the others are answered all the same.
        """
        asked = self._stages[stage.relation]
        asked.watch()
        left = 0
        is_last = False
        while not is_last:
            is_last = all(other.is_complete for other in self._stages.values())
            if asked.rows_sound > left and (asked.pace.is_due or is_last):
                with asked.pace.portion():
                    self._store_answers(asked)
                    rows = fetch(left, asked.rows_sound)
                left = asked.rows_sound
                yield rows
            elif not is_last:
                self._wait()
        self.settle()

    def close(self) -> None:
        """Stop asking; what is in flight is finished and journaled. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        calls = [call for stage in self._stages.values() for call in stage.calls]
        if any(not call.has_ended for call in calls):
            self._operator.stop()
        for call in calls:
            call.abandon()

    @property
    def _calls_under_way(self) -> int:
        return sum(not c.has_ended for stage in self._stages.values() for c in stage.calls)

    def _start(self, call: StagedCall) -> AskedCall:
        self._engine.load_arrow(call.answers, iter(()), ANSWER_SCHEMA)
        question = self._operator.question(call)
        return AskedCall(question, self._operator.answers, self._news, self._ended)

    def _wait(self) -> None:
        """Wait for answers, hand on what is due, and tell what a long statement has spent."""
        paces = [stage.pace.due_in_s for stage in self._stages.values() if stage.is_watched]
        self._ended.wait(min(paces, default=0.0))  # many answers at once are a portion
        self._news.wait(_PATIENCE_S)
        self._news.clear()
        self._ended.clear()
        self._operator.tell_alerts()
        for stage in self._stages.values():
            stage.collect()
            if stage.answers_kept >= _ANSWERS_KEPT_MAX:
                self._store_answers(stage)
            if stage.following is not None and (stage.pace.is_due or stage.is_complete):
                with stage.pace.portion():
                    self._hand_on(stage, stage.following)

    def _hand_on(self, source: AskedStage, following: Following) -> None:
        """Store what follows from the rows answered so far, and have it asked about."""
        reader = following.reader
        assert reader is not None, "every relation that follows is asked about"
        answered, sound = source.rows_answered, source.rows_sound
        if answered > source.handed_on:
            self._store_answers(source)
            if source.handed_on < sound < answered:
                self._hand_on_rows(source, following, reader, sound)
            if sound < answered:
                following.note_failure(reader.rows)
            self._hand_on_rows(source, following, reader, answered)
        if source.is_complete and source.handed_on == source.rows:
            reader.close()

    def _hand_on_rows(
        self, source: AskedStage, following: Following, reader: AskedStage, upto: int
    ) -> None:
        rows, row = reader.rows, reader.stage.row
        portion = following.portions.sql(source.handed_on, upto)
        reader.rows += self._engine.execute(
            f'INSERT INTO "{following.relation}" '
            f'SELECT * REPLACE ("{row}" + {rows} AS "{row}") FROM ({portion}) AS portion'
        )
        source.handed_on = upto
        if reader.rows == rows:
            return
        for call in reader.calls:
            self._engine.execute(new_ids_sql(call.staged, reader.stage, rows))
            call.add(self._new_ids(call.staged, rows))

    def _new_ids(self, call: StagedCall, after: int) -> list[pa.RecordBatch]:
        sql = f'SELECT * FROM "{call.ids}" WHERE id > {after} ORDER BY id'
        return list(self._engine.query(sql).batches())

    def _store_answers(self, stage: AskedStage) -> None:
        """Bring the answers that have come since the last time into the engine."""
        for call in stage.calls:
            if answers := call.take_answers():
                name = call.staged.answers
                portion = f"{name}_portion"
                self._engine.load_arrow(portion, batched(answers), ANSWER_SCHEMA)
                self._engine.execute(f'INSERT INTO "{name}" SELECT * FROM "{portion}"')
                self._engine.drop(portion)
