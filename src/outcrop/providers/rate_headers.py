"""What the headers of answers say of a provider's quotas, as OpenAI and Anthropic write them.

    OpenAI     x-ratelimit-limit-requests, x-ratelimit-limit-tokens, and each with `remaining` and
               `reset` for `limit`
    Anthropic  anthropic-ratelimit-requests-limit, anthropic-ratelimit-tokens-limit; where that one
               is missing, the sum of those with `input-tokens` and `output-tokens`

Limits are those of a minute. Some that write headers as OpenAI does count requests by the day: then
`remaining` and `reset` say so, since what was used flows back within that time, and the limit is no
rate to ride. A wish to wait (`retry-after`) is not among these: `transport.retry_after_of`.

Sources: OpenAI platform docs, "Rate limits in headers"; Anthropic API docs, "Rate limits, Response
headers"; Groq docs, "Rate limit headers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.errors import StatedQuota

MODELS_MAX = 1_000

_MINUTE_S, _DAY_S = 60.0, 86_400.0
_UNITS_S = {"ms": 1e-3, "s": 1.0, "m": _MINUTE_S, "h": 3_600.0, "d": _DAY_S}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The names of one API's headers. Of `tokens` the first ones that are all there count."""

    requests: str
    tokens: tuple[tuple[str, ...], ...]
    requests_remaining: str | None = None
    requests_reset: str | None = None


OPENAI_HEADERS = RateHeaders(
    "x-ratelimit-limit-requests",
    (("x-ratelimit-limit-tokens",),),
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
)
ANTHROPIC_HEADERS = RateHeaders(
    "anthropic-ratelimit-requests-limit",
    (
        ("anthropic-ratelimit-tokens-limit",),
        ("anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-output-tokens-limit"),
    ),
)


class QuotaReader:
    """Reads the quotas of one provider's models from its answers, anew when they change."""

    def __init__(self, names: RateHeaders) -> None:
        self._names = names
        self._limits = (names.requests, *(name for group in names.tokens for name in group))
        self._known: dict[str, tuple[tuple[str | None, ...], StatedQuota | None]] = {}

    def read(self, model_id: str, headers: Mapping[str, str]) -> StatedQuota | None:
        """Return what the headers of an answer say: the same object until they say otherwise."""
        written = tuple([headers.get(name) for name in self._limits])
        known = self._known.get(model_id)
        if known is None or known[0] != written:
            if len(self._known) >= MODELS_MAX:
                self._known.clear()  # whoever names so many reads them anew
            known = self._known[model_id] = (written, self._parse(headers))
        return known[1]

    def _parse(self, headers: Mapping[str, str]) -> StatedQuota | None:
        requests = _limit(headers, (self._names.requests,))
        if requests is not None and self._is_of_a_day(requests, headers):
            requests = None
        tokens = next(
            (limit for group in self._names.tokens if (limit := _limit(headers, group))), None
        )
        if requests is None and tokens is None:
            return None
        return StatedQuota(_a_second(requests), _a_second(tokens))

    def _is_of_a_day(self, limit: int, headers: Mapping[str, str]) -> bool:
        names = self._names
        if names.requests_remaining is None or names.requests_reset is None:
            return False
        remaining = headers.get(names.requests_remaining, "")
        reset_s = duration_s(headers.get(names.requests_reset, ""))
        if reset_s is None or not is_count(remaining) or int(remaining) >= limit:
            return False
        refill_s = limit * reset_s / (limit - int(remaining))
        return _DAY_S / 2 < refill_s < _DAY_S * 2


def duration_s(text: str) -> float | None:
    """Return the seconds of a duration such as `1s`, `6m0s`, `17ms`, or `10`, else None."""
    if is_count(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))


def _limit(headers: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    """Return the sum of some limits, None where one is not there, or is none."""
    values = [headers.get(name, "") for name in names]
    if not all(is_count(value) for value in values):
        return None
    return sum(map(int, values)) or None


def is_count(text: str) -> bool:
    """Return whether the value of a header is a whole number, of a size that can be meant."""
    return text.isascii() and text.isdigit() and len(text) <= 15


def _a_second(limit: int | None) -> float | None:
    return None if limit is None else limit / _MINUTE_S
