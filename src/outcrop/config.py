"""The file `outcrop.toml`: defaults of settings, providers, routes, prices, limits, budgets, log.

`WarehouseConfig` is the parsed file. Nothing is read by itself: `load_config` is told the path.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from outcrop.errors import ConfigInvalid, InvalidParameter, StatedQuota, UndefinedSetting, suggest
from outcrop.settings import (
    CONCURRENCY_MAX,
    SETTINGS,
    SettingValue,
    parse_setting,
    show_setting,
)

CONFIG_FILE = "outcrop.toml"
WAREHOUSE_VARIABLE = "OUTCROP_WAREHOUSE"


@dataclass(frozen=True, slots=True)
class Route:
    """Where the requests for one model id go instead: another provider's model.

    `fallback` is where they go when that one is out of reach or refuses; it has none of its own.
    """

    provider: str
    model_id: str
    fallback: Route | None = None


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """A user's own price of a model, in US dollars per million tokens, as of a date (ISO).

    Tokens of the provider's prompt cache cost as other input tokens where theirs is None.
    """

    input_usd_per_million: float
    output_usd_per_million: float
    as_of: str
    cache_read_usd_per_million: float | None = None
    cache_write_usd_per_million: float | None = None


class BudgetPeriod(StrEnum):
    """What a budget of `outcrop.toml` is for; both are those of UTC's calendar."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class BudgetConfig:
    """What may be spent in each period: by one user or all (None), for one model or all.

    `model` is the id of the model that really answers.
    """

    max_cost_usd: float
    period: BudgetPeriod
    user: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class LimitConfig:
    """The most that one model is asked by all statements together, as far as its user says."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_concurrency: int = CONCURRENCY_MAX

    @property
    def quota(self) -> StatedQuota:
        """The rates, per second."""
        requests, tokens = self.requests_per_minute, self.tokens_per_minute
        return StatedQuota(requests and requests / 60, tokens and tokens / 60)


LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What the command line logs, how, and to which file (None: stderr).

    `prompts` has statements and requests in it; that holds for every application.
    """

    level: str = "error"
    format: str = "text"
    file: Path | None = None
    prompts: bool = False


@dataclass(frozen=True, slots=True)
class WarehouseConfig:
    """`outcrop.toml`, parsed and checked.

    `settings` are defaults of sessions; `providers` maps a name to its table (`kind` and that
    kind's options); `routes` maps a model id to where it is really answered; `roles` maps an
    IAM role's ARN, or `default`, to a profile of the AWS credential files; `prices` maps model
    ids to the user's own prices, and `limits` to what they may be asked; `budgets` all hold at
    once; `log` is about the log.
    """

    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, PriceOverride] = field(default_factory=dict)
    limits: Mapping[str, LimitConfig] = field(default_factory=dict)
    budgets: tuple[BudgetConfig, ...] = ()
    copy_roots: tuple[Path, ...] = ()
    log: LogConfig = field(default_factory=LogConfig)


_SECTIONS = (
    "settings",
    "providers",
    "routes",
    "roles",
    "prices",
    "limits",
    "budgets",
    "copy",
    "log",
)


def default_warehouse(environment: Mapping[str, str]) -> Path:
    """Return the warehouse that is opened where none is named: $OUTCROP_WAREHOUSE, or one here."""
    return Path(environment.get(WAREHOUSE_VARIABLE) or "outcrop-warehouse")


def load_config(path: Path) -> WarehouseConfig:
    """Read `outcrop.toml` at `path`; a missing file is an empty one.

    Raises ConfigInvalid, naming the file and the key.
    """
    if not path.exists():
        return WarehouseConfig()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path}: {error}", hint="Mend the file; it is TOML.") from error
    try:
        return parse_config(document)
    except (ConfigInvalid, UndefinedSetting, InvalidParameter) as error:
        raise ConfigInvalid(f"{path}: {error}", hint=error.hint) from error


