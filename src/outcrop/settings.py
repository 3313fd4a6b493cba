"""Settings that a session may SET: their names, defaults, domains and meanings.

`SETTINGS` is the one table of settings; SET, SHOW, `outcrop.toml`, completion and the reference in
docs/ all read it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from outcrop.errors import InvalidParameter, UndefinedSetting, suggest

SettingValue: TypeAlias = bool | int | float | str | None

CONCURRENCY_MAX = 4_096


class OnError(StrEnum):
    """What becomes of a row whose model call failed."""

    FAIL = "fail"
    NULL = "null"


PRIORITIES = ("low", "normal", "high")


@dataclass(frozen=True, slots=True)
class Domain:
    """The values of a setting, in words, and what their text stands for.

    `parse` raises ValueError for a text that is none of them.
    """

    words: str
    parse: Callable[[str], SettingValue]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, default, domain and meaning (shown in the docs)."""

    name: str
    default: SettingValue
    domain: Domain
    meaning: str


def _parse_switch(text: str) -> bool:
    folded = text.strip().lower()
    if folded in ("on", "true", "yes", "1", "t", "y"):
        return True
    if folded in ("off", "false", "no", "0", "f", "n"):
        return False
    raise ValueError


def _one_of(*choices: str) -> Domain:
    """Return the domain of some words, in any case."""

    def parse(text: str) -> str:
        folded = text.strip().lower()
        if folded not in choices:
            raise ValueError
        return folded

    *others, last = map(repr, choices)
    return Domain(f"{', '.join(others)} or {last}", parse)


def _whole_number(words: str, least: int, most: float = math.inf) -> Domain:
    """Return the domain of the whole numbers from `least` to `most`."""

    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError
        return number

    return Domain(words, parse)


def _parse_usd(text: str) -> float:
    amount = float(text)
    if not 0 <= amount < math.inf:
        raise ValueError
    return amount


def _or_none(domain: Domain) -> Domain:
    """Return a domain with `none` in it, which is no limit."""

    def parse(text: str) -> SettingValue:
        return None if text.strip().lower() in ("none", "off", "") else domain.parse(text)

    return Domain(f"{domain.words}, or none", parse)


_UNITS_MS = {"": 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}


def _parse_duration(text: str) -> int:
    match = re.fullmatch(r"\s*(\d+)\s*(ms|s|min|h)?\s*", text)
    if match is None:
        raise ValueError
    return int(match[1]) * _UNITS_MS[match[2] or ""]


_SWITCH = Domain("on or off", _parse_switch)
_TEXT = Domain("a text", str.strip)
_DURATION = Domain("milliseconds, or a number with ms, s, min or h", _parse_duration)
_COST_LIMIT = _or_none(Domain("an amount of US dollars from 0", _parse_usd))


_ALL_SETTINGS = (
    Setting(
        "outcrop.on_error",
        OnError.FAIL.value,
        _one_of(*(each.value for each in OnError)),
        "What becomes of a row whose call failed: `fail` finishes and journals every other row, "
        "then fails the statement; `null` gives NULL and counts it in the closing notice.",
    ),
    Setting(
        "outcrop.reuse_answers",
        True,
        _SWITCH,
        "Whether an answer in the journal is used again instead of paying for it again.",
    ),
    Setting(
        "outcrop.max_cost_usd",
        None,
        _COST_LIMIT,
        "The most that one statement may spend, in US dollars; `none` for no limit.",
    ),
    Setting(
        "outcrop.session_max_cost_usd",
        None,
        _COST_LIMIT,
        "The most that all statements of the session may spend together, in US dollars, what they "
        "spent before included; `none` for no limit.",
    ),
    Setting(
        "outcrop.max_calls",
        None,
        _or_none(_whole_number("a whole number from 0", 0)),
        "The most calls that one statement may send; reused answers do not count.",
    ),
    Setting(
        "outcrop.max_concurrency",
        64,
        _whole_number(f"a whole number from 1 to {CONCURRENCY_MAX}", 1, CONCURRENCY_MAX),
        "The most calls that one statement may have in flight at once.",
    ),
    Setting(
        "outcrop.priority",
        "normal",
        _one_of(*PRIORITIES),
        "The statement's share of a model that several statements ask at the same time.",
    ),
    Setting(
        "outcrop.max_tokens_default",
        512,
        _whole_number("a whole number from 1", 1),
        "The most tokens that an answer may have where neither the model nor the call sets a "
        "limit; less is reserved where answers turn out to be shorter.",
    ),
    Setting(
        "outcrop.request_timeout",
        120_000,
        _DURATION,
        "How long one request may take, in milliseconds (or with a unit: `90s`).",
    ),
    Setting(
        "outcrop.retry_timeout",
        600_000,
        _DURATION,
        "How long a throttled or failing call is tried again, in milliseconds.",
    ),
    Setting(
        "outcrop.prompt_caching",
        "auto",
        _one_of("auto", "off"),
        "Whether prompts that begin alike are sent so that the provider's prompt cache serves "
        "their start, where its model has one.",
    ),
    Setting(
        "enable_case_sensitive_identifier",
        False,
        _SWITCH,
        "Whether quoted identifiers keep their case; otherwise every identifier folds to lower.",
    ),
    Setting(
        "enable_case_sensitive_super_attribute",
        True,
        _SWITCH,
        "Whether `resp.usage.inputTokens` keeps its case. Redshift's default is off, which makes "
        "that path NULL; Outcrop's is on.",
    ),
    Setting(
        "search_path",
        "public",
        _TEXT,
        "The schemas, separated by commas, in which an unqualified name is looked up.",
    ),
    Setting(
        "statement_timeout",
        0,
        _DURATION,
        "How long a statement may run, in milliseconds; 0 for no limit.",
    ),
    Setting("query_group", "", _TEXT, "A label that `sys_llm_detail` keeps with a statement."),
    Setting(
        "timezone",
        "UTC",
        _TEXT,
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
        return setting.domain.parse(text)
    except ValueError as error:
        raise InvalidParameter(
            f"invalid value for {setting.name}: {text!r}",
            hint=f"{setting.name} takes {setting.domain.words}.",
        ) from error


def show_setting(value: SettingValue) -> str:
    """Return `value` as SHOW prints it."""
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case float():
            return repr(value).removesuffix(".0")
        case _:
            return str(value)
