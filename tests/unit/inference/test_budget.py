"""Budgets and what is reserved of them: one, several at once, of a day, of a month."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.errors import BudgetExceeded, DiskFull
from outcrop.inference.budget import Budget, BudgetState, pico_of
from outcrop.inference.journal import Journal
from outcrop.inference.policy import CallPolicy
from outcrop.inference.records import CallStatus, NewCalls, Payment
from outcrop.inference.reservation import BudgetSet, Reservation, StatementBudgets
from outcrop.inference.spending import Spending
from tests.unit.inference.support import CALL_COST_USD, VirtualClock, ask, house, invocations

DAY, MONTH = BudgetPeriod.DAY, BudgetPeriod.MONTH
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0
MODEL = "model-1"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> VirtualClock:
    clock = VirtualClock()
    clock.now_s = NOON
    return clock


OpenSpending = Callable[..., Spending]


@pytest.fixture
def spending(journal: Journal, clock: VirtualClock) -> OpenSpending:
    return lambda *configs: Spending(journal, clock, configs)


def own(
    spending: Spending,
    max_cost_usd: float | None = None,
    max_calls: int | None = None,
    *,
    session: Budget | None = None,
    session_max_cost_usd: float | None = None,
    user: str = "ann",
    model_id: str = MODEL,
) -> BudgetSet:
    """Return the budgets of a new statement."""
    policy = CallPolicy(
        max_cost_usd=max_cost_usd, max_calls=max_calls, session_max_cost_usd=session_max_cost_usd
    )
    session = session or Budget("outcrop.session_max_cost_usd")
    return StatementBudgets(policy, session, spending, user).of_model(model_id)


def reserve(budgets: BudgetSet, usd: float) -> Reservation:
    reservation = budgets.try_reserve(pico_of(usd))
    assert reservation is not None
    return reservation


def spend(budgets: BudgetSet, usd: float) -> Payment | None:
    return reserve(budgets, usd).settle(pico_of(usd))


def fits(budgets: BudgetSet, usd: float) -> bool:
    reservation = budgets.try_reserve(pico_of(usd))
    if reservation is not None:
        reservation.release()
    return reservation is not None


def test_without_limits_everything_fits(spending: OpenSpending) -> None:
    budgets = own(spending())
    for _ in range(1_000):
        reserve(budgets, 1_000_000.0)
    assert budgets.limiting is None


def test_ten_calls_of_a_tenth_fit_into_one_dollar(spending: OpenSpending) -> None:
    budgets = own(spending(), 1.0)
    reservations = [budgets.try_reserve(pico_of(0.1)) for _ in range(11)]
    assert [r is not None for r in reservations] == [True] * 10 + [False]


def test_a_group_of_requests_fits_whole_or_not_at_all(spending: OpenSpending) -> None:
    budgets = own(spending(), 1.0, max_calls=5)
    assert budgets.try_reserve(pico_of(1.1), 4) is None
    assert budgets.try_reserve(pico_of(0.5), 6) is None
    group = budgets.try_reserve(pico_of(0.5), 5)
    assert group is not None
    assert budgets.try_reserve(0) is None  # no call is left
    group.split(pico_of(0.1)).release()
    group.split(pico_of(0.1)).settle(pico_of(0.2))
    payment = group.settle(pico_of(0.15))
    assert payment is not None
    assert payment.cost_pico == pico_of(0.15)
    [budget, _] = budgets.budgets
    assert (budget.spent_pico, budget.reserved_pico) == (pico_of(0.35), 0)
    assert budgets.try_reserve(pico_of(0.65)) is not None  # four were paid
    assert budgets.try_reserve(0) is None


def test_what_a_request_did_not_use_is_free_again(spending: OpenSpending) -> None:
    async def scenario() -> float:
        budgets = own(spending(), 1.0)
        first = await budgets.reserve(pico_of(0.9))
        assert not fits(budgets, 0.9)
        waiting = asyncio.ensure_future(budgets.reserve(pico_of(0.9)))
        await asyncio.sleep(0)
        assert not waiting.done()
        first.settle(pico_of(0.1))
        second = await waiting
        second.settle(pico_of(0.9))
        return budgets.budgets[0].spent_usd

    assert asyncio.run(scenario()) == 1.0


def test_it_stops_when_nothing_in_flight_could_make_room(spending: OpenSpending) -> None:
    async def scenario() -> str:
        budgets = own(spending(), 1.0)
        first = await budgets.reserve(pico_of(0.6))
        waiting = asyncio.ensure_future(budgets.reserve(pico_of(0.6)))
        await asyncio.sleep(0)
        first.settle(pico_of(0.6))
        with pytest.raises(BudgetExceeded) as caught:
            await waiting
        return str(caught.value)

    assert asyncio.run(scenario()) == (
        "outcrop.max_cost_usd of $1 is reached: $0.6 of it is spent and the next call may cost $0.6"
    )


def test_a_request_that_could_never_fit_is_refused_at_once(spending: OpenSpending) -> None:
    async def scenario() -> None:
        budgets = own(spending(), 1.0)
        await budgets.reserve(pico_of(0.5))
        with pytest.raises(BudgetExceeded):
            await budgets.reserve(pico_of(1.5))

    asyncio.run(scenario())


def test_calls_are_counted_when_they_were_paid(spending: OpenSpending) -> None:
    async def scenario() -> None:
        budgets = own(spending(), None, 2)
        refused = await budgets.reserve(0)
        paid = await budgets.reserve(0)
        waiting = asyncio.ensure_future(budgets.reserve(0))
        await asyncio.sleep(0)
        assert not waiting.done()
        refused.release()
        last = await waiting
        paid.settle(0)
        last.settle(0)
        with pytest.raises(BudgetExceeded, match=r"outcrop\.max_calls of 2 is reached"):
            await budgets.reserve(0)

    asyncio.run(scenario())


def test_what_is_free_fits_into_a_budget_that_is_overspent(spending: OpenSpending) -> None:
    session = Budget("outcrop.session_max_cost_usd")
    spend(own(spending(), session=session), 2.0)
    assert fits(own(spending(), session=session, session_max_cost_usd=1.0), 0.0)
    assert not fits(own(spending(), session=session, session_max_cost_usd=1.0), 0.001)


def test_what_is_free_waits_for_its_turn_in_a_budget_that_is_overspent(
    spending: OpenSpending,
) -> None:
    async def scenario() -> None:
        session = Budget("outcrop.session_max_cost_usd")
        spend(own(spending(), session=session), 2.0)
        budgets = own(spending(), None, 1, session=session, session_max_cost_usd=1.0)
        first = await budgets.reserve(0)
        waiting = asyncio.ensure_future(budgets.reserve(0))
        await asyncio.sleep(0)
        first.release()
        await asyncio.wait_for(waiting, 1.0)

    asyncio.run(scenario())


def test_a_session_counts_what_was_spent_before_it_was_limited(spending: OpenSpending) -> None:
    session = Budget("outcrop.session_max_cost_usd")
    spend(own(spending(), session=session), 0.7)
    later = own(spending(), session=session, session_max_cost_usd=1.0)
    assert not fits(later, 0.4)
    assert fits(later, 0.3)


def test_a_reservation_is_all_or_nothing(spending: OpenSpending) -> None:
    sums = spending(BudgetConfig(1.0, DAY), BudgetConfig(0.5, DAY, user="ann"))
    budgets = own(sums, 2.0)
    assert not fits(budgets, 0.6)
    assert [budget.reserved_pico for budget in budgets.budgets] == [0, 0, 0, 0]
    reserve(budgets, 0.5)
    assert [budget.reserved_pico for budget in budgets.budgets] == [pico_of(0.5)] * 4


def test_a_budget_covers_its_user_and_its_model(spending: OpenSpending) -> None:
    sums = spending(
        BudgetConfig(1.0, DAY),
        BudgetConfig(0.5, DAY, user="ann"),
        BudgetConfig(0.4, MONTH, model="model-2"),
        BudgetConfig(0.3, MONTH, user="bob", model="model-2"),
    )
    titles = {
        (user, model): [b.title for b in own(sums, user=user, model_id=model).budgets[2:]]
        for user in ("ann", "bob")
        for model in ("model-1", "model-2")
    }
    everybody, of_ann = "the daily budget", "the daily budget for user 'ann'"
    of_model = "the monthly budget for model 'model-2'"
    assert titles == {
        ("ann", "model-1"): [everybody, of_ann],
        ("ann", "model-2"): [everybody, of_ann, of_model],
        ("bob", "model-1"): [everybody],
        ("bob", "model-2"): [
            everybody,
            of_model,
            "the monthly budget for user 'bob' and model 'model-2'",
        ],
    }


def test_one_statement_waits_for_what_another_has_in_flight(spending: OpenSpending) -> None:
    async def scenario() -> None:
        sums = spending(BudgetConfig(1.0, DAY))
        ann, bob = own(sums, user="ann"), own(sums, user="bob")
        first = reserve(ann, 0.9)
        waiting = [asyncio.ensure_future(bob.reserve(pico_of(0.3))) for _ in range(4)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        first.settle(pico_of(0.1))
        for _ in range(10):
            await asyncio.sleep(0)
        assert [task.done() for task in waiting] == [True, True, True, False]
        waiting[0].result().settle(pico_of(0.3))
        waiting[1].result().settle(pico_of(0.3))
        waiting[2].result().settle(pico_of(0.3))
        with pytest.raises(BudgetExceeded) as caught:
            await waiting[3]
        assert caught.value.message == (
            "the daily budget of $1 is reached: $1.00 of it is spent and the next call may "
            "cost $0.3; it begins anew at 2026-12-01 00:00 UTC"
        )

    asyncio.run(scenario())


def test_a_waiter_that_is_canceled_hands_its_turn_on(spending: OpenSpending) -> None:
    async def scenario() -> None:
        budgets = own(spending(), 1.0)
        first = reserve(budgets, 1.0)
        canceled, other = (asyncio.ensure_future(budgets.reserve(pico_of(0.6))) for _ in range(2))
        await asyncio.sleep(0)
        first.release()
        canceled.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert canceled.cancelled()
        assert other.done()

    asyncio.run(scenario())


def test_midnight_begins_a_day_and_wakes_who_waits(
    spending: OpenSpending, clock: VirtualClock
) -> None:
    async def scenario() -> None:
        sums = spending(BudgetConfig(1.0, DAY), BudgetConfig(3.0, MONTH))
        budgets = own(sums)
        in_flight = reserve(budgets, 0.8)
        waiting = asyncio.ensure_future(budgets.reserve(pico_of(0.9)))
        await asyncio.sleep(0)
        clock.now_s += DAY_S  # the first of December
        reserve(budgets, 0.1).release()
        await asyncio.sleep(0)
        assert waiting.done()
        in_flight.settle(pico_of(0.8))
        waiting.result().settle(pico_of(0.9))
        day, month = sums.states()
        assert (day.spent_usd, month.spent_usd) == (0.9, 0.9)
        assert (day.reserved_usd, month.reserved_usd) == (0.0, 0.0)
        assert month.period_start == datetime(2026, 12, 1, tzinfo=UTC)
        assert month.period_end == datetime(2027, 1, 1, tzinfo=UTC)

    asyncio.run(scenario())


def test_a_month_outlives_its_days(spending: OpenSpending, clock: VirtualClock) -> None:
    clock.now_s = NOON - 10 * DAY_S
    sums = spending(BudgetConfig(1.0, DAY), BudgetConfig(2.5, MONTH))
    budgets = own(sums)
    spend(budgets, 1.0)
    clock.now_s += DAY_S
    spend(budgets, 1.0)
    clock.now_s += DAY_S
    assert not fits(budgets, 1.0)
    assert fits(budgets, 0.5)
    assert [state.spent_usd for state in sums.states()] == [0.0, 2.0]


@pytest.mark.parametrize("back_s", [DAY_S, 35 * DAY_S, 400 * DAY_S])
def test_a_clock_that_is_set_back_forgets_nothing(
    spending: OpenSpending, clock: VirtualClock, back_s: float
) -> None:
    sums = spending(BudgetConfig(1.0, DAY), BudgetConfig(1.0, MONTH))
    budgets = own(sums)
    spend(budgets, 0.6)
    in_flight = reserve(budgets, 0.3)
    clock.now_s -= back_s
    assert not fits(budgets, 0.2)
    assert fits(budgets, 0.1)
    in_flight.settle(pico_of(0.1))
    assert [state.spent_usd for state in sums.states()] == [0.7, 0.7]
    assert [state.reserved_usd for state in sums.states()] == [0.0, 0.0]
    clock.now_s += back_s
    assert [state.spent_usd for state in sums.states()] == [0.7, 0.7]


def store(journal: Journal, *payments: Payment) -> None:
    call = NewCalls(
        1, "here", MODEL, CallStatus.FAILED, [b"f"], [None], [None], [NOON], [5], 1, 0, 0, 1,
        payments=payments,
    )  # fmt: skip
    asyncio.run(journal.store(call))


def test_what_was_spent_is_known_after_a_restart(
    spending: OpenSpending, journal: Journal, clock: VirtualClock
) -> None:
    store(journal, Payment("2026-11-30", "ann", MODEL, pico_of(0.25)))
    store(journal, Payment("2026-11-30", "ann", MODEL, pico_of(0.25)))
    store(journal, Payment("2026-11-29", "bob", MODEL, pico_of(0.125)))
    store(journal, Payment("2026-10-31", "bob", MODEL, pico_of(8.0)))
    configs = (BudgetConfig(1.0, DAY), BudgetConfig(1.0, MONTH), BudgetConfig(1.0, MONTH, "bob"))
    assert [state.spent_usd for state in spending(*configs).states()] == [0.5, 0.625, 0.125]
    clock.now_s += DAY_S
    assert [state.spent_usd for state in spending(*configs).states()] == [0.0, 0.0, 0.0]


def test_what_a_killed_process_had_in_flight_counts_as_spent(
    spending: OpenSpending, journal: Journal
) -> None:
    async def scenario(sums: Spending) -> None:
        budgets = own(sums)
        first, second = reserve(budgets, 0.2), reserve(budgets, 0.2)
        await budgets.secure(first)
        await budgets.secure(second)
        paid = first.settle(pico_of(0.1))
        assert paid is not None
        await journal.store(
            NewCalls(
                1, "here", MODEL, CallStatus.ANSWERED, [b"f"], [None], [None], [NOON], [5],
                1, 0, 0, 0, payments=(paid,),
            )
        )  # fmt: skip
        sums.journaled([paid])
        if is_ended:
            second.release()
            await sums.take_back()

    config = BudgetConfig(1.0, DAY)
    is_ended = False
    asyncio.run(scenario(spending(config)))
    assert [state.spent_usd for state in spending(config).states()] == [0.5]
    is_ended = True
    asyncio.run(scenario(spending(config)))
    journal.save_unsaved()
    assert [state.spent_usd for state in spending(config).states()] == [0.6]


def test_what_a_full_disk_keeps_reserved_is_taken_back_later(
    spending: OpenSpending, journal: Journal
) -> None:
    async def scenario(sums: Spending) -> None:
        budgets = own(sums)
        reservation = reserve(budgets, 0.2)
        await budgets.secure(reservation)
        reservation.release()
        set_writable(journal, is_writable=False)
        await sums.take_back()
        set_writable(journal, is_writable=True)
        await sums.take_back()

    config = BudgetConfig(1.0, DAY)
    asyncio.run(scenario(spending(config)))
    assert [state.spent_usd for state in spending(config).states()] == [0.0]


def test_what_a_full_disk_kept_in_memory_is_counted_once(tmp_path: Path) -> None:
    configs = [BudgetConfig(1.0, DAY)]

    async def fill_the_disk(prompt: str) -> None:
        set_writable(home.journal, is_writable=prompt != "b 2")

    with house(tmp_path, fill_the_disk, budgets=configs) as home:
        ask(home.statement(), invocations(1, "a"))
        with pytest.raises(DiskFull):
            ask(home.statement(max_concurrency=1), invocations(3, "b"))
        set_writable(home.journal, is_writable=True)
    with house(tmp_path, budgets=configs) as home:
        [budget] = home.gateway.budgets()
        assert pico_of(budget.spent_usd) == 4 * pico_of(CALL_COST_USD)


def set_writable(journal: Journal, *, is_writable: bool) -> None:
    """Have the journal's file refuse writes, as on a full disk, or take them again."""
    is_refused = "OFF" if is_writable else "ON"
    journal._writer._connection.execute(f"PRAGMA query_only = {is_refused}")


