"""A world: models, users and their statements, budgets and mishaps, all drawn from one seed.

It lives through several processes of ours, each of which ends by a crash, but for the last two:
one under the world's budgets, and one under budgets for which there is always room, in which
whatever is left is asked.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.inference.gateway import CallPolicy, Gateway
from outcrop.inference.journal import JOURNAL_FILE, Journal
from outcrop.inference.journal_file import unpack
from outcrop.inference.journal_upkeep import verify
from outcrop.providers.base import Provider
from tests.simulation.ledger import Asked, Ledger
from tests.simulation.models import (
    BUG,
    IMMEDIATE,
    PROVIDER,
    TRANSIENT,
    Endpoint,
    Endpoints,
    EndpointsAtOnce,
    Outage,
    Traits,
    is_bad,
    text_of,
)
from tests.simulation.users import Desk, Job, Plan, Question
from tests.simulation.virtual_time import Scheduler, virtual_time

USERS = ("ann", "bob", "cid", "dot")
LETS_WAIT = "sim-lets-wait"
SMALL = 25  # the prompts of a statement that must not wait long
NOON_S = 1_700_000_000 // 86_400 * 86_400 + 43_200.0


@dataclass
class Figures:
    """What happened in one world."""

    requests: int = 0
    payments: int = 0
    paid_again: int = 0
    quota_requests: int = 0
    throttled: int = 0
    crashes: int = 0
    rows: int = 0
    rows_failed: int = 0
    seconds: float = 0.0
    waited_max_s: float = 0.0


class World:
    """See the module. `calls` is about how many invocations are asked of models."""

    def __init__(self, seed: int, calls: int, folder: Path) -> None:
        self._random = random = Random(seed)
        self._journal_path = folder / JOURNAL_FILE
        self.traits = tuple(_draw_traits(random, n) for n in range(random.choice((1, 1, 2, 3))))
        self.jobs = list(itertools.starmap(Job, enumerate(_draw_plans(random, self.traits, calls))))
        self._limits = _draw_limits(random, self.traits, self.jobs)
        self._crashes = random.choice((0, 0, 1, 1, 2, 4))
        self._calls = calls
        self._begins_s = NOON_S + random.choice((0.0, 0.0, 43_200.0 - 30.0))
        self._kept: dict[Asked, str] = {}
        self.figures = Figures()

    def run(self) -> Figures:
        """Live through it; raises AssertionError where anything is not as it must be."""
        with virtual_time() as scheduler:
            self._scheduler = scheduler
            self._ledger = Ledger(scheduler)
            self._endpoints = {
                traits.model_id: Endpoint(traits, scheduler, self._ledger, self._random)
                for traits in self.traits
            }
            for crash in range(self._crashes + 1):
                if self._live(self._limits, may_crash=crash < self._crashes):
                    break
            for job in self.jobs:
                job.is_stopped = False
                job.plan = replace(job.plan, policy=_without_limits(job.plan.policy))
            self._live([replace(b, max_cost_usd=b.max_cost_usd * 1e6) for b in self._limits])
        self._check_end()
        return self._figures()

    def _live(self, limits: Sequence[BudgetConfig], *, may_crash: bool = False) -> bool:
        """Run one process; return whether it came to its end."""
        scheduler, ledger, random = self._scheduler, self._ledger, self._random
        scheduler.restart()
        clock = _Clock(scheduler, self._begins_s, ledger)
        ledger.limit(limits)
        clock.wall()
        journal = Journal.open(self._journal_path, wall=clock.wall)
        gateway = _gateway(journal, self._endpoints, self.traits, limits, clock, random)
        end_of_loop = _EndOfLoop(gateway, scheduler)
        desk = Desk(scheduler, gateway, ledger)
        for endpoint in self._endpoints.values():
            endpoint.watch = desk.check_period_budgets
        for job in self.jobs:
            if not job.is_done and not job.is_stopped:
                scheduler.start(f"statement {job.number}", partial(desk.run, job))
        self._draw_mishaps(scheduler, clock, journal, may_crash=may_crash)
        scheduler.run_actors()
        has_crashed = scheduler.is_crashed
        if has_crashed:
            end_of_loop.thread.join()
            gateway._loop.close()
            journal._reading.close()
            journal._writer._connection.close()
        else:
            gateway.close()
            journal.close()
        if scheduler.failure is not None:
            raise scheduler.failure
        self._begins_s = clock.begins_s
        self.figures.crashes += has_crashed
        self.figures.rows += desk.rows
        self.figures.rows_failed += desk.rows_failed
        self._check_journal(desk)
        return not has_crashed

    def _draw_mishaps(
        self, scheduler: Scheduler, clock: _Clock, journal: Journal, *, may_crash: bool
    ) -> None:
        random = self._random
        self._ledger.crash_at = 0
        if may_crash and random.random() < 0.5:
            self._ledger.crash_at = self._ledger.payments + random.randint(1, self._calls)
        elif may_crash:
            scheduler.crash_at(scheduler.now_s + random.expovariate(1 / 60.0))
        if random.random() < 0.3:
            jump_s = random.choice((-86_400.0, -30.0, 60.0, 40 * 86_400.0))
            at_s = random.expovariate(1 / 30.0)
            scheduler.start("clock", lambda: clock.jump(at_s, jump_s))
        if random.random() < 0.3:
            at_s, for_s = random.expovariate(1 / 30.0), random.expovariate(1 / 20.0)
            scheduler.start("disk", lambda: _fill_disk(scheduler, journal, at_s, for_s))

    def _check_journal(self, desk: Desk) -> None:
        """Whatever has happened: the journal is sound, and has lost nothing."""
        assert verify(self._journal_path).problems == ()
        kept = dict(_answers(self._journal_path))
        lost = [asked for asked, text in self._kept.items() if kept.get(asked) != text]
        assert lost == [], "answers that were in the journal are gone, or have changed"
        not_kept = [asked for asked in desk.shown if asked not in kept]
        assert not_kept == [], "rows were released whose answers are not in the journal"
        never_paid = [asked for asked in kept if asked not in self._ledger.final]
        assert never_paid == [], "answers that nobody was paid for"
        self._kept = kept
        self._ledger.ended(kept)

    def _check_end(self) -> None:
        """At the end all that was asked is answered, and the books agree."""
        assert all(job.is_done for job in self.jobs)
        questions = [q for job in self.jobs for q in job.plan.questions]
        asked = {(q.model_id, prompt) for q in questions for prompt in q.prompts}
        assert {one for one in asked if not is_bad(one[1])} == set(self._kept)
        self._check_spending()

    def _check_spending(self) -> None:
        """What the budgets count is what was paid, or more where nobody knows."""
        rows = _spending(self._journal_path)
        assert not any(reserved for *_, reserved in rows), "nothing is in flight any more"
        slots = sum(job.plan.policy.max_concurrency for job in self.jobs)
        ledger = self._ledger
        unknown_pico = (ledger.unknown + slots * self.figures.crashes) * ledger.cost_max_pico
        for limit in self._limits:
            counted = sum(
                spent
                for user, model, spent, _ in rows
                if limit.user in (None, user) and limit.model in (None, model)
            )
            paid, paid_by_others = ledger.spent_pico(limit.user, limit.model)
            assert paid <= counted, f"{limit}: {paid} was paid, and {counted} counted"
            assert counted <= paid + paid_by_others + unknown_pico

    def _figures(self) -> Figures:
        figures = self.figures
        figures.requests = sum(endpoint.requests for endpoint in self._endpoints.values())
        figures.payments = self._ledger.payments
        figures.paid_again = sum(times - 1 for times in self._ledger.final.values())
        with_quota = [e for e in self._endpoints.values() if e.has_quota]
        figures.quota_requests = sum(endpoint.requests for endpoint in with_quota)
        figures.throttled = sum(endpoint.throttled for endpoint in with_quota)
        figures.seconds = self._scheduler.now_s
        figures.waited_max_s = max((self._waited_s(job) for job in self.jobs), default=0.0)
        return figures

    def _waited_s(self, job: Job) -> float:
        """Return how long a small statement waited beyond its turns, where nothing went wrong."""
        traits = {one.model_id: one for one in self.traits}
        asked = [traits[question.model_id] for question in job.plan.questions]
        prompts = max(len(question.prompts) for question in job.plan.questions)
        is_calm = all(not one.faults and not one.outages and one.capacity is None for one in asked)
        if job.is_disturbed or job.runs > 1 or prompts > SMALL or not is_calm:
            return 0.0
        rounds = math.ceil(prompts / job.plan.policy.max_concurrency)
        turns = 2 * prompts * len(self.jobs)
        expected_s = sum(
            rounds * one.latency_s * math.exp(4 * one.spread) + turns / one.answers_per_s_min
            for one in asked
        )
        return max(job.took_s[0] - expected_s, 0.0)


class _Clock:
    """The clocks of one process: a monotonic one that begins anew, and a calendar that may jump."""

    def __init__(self, scheduler: Scheduler, begins_s: float, ledger: Ledger) -> None:
        self._scheduler = scheduler
        self._started_s = scheduler.now_s
        self._ledger = ledger
        self._day_ends_s = 0.0
        self.begins_s = begins_s

    def monotonic(self) -> float:
        return self._scheduler.now_s - self._started_s + 1_000.0

    def wall(self) -> float:
        now_s = self.begins_s + self._scheduler.now_s
        if not self._day_ends_s - 86_400 <= now_s < self._day_ends_s:
            self._day_ends_s = (now_s // 86_400 + 1) * 86_400
            self._ledger.see_day(datetime.fromtimestamp(now_s, UTC).date().isoformat())
        return now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def jump(self, at_s: float, by_s: float) -> None:
        """Have the calendar jump, after some time."""
        self._scheduler.sleep(at_s)
        self.begins_s += by_s


class _EndOfLoop:
    """The thread of a gateway, for who waits for its end in virtual time."""

    def __init__(self, gateway: Gateway, scheduler: Scheduler) -> None:
        self.thread = gateway._thread
        self._loop = gateway._loop
        self._scheduler = scheduler
        gateway._thread = self  # type: ignore[assignment]

    def join(self) -> None:
        self._scheduler.wait_for(lambda: self._loop.has_ended)  # type: ignore[attr-defined]
        self.thread.join()


@dataclass(frozen=True, slots=True)
class _Prices:
    traits: dict[str, Traits]

    def find(self, provider_kind: str, model_id: str) -> Traits:
        return self.traits[model_id]


def _gateway(
    journal: Journal,
    endpoints: dict[str, Endpoint],
    traits: Sequence[Traits],
    limits: Sequence[BudgetConfig],
    clock: _Clock,
    random: Random,
) -> Gateway:
    def build(name: str) -> Provider:
        if name == IMMEDIATE:
            return EndpointsAtOnce(name, endpoints, lets_wait=False)
        return Endpoints(name, endpoints, lets_wait=name == LETS_WAIT)

    prices = _Prices({one.model_id: one for one in traits})
    return Gateway(
        journal, build, lambda name: "sim", prices, budgets=limits, clock=clock, random=random
    )


def _fill_disk(scheduler: Scheduler, journal: Journal, at_s: float, for_s: float) -> None:
    """Let the journal's file not grow for some time."""
    scheduler.sleep(at_s)
    connection = journal._writer._connection
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    scheduler.sleep(for_s)
    connection.execute("PRAGMA max_page_count = 4294967294")


