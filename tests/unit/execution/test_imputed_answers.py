from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import cast

import pytest
from sqlglot import exp

from outcrop.catalog.objects import ExternalModel, Volatility
from outcrop.datatypes import INTEGER
from outcrop.execution.compose_invocation import Destination, InvocationComposer
from outcrop.execution.imputed_answers import AnswerSource, CallSample, CallTally, SampledAnswer
from outcrop.execution.journaled_calls import JournaledCalls
from outcrop.inference.records import Answer
from outcrop.planner.plan import StagedCall
from outcrop.providers.base import TokenUsage
from tests.unit.catalog.examples import model

FUNCTION = model(1, "f")


class _Journal:
    """Stands for a journal that has one answer."""

    def composer(self, call: StagedCall) -> InvocationComposer:
        return InvocationComposer(call.model, Destination("p", "m"), max_tokens_default=9)

    def usable_values(
        self, _: StagedCall, fingerprints: Sequence[bytes]
    ) -> dict[bytes, str | None]:
        return {f: "journaled" for f in fingerprints if f == b"before"}


def _source(
    values: Sequence[str | None],
    function: ExternalModel = FUNCTION,
    selectivity: float | None = None,
) -> AnswerSource:
    answers = {
        str(number).encode(): SampledAnswer(
            10, value, Answer({}, TokenUsage(4, 6), 0.25, query_id="q")
        )
        for number, value in enumerate(values)
    }
    sample = CallSample(answers, 100, len(values), len(values), selectivity)
    call = StagedCall(function, exp.select("1"), "_d1", "_a1")
    return AnswerSource(call, cast(JournaledCalls, _Journal()), sample, answers)


def test_an_answer_that_is_there_is_taken_as_it_is() -> None:
    source = _source(["yes", "yes", "no"])
    source.look_up([b"before", b"2", b"other"])
    assert source.value(b"before", Random(1)) == "journaled"
    assert source.value(b"2", Random(1)) == "no"
    assert source.is_journaled(b"before")
    assert not source.is_journaled(b"2")  # the sample's own answers are calls


def test_any_other_is_drawn_from_the_sample() -> None:
    source, random = _source(["yes", "yes", "no", "no"]), Random(1)
    source.begin_run(random)
    assert {source.value(b"other", random) for _ in range(50)} <= {"yes", "no"}


def test_texts_that_never_repeat_are_drawn_as_new_ones_of_their_length() -> None:
    source, random = _source([f"a summary with {n} at its end" for n in range(10, 20)]), Random(1)
    source.begin_run(random)
    drawn = [str(source.value(b"other", random)) for _ in range(50)]
    assert len(set(drawn)) == 50
    assert {len(text) for text in drawn} == {len("a summary with 10 at its end")}


def test_numbers_are_drawn_as_they_are() -> None:
    source, random = _source(["1", "2", "3"], replace(FUNCTION, returns=INTEGER)), Random(1)
    source.begin_run(random)
    assert {source.value(b"other", random) for _ in range(50)} <= {"1", "2", "3"}


def test_where_all_have_passed_some_may_not() -> None:
    source, random = _source(["yes"] * 4, selectivity=1.0), Random(1)
    values = []
    for _ in range(200):
        source.begin_run(random)
        values.append(source.value(b"other", random))
    assert 0 < values.count(None) < 60


def test_nothing_is_known_of_a_call_that_was_not_reached() -> None:
    source = _source([])
    source.begin_run(Random(1))
    assert source.value(b"other", Random(1)) is None


def test_a_volatile_model_is_asked_again() -> None:
    source = _source(["yes"], replace(FUNCTION, volatility=Volatility.VOLATILE))
    source.look_up([b"before"])
    assert source.is_volatile
    assert not source.is_journaled(b"before")
    assert source.sampled == {}


def test_requests_are_told_apart_by_their_arguments() -> None:
    source = _source(["yes"])
    (one, first, size), (two, second, _), (three, third, _) = source.requests(
        [(1, "a"), (2, "b"), (3, "a")]
    )
    assert (one, two, three) == (1, 2, 3)
    assert first == third != second
    assert size > 0


@pytest.mark.parametrize("calls", [0, 3])
def test_a_run_spends_as_the_sample_did(calls: int) -> None:
    spent = _source(["yes", "no"]).spent(CallTally(unknown=calls))
    assert (spent.cost_usd, spent.tokens, spent.calls) == (0.25 * calls, 10 * calls, calls)
