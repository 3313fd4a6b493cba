"""Settings that a session may SET, and the file `outcrop.toml` that gives their defaults.

`SETTINGS` is the one table of settings; SET, SHOW, `outcrop.toml`, completion and the reference in
docs/ all read it. `WarehouseConfig` is the parsed file. Nothing here reads a file or the clock by
itself: `load_config` is told the path, and is called once, by `warehouse.py`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from outcrop.errors import ConfigInvalid, InvalidParameter, StatedQuota, UndefinedSetting, suggest

CONFIG_FILE = "outcrop.toml"
WAREHOUSE_VARIABLE = "OUTCROP_WAREHOUSE"

SettingValue: TypeAlias = bool | int | float | str | None

CONCURRENCY_MAX = 4_096


class OnError(StrEnum):
    """What becomes of a row whose model call failed."""

    FAIL = "fail"
    NULL = "null"


def _parse_bool(text: str) -> bool:
    folded = text.strip().lower()
    if folded in ("on", "true", "yes", "1", "t", "y"):
        return True
    if folded in ("off", "false", "no", "0", "f", "n"):
        return False
    raise ValueError("takes on or off")


PRIORITIES = ("low", "normal", "high")


def _one_of(*choices: str) -> Callable[[str], str]:
    """Return what parses one of some words, in any case."""
    *others, last = map(repr, choices)

    def parse(text: str) -> str:
        folded = text.strip().lower()
        if folded not in choices:
            raise ValueError(f"takes {', '.join(others)} or {last}")
        return folded

    return parse


def _parse_limit(text: str) -> int | None:
    if text.strip().lower() in ("none", "off", ""):
        return None
    number = int(text)
    if number < 0:
        raise ValueError("takes a whole number from 0, or none")
    return number


def _parse_concurrency(text: str) -> int:
    number = int(text)
    if not 1 <= number <= CONCURRENCY_MAX:
        raise ValueError(f"takes a whole number from 1 to {CONCURRENCY_MAX}")
    return number


def _parse_positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("takes a whole number from 1")
    return number


def _parse_usd(text: str) -> float | None:
    if text.strip().lower() in ("none", "off", ""):
        return None
    amount = float(text)
    if not 0 <= amount < float("inf"):
        raise ValueError("takes an amount of US dollars from 0, or none")
    return amount


_UNITS_MS = {"": 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}


def _parse_milliseconds(text: str) -> int:
    match = re.fullmatch(r"\s*(\d+)\s*(ms|s|min|h)?\s*", text)
    if match is None:
        raise ValueError("takes milliseconds, or a number with ms, s, min or h")
    return int(match[1]) * _UNITS_MS[match[2] or ""]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, default, parser and meaning (shown in the docs).

    `parse` takes the text of a value and raises ValueError with the domain (`takes on or off`).
    """

    name: str
    default: SettingValue
    parse: Callable[[str], SettingValue]
    meaning: str
    choices: tuple[str, ...] = ()


_ALL_SETTINGS = (
    Setting(
        "outcrop.on_error",
        OnError.FAIL.value,
        _one_of("fail", "null"),
        "What becomes of a row whose call failed: `fail` finishes and journals every other row, "
        "then fails the statement; `null` gives NULL and counts it in the closing notice.",
        ("fail", "null"),
    ),
    Setting(
        "outcrop.reuse_answers",
        True,
        _parse_bool,
        "Whether an answer in the journal is used again instead of paying for it again.",
        ("on", "off"),
    ),
    Setting(
        "outcrop.max_cost_usd",
        None,
        _parse_usd,
        "The most that one statement may spend, in US dollars; `none` for no limit.",
    ),
    Setting(
        "outcrop.session_max_cost_usd",
        None,
        _parse_usd,
        "The most that all statements of the session may spend together, in US dollars, what they "
        "spent before included; `none` for no limit.",
    ),
    Setting(
        "outcrop.max_calls",
        None,
        _parse_limit,
        "The most calls that one statement may send; reused answers do not count.",
    ),
    Setting(
        "outcrop.max_concurrency",
        64,
        _parse_concurrency,
        "The most calls that one statement may have in flight at once.",
    ),
    Setting(
        "outcrop.priority",
        "normal",
        _one_of(*PRIORITIES),
        "The statement's share of a model that several statements ask at the same time.",
        PRIORITIES,
    ),
    Setting(
        "outcrop.max_tokens_default",
        512,
        _parse_positive,
        "The most tokens that an answer may have where neither the model nor the call sets a "
        "limit; less is reserved where answers turn out to be shorter.",
    ),
    Setting(
        "outcrop.request_timeout",
        120_000,
        _parse_milliseconds,
        "How long one request may take, in milliseconds (or with a unit: `90s`).",
    ),
    Setting(
        "outcrop.retry_timeout",
        600_000,
        _parse_milliseconds,
        "How long a throttled or failing call is tried again, in milliseconds.",
    ),
    Setting(
        "outcrop.prompt_caching",
        "auto",
        _one_of("auto", "off"),
        "Whether prompts that begin alike are sent so that the provider's prompt cache serves "
        "their start, where its model has one.",
        ("auto", "off"),
    ),
    Setting(
        "enable_case_sensitive_identifier",
        False,
        _parse_bool,
        "Whether quoted identifiers keep their case; otherwise every identifier folds to lower.",
        ("on", "off"),
    ),
    Setting(
        "enable_case_sensitive_super_attribute",
        True,
        _parse_bool,
        "Whether `resp.usage.inputTokens` keeps its case. Redshift's default is off, which makes "
        "that path NULL; Outcrop's is on.",
        ("on", "off"),
    ),
    Setting(
        "search_path",
        "public",
        str.strip,
        "The schemas, separated by commas, in which an unqualified name is looked up.",
    ),
    Setting(
        "statement_timeout",
        0,
        _parse_milliseconds,
        "How long a statement may run, in milliseconds; 0 for no limit.",
    ),
    Setting("query_group", "", str.strip, "A label that `sys_llm_detail` keeps with a statement."),
    Setting(
        "timezone",
        "UTC",
        str.strip,
        "The time zone in which TIMESTAMPTZ values are shown and read.",
    ),
)

SETTINGS: Mapping[str, Setting] = MappingProxyType({s.name: s for s in _ALL_SETTINGS})


def find_setting(name: str) -> Setting:
    """Return the setting called `name` (any case), or raise UndefinedSetting with a suggestion."""
    setting = SETTINGS.get(name.lower())
    if setting is None:
        raise UndefinedSetting(
            f"unrecognized setting {name!r}",
            hint=suggest(name, SETTINGS) or "SHOW ALL lists the settings.",
        )
    return setting


def parse_setting(name: str, text: str) -> SettingValue:
    """Return the value of setting `name` that `text` stands for.

    Raises UndefinedSetting for an unknown name, InvalidParameter for a value out of its domain.
    """
    setting = find_setting(name)
    try:
        return setting.parse(text)
    except ValueError as error:
        reason = str(error) if "takes" in str(error) else "takes a number"
        raise InvalidParameter(
            f"invalid value for {setting.name}: {text!r}", hint=(f"{setting.name} {reason}.")
        ) from error


def show_setting(value: SettingValue) -> str:
    """Return `value` as SHOW prints it."""
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


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