def _answers(path: Path) -> Iterator[tuple[Asked, str]]:
    with closing(sqlite3.connect(path)) as connection:
        for (packed,) in connection.execute("SELECT response FROM answer"):
            text = text_of(unpack(packed, path))
            model_id, _, prompt = text.partition(": ")
            yield (model_id, prompt), text


def _spending(path: Path) -> list[tuple[str, str, int, int]]:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT user_name, model_id, spent_pico, reserved_pico FROM spending"
        return connection.execute(query).fetchall()


def _without_limits(policy: CallPolicy) -> CallPolicy:
    return replace(policy, max_cost_usd=None, max_calls=None, session_max_cost_usd=None)


def _draw_traits(random: Random, number: int) -> Traits:
    kind = random.choice(("quota", "quota", "quota", "waits", "immediate"))
    is_faulty = random.random() < 0.6
    rates = {fault: random.choice((0.0, 0.002, 0.02)) for fault in TRANSIENT} if is_faulty else {}
    if is_faulty and random.random() < 0.3:
        rates[BUG] = 0.002
    outages: tuple[Outage, ...] = ()
    if random.random() < 0.3:
        kinds = ("unreachable", "unreachable", "overloaded", "denied")
        from_s = random.expovariate(1 / 40.0)
        long_s = random.choice((2.0, 8.0, 45.0))
        outages = (Outage(random.choice(kinds), from_s, from_s + long_s),)
    requests_per_s = _between(random, 20, 3_000) if kind == "quota" else None
    tokens_per_s = _between(random, 3_000, 400_000) if random.random() < 0.5 else None
    changes = []
    if random.random() < 0.5:
        at_s = 0.0
        for _ in range(3):
            at_s += random.expovariate(1 / 60.0)
            changes.append((at_s, random.choice((0.5, 2.0))))
    return Traits(
        model_id=f"{kind}-{number}",
        input_usd=random.uniform(1, 900),
        output_usd=random.uniform(1, 2_000),
        latency_s=random.uniform(0.05, 1.5),
        spread=random.choice((0.0, 0.3, 0.8)),
        answer_tokens=random.uniform(5, 60),
        requests_per_s=requests_per_s,
        tokens_per_s=tokens_per_s if kind == "quota" else None,
        burst_s=random.choice((0.5, 1.0, 10.0)),
        names_quota=random.random() < 0.5,
        retry_after_s=random.choice((None, None, 1.0)),
        changes=tuple(changes),
        faults=rates,
        outages=outages,
        capacity=random.randint(2, 64) if kind == "waits" else None,
    )


