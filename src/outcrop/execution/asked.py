"""What is being asked: stages whose calls are under way, and how far each of them is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa

from outcrop.execution.portions import Portions
from outcrop.execution.question import Answered, Question
from outcrop.planner.plan import Infer, StagedCall

_PATIENCE_S = 0.1
_ANSWERS_WAITING_MAX = 65_536
_ANSWERS_NEWS = 4_096
_REST = 9

Ask: TypeAlias = "Callable[[Question], Iterator[Answered]]"


class AskedCall:
    """A call that is asked about in a thread of its own.

    Ids are added in their order; of what is answered it knows up to which row nothing is missing.
    `news` is set when there are answers worth a look, `ended` when `has_ended` is true: nothing
    more will come.
    """

    def __init__(
        self, question: Question, ask: Ask, news: threading.Event, ended: threading.Event
    ) -> None:
        self.is_watched = False
        self.has_ended = False
        self._question = question
        self._ask = ask
        self._news = news
        self._ended = ended
        self._came: deque[Answered] = deque()
        self._missing: deque[int] = deque()
        self._answered: set[int] = set()
        self._kept: list[Answered] = []
        self._error: BaseException | None = None
        self._is_abandoned = False
        self._thread = threading.Thread(target=self._run, name="outcrop-question", daemon=True)
        self._thread.start()

    @property
    def staged(self) -> StagedCall:
        """The call in the plan."""
        return self._question.call

    @property
    def row_before_gap(self) -> int | None:
        """The last row that waits for no answer of this call; None: no row waits."""
        return self._missing[0] - 1 if self._missing else None

    @property
    def is_complete(self) -> bool:
        """Whether all is answered that ever will be, and collected."""
        return self.has_ended and not self._missing

    @property
    def first_failed(self) -> int | None:
        """The first row so far of which the call failed."""
        return self._question.first_failed

    @property
    def answers_kept(self) -> int:
        """How many answers were collected, and not taken yet."""
        return len(self._kept)

    def add(self, ids: Sequence[pa.RecordBatch]) -> None:
        """Ask about these rows of the relation of distinct arguments too."""
        for batch in ids:
            self._missing.extend(batch.column(0).to_pylist())
        self._question.add(ids)

    def close(self) -> None:
        """Nothing more will be added."""
        self._question.close()

    def collect(self) -> None:
        """Take over what has come; raises the error that ended the asking."""
        has_ended = self.has_ended
        came = [self._came.popleft() for _ in range(len(self._came))]
        self._kept += came
        self._answered.update([row for row, _ in came])
        while self._missing and self._missing[0] in self._answered:
            self._answered.discard(self._missing.popleft())
        if has_ended and self._error is not None:
            raise self._error

    def take_answers(self) -> list[Answered]:
        """Return what was collected since the last time."""
        taken, self._kept = self._kept, []
        return taken

    def abandon(self) -> None:
        """Wait for the thread, which has been told to stop."""
        self._is_abandoned = True
        self._question.close()
        self._thread.join()

    def _run(self) -> None:
        try:
            for answer in self._ask(self._question):
                self._came.append(answer)
                is_news = self.is_watched or len(self._came) >= _ANSWERS_NEWS
                if is_news and not self._news.is_set():  # to look is cheaper than to set
                    self._news.set()
                while len(self._came) >= _ANSWERS_WAITING_MAX and not self._is_abandoned:
                    time.sleep(_PATIENCE_S)
        except BaseException as error:  # noqa: BLE001  # raised again in the statement's thread
            self._error = error
        finally:
            self.has_ended = True
            self._ended.set()
            self._news.set()


@dataclass(slots=True)
class Pace:
    """When the next portion is due: when nine times as long has passed as the last one took.

    So portions cost a tenth of the time at most, and no row waits much longer for its portion than
    it would for one row's.
    """

    _due_s: float = 0.0

    @property
    def due_in_s(self) -> float:
        """Seconds until then."""
        return max(0.0, self._due_s - time.monotonic())

    @property
    def is_due(self) -> bool:
        """Whether it is."""
        return not self.due_in_s

    @contextmanager
    def portion(self) -> Iterator[None]:
        """Time a portion."""
        started_s = time.monotonic()
        yield
        ended_s = time.monotonic()
        self._due_s = ended_s + _REST * (ended_s - started_s)


@dataclass(slots=True)
class Following:
    """A relation that is stored bit by bit, from the answered rows of the one that it follows.

    `rows_sound` is how many of its rows come before the first failed one there.
    """

    relation: str
    portions: Portions
    reader: AskedStage | None = None
    rows_sound: int | None = None

    def note_failure(self, rows: int) -> None:
        """Note that what comes after so many rows comes from a row that failed, or a later one."""
        if self.rows_sound is None:
            self.rows_sound = rows


@dataclass(slots=True)
class AskedStage:
    """An `Infer` stage under way.

    `rows` is how many its relation holds so far, `fed_by` where they come from, while more may
    come; `following` is what takes its rows, of which `handed_on` are done.
    """

    stage: Infer
    calls: Sequence[AskedCall]
    fed_by: Following | None = None
    rows: int = 0
    following: Following | None = None
    handed_on: int = 0
    is_watched: bool = False
    pace: Pace = field(default_factory=Pace)
    _is_closed: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it holds every row and every answer."""
        is_full = self.fed_by is None or self._is_closed
        return is_full and all(call.is_complete for call in self.calls)

    @property
    def rows_answered(self) -> int:
        """Up to which row all is answered."""
        gaps = [call.row_before_gap for call in self.calls]
        return min(self.rows, *(gap for gap in gaps if gap is not None), self.rows)

    @property
    def rows_sound(self) -> int:
        """Up to which row all is answered, and nothing failed, here or where the rows come from."""
        limits = [call.first_failed - 1 for call in self.calls if call.first_failed is not None]
        if self.fed_by is not None and self.fed_by.rows_sound is not None:
            limits.append(self.fed_by.rows_sound)
        return min(self.rows_answered, *limits, self.rows_answered)

    @property
    def answers_kept(self) -> int:
        """How many answers are not stored yet."""
        return sum(call.answers_kept for call in self.calls)

    def gives(self, relations: Collection[str]) -> bool:
        """Tell whether one of these relations is this stage's."""
        own = {self.stage.relation}.union(*({c.ids, c.answers} for c in self.stage.calls))
        return not own.isdisjoint(relations)

    def watch(self, following: Following | None = None) -> None:
        """Have answers reported as they come, for what follows them."""
        self.following = following
        self.is_watched = True
        for call in self.calls:
            call.is_watched = True

    def collect(self) -> None:
        """Take over what has come; raises the error that ended the asking."""
        for call in self.calls:
            call.collect()

    def close(self) -> None:
        """No more rows will come."""
        if not self._is_closed:
            self._is_closed = True
            for call in self.calls:
                call.close()
