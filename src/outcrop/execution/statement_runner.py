"""Runs the plans of one session: its stages, its model calls, and the notice at the end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outcrop.engines.base import EngineColumn, EngineSession
from outcrop.errors import QueryCanceled
from outcrop.execution.closing_notice import closing_notice
from outcrop.execution.executor import PlanRun, rows_failed
from outcrop.execution.flow import Flow
from outcrop.execution.infer import InferOperator, Router
from outcrop.execution.question import InferOptions
from outcrop.execution.result import Notice, Rows
from outcrop.execution.stream import RowStream
from outcrop.execution.system_views import SystemState, store_system_view
from outcrop.inference.budget import SESSION_LIMIT, Budget, BudgetState
from outcrop.inference.gateway import Gateway, ModelLimits
from outcrop.inference.meter import Progress
from outcrop.inference.policy import CallPolicy
from outcrop.inference.statement import RunningStatement
from outcrop.inference.statement import Statement as StatementCalls
from outcrop.planner.plan import StagedPlan
from outcrop.settings import OnError, SettingValue

if TYPE_CHECKING:
    import pyarrow as pa


# What a priority is worth of a model, where several statements ask it at the same time.
_WEIGHTS: Mapping[str, float] = {"low": 0.25, "normal": 1.0, "high": 4.0}


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is run for: who asks, in which words, under which settings."""

    user: str
    text: str
    settings: Mapping[str, SettingValue]
    state: SystemState
    route: Router


class StatementRunner:
    """Runs plans on one session of the engine, one at a time.

    `cancel` and `progress` may be called from any thread.
    """

    def __init__(
        self, engine: EngineSession, gateway: Gateway, notify: Callable[[Notice], None]
    ) -> None:
        self._engine = engine
        self._gateway = gateway
        self._notify = notify
        self._budget = Budget(SESSION_LIMIT)
        self._lock = threading.Lock()
        self._calls: StatementCalls | None = None
        self._canceled = False

    def begin(self) -> None:
        """Forget a cancellation of an earlier statement."""
        with self._lock:
            self._canceled = False

    def cancel(self) -> None:
        """Stop the statement that runs: it raises QueryCanceled; its answers are kept."""
        with self._lock:
            self._canceled = True
            calls = self._calls
        if calls is not None:
            calls.cancel()
        self._engine.interrupt()

    def progress(self) -> Progress | None:
        """Return how far the running statement's model calls are; None where it makes none."""
        with self._lock:
            calls = self._calls
        return None if calls is None else calls.progress()

    def budgets(self, user: str, settings: Mapping[str, SettingValue]) -> list[BudgetState]:
        """Return the rows of `sys_llm_budget`: the budget of this session, and those of all."""
        self._budget.limit_cost(_policy(settings).session_max_cost_usd)
        return [self._budget.state(user), *self._gateway.budgets()]

    def limits(self) -> list[ModelLimits]:
        """Return what each model that was asked allows now."""
        return self._gateway.limits()

    def running(self) -> list[RunningStatement]:
        """Return the statements of all sessions that ask now."""
        return self._gateway.running()

    def query(self, plan: StagedPlan, request: Request) -> Rows:
        """Run a plan; the rows stream from the result, whose close drops what the plan stored."""
        with ExitStack() as stack:
            if not plan.is_streamed:
                sql = stack.enter_context(self.staged(plan, request))
                return OwningRows(self._engine.query(sql), stack.pop_all())
            run = stack.enter_context(self._run(plan, request))
            operator = stack.enter_context(self._operator(request))
            flow = stack.enter_context(closing(Flow(self._engine, operator)))
            rows = RowStream(self._engine, flow, run, plan)

            def remember() -> None:
                run.test(plan.tests)
                operator.remember(run.tested)

            return OwningRows(rows, stack.pop_all(), at_end=remember)

    @contextmanager
    def staged(self, plan: StagedPlan, request: Request) -> Iterator[str]:
        """Run all of a plan's stages, and give the query for its rows, in the engine's SQL."""
        with self._run(plan, request) as run:
            if plan.stages:
                with (
                    self._operator(request) as operator,
                    closing(Flow(self._engine, operator)) as flow,
                ):
                    run.run_stages(plan.stages, flow)
                    if flow.failures.count:
                        raise rows_failed(flow.failures)
                    run.test(plan.tests)
                    operator.remember(run.tested)
            yield plan.sql

    @contextmanager
    def asking(self, plan: StagedPlan, request: Request) -> Iterator[tuple[PlanRun, InferOperator]]:
        """Give what runs a plan's stages, and what asks for them, for a caller who watches both."""
        with self._run(plan, request) as run, self._operator(request) as operator:
            yield run, operator

    @contextmanager
    def _run(self, plan: StagedPlan, request: Request) -> Iterator[PlanRun]:
        for view in plan.system_views:
            store_system_view(view, request.state, self._engine)
        run = PlanRun(self._engine)
        try:
            yield run
        finally:
            run.cleanup()

    @contextmanager
    def _operator(self, request: Request) -> Iterator[InferOperator]:
        """Give what asks models for one statement, and close with the notice of what it came to."""
        query_id = str(uuid.uuid4())
        calls = self._open_calls(query_id, request)
        operator = InferOperator(
            self._engine,
            calls,
            request.route,
            _infer_options(request.settings, query_id),
            self._notify,
        )
        try:
            self._raise_if_canceled()
            yield operator
        except BaseException as error:
            self._close_calls(calls, operator, error)
            raise
        self._close_calls(calls, operator, None)

    def _raise_if_canceled(self) -> None:
        with self._lock:
            if self._canceled:
                raise QueryCanceled("canceled on the user's request")

    def _open_calls(self, query_id: str, request: Request) -> StatementCalls:
        calls = self._gateway.open_statement(
            query_id,
            request.user,
            request.text,
            str(request.settings["query_group"] or ""),
            _policy(request.settings),
            self._budget,
        )
        with self._lock:
            self._calls = calls
        return calls

    def _close_calls(
        self, calls: StatementCalls, operator: InferOperator, error: BaseException | None
    ) -> None:
        with self._lock:
            self._calls = None
        summary = calls.finish(error)
        for notice in operator.fallbacks.notices():
            self._notify(notice)
        operator.tell_alerts()
        self._notify(closing_notice(summary, operator.failures))


