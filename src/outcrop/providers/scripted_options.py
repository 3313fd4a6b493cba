"""The options of `kind = "scripted"` in `outcrop.toml`, checked, and the table of its faults.

seed             a number; 0
latency_ms       a number, or { median = 200, sigma = 0.5 } for lognormal latencies; 0
concurrency_max  requests at once that the runtime may send; no limit
context_tokens   prompts with more tokens are rejected; no limit
fail_matching    a text; prompts that contain it are always rejected
faults           a table of fault names (see `FAULTS`) and their rates from 0 to 1
answers          a list of rules, the first that fits counts:
                 { match = "a text in the prompt", answer = "..." }, with `match_regex` instead
                 of `match`, or `fault = "name"` instead of `answer`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from outcrop.errors import ConfigInvalid, suggest


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail. Where `is_transient`, another attempt may succeed; else it never does."""

    name: str
    is_transient: bool
    meaning: str


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            Fault("throttle", True, "Throttled: a quota was hit; not paid"),
            Fault("unavailable", True, "Unavailable: overloaded; not paid"),
            Fault("timeout", True, "TimedOut: the model ran and its answer came too late; paid"),
            Fault("reset", True, "Unavailable: the connection broke after the model ran; paid"),
            Fault("rejected", False, "Rejected: this request is refused; not paid"),
            Fault("auth_failed", False, "AuthFailed: no access to the model; not paid"),
            Fault("model_not_found", False, "ModelNotFound: there is no such model; not paid"),
            Fault("filtered", False, "a completion without text, stopped by a filter; paid"),
            Fault("guardrail", False, "a completion whose text is a guardrail's message; paid"),
            Fault("empty", False, "a completion without text that ended normally; paid"),
            Fault("truncated", False, "a completion cut off at half its length; paid"),
            Fault("not_json", False, "a completion that is no JSON, whatever was asked; paid"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes: `median_ms` each time, or lognormal around it where `sigma`."""

    median_ms: float = 0.0
    sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of the prompts in which `pattern` is found: an answer or a fault."""

    pattern: re.Pattern[str]
    answer: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptedOptions:
    """The options of one scripted provider; the module describes each."""

    seed: int = 0
    latency: Latency = Latency()
    concurrency_max: int | None = None
    context_tokens: int | None = None
    fault_rates: Mapping[str, float] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


_KEYS = (
    "seed",
    "latency_ms",
    "concurrency_max",
    "context_tokens",
    "fail_matching",
    "faults",
    "answers",
)
_RULE_SHAPES = tuple(
    {match, outcome} for match in ("match", "match_regex") for outcome in ("answer", "fault")
)


def parse_options(name: str, options: Mapping[str, Any]) -> ScriptedOptions:
    """Check the options of provider `name`; raises ConfigInvalid naming the key."""
    where = f"providers.{name}"
    for key in options:
        if key not in _KEYS:
            raise ConfigInvalid(f"unknown key {where}.{key}", hint=suggest(key, _KEYS))
    rules = _parse_rules(f"{where}.answers", options.get("answers", []))
    if "fail_matching" in options:
        text = _parse_text(f"{where}.fail_matching", options["fail_matching"])
        rules = (Rule(re.compile(re.escape(text)), fault="rejected"), *rules)
    return ScriptedOptions(
        seed=_parse_integer(f"{where}.seed", options.get("seed", 0)),
        latency=_parse_latency(f"{where}.latency_ms", options.get("latency_ms", 0)),
        concurrency_max=_parse_limit(where, options, "concurrency_max"),
        context_tokens=_parse_limit(where, options, "context_tokens"),
        fault_rates=_parse_faults(f"{where}.faults", options.get("faults", {})),
        rules=rules,
    )


def _parse_text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigInvalid(f"{key} must be a text that is not empty")
    return value


def _parse_integer(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigInvalid(f"{key} must be a whole number")
    return value


def _parse_limit(where: str, options: Mapping[str, Any], name: str) -> int | None:
    if name not in options:
        return None
    limit = _parse_integer(f"{where}.{name}", options[name])
    if limit < 1:
        raise ConfigInvalid(f"{where}.{name} must be at least 1")
    return limit


def _parse_number(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise ConfigInvalid(f"{key} must be a number from 0")
    return float(value)


def _parse_latency(key: str, value: object) -> Latency:
    if not isinstance(value, Mapping):
        return Latency(_parse_number(key, value))
    if set(value) != {"median", "sigma"}:
        raise ConfigInvalid(f"{key} must be a number, or a table with `median` and `sigma`")
    return Latency(
        _parse_number(f"{key}.median", value["median"]),
        _parse_number(f"{key}.sigma", value["sigma"]),
    )


def _parse_fault_name(key: str, value: object) -> str:
    name = _parse_text(key, value)
    if name not in FAULTS:
        raise ConfigInvalid(
            f"{key}: there is no fault {name!r}",
            hint=suggest(name, FAULTS) or f"The faults are {', '.join(FAULTS)}.",
        )
    return name


def _parse_faults(key: str, table: object) -> Mapping[str, float]:
    if not isinstance(table, Mapping):
        raise ConfigInvalid(f"{key} must be a table of fault names and rates")
    rates = {
        _parse_fault_name(key, name): _parse_number(f"{key}.{name}", rate)
        for name, rate in table.items()
    }
    # Faults that last and faults that pass are drawn apart, so each kind may add up to 1.
    for is_transient in (True, False):
        total = sum(
            rate for name, rate in rates.items() if FAULTS[name].is_transient is is_transient
        )
        if total > 1:
            raise ConfigInvalid(f"{key}: the rates add up to more than 1")
    return rates


def _parse_rules(key: str, entries: object) -> tuple[Rule, ...]:
    if not isinstance(entries, list):
        raise ConfigInvalid(f"{key} must be a list of tables")
    return tuple(_parse_rule(f"{key}[{i}]", entry) for i, entry in enumerate(entries))


def _parse_rule(key: str, entry: object) -> Rule:
    if not isinstance(entry, Mapping) or set(entry) not in _RULE_SHAPES:
        raise ConfigInvalid(
            f"{key} must have `match` or `match_regex`, and `answer` or `fault`, and nothing else"
        )
    pattern = _parse_pattern(key, entry)
    if "fault" in entry:
        return Rule(pattern, fault=_parse_fault_name(f"{key}.fault", entry["fault"]))
    if not isinstance(entry["answer"], str):
        raise ConfigInvalid(f"{key}.answer must be a text")
    return Rule(pattern, answer=entry["answer"])


def _parse_pattern(key: str, entry: Mapping[str, Any]) -> re.Pattern[str]:
    if "match" in entry:
        return re.compile(re.escape(_parse_text(f"{key}.match", entry["match"])))
    text = _parse_text(f"{key}.match_regex", entry["match_regex"])
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigInvalid(f"{key}.match_regex: {error}") from error