def test_an_alert_is_told_once_in_a_period(spending: OpenSpending, clock: VirtualClock) -> None:
    def told(statement: StatementBudgets, usd: float) -> list[tuple[int, str]]:
        spend(statement.of_model(MODEL), usd)
        return [(alert.percent, alert.message) for alert in statement.take_alerts()]

    sums = spending(BudgetConfig(1.0, DAY, user="ann"))
    first, second = (
        StatementBudgets(CallPolicy(), Budget("session"), sums, "ann") for _ in range(2)
    )
    until = "it begins anew at 2026-12-01 00:00 UTC"
    title = "the daily budget for user 'ann' of $1"
    assert told(first, 0.49) == []
    assert told(first, 0.01) == [(50, f"50 % of {title} is spent: $0.5; {until}")]
    assert told(second, 0.29) == []
    assert told(second, 0.02) == [(80, f"80 % of {title} is spent: $0.81; {until}")]
    assert told(first, 0.19) == [(100, f"100 % of {title} is spent: $1.00; {until}")]
    clock.now_s += DAY_S
    assert told(first, 0.9)[0][0] == 80


def test_an_alert_is_not_told_again_after_a_restart(
    spending: OpenSpending, journal: Journal
) -> None:
    store(journal, Payment("2026-11-30", "ann", MODEL, pico_of(0.6)))
    statement = StatementBudgets(
        CallPolicy(), Budget("session"), spending(BudgetConfig(1.0, DAY)), "ann"
    )
    spend(statement.of_model(MODEL), 0.1)
    assert statement.take_alerts() == ()
    spend(statement.of_model(MODEL), 0.1)
    assert [alert.percent for alert in statement.take_alerts()] == [80]


