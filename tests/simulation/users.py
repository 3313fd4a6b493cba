"""Users, each of whose statements is a thread that asks, checks every row, and asks again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from outcrop.errors import (
    AuthFailed,
    BudgetExceeded,
    DiskFull,
    Error,
    InternalError,
    ModelUnreachable,
    QueryCanceled,
    TransientProviderError,
)
from outcrop.inference.budget import Budget
from outcrop.inference.gateway import CallPolicy, Gateway, Outcome, Statement
from outcrop.inference.invocation import Invocation
from outcrop.inference.meter import Summary
from outcrop.inference.records import StatementOutcome
from outcrop.providers.base import RequestType
from tests.simulation.ledger import Ledger
from tests.simulation.models import OUTPUT_TOKENS_DEFAULT, is_bad, text_of
from tests.simulation.virtual_time import Scheduler

RUNS_MAX = 60
REST_S = 20.0


@dataclass(frozen=True)
class Question:
    """What a statement asks of one model of a provider."""

    provider: str
    model_id: str
    prompts: tuple[str, ...]

    @cached_property
    def invocations(self) -> list[Invocation]:
        """What is asked, one for each prompt; composed once for all runs of its statement."""
        return [_invocation(self, prompt) for prompt in self.prompts]


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement: who runs it, when, what it asks, and what becomes of it on its first run.

    `end` is `normal`, `cancel` or `leave`; the latter two happen after so many rows.
    """

    user: str
    at_s: float
    questions: tuple[Question, ...]
    policy: CallPolicy
    end: str = "normal"
    end_after: int = 0


@dataclass
class Job:
    """What became of a statement so far, over all processes."""

    number: int
    plan: Plan
    runs: int = 0
    is_done: bool = False
    is_stopped: bool = False
    is_disturbed: bool = False
    took_s: list[float] = field(default_factory=list)


class Desk:
    """Where the jobs of one process are run: its gateway, its clock, and the books."""

    def __init__(self, scheduler: Scheduler, gateway: Gateway, ledger: Ledger) -> None:
        self.scheduler = scheduler
        self.gateway = gateway
        self.ledger = ledger
        self.rows = 0
        self.rows_failed = 0
        self.shown: set[tuple[str, str]] = set()
        self._overdrawn: dict[str, tuple[str, int]] = {}
        self._sessions: dict[str, Budget] = {}

    def run(self, job: Job) -> None:
        """Run a statement until it is done, or a budget has stopped it."""
        plan = job.plan
        self.scheduler.sleep(max(0.0, plan.at_s - self.scheduler.now_s))
        while not job.is_done and not job.is_stopped:
            job.runs += 1
            assert job.runs <= RUNS_MAX, f"it does not end: {plan.user} {plan.policy}"
            self._run_once(job)
            if not job.is_done and not job.is_stopped:
                self.scheduler.sleep(REST_S)

    def check_period_budgets(self) -> None:
        """At any moment no budget is overshot, as the runtime itself counts."""
        self._check(self.gateway._runtime.spending._budgets)

    def check_budgets(self, statement: Statement) -> None:
        """The same of the budgets of a statement."""
        self._check(statement._budgets._budgets)

    def _check(self, budgets: Sequence[Budget]) -> None:
        """See that none has more than its limit, or than it had when its period began.

        It may have had more than its limit then: after a crash, what was in flight counts at its
        upper bound, and a clock that is set back brings back what was spent in all days since.
        """
        for budget in budgets:
            limit, used = budget.max_pico, budget.spent_pico + budget.reserved_pico
            if limit is None or used <= limit:
                continue
            period, used_then = self._overdrawn.get(budget.title, ("", 0))
            if period != budget.since:
                self._overdrawn[budget.title] = (budget.since, used)
            elif used > used_then:
                self.scheduler.fail(AssertionError(f"{budget.title}: {used} of {limit}"))

    def _run_once(self, job: Job) -> None:
        plan = job.plan
        is_first = job.runs == 1
        if not is_first:  # only the first run asks afresh: else it might fail anew for ever
            plan = replace(plan, policy=replace(plan.policy, reuse_answers=True))
        statement = self._open(plan, f"{job.number}.{job.runs}")
        started_s = self.scheduler.now_s
        run = _Run(self, statement, plan.end if is_first else "normal", plan.end_after)
        error: Error | None = None
        try:
            for question in plan.questions:
                run.ask(question, is_fresh=not plan.policy.reuse_answers)
            job.is_done = run.end == "normal" and not run.transient
        except BudgetExceeded as exceeded:
            error = exceeded
            job.is_stopped = True
        except (QueryCanceled, DiskFull, ModelUnreachable, AuthFailed) as stopped:
            error = stopped
            job.is_disturbed = True
        summary = statement.finish(error)
        run.check(summary, error)
        if job.is_done:
            job.took_s.append(self.scheduler.now_s - started_s)
        job.is_disturbed |= not job.is_done

    def _open(self, plan: Plan, query_id: str) -> Statement:
        session = self._sessions.setdefault(plan.user, Budget("outcrop.session_max_cost_usd"))
        return self.gateway.open_statement(
            query_id, plan.user, "SELECT f(x) FROM t", "", plan.policy, session
        )


