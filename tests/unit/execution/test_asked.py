"""How far stages are whose calls are under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import cast

import pyarrow as pa
import pytest

from outcrop.errors import InternalError
from outcrop.execution.asked import AskedCall, AskedStage, Following
from outcrop.execution.portions import Portions
from outcrop.execution.question import Answered, Question
from outcrop.planner.plan import Infer


@dataclass
class _Script:
    """A question whose answers the test gives, one by one."""

    first_failed: int | None = None
    answers: SimpleQueue[Answered | Exception | None] = field(default_factory=SimpleQueue)

    def add(self, ids: list[pa.RecordBatch]) -> None:
        """Take ids."""

    def close(self) -> None:
        """End."""
        self.answers.put(None)

    def ask(self, _: Question) -> Iterator[Answered]:
        while (answer := self.answers.get()) is not None:
            if isinstance(answer, Exception):
                raise answer
            yield answer


class _Asking:
    def __init__(self) -> None:
        self.script = _Script()
        self.news, self.ended = threading.Event(), threading.Event()
        question = cast("Question", self.script)
        self.call = AskedCall(question, self.script.ask, self.news, self.ended)
        self.stage = AskedStage(Infer("_r1", "_n1", ()), [self.call])
        self.stage.watch()

    def add(self, *ids: int) -> None:
        columns = [pa.array(ids, pa.int64())]
        self.call.add([pa.record_batch(columns, names=["id"])])

    def answer(self, *rows: int) -> None:
        for row in rows:
            self.news.clear()
            self.script.answers.put((row, f"answer {row}"))
            assert self.news.wait(10)
        self.stage.collect()

    def close(self) -> None:
        self.script.close()
        assert self.ended.wait(10)


@pytest.fixture
def asking() -> Iterator[_Asking]:
    asking = _Asking()
    yield asking
    asking.call.abandon()


def test_rows_are_complete_up_to_the_first_gap(asking: _Asking) -> None:
    asking.stage.rows = 9
    asking.add(1, 4, 6)

    asking.answer(4)
    assert asking.stage.rows_answered == 0
    asking.answer(1)
    assert asking.stage.rows_answered == 5  # row 5 has the arguments of an earlier one, or none
    asking.answer(6)
    assert asking.stage.rows_answered == 9
    assert not asking.stage.is_complete
    asking.close()
    assert asking.stage.is_complete
    assert len(asking.call.take_answers()) == 3
    assert asking.call.take_answers() == []


def test_no_row_is_sound_from_the_first_failed_one_on(asking: _Asking) -> None:
    asking.stage.rows = 5
    asking.add(1, 2, 3)
    asking.script.first_failed = 2
    asking.answer(1, 2, 3)

    assert asking.stage.rows_answered == 5
    assert asking.stage.rows_sound == 1


def test_what_failed_further_up_counts_here(asking: _Asking) -> None:
    following = Following("_r1", cast("Portions", None))
    asking.stage.fed_by = following
    asking.stage.rows = 4
    following.note_failure(3)
    following.note_failure(4)

    assert asking.stage.rows_sound == 3


def test_a_stage_that_is_fed_is_complete_when_it_is_closed(asking: _Asking) -> None:
    asking.stage.fed_by = Following("_r1", cast("Portions", None))
    asking.close()

    assert not asking.stage.is_complete
    asking.stage.close()
    assert asking.stage.is_complete


def test_an_error_is_raised_where_answers_are_collected(asking: _Asking) -> None:
    asking.script.answers.put(InternalError("the model is gone"))
    assert asking.ended.wait(10)

    with pytest.raises(InternalError, match="the model is gone"):
        asking.stage.collect()


def _wait_for(claim: Callable[[], bool]) -> None:
    """Give a thread the time that it needs."""
    tries = threading.Event()
    for _ in range(1_000):
        if claim():
            return
        tries.wait(0.01)
    raise AssertionError


def test_answers_wait_in_order_of_coming(asking: _Asking) -> None:
    asking.stage.rows = 3
    asking.add(1, 2, 3)
    for row in (3, 1, 2):
        asking.script.answers.put((row, "a"))

    def all_came() -> bool:
        asking.stage.collect()
        return asking.stage.answers_kept == 3

    _wait_for(all_came)
    assert [row for row, _ in asking.call.take_answers()] == [3, 1, 2]