def test_a_budget_shows_its_state(spending: OpenSpending) -> None:
    sums = spending(BudgetConfig(1.0, DAY, user="ann", model=MODEL))
    budgets = own(sums)
    spend(budgets, 0.25)
    reserve(budgets, 0.5)
    midnight = datetime(2026, 11, 30, tzinfo=UTC)
    assert sums.states() == [
        BudgetState(
            title="the daily budget for user 'ann' and model 'model-1'",
            user="ann",
            model_id=MODEL,
            period="day",
            period_start=midnight,
            period_end=midnight.replace(month=12, day=1),
            max_cost_usd=1.0,
            spent_usd=0.25,
            reserved_usd=0.5,
            remaining_usd=0.25,
        )
    ]
    session = budgets.budgets[1].state("ann")
    assert (session.user, session.period, session.max_cost_usd) == ("ann", "session", None)
    assert (session.spent_usd, session.remaining_usd) == (0.25, None)


@pytest.mark.parametrize("seed", range(20))
def test_none_is_ever_overshot_whatever_the_order(spending: OpenSpending, seed: int) -> None:
    """Requests of random bounds and costs, settled in random order, over several midnights."""

    async def scenario() -> None:
        random = Random(seed)
        configs = [
            BudgetConfig(random.uniform(0.2, 2.0), random.choice([DAY, MONTH]), user, model)
            for user in (None, "ann", "bob")
            for model in (None, "model-1")
        ]
        sums = spending(*configs)
        sets = {
            (user, model): own(sums, 1.0, 40, user=user, model_id=model)
            for user in ("ann", "bob", "cid")
            for model in ("model-1", "model-2")
        }
        paid: list[tuple[str, str, int]] = []

        async def call() -> None:
            user, model = random.choice(list(sets))
            bound = pico_of(random.uniform(0.01, 0.2))
            reservation = await sets[user, model].reserve(bound)
            for _ in range(random.randrange(5)):
                await asyncio.sleep(0)
            if random.random() < 0.2:
                reservation.release()
                return
            cost = random.randint(0, bound)
            reservation.settle(cost)
            paid.append((user, model, cost))

        results = await asyncio.gather(*(call() for _ in range(300)), return_exceptions=True)
        assert all(r is None or isinstance(r, BudgetExceeded) for r in results)
        assert any(isinstance(r, BudgetExceeded) for r in results)
        for config, state in zip(configs, sums.states(), strict=True):
            spent = sum(
                cost
                for user, model, cost in paid
                if config.user in (None, user) and config.model in (None, model)
            )
            assert spent <= pico_of(config.max_cost_usd)
            assert pico_of(state.spent_usd) == pytest.approx(spent, abs=1)
            assert state.reserved_usd == 0.0
        for key, budgets in sets.items():
            mine = [cost for user, model, cost in paid if (user, model) == key]
            assert sum(mine) <= pico_of(1.0)
            assert len(mine) <= 40
            assert budgets.budgets[0].reserved_pico == 0

    asyncio.run(scenario())