def parse_config(document: Mapping[str, Any]) -> WarehouseConfig:
    """Check a parsed `outcrop.toml` and return it; raises ConfigInvalid naming the key."""
    for section in document:
        if section not in _SECTIONS:
            raise ConfigInvalid(f"unknown section [{section}]", hint=suggest(section, _SECTIONS))
    return WarehouseConfig(
        settings=_parse_settings(_table(document, "settings")),
        providers={
            name: _parse_provider(name, t) for name, t in _table(document, "providers").items()
        },
        routes=_parse_routes(_table(document, "routes")),
        roles={name: _text(f"roles.{name}", v) for name, v in _table(document, "roles").items()},
        prices={name: _parse_price(name, t) for name, t in _table(document, "prices").items()},
        limits={name: _parse_limits(name, t) for name, t in _table(document, "limits").items()},
        budgets=_parse_budgets(document.get("budgets", [])),
        copy_roots=_parse_copy_roots(_table(document, "copy")),
        log=_parse_log(_table(document, "log")),
    )


def _table(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = parent.get(key, {})
    if not isinstance(table, dict):
        raise ConfigInvalid(f"[{key}] must be a table")
    return table


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigInvalid(f"{key} must be a text that is not empty")
    return value


def _amount(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigInvalid(f"{key} must be a number from 0")
    return float(value)


def _check_keys(
    where: str,
    table: Mapping[str, Any],
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
) -> None:
    known = (*required, *optional)
    for key in table:
        if key not in known:
            raise ConfigInvalid(f"unknown key {where}.{key}", hint=suggest(key, known))
    missing = [key for key in required if key not in table]
    if missing:
        raise ConfigInvalid(f"{where}.{missing[0]} is missing")


def _parse_settings(table: Mapping[str, Any]) -> Mapping[str, SettingValue]:
    """Keys are settings with or without the leading `outcrop.`; values of any TOML scalar."""
    parsed: dict[str, SettingValue] = {}
    for key, value in table.items():
        name = key if key in SETTINGS else f"outcrop.{key}"
        if name not in SETTINGS:
            raise ConfigInvalid(
                f"unknown key settings.{key}",
                hint=suggest(key, [n.removeprefix("outcrop.") for n in SETTINGS]),
            )
        parsed[name] = parse_setting(name, show_setting(value))
    return parsed


def _parse_provider(name: str, table: object) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise ConfigInvalid(f"providers.{name} must be a table")
    return table


def _parse_routes(tables: Mapping[str, Any]) -> Mapping[str, Route]:
    routes = {name: _parse_route(f"routes.{name}", t) for name, t in tables.items()}
    for name in routes:
        _check_fallback(name, routes)
    return routes


def _parse_route(where: str, table: object, optional: tuple[str, ...] = ("fallback",)) -> Route:
    if not isinstance(table, dict):
        raise ConfigInvalid(f"{where} must be a table with `provider` and `model`")
    _check_keys(where, table, ("provider", "model"), optional)
    return Route(
        _text(f"{where}.provider", table["provider"]),
        _text(f"{where}.model", table["model"]),
        _parse_route(f"{where}.fallback", table["fallback"], ()) if "fallback" in table else None,
    )


def _check_fallback(name: str, routes: Mapping[str, Route]) -> None:
    """Raise ConfigInvalid where a fallback would lead on to another one, or back to its route."""
    route = routes[name]
    if route.fallback is None:
        return
    if route.fallback == Route(route.provider, route.model_id):
        raise ConfigInvalid(
            f"routes.{name}.fallback is the model of the route itself",
            hint="Name another provider, or another model.",
        )
    following = routes.get(route.fallback.model_id)
    if following is route or following is None or following.fallback is None:
        return
    last = following.fallback.model_id
    which = "falls back to it" if last == name else f"has a fallback of its own, {last!r}"
    raise ConfigInvalid(
        f"routes.{name}.fallback is {route.fallback.model_id!r}, which {which}",
        hint="A fallback is the last to be asked: name a model that has none.",
    )


def _parse_price(name: str, table: object) -> PriceOverride:
    required = ("input_usd_per_million", "output_usd_per_million", "as_of")
    optional = ("cache_read_usd_per_million", "cache_write_usd_per_million")
    if not isinstance(table, dict):
        raise ConfigInvalid(f"prices.{name} must be a table with {', '.join(required)}")
    _check_keys(f"prices.{name}", table, required, optional)
    keys = (*required[:2], *(key for key in optional if key in table))
    rates = {key: _amount(f"prices.{name}.{key}", table[key]) for key in keys}
    return PriceOverride(**rates, as_of=str(table["as_of"]))


def _parse_limits(name: str, table: object) -> LimitConfig:
    where, rates = f"limits.{name}", ("requests_per_minute", "tokens_per_minute")
    keys = (*rates, "max_concurrency")
    if not isinstance(table, dict) or not table or any(isinstance(v, dict) for v in table.values()):
        raise ConfigInvalid(
            f"{where} must be a table with at least one of {', '.join(keys)}",
            hint=f'Quote the id of a model that has dots: [limits."{name}"].',
        )
    _check_keys(where, table, (), keys)
    for key in rates:
        if key in table and not _amount(f"{where}.{key}", table[key]):
            raise ConfigInvalid(f"{where}.{key} must be above 0")
    concurrency = table.get("max_concurrency", 1)
    if type(concurrency) is not int or not 1 <= concurrency <= CONCURRENCY_MAX:
        raise ConfigInvalid(
            f"{where}.max_concurrency must be a whole number from 1 to {CONCURRENCY_MAX}"
        )
    return LimitConfig(**table)


def _parse_budgets(tables: object) -> tuple[BudgetConfig, ...]:
    if not isinstance(tables, list):
        raise ConfigInvalid("budgets must be tables, each under a heading [[budgets]]")
    return tuple(_parse_budget(f"budgets[{n}]", table) for n, table in enumerate(tables, start=1))


def _parse_budget(where: str, table: object) -> BudgetConfig:
    if not isinstance(table, dict):
        raise ConfigInvalid(f"{where} must be a table with max_cost_usd and period")
    _check_keys(where, table, ("max_cost_usd", "period"), ("user", "model"))
    limit = _amount(f"{where}.max_cost_usd", table["max_cost_usd"])
    period = table["period"]
    if period not in tuple(BudgetPeriod):
        raise ConfigInvalid(f"{where}.period must be 'day' or 'month', and is {period!r}")
    return BudgetConfig(
        limit,
        BudgetPeriod(period),
        _text(f"{where}.user", table["user"]) if "user" in table else None,
        _text(f"{where}.model", table["model"]) if "model" in table else None,
    )


def _parse_log(table: Mapping[str, Any]) -> LogConfig:
    _check_keys("log", table, (), ("level", "format", "file", "prompts"))
    for key, choices in (("level", LOG_LEVELS), ("format", LOG_FORMATS)):
        if key in table and table[key] not in choices:
            raise ConfigInvalid(f"log.{key} must be one of {', '.join(choices)}")
    prompts = table.get("prompts", False)
    if not isinstance(prompts, bool):
        raise ConfigInvalid("log.prompts must be true or false")
    return LogConfig(
        level=table.get("level", LogConfig().level),
        format=table.get("format", LogConfig().format),
        file=Path(_text("log.file", table["file"])).expanduser() if "file" in table else None,
        prompts=prompts,
    )


def _parse_copy_roots(table: Mapping[str, Any]) -> tuple[Path, ...]:
    if not table:
        return ()
    _check_keys("copy", table, ("roots",))
    roots = table["roots"]
    if not isinstance(roots, list):
        raise ConfigInvalid("copy.roots must be a list of folders")
    return tuple(Path(_text("copy.roots", root)).expanduser() for root in roots)