class OwningRows:
    """Rows that release what their statement stored when they are closed.

    `at_end` is called when the last row has left.
    """

    def __init__(
        self, rows: Rows, owned: ExitStack, at_end: Callable[[], None] = lambda: None
    ) -> None:
        self._rows = rows
        self._owned = owned
        self._at_end = at_end

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns."""
        return self._rows.columns

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches; what stops them is told to whoever owns them."""
        try:
            yield from self._rows.batches()
            self._at_end()
        except Exception as error:
            self._owned.__exit__(type(error), error, error.__traceback__)
            raise

    def close(self) -> None:
        """Close the rows, then release what they read. Safe to call twice."""
        self._rows.close()
        self._owned.close()


def _policy(settings: Mapping[str, SettingValue]) -> CallPolicy:
    max_cost_usd = settings["outcrop.max_cost_usd"]
    max_calls = settings["outcrop.max_calls"]
    session_usd = settings["outcrop.session_max_cost_usd"]
    return CallPolicy(
        reuse_answers=bool(settings["outcrop.reuse_answers"]),
        max_cost_usd=None if max_cost_usd is None else float(max_cost_usd),
        max_calls=None if max_calls is None else int(max_calls),
        session_max_cost_usd=None if session_usd is None else float(session_usd),
        max_concurrency=int(settings["outcrop.max_concurrency"] or 1),
        weight=_WEIGHTS[str(settings["outcrop.priority"])],
        request_timeout_s=int(settings["outcrop.request_timeout"] or 0) / 1_000,
        retry_timeout_s=int(settings["outcrop.retry_timeout"] or 0) / 1_000,
        prompt_caching=settings["outcrop.prompt_caching"] == "auto",
    )


def _infer_options(settings: Mapping[str, SettingValue], query_id: str) -> InferOptions:
    return InferOptions(
        max_tokens_default=int(settings["outcrop.max_tokens_default"] or 1),
        on_error=OnError(str(settings["outcrop.on_error"])),
        query_id=query_id,
    )
