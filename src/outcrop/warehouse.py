"""The composition root: the only file that knows concrete engines and providers.

A warehouse is a directory with `warehouse.duckdb` (data and catalog), `journal.sqlite` (answers
and what they cost) and `outcrop.toml` (settings, providers, routes). One process has it open.
"""

from __future__ import annotations

import getpass
import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from outcrop.catalog.objects import ExternalModel
from outcrop.catalog.store import CatalogStore
from outcrop.commands.context import CommandContext
from outcrop.commands.plan_cache import PlanCache
from outcrop.commands.session_settings import SessionSettings
from outcrop.config import CONFIG_FILE, Route, WarehouseConfig, load_config
from outcrop.engines.base import Engine
from outcrop.engines.duckdb import DuckDbEngine
from outcrop.errors import ConfigInvalid, FileUnavailable, NotAWarehouse, suggest
from outcrop.execution.compose_invocation import Destination
from outcrop.execution.result import Notice
from outcrop.execution.route import ROLE_MARK, check_provider, route_model
from outcrop.execution.statement_runner import StatementRunner
from outcrop.inference.gateway import Gateway
from outcrop.inference.journal import Journal
from outcrop.pricing.table import PriceTable
from outcrop.providers.base import Provider, ProviderConfig
from outcrop.session import Session

DATA_FILE = "warehouse.duckdb"
JOURNAL_FILE = "journal.sqlite"

# The kinds of provider, and the module of each, imported when the first model of it is asked:
# their packages are optional.
PROVIDER_MODULES: Mapping[str, str] = {
    "bedrock": "outcrop.providers.bedrock",
    "openai": "outcrop.providers.openai",
    "anthropic": "outcrop.providers.anthropic",
    "gguf": "outcrop.providers.gguf",
    "scripted": "outcrop.providers.scripted",
}

# The providers that need no entry in outcrop.toml.
BUILT_IN_PROVIDERS: Mapping[str, str] = {
    "bedrock": "bedrock",
    "openai": "openai",
    "anthropic": "anthropic",
    "local": "gguf",
    "scripted": "scripted",
}


def _ignore(notice: Notice) -> None:
    """Drop a notice: what a session does that was opened without a listener."""


