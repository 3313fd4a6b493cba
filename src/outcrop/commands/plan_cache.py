"""What statements came to, for when they come again: parsed, and planned.

A plan depends on the statement's text, on what filled its parameters, on what the session makes of
names, and on the catalog; all of that is its key, so that a plan which is out of date is not found,
and nothing has to be told of a change. What is kept is shared by the sessions of a warehouse, and
nobody changes it: who rewrites a tree, copies it first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from sqlglot import exp

from outcrop.planner.plan import StagedPlan
from outcrop.sql.parser import parse_statement
from outcrop.sql.statements import Explain, Query, Statement

STATEMENT_BYTES_MAX = 8 * 1024 * 1024
PLAN_BYTES_MAX = 32 * 1024 * 1024

# Measured on the plans of the demo's queries. A text is kept several times: as it was typed, as a
# literal in the tree, and in the engine's SQL.
_BYTES_A_NODE = 500
_BYTES_A_CHARACTER = 4

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class PlanKey:
    """All that a plan depends on.

    `filled` is what filled the parameters of `text`. What a plan depends on besides, such as what
    was learned of predicates, is checked when it is found (`PlanCache.plan`).
    """

    text: str
    filled: tuple[str, ...]
    user: str
    search_path: tuple[str, ...]
    is_identifier_case_sensitive: bool
    is_super_case_sensitive: bool
    catalog_version: int


class PlanCache:
    """The statements and the plans that were used last, up to a size in memory. Thread-safe."""

    def __init__(
        self,
        statement_bytes_max: int = STATEMENT_BYTES_MAX,
        plan_bytes_max: int = PLAN_BYTES_MAX,
    ) -> None:
        self._statements: _Recent[str, Statement] = _Recent(statement_bytes_max)
        self._plans: _Recent[PlanKey, StagedPlan] = _Recent(plan_bytes_max)

    def statement(self, text: str, *, has_parameters: bool) -> Statement:
        """Parse the one statement of `text`.

        Kept is what is likely to come again: a query, or a statement with parameters. Other
        statements may hold passwords, and thousands of literal rows.
        """
        found = self._statements.find(text)
        if found is not None:
            return found
        statement = parse_statement(text)
        if has_parameters or isinstance(statement, Query | Explain):
            self._statements.keep(text, statement, _size(text, _trees(statement)))
        return statement

    def plan(
        self,
        key: PlanKey,
        make: Callable[[], StagedPlan],
        is_current: Callable[[StagedPlan], bool] = lambda plan: True,
    ) -> StagedPlan:
        """Return the plan for `key`, made by `make` if it is not here or no longer current."""
        found = self._plans.find(key)
        if found is not None and is_current(found):
            return found
        plan = make()
        self._plans.keep(key, plan, _size(key.text, plan.queries()))
        return plan

    @property
    def bytes_kept(self) -> int:
        """About how much memory is used."""
        return self._statements.bytes_kept + self._plans.bytes_kept


def _trees(statement: Statement) -> Iterator[exp.Expr]:
    values = (getattr(statement, field.name) for field in fields(statement))
    return (value for value in values if isinstance(value, exp.Expr))


def _size(text: str, trees: Iterable[exp.Expr]) -> int:
    """Return about how many bytes of memory trees take that were made of `text`."""
    nodes = sum(1 for tree in trees for _ in tree.walk())
    return nodes * _BYTES_A_NODE + len(text) * _BYTES_A_CHARACTER


class _Recent(Generic[K, V]):
    """A map of bounded size, which forgets what was used longest ago."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.bytes_kept = 0

    def find(self, key: K) -> V | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def keep(self, key: K, value: V, size: int) -> None:
        with self._lock:
            if size > self._bytes_max:
                return
            _, replaced = self._entries.pop(key, (None, 0))
            self.bytes_kept -= replaced
            self._entries[key] = (value, size)
            self.bytes_kept += size
            while self.bytes_kept > self._bytes_max:
                _, (_, freed) = self._entries.popitem(last=False)
                self.bytes_kept -= freed
