"""A plan run on a sample's answers, and, for calls that were not made, on answers like those.

Each answer that nobody has is drawn from those that were sampled of the same call, themselves drawn
with replacement once a run (the approximate Bayesian bootstrap; Rubin and Schenker, "Multiple
imputation for interval estimation from simple random samples", 1986). What comes of the plan then
differs from run to run as much as the sample leaves it open: how many rows reach a later call, how
many distinct requests they make, how far a LIMIT must go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from outcrop.catalog.objects import Volatility
from outcrop.datatypes import VARCHAR
from outcrop.engines.base import EngineSession
from outcrop.errors import ProviderError
from outcrop.execution.executor import StageOperator
from outcrop.execution.infer import ANSWER_SCHEMA, batched
from outcrop.execution.journaled_calls import JournaledCalls, Row, Valued
from outcrop.execution.order_choice import Spent
from outcrop.execution.stored_rows import count_rows, rows_of
from outcrop.inference.records import Answer
from outcrop.planner.bind import answer_type
from outcrop.planner.call_numbers import Interval
from outcrop.planner.plan import Infer, StagedCall
from outcrop.providers.base import TokenUsage

_NO_USAGE = TokenUsage(0, 0)


@dataclass(frozen=True, slots=True)
class SampledAnswer:
    """An answer of the sample: the length of its request, its value, and what was paid for it."""

    size: int
    value: str | None
    answer: Answer

    @property
    def usage(self) -> TokenUsage:
        """The tokens of this answer."""
        return self.answer.usage or _NO_USAGE


@dataclass(slots=True)
class CallSample:
    """What was sampled of one call: answers by fingerprint.

    Of `invocations` that the sample's rows made, `drawn` were asked, and `answered` are known.
    `selectivity` is the share of rows that passed what the plan asks of these answers; None where
    it asks nothing.
    """

    answers: Mapping[bytes, SampledAnswer] = field(default_factory=dict)
    invocations: int = 0
    drawn: int = 0
    answered: int = 0
    selectivity: float | None = None
    selectivity_interval: Interval | None = None


@dataclass(slots=True)
class CallTally:
    """What one run came to for one call: `sampled` answers, and `unknown` calls besides.

    `unknown_size` is the length of the requests of the latter.
    """

    rows: int = 0
    invocations: int = 0
    sampled: list[SampledAnswer] = field(default_factory=list)
    unknown: int = 0
    unknown_size: int = 0

    @property
    def calls(self) -> int:
        """How many invocations are paid for."""
        return len(self.sampled) + self.unknown


class AnswerSource:
    """The answers of one call of a plan, in any number of runs: those that are there, and others.

    `sample` is that of this call, `sampled` are the answers to the calls of the whole plan. Where
    more than half of the sampled texts came once, another one is more likely new than not
    (Good and Turing): then no two drawn ones are equal.
    """

    def __init__(
        self,
        call: StagedCall,
        journaled: JournaledCalls,
        sample: CallSample,
        sampled: Mapping[bytes, SampledAnswer],
    ) -> None:
        self.call = call
        self.sampled = {} if call.model.volatility is Volatility.VOLATILE else sampled
        self._sample = sample
        self._journaled = journaled
        self._composer = journaled.composer(call)
        self._requests: dict[tuple[object, ...], tuple[bytes, int] | None] = {}
        self._known: dict[bytes, str | None] = {}
        self._looked_up: set[bytes] = set()
        values = [each.value for each in sample.answers.values()]
        self._donors: Sequence[str | None] = values
        self._pool: Sequence[str | None] = values
        once = sum(1 for times in Counter(values).values() if times == 1)
        self._is_open = answer_type(call.model) == VARCHAR and 2 * once > len(values) > 1
        self._rejected_share = 0.0

    @property
    def is_volatile(self) -> bool:
        """Whether each row is asked about by itself."""
        return self.call.model.volatility is Volatility.VOLATILE

    def spent(self, tally: CallTally) -> Spent:
        """Return what the calls of a run come to, each of them as those of the sample on average.

        By that the run chooses between orders of predicates, as the statement will.
        """
        answers = list(self._sample.answers.values())
        if not answers:
            return Spent(None if tally.calls else 0.0, 0, tally.calls)
        share = tally.calls / len(answers)
        costs = [each.answer.cost_usd for each in answers]
        tokens = sum(each.usage.input_tokens + each.usage.output_tokens for each in answers)
        cost_usd = None if None in costs else sum(cost or 0.0 for cost in costs) * share
        return Spent(cost_usd, round(tokens * share), tally.calls)

    def begin_run(self, random: Random) -> None:
        """Draw those of the sample from which this run draws."""
        if self._donors:
            self._pool = random.choices(self._donors, k=len(self._donors))
        if self._sample.selectivity == 1:
            # None was rejected, which does not say that none will be: Jeffreys' prior.
            self._rejected_share = random.betavariate(0.5, self._sample.answered + 0.5)

    def requests(self, asked: Sequence[Row]) -> Iterator[tuple[int, bytes, int]]:
        """Yield (id, fingerprint, length) of the requests for rows (id, argument, ...)."""
        for row in asked:
            arguments = row[1:]
            if arguments not in self._requests:
                self._requests[arguments] = self._request(arguments)
            request = self._requests[arguments]
            if request is not None:
                yield int(str(row[0])), *request

    def _request(self, arguments: tuple[object, ...]) -> tuple[bytes, int] | None:
        texts = [None if value is None else str(value) for value in arguments]
        try:
            invocation = self._composer.compose(texts)
        except ProviderError:
            return None
        return invocation.fingerprint, len(invocation.body)

    def look_up(self, fingerprints: Sequence[bytes]) -> None:
        """Find the answers that were journaled before the sample."""
        if self.is_volatile:
            return
        new = [f for f in fingerprints if f not in self._looked_up and f not in self.sampled]
        self._looked_up.update(new)
        self._known |= self._journaled.usable_values(self.call, new)

    def is_journaled(self, fingerprint: bytes) -> bool:
        """Tell whether an answer was there before the sample."""
        return fingerprint in self._known

    def value(self, fingerprint: bytes, random: Random) -> str | None:
        """Return the value of an answer: as it is, or drawn."""
        if fingerprint in self._known:
            return self._known[fingerprint]
        if (known := self.sampled.get(fingerprint)) is not None:
            return known.value
        if not self._pool or random.random() < self._rejected_share:
            return None
        value = random.choice(self._pool)
        return _another(value, random) if self._is_open and value else value


def _another(text: str, random: Random) -> str:
    """Return a text like `text`, of its length, that is most likely like no other."""
    end = f"{random.getrandbits(64):016x}"[: len(text)]
    return text[: len(text) - len(end)] + end


class ImputingOperator(StageOperator):
    """Answers the calls of one run of a plan from their sources, and tallies what they come to."""

    def __init__(
        self, engine: EngineSession, sources: Mapping[str, AnswerSource], random: Random
    ) -> None:
        self.tallies = {ids: CallTally() for ids in sources}
        self._engine = engine
        self._sources = sources
        self._random = random
        self._values: dict[bytes, str | None] = {}
        for source in sources.values():
            source.begin_run(random)

    def run(self, stage: Infer) -> None:
        """Store the distinct arguments of the calls of a stage, and answers to them."""
        engine = self._engine
        rows = count_rows(engine, stage.relation)
        for call in stage.calls:
            engine.materialize(call.ids, call.sql)
            asked = list(rows_of(engine, f'SELECT * FROM "{call.ids}" ORDER BY id'))
            self.tallies[call.ids].rows += rows
            values = list(self._answers(self._sources[call.ids], asked))
            engine.load_arrow(call.answers, batched(values), ANSWER_SCHEMA)

    def spent(self) -> Spent:
        """Return what the calls of this run came to so far."""
        total = Spent()
        for ids, source in self._sources.items():
            total = total.plus(source.spent(self.tallies[ids]))
        return total

    def _answers(self, source: AnswerSource, asked: Sequence[Row]) -> Iterator[Valued]:
        tally = self.tallies[source.call.ids]
        requests = list(source.requests(asked))
        source.look_up([fingerprint for _, fingerprint, _ in requests])
        here: set[bytes] = set()
        for row, fingerprint, size in requests:
            if source.is_volatile:
                tally.invocations += 1
                tally.unknown += 1
                tally.unknown_size += size
                yield row, source.value(fingerprint, self._random)
                continue
            if fingerprint not in here:
                here.add(fingerprint)
                tally.invocations += 1
            if fingerprint not in self._values:
                self._values[fingerprint] = source.value(fingerprint, self._random)
                self._tally_call(tally, source, fingerprint, size)
            yield row, self._values[fingerprint]

    def _tally_call(
        self, tally: CallTally, source: AnswerSource, fingerprint: bytes, size: int
    ) -> None:
        if source.is_journaled(fingerprint):
            return
        if (known := source.sampled.get(fingerprint)) is not None:
            tally.sampled.append(known)
        else:
            tally.unknown += 1
            tally.unknown_size += size