def _between(random: Random, low: float, high: float) -> float:
    """Return a number whose order of magnitude is as likely as any other."""
    return low * math.pow(high / low, random.random())


_PROVIDERS = {"quota": PROVIDER, "waits": LETS_WAIT, "immediate": IMMEDIATE}


def _draw_plans(random: Random, traits: Sequence[Traits], calls: int) -> list[Plan]:
    """Return statements of several users that ask about so many invocations in all."""
    count = random.randint(2, 14)
    users = random.sample(USERS, random.randint(1, len(USERS)))
    session_usd = {user: random.choice((None, None, calls * 0.01)) for user in users}
    weights = [random.choice((0.0, 0.01, 0.2, 1.0, 3.0)) for _ in range(count)]
    total = sum(weights) or 1.0
    plans = []
    for weight in weights:
        user = random.choice(users)
        size = max(round(calls * weight / total), 1)
        questions = []
        for one in random.sample(traits, random.choice((1, 1, min(2, len(traits))))):
            whose = random.choice((user, "all"))
            pool = range(max(size, calls // 2) * 2 if random.random() < 0.7 else size)
            prompts = tuple(f"{whose} {n}" for n in random.sample(pool, min(size, len(pool))))
            provider = _PROVIDERS[one.model_id.partition("-")[0]]
            questions.append(Question(provider, one.model_id, prompts))
        policy = CallPolicy(
            reuse_answers=random.random() < 0.95,
            max_cost_usd=random.choice((None, None, None, size * 0.002)),
            max_calls=random.choice((None, None, None, max(size // 2, 1))),
            session_max_cost_usd=session_usd[user],
            max_concurrency=random.choice((1, 16, 64, 64, 256)),
            weight=random.choice((1.0, 1.0, 0.25, 4.0)),
        )
        end = random.choice(("normal", "normal", "normal", "cancel", "leave"))
        at_s = random.choice((0.0, random.expovariate(1 / 20.0)))
        plans.append(Plan(user, at_s, tuple(questions), policy, end, random.randint(0, size)))
    return plans


def _draw_limits(
    random: Random, traits: Sequence[Traits], jobs: Sequence[Job]
) -> list[BudgetConfig]:
    """Return budgets, some of which stop something; none in one world of four."""
    if random.random() < 0.25:
        return []
    calls = sum(len(q.prompts) for job in jobs for q in job.plan.questions)
    about_usd = calls * sum(one.output_usd for one in traits) / len(traits) * 60 / 1e6
    limits = []
    for user in (None, *{job.plan.user: None for job in jobs}):
        for model in (None, *(one.model_id for one in traits)):
            if random.random() < 0.4:
                period = random.choice((BudgetPeriod.DAY, BudgetPeriod.MONTH))
                usd = about_usd * random.choice((0.01, 0.2, 1.0, 5.0))
                limits.append(BudgetConfig(usd, period, user, model))
    return limits
