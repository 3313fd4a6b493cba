"""Sees to it that nobody changes what the plan cache hands out, since others will get it too."""

from __future__ import annotations

from collections.abc import Callable

from outcrop.commands.plan_cache import PlanCache, PlanKey
from outcrop.planner.plan import StagedPlan
from outcrop.sql.parser import parse_statement
from outcrop.sql.statements import Statement


class WatchedPlanCache(PlanCache):
    """A cache that remembers what it handed out."""

    def __init__(self) -> None:
        super().__init__()
        self._handed_out: dict[str, Statement] = {}
        self._planned: list[tuple[StagedPlan, list[str]]] = []

    @classmethod
    def into(cls, caches: list[WatchedPlanCache]) -> WatchedPlanCache:
        """Return a new cache, which is also appended to `caches`."""
        caches.append(cls())
        return caches[-1]

    def statement(self, text: str, *, has_parameters: bool) -> Statement:
        """Parse a statement, and remember it."""
        found = super().statement(text, has_parameters=has_parameters)
        self._handed_out[text] = found
        return found

    def plan(
        self,
        key: PlanKey,
        make: Callable[[], StagedPlan],
        is_current: Callable[[StagedPlan], bool] = lambda plan: True,
    ) -> StagedPlan:
        """Plan a statement, and remember how its plan looked."""

        def make_and_note() -> StagedPlan:
            plan = make()
            self._planned.append((plan, _look(plan)))
            return plan

        return super().plan(key, make_and_note, is_current)

    def check(self) -> None:
        """Fail if a statement or a plan is not what it was when it was handed out."""
        for text, statement in self._handed_out.items():
            assert statement == parse_statement(text)
        for plan, look in self._planned:
            assert _look(plan) == look


def _look(plan: StagedPlan) -> list[str]:
    return [repr(query) for query in plan.queries()]
