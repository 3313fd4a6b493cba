"""kill -9 at random points of random workloads: whatever is lost was in flight, and all ends well.

Each seed is a workload. It runs once undisturbed, which tells what it gives and how many events it
has; and once with kills, first under budgets that stop some of it, then under larger ones. A seed
that ever failed stays in `FAILED`, with what was wrong.

`make soak KILLS=20000 SEED=7` runs many more of them, from a seed on.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from typing import Any

import pytest

from outcrop.inference.budget import usd_of
from tests.durability.kills.audit import Audit
from tests.durability.kills.fork_server import LOG, ForkServer
from tests.durability.kills.run import DONE, EVENTS, REPORT, WAREHOUSE, Limit, Order, records
from tests.durability.kills.workload import MODELS, draw_workload

KILLS = int(os.environ.get("OUTCROP_SOAK_KILLS", "200"))
SEED = int(os.environ.get("OUTCROP_SOAK_SEED", "1"))
KILLS_A_SEED = 10
RUNS_MAX = 100
SERVERS = 2

# Seeds that failed once, and why.
FAILED: dict[int, str] = {}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Sequence[ForkServer]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(ForkServer(tmp_path / f"template {number}"))
            for number in range(SERVERS)
        ]


@pytest.mark.timeout(600 + 3 * KILLS)
def test_a_kill_costs_what_was_in_flight(tmp_path: Path, servers: Sequence[ForkServer]) -> None:
    seeds = SimpleQueue[int]()
    for seed in (*FAILED, *range(SEED, SEED + KILLS // KILLS_A_SEED)):
        seeds.put(seed)
    kills: list[int] = []

    def work(server: ForkServer) -> None:
        while not seeds.empty():
            with suppress(Empty):
                seed = seeds.get_nowait()
                kills.append(_Trial(server, tmp_path / f"seed {seed}", seed).run())

    with ThreadPoolExecutor(SERVERS) as threads:
        for done in [threads.submit(work, server) for server in servers]:
            done.result()
    assert sum(kills) >= KILLS


class _Trial:
    """One workload, run undisturbed, and with kills until there were `KILLS_A_SEED` of them."""

    def __init__(self, server: ForkServer, folder: Path, seed: int) -> None:
        self._server = server
        self._folder = folder
        self._seed = seed
        self._random = Random(seed)
        self._workload = draw_workload(Random(seed))

    def run(self) -> int:
        """Return how many kills there were."""
        try:
            return self._run()
        except AssertionError as error:
            error.add_note(f"seed {self._seed}; its books are in {self._folder}")
            raise

    def _run(self) -> int:
        self._expected, self._events, self._spent = self._undisturbed()
        kills = rounds = 0
        while kills < KILLS_A_SEED:
            rounds += 1
            kills += self._disturbed(rounds, KILLS_A_SEED - kills)
        shutil.rmtree(self._folder)
        return kills

    def _undisturbed(self) -> tuple[object, dict[str, int], list[int]]:
        """Return what it gives, its events, and what was spent for each model and in all."""
        folder = self._prepare("undisturbed")
        limits = tuple(Limit(1_000.0, user, model) for user, model in self._scopes())
        assert self._order(Order(str(folder), self._seed, 0, limits)) == 0
        [[report]] = records(folder / REPORT)
        audit = Audit(folder, self._workload)
        audit.after_end(limits, report, kills=0)
        events = {**report["events"], "time": report["milliseconds"]}
        spent = [audit.spent_pico(limit) for limit in limits]
        return _outcome(folder, report), events, spent

    def _disturbed(self, number: int, kills_max: int) -> int:
        """Run it with kills to its end; return how many there were."""
        folder = self._prepare(f"round {number}")
        audit = Audit(folder, self._workload)
        tight = self._draw_limits()
        ample = tuple(replace(limit, max_cost_usd=1_000.0) for limit in tight)
        limits, kills = tight, 0
        for run in range(RUNS_MAX):
            event, at = self._draw_point() if kills < kills_max else ("", 0)
            code = self._order(Order(str(folder), self._seed, run, limits, event, at))
            if code == -signal.SIGKILL:
                kills += 1
                audit.after_kill(run, limits)
                continue
            assert code == 0, (folder / LOG).read_text()
            [report] = records(folder / REPORT)[-1]
            audit.after_end(limits, report, kills)
            if limits is ample:
                assert _outcome(folder, report) == self._expected
                return kills
            limits = ample
        raise AssertionError(f"it did not end in {RUNS_MAX} runs")

    def _order(self, order: Order) -> int:
        return self._server.run(order)

    def _prepare(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(parents=True)
        shutil.copytree(self._server.template / WAREHOUSE, folder / WAREHOUSE)
        return folder

    def _scopes(self) -> list[tuple[str | None, str | None]]:
        """Return what has a budget: all, each model, each user, and a user for a model."""
        users = self._workload.users
        models = [(None, model) for model in MODELS]
        return [(None, None), *models, *((user, None) for user in users), (users[0], MODELS[0])]

    def _draw_limits(self) -> tuple[Limit, ...]:
        """Return budgets of which some stop something."""
        drawn = []
        for (user, model), spent in zip(self._scopes(), self._spent, strict=True):
            part = self._random.choice((0.3, 0.6, 0.9, 2.0, 9.0))
            drawn.append(Limit(usd_of(round(spent * part) + 1), user, model))
        return tuple(drawn)

    def _draw_point(self) -> tuple[str, int]:
        """Return the n-th event of a kind, or a time: rather early, as runs get shorter."""
        event = self._random.choice(EVENTS)
        last = max(self._events[event] // self._random.choice((1, 2, 4)), 1)
        return event, self._random.randint(1, last)


def _outcome(folder: Path, report: dict[str, Any]) -> object:
    """Return all that the users got: the rows of their steps, and what their tables hold."""
    return sorted(records(folder / DONE)), report["tables"]
