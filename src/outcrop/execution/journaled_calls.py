"""The requests that the calls of a plan make, and the answers that the journal has of them.

Nobody is asked: it is what EXPLAIN counts, and what it draws its samples from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from outcrop.errors import Error, ProviderError
from outcrop.execution.compose_invocation import Destination, InvocationComposer
from outcrop.execution.read_answer import AnswerReader
from outcrop.inference.invocation import Invocation
from outcrop.inference.journal import LOOKUP_MAX, Journal
from outcrop.inference.records import Answer
from outcrop.planner.call_numbers import ModelStatistics
from outcrop.planner.plan import StagedCall

Row: TypeAlias = "tuple[object, ...]"
"""The id of an invocation's arguments, and these."""
Asked: TypeAlias = "tuple[Invocation, list[Row]]"
"""An invocation, and the rows that make it."""
Valued: TypeAlias = "tuple[int, str | None]"
"""The id of an invocation's arguments, and the value of its answer."""


@dataclass(frozen=True, slots=True)
class JournaledCalls:
    """What a journal has of the calls of `models`, which are by oid.

    `reuse_answers` and `max_tokens_default` are the session's settings.
    """

    journal: Journal
    models: Mapping[int, ModelStatistics]
    reuse_answers: bool
    max_tokens_default: int

    def composer(self, call: StagedCall) -> InvocationComposer:
        """Return what makes the requests of a call."""
        model = self.models[call.model.oid]
        return InvocationComposer(
            call.model,
            Destination(model.provider, model.model_id),
            max_tokens_default=self.max_tokens_default,
        )

    def invocations(
        self, call: StagedCall, rows: Sequence[Row], salt_of: Callable[[object], str]
    ) -> dict[bytes, Asked]:
        """Return each distinct invocation by its fingerprint, with the rows that make it.

        `salt_of` keeps those of a volatile model apart. A row of which no request can be made fails
        before anything is sent: it is no call.
        """
        composer = self.composer(call)
        found: dict[bytes, Asked] = {}
        for row in rows:
            try:
                texts = [None if value is None else str(value) for value in row[1:]]
                invocation = composer.compose(texts, salt_of(row[0]))
            except ProviderError:
                continue
            found.setdefault(invocation.fingerprint, (invocation, []))[1].append(row)
        return found

    def answers(self, fingerprints: Sequence[bytes]) -> dict[bytes, Answer]:
        """Return the answers that are journaled, whether they may be used or not."""
        found: dict[bytes, Answer] = {}
        for start in range(0, len(fingerprints), LOOKUP_MAX):
            found |= self.journal.lookup(fingerprints[start : start + LOOKUP_MAX])
        return found

    def usable_answers(self, fingerprints: Sequence[bytes]) -> dict[bytes, Answer]:
        """Return the answers that a statement would use again."""
        return self.answers(fingerprints) if self.reuse_answers else {}

    def usable_values(
        self, call: StagedCall, fingerprints: Sequence[bytes]
    ) -> dict[bytes, str | None]:
        """Return the values of such answers; None for one that holds no value."""
        reader = AnswerReader(call.model)
        answers = self.usable_answers(fingerprints)
        return {fingerprint: read_value(reader, answer) for fingerprint, answer in answers.items()}


def values_of(
    call: StagedCall, answers: Mapping[bytes, Answer], invocations: Mapping[bytes, Asked]
) -> Iterator[Valued]:
    """Yield the values of answers, by the rows that ask; None for one that holds no value."""
    reader = AnswerReader(call.model)
    for fingerprint, answer in answers.items():
        value = read_value(reader, answer)
        yield from ((id_of(row), value) for row in invocations[fingerprint][1])


def read_value(reader: AnswerReader, answer: Answer) -> str | None:
    """Return the value that an answer holds; None where it holds none of the declared type."""
    try:
        return reader.read(answer.response)
    except Error:
        return None


def id_of(row: Row) -> int:
    """Return the id that a row begins with."""
    return int(str(row[0]))
