"""Which price a model has: the bundled table, and over it the user's own prices.

The bundled prices are a dated snapshot (`prices.json`, written by tools/make_prices.py from the
genai-prices package, MIT). A model that it does not know has **no** price, which is shown as such;
it never costs zero. What runs on this machine is free.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from outcrop.config import PriceOverride
from outcrop.pricing.price import Price, Rates, Tier

_FILE = Path(__file__).with_name("prices.json")
_FOUND_MAX = 256

_FREE = Price(Rates(0.0, 0.0, 0.0, 0.0), as_of="local", source="runs on this machine")
_FREE_KINDS = ("gguf", "scripted")

# An ARN whose last part is the id of a model. Those of provisioned throughput, custom models and
# application profiles end in an opaque id, and are billed by other rules: they have no price here.
_MODEL_ARN = re.compile(
    r"arn:[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/(.+)"
)

_TESTS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "equals": str.__eq__,
        "starts_with": str.startswith,
        "ends_with": str.endswith,
        "contains": str.__contains__,
        "regex": lambda text, pattern: re.search(pattern, text) is not None,
    }
)


class PriceTable:
    """The prices that are in force: `find` is the only question to ask it.

    The bundled file is read at the first question about a model that the user did not price.
    """

    def __init__(self, overrides: Mapping[str, PriceOverride], path: Path = _FILE) -> None:
        self._overrides = dict(overrides)
        self._path = path
        self._kinds: Mapping[str, Any] | None = None
        self._find_bundled = lru_cache(maxsize=_FOUND_MAX)(self._look_up)

    @classmethod
    def load(cls, overrides: Mapping[str, PriceOverride]) -> PriceTable:
        """Return the bundled prices with the user's own, by exact model id, over them."""
        return cls(overrides)

    def find(self, provider_kind: str, model_id: str) -> Price | None:
        """Return the price of a model, or None where it is unknown.

        `provider_kind` is that of the provider which really answers (after routes); `model_id` may
        be, for Bedrock, an id with or without a version, an inference profile, or an ARN.
        """
        override = self._overrides.get(model_id)
        if override is not None:
            return _from_override(override)
        if provider_kind in _FREE_KINDS:
            return _FREE
        return self._find_bundled(provider_kind, model_id)

    def _look_up(self, provider_kind: str, model_id: str) -> Price | None:
        if self._kinds is None:
            self._kinds = json.loads(self._path.read_text(encoding="utf-8"))["kinds"]
        kind = self._kinds.get(provider_kind)
        plain_id = _plain_id(model_id.lower())
        if kind is None or plain_id is None:
            return None
        for model in kind["models"]:
            if any(_TESTS[verb](plain_id, text) for verb, text in model["match"]):
                return _from_entry(model, kind["source"])
        return None


def _plain_id(model_id: str) -> str | None:
    """Return the id at the end of an ARN, or `model_id` itself where it is no ARN."""
    if not model_id.startswith("arn:"):
        return model_id
    match = _MODEL_ARN.fullmatch(model_id)
    return match[1] if match else None


def _from_override(override: PriceOverride) -> Price:
    rates = Rates(
        override.input_usd_per_million,
        override.output_usd_per_million,
        override.cache_read_usd_per_million,
        override.cache_write_usd_per_million,
    )
    return Price(rates, as_of=override.as_of, source="outcrop.toml")


def _from_entry(model: Mapping[str, Any], source: str) -> Price:
    tiers = (Tier(t["above_input_tokens"], _rates(t)) for t in model.get("tiers", ()))
    return Price(_rates(model), as_of=model["as_of"], source=source, tiers=tuple(tiers))


def _rates(entry: Mapping[str, Any]) -> Rates:
    return Rates(entry["input"], entry["output"], entry.get("cache_read"), entry.get("cache_write"))