class _Run:
    """One run of a statement, and the rows that it was given."""

    def __init__(self, desk: Desk, statement: Statement, end: str, end_after: int) -> None:
        self.end = end
        self.transient = 0
        self._desk = desk
        self._statement = statement
        self._end_after = end_after
        self._asked = self._answered = self._failed = self._reused = 0

    def ask(self, question: Question, *, is_fresh: bool) -> None:
        """Ask one model, and check each row: it is one that was asked, and comes once."""
        if is_fresh:
            for prompt in question.prompts:
                self._desk.ledger.may_be_paid_again[question.model_id, prompt] += 1
        asked = question.invocations
        prompts = zip(asked, question.prompts, strict=True)
        expected = {one.fingerprint: prompt for one, prompt in prompts}
        self._asked += len(asked)
        self._desk.check_budgets(self._statement)
        outcomes = self._statement.ask(asked, model=question.model_id, function="f")
        for outcome in outcomes:
            prompt = expected.pop(
                outcome.fingerprint
            )  # KeyError: a row twice, or none that is ours
            self._check(question.model_id, prompt, outcome)
            self._desk.rows += 1
            if self.end != "normal" and self._answered + self._failed >= self._end_after:
                if self.end == "leave":
                    outcomes.close()  # type: ignore[attr-defined]
                    return
                self._statement.cancel()
        self._desk.check_budgets(self._statement)
        assert not expected or self.end == "leave", f"{len(expected)} rows have no outcome"

    def _check(self, model_id: str, prompt: str, outcome: Outcome) -> None:
        if outcome.error is None:
            assert outcome.response is not None
            assert text_of(outcome.response) == f"{model_id}: {prompt}"
            assert not is_bad(prompt)
            self._desk.shown.add((model_id, prompt))
            self._answered += not outcome.is_reused
            self._reused += outcome.is_reused
            return
        self._failed += 1
        self._desk.rows_failed += 1
        if not is_bad(prompt):
            assert isinstance(outcome.error, TransientProviderError | AuthFailed | InternalError)
            self.transient += 1

    def check(self, summary: Summary, error: Error | None) -> None:
        """Compare what it says of itself at the end with what it gave."""
        if self.end == "normal" and error is None:
            assert summary.outcome is StatementOutcome.COMPLETED
            assert summary.failed == self._failed
            assert summary.invocations == self._asked
        assert summary.elapsed_s >= 0.0


def _invocation(question: Question, prompt: str) -> Invocation:
    members = {"messages": [{"role": "user", "content": [{"text": prompt}]}]}
    body = f'{{"messages":[{{"content":[{{"text":"{prompt}"}}],"role":"user"}}]}}'
    return Invocation(
        question.provider,
        question.model_id,
        RequestType.UNIFIED,
        body,
        OUTPUT_TOKENS_DEFAULT,
        members=members,
    )