class Warehouse:
    """An open warehouse. Sessions share its engine, its journal and its gateway to models."""

    def __init__(self, engine: Engine, journal: Journal, config: WarehouseConfig) -> None:
        self._engine = engine
        self._journal = journal
        self._config = config
        self._kinds = _provider_kinds(config)
        self._store = CatalogStore()
        self._plans = PlanCache()
        self._sessions: set[Session] = set()
        self._gateway = Gateway(
            journal,
            self._build_provider,
            self._kind_of,
            PriceTable.load(config.prices),
            budgets=config.budgets,
            limits=config.limits,
            logs_prompts=config.log.prompts,
        )

    @classmethod
    def open(
        cls, path: Path, *, config: WarehouseConfig | None = None, create: bool = True
    ) -> Warehouse:
        """Open the warehouse in directory `path`, or make a new one there if `create`.

        `config` stands in for the directory's `outcrop.toml`. Raises NotAWarehouse,
        WarehouseBusy, ConfigInvalid, FileUnavailable or JournalCorrupted.
        """
        path = Path(path)
        _prepare_directory(path, create=create)
        config = load_config(path / CONFIG_FILE) if config is None else config
        _provider_kinds(config)
        engine = DuckDbEngine(path / DATA_FILE)
        try:
            journal = Journal.open(path / JOURNAL_FILE)
        except BaseException:
            engine.close()
            raise
        warehouse = cls(engine, journal, config)
        try:
            warehouse._open_catalog()
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def open_session(
        self, *, user: str | None = None, on_notice: Callable[[Notice], None] = _ignore
    ) -> Session:
        """Return a new session; `on_notice` is told what its statements have to say."""
        engine = self._engine.open_session()
        context = CommandContext(
            engine=engine,
            store=self._store,
            plans=self._plans,
            runner=StatementRunner(engine, self._gateway, on_notice),
            journal=self._journal,
            settings=SessionSettings(self._config.settings),
            config=self._config,
            user=user or _login_name(),
            route=lambda model: self._route(model, on_notice),
            find_route=lambda model: self._route(model, lambda _: None),
            price=self._gateway.price,
            check_provider=lambda name, where: check_provider(name, self._kinds, where),
            notify=on_notice,
            open_engine_session=self._engine.open_session,
        )

        def forget() -> None:
            self._sessions.discard(session)
            engine.close()

        session = Session(context, forget)
        self._sessions.add(session)
        return session

    def close(self) -> None:
        """Close every session, wait for calls in flight, then let go of the files.

        Safe to call twice.
        """
        for session in list(self._sessions):
            session.cancel()
            session.close()
        self._gateway.close()
        self._journal.close()
        self._engine.close()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open_catalog(self) -> None:
        session = self._engine.open_session()
        try:
            session.begin()
            self._store.open(session)
            session.commit()
        finally:
            session.close()

    def _route(self, model: ExternalModel, notify: Callable[[Notice], None]) -> Destination:
        return route_model(model, self._config, self._kinds, notify)

    def _kind_of(self, provider: str) -> str:
        return self._kinds[provider.partition(ROLE_MARK)[0]]

    def _build_provider(self, name: str) -> Provider:
        base, _, profile = name.partition(ROLE_MARK)
        options = {k: v for k, v in self._config.providers.get(base, {}).items() if k != "kind"}
        if profile:
            options["profile"] = profile
        kind = self._kinds[base]
        module: Any = importlib.import_module(PROVIDER_MODULES[kind])
        provider: Provider = module.build(ProviderConfig(name, kind, options))
        return provider


def _prepare_directory(path: Path, *, create: bool) -> None:
    if (path / DATA_FILE).exists():
        return
    if not create:
        raise NotAWarehouse(
            f"there is no warehouse in {str(path)!r}", hint="Check the path of --warehouse."
        )
    if path.exists() and not path.is_dir():
        raise NotAWarehouse(f"{str(path)!r} is no directory", hint="A warehouse is a directory.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnavailable(
            f"the warehouse {str(path)!r} cannot be made: {error.strerror}",
            hint="Choose a directory that you may write to.",
        ) from error


def _provider_kinds(config: WarehouseConfig) -> Mapping[str, str]:
    """Return the kind of every provider by name; raises ConfigInvalid for an unknown kind."""
    kinds = dict(BUILT_IN_PROVIDERS)
    for name, table in config.providers.items():
        kind = table.get("kind", BUILT_IN_PROVIDERS.get(name))
        if ROLE_MARK in name:
            raise ConfigInvalid(f"providers.{name}: a name cannot hold {ROLE_MARK!r}")
        if kind is None:
            raise ConfigInvalid(
                f"providers.{name}.kind is missing",
                hint=f"It is one of {', '.join(PROVIDER_MODULES)}.",
            )
        if kind not in PROVIDER_MODULES:
            raise ConfigInvalid(
                f"providers.{name}.kind cannot be {kind!r}",
                hint=suggest(str(kind), PROVIDER_MODULES)
                or f"It is one of {', '.join(PROVIDER_MODULES)}.",
            )
        kinds[name] = kind
    for model_id, route in config.routes.items():
        _check_target(f"routes.{model_id}", route, kinds)
        if route.fallback is not None:
            _check_target(f"routes.{model_id}.fallback", route.fallback, kinds)
    return kinds


def _check_target(where: str, route: Route, kinds: Mapping[str, str]) -> None:
    if route.provider not in kinds:
        raise ConfigInvalid(
            f"{where}.provider: unknown provider {route.provider!r}",
            hint=suggest(route.provider, kinds),
        )


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return os.environ.get("USER", "outcrop")
