"""What a command may use: one session's engine, catalog, settings and planner."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel, Relation
from outcrop.catalog.snapshot import DATABASE, CatalogSnapshot
from outcrop.catalog.store import CatalogStore, with_search_path
from outcrop.commands.plan_cache import PlanCache, PlanKey
from outcrop.commands.session_settings import SessionSettings
from outcrop.config import WarehouseConfig
from outcrop.engines.base import EngineColumn, EngineSession
from outcrop.errors import UndefinedRelation
from outcrop.execution.infer import Router
from outcrop.execution.model_statistics import ModelSources, PriceOf
from outcrop.execution.predicate_history import JournaledPredicates
from outcrop.execution.result import Notice
from outcrop.execution.statement_runner import Request, StatementRunner
from outcrop.execution.system_views import SystemState
from outcrop.inference.journal import Journal
from outcrop.planner.bind import BindOptions, bind_query
from outcrop.planner.order_predicates import is_current
from outcrop.planner.plan import StagedPlan
from outcrop.planner.plan_query import plan_query
from outcrop.sql.fragments import parse_query_text
from outcrop.sql.statements import Prepare, Query


@dataclass(slots=True)
class CommandContext:
    """One session, as its commands see it.

    `open_engine_session` gives a session of the engine beside this one, which sees what others
    have committed meanwhile.

    `changed` gathers the relations whose rows the open transaction has changed, so that the
    session can refresh what depends on them once it is committed. `find_route` gives the
    destination of a model as `route` does, but announces nothing.
    """

    engine: EngineSession
    store: CatalogStore
    plans: PlanCache
    runner: StatementRunner
    journal: Journal
    settings: SessionSettings
    config: WarehouseConfig
    user: str
    route: Router
    find_route: Router
    price: PriceOf
    check_provider: Callable[[str, str], None]
    notify: Callable[[Notice], None]
    open_engine_session: Callable[[], EngineSession]
    changed: set[int] = field(default_factory=set)
    prepared: dict[str, Prepare] = field(default_factory=dict)
    _snapshot: CatalogSnapshot | None = None

    def snapshot(self) -> CatalogSnapshot:
        """Return the catalog as the open transaction sees it."""
        if self._snapshot is None:
            self._snapshot = self.store.load(self.engine)
        return with_search_path(self._snapshot, str(self.settings["search_path"]))

    def forget_snapshot(self) -> None:
        """Have the catalog looked up anew: a transaction ended, or this one changed it."""
        self._snapshot = None

    def note_catalog_change(self) -> None:
        """Note that the open transaction has changed the catalog."""
        self.forget_snapshot()

    def note_rows_changed(self, relation: Relation) -> None:
        """Note that the open transaction has changed the rows of `relation`."""
        self.store.note_change(self.engine, relation)
        self.changed.add(relation.oid)

    def plan(self, tree: exp.Query) -> StagedPlan:
        """Bind and plan a query."""
        snapshot = self.snapshot()
        bound = bind_query(tree, snapshot, self.bind_options(), parse_query_text)
        models = {model.oid: model for model in snapshot.models}
        return plan_query(bound, models, self._predicate_history())

    def _predicate_history(self) -> JournaledPredicates:
        """Return what earlier statements saw of model predicates; nothing is read yet."""
        sources = ModelSources(
            self.journal, self.price, self.find_route, lambda name: self.settings[name]
        )
        return JournaledPredicates(sources)

    def plan_statement(self, statement: Query) -> StagedPlan:
        """Bind and plan a query, or take the plan that it had the last time.

        What `plan` reads of the session stands in the key. A transaction that has changed the
        catalog sees what nobody else does: there each statement is planned anew.
        """
        version = self.store.transactions.version_of(self.engine)
        if version is None:
            return self.plan(statement.tree)
        key = PlanKey(
            text=statement.text,
            filled=statement.filled,
            user=self.user,
            search_path=self.snapshot().search_path,
            is_identifier_case_sensitive=bool(self.settings["enable_case_sensitive_identifier"]),
            is_super_case_sensitive=bool(self.settings["enable_case_sensitive_super_attribute"]),
            catalog_version=version,
        )
        return self.plans.plan(
            key,
            lambda: self.plan(statement.tree),
            lambda plan: is_current(plan.orderings, self._predicate_history()),
        )

    def bind_options(self) -> BindOptions:
        """Return how this session reads names."""
        return BindOptions(
            bool(self.settings["enable_case_sensitive_identifier"]),
            bool(self.settings["enable_case_sensitive_super_attribute"]),
            {
                "current_user": self.user,
                "user": self.user,
                "session_user": self.user,
                "current_schema": self.snapshot().search_path[0],
                "current_database": DATABASE,
                "version": _version(),
                "pg_backend_pid": os.getpid(),
            },
        )

    def fold(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Return a name as the session folds identifiers."""
        if self.settings["enable_case_sensitive_identifier"]:
            return parts
        return tuple(part.lower() for part in parts)

    def request(self, text: str) -> Request:
        """Return what a plan is run for, when `text` is the statement."""
        state = SystemState(
            self.snapshot(),
            self.journal,
            lambda view: self.store.is_stale(self.engine, view),
            lambda: self.runner.budgets(self.user, self.settings.values()),
            self.runner.limits,
            self.runner.running,
        )
        return Request(self.user, text, self.settings.values(), state, self.route)

    @contextmanager
    def staged(self, plan: StagedPlan, text: str) -> Iterator[tuple[str, tuple[EngineColumn, ...]]]:
        """Run a plan's stages; give the query for its rows, and its columns."""
        with self.runner.staged(plan, self.request(text)) as sql:
            yield sql, self.engine.describe(sql)

    def relation(self, parts: tuple[str, ...], **kwargs: Any) -> Relation:
        """Return the relation that a name means, as typed."""
        return self.snapshot().relation(self.fold(parts), **kwargs)

    def find_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Return the relation that a name means, as typed, or None."""
        try:
            return self.snapshot().find_relation(self.fold(parts))
        except UndefinedRelation:
            return None

    def model(self, parts: tuple[str, ...]) -> ExternalModel:
        """Return the external model that a name means, as typed."""
        return self.snapshot().model(self.fold(parts))

    def now(self) -> datetime:
        """Return the time, for records of when things were made."""
        return datetime.now(UTC)


@functools.cache
def _version() -> str:
    """Return what version() gives; the package's own is looked up on disk."""
    return f"PostgreSQL 8.0.2, Redshift-compatible, Outcrop {version('outcrop')}"
