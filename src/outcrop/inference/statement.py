"""One statement at the gateway: all that it asks of models, under one policy and one budget."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from outcrop.errors import (
    BudgetExceeded,
    Error,
    QueryCanceled,
    is_fatal_for_model,
)
from outcrop.inference.account import Account
from outcrop.inference.ask import Ask
from outcrop.inference.budget import Budget, SpendAlert
from outcrop.inference.events import (
    BudgetAlert,
    BudgetStopped,
    JournalFailed,
    emit,
    emit_calls,
    emit_statement_ended,
)
from outcrop.inference.feed import Feed
from outcrop.inference.invocation import Invocation
from outcrop.inference.limiter import Wait
from outcrop.inference.meter import (
    Counts,
    Progress,
    Summary,
    progress_of,
    summary_of,
    total_of,
)
from outcrop.inference.policy import CallPolicy, Outcome
from outcrop.inference.prompt_cache import PromptCache, prompt_cache_of
from outcrop.inference.records import (
    CallStatus,
    NewCalls,
    NewStatement,
    StatementOutcome,
    error_code_of,
)
from outcrop.inference.reservation import StatementBudgets
from outcrop.inference.runtime import Common, Runtime
from outcrop.inference.slots import Slots


@dataclass(frozen=True, slots=True)
class StatementOrigin:
    """Where a statement comes from, for the record."""

    query_id: str
    user: str
    query_text: str
    query_group: str


@dataclass(frozen=True, slots=True)
class RunningStatement:
    """A statement that asks now; `wait` is what its invocations wait for, if any does."""

    origin: StatementOrigin
    started_at: float
    progress: Progress
    wait: Wait | None


class Statement:
    """Asks models for one SQL statement. `ask` and `finish` are for its own thread."""

    def __init__(
        self,
        runtime: Runtime,
        origin: StatementOrigin,
        policy: CallPolicy,
        session_budget: Budget,
        on_finished: Callable[[Statement], None],
    ) -> None:
        self._runtime = runtime
        self._origin = origin
        self._policy = policy
        self._on_finished = on_finished
        self._budgets = StatementBudgets(policy, session_budget, runtime.spending, origin.user)
        self._common = Common(policy, self._budgets, Slots(policy.max_concurrency))
        self._started_s = runtime.clock.monotonic()
        self._started_at = runtime.clock.wall()
        self._lock = threading.Lock()
        self._accounts: dict[tuple[str, str], Account] = {}
        self._asks: list[Ask] = []
        self._cancellation: QueryCanceled | None = None
        self._is_closed = False
        self._error: BaseException | None = None

    def ask(
        self,
        invocations: Iterable[Invocation] | Feed,
        *,
        model: str,
        function: str,
        total: int | None = None,
        may_move_on: bool = False,
    ) -> Iterator[Outcome]:
        """Yield the outcome of each invocation, in the order of completion.

        `invocations` should be distinct; they are pulled lazily, in this thread, inside a bounded
        window. `total` says how many they are, where the caller knows and they have no length. A
        `Feed` may still be filled, by another thread, while it is asked.
        An error that is one row's alone is that row's outcome. Raised are: BudgetExceeded (after
        all in flight has been yielded), QueryCanceled, a provider's error that is fatal for the
        model, DiskFull and JournalCorrupted. Whatever was answered is kept in all these cases,
        and also when the caller closes the iterator early.
        With `may_move_on` an error of the model is raised after all in flight has been yielded;
        what then has no outcome, and what the feed still holds, was not asked.
        """
        if not isinstance(invocations, Feed):
            invocations = Feed.of(invocations, total)
        account = self._account(model, function)
        ask = self._start(account, may_move_on=may_move_on)
        try:
            self._runtime.journal.save_unsaved()
            yield from ask.outcomes(invocations)
        except Error as error:
            if isinstance(error, BudgetExceeded) and not isinstance(self._error, BudgetExceeded):
                emit(BudgetStopped(self._origin.query_id, error.message))
            if not (may_move_on and is_fatal_for_model(error)):
                self._error = error
            raise

    def prompt_cache(self, provider: str, model_id: str) -> PromptCache | None:
        """Return what is known of a model's prompt cache; None where there is none to use."""
        caching = self._runtime.prompt_caching(provider, model_id)
        if caching is None or not self._policy.prompt_caching:
            return None
        journal = self._runtime.journal
        return prompt_cache_of(
            caching,
            journal.token_history(provider, model_id),
            journal.call_speed(provider, model_id),
            self._policy.max_concurrency,
        )

    def note_unusable(
        self, invocation: Invocation | None, error: Error, *, model: str, function: str
    ) -> None:
        """Note for `sys_llm_call` that a row got no value, and why.

        `invocation` is the one whose answer holds none; None where no request could be made of the
        row. Nothing was paid for this.
        """
        account = self._account(model, function)
        account.meter.unusable(was_asked=invocation is not None)
        if not account.is_open:
            asyncio.run_coroutine_threadsafe(account.open(), self._runtime.loop).result()
        call = NewCalls(
            statement_id=account.statement_id,
            provider="" if invocation is None else invocation.provider,
            model_id="" if invocation is None else invocation.model_id,
            status=CallStatus.UNUSABLE,
            fingerprints=[b"" if invocation is None else invocation.fingerprint],
            usages=[None],
            costs_usd=[None],
            started_at=[self._runtime.clock.wall()],
            durations_ms=[0],
            attempts=0,
            throttles=0,
            retries=0,
            possibly_paid=0,
            error_code=error_code_of(error),
            error_message=error.message,
        )
        self._runtime.journal.put_unusable(call)
        is_shown = self._runtime.logs_prompts
        request = invocation.body if is_shown and invocation is not None else None
        emit_calls(self._origin.query_id, model, call, [request], error)

    def remember(self, tested: Mapping[str, tuple[int, int]]) -> None:
        """Keep how many rows conditions on answers tested, and passed.

        A failure to do so is logged: what the statement is for is done.
        """
        try:
            self._runtime.journal.put_predicates(tested)
        except Error as error:
            emit(JournalFailed("what conditions select", type(error).__name__))

    def cancel(self, error: QueryCanceled | None = None) -> None:
        """Stop asking: `ask` raises QueryCanceled at once, from whichever thread this is called.

        What is in flight is finished in the background, and its answers are kept.
        """
        with self._lock:
            self._cancellation = error or QueryCanceled(
                "the statement was canceled; the answers that it paid for are kept",
                hint="Run it again: only what was not answered is paid for.",
            )
            asks = tuple(self._asks)
        for ask in asks:
            ask.cancel(self._cancellation)

    def progress(self) -> Progress:
        """Return how far the statement is; from any thread."""
        return progress_of(self._totals(), self._elapsed_s())

    def running(self) -> RunningStatement:
        """Return how it is getting on; on the event loop."""
        progress = self.progress()
        waits = (ask.wait for ask in tuple(self._asks)) if progress.waiting else ()
        wait = next((wait for wait in waits if wait is not None), None)
        return RunningStatement(self._origin, self._started_at, progress, wait)

    def finish(self, error: BaseException | None = None) -> Summary:
        """End the statement and return what it came to; `error` is what it failed with, if it did.

        Its rows for `sys_llm_detail` are written before this returns, unless something is still
        in flight: then as soon as that has ended.
        """
        outcome = _outcome_of(error or self._error)
        is_settled = all(ask.is_settled for ask in self._asks)
        if is_settled or self._runtime.ask_loop(self._stop):
            self._close(outcome)
        else:
            self._runtime.spawn(self.close_when_drained(outcome))
        return summary_of(self._totals(), outcome, self._elapsed_s())

    def take_alerts(self) -> tuple[SpendAlert, ...]:
        """Return what is to be told of its budgets, once."""
        alerts = self._budgets.take_alerts()
        for alert in alerts:
            emit(BudgetAlert(self._origin.query_id, alert.percent, alert.message))
        return alerts

    async def close_when_drained(self, outcome: StatementOutcome) -> None:
        """Stop asking, and write the rows when nothing is in flight any more; on the event loop."""
        self._stop()
        for ask in tuple(self._asks):
            await ask.dispatcher.drained()
        await asyncio.to_thread(self._close, outcome)

    def _stop(self) -> bool:
        """Stop asking; return whether nothing is in flight any more. On the event loop."""
        for ask in tuple(self._asks):
            ask.dispatcher.stop(None)
        return all(ask.dispatcher.is_idle for ask in self._asks)

    def abandon(self) -> None:
        """End what is in flight without its answer; on the event loop."""
        for ask in tuple(self._asks):
            ask.dispatcher.abandon()

    def _close(self, outcome: StatementOutcome) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        for account in tuple(self._accounts.values()):
            account.close(outcome)
        self._runtime.spawn(self._runtime.spending.take_back())
        summary = summary_of(self._totals(), outcome, self._elapsed_s())
        emit_statement_ended(self._origin.query_id, self._origin.user, summary)
        self._on_finished(self)

    def _start(self, account: Account, *, may_move_on: bool) -> Ask:
        with self._lock:
            if self._cancellation is not None:
                raise self._cancellation
            ask = Ask(self._runtime, account, self._common, self._totals, may_move_on=may_move_on)
            self._asks.append(ask)
            return ask

    def _account(self, model: str, function: str) -> Account:
        with self._lock:
            account = self._accounts.get((model, function))
            if account is None:
                origin = self._origin
                statement = NewStatement(
                    origin.query_id,
                    origin.user,
                    origin.query_group,
                    origin.query_text,
                    model,
                    function,
                    self._started_at,
                )
                account = Account(statement, self._runtime.journal, self._runtime.clock)
                self._accounts[model, function] = account
            return account

    def _totals(self) -> Counts:
        with self._lock:
            accounts = tuple(self._accounts.values())
        return total_of([account.meter for account in accounts])

    def _elapsed_s(self) -> float:
        return self._runtime.clock.monotonic() - self._started_s


def _outcome_of(error: BaseException | None) -> StatementOutcome:
    match error:
        case None:
            return StatementOutcome.COMPLETED
        case QueryCanceled():
            return StatementOutcome.CANCELED
        case BudgetExceeded():
            return StatementOutcome.BUDGET_EXCEEDED
        case _:
            return StatementOutcome.FAILED
