"""Settings that a session may SET: their names, defaults, domains and meanings.

`SETTINGS` is the one table of settings; SET, SHOW, `outcrop.toml`, completion and the reference in
docs/ all read it.
"""

from __future__ import annotations

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
