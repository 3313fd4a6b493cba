"""Write `src/outcrop/pricing/prices.json` from a release of the genai-prices package.

Run it in a throw-away environment, since Outcrop itself does not depend on the package:

    python -m venv /tmp/prices && /tmp/prices/bin/pip install genai-prices==0.2.3
    /tmp/prices/bin/python tools/make_prices.py --as-of 2026-11-10 src/outcrop/pricing/prices.json

`--as-of` is the day that release was published. Prices that start later are left out, and so are
models that are not sold by the token (images, speech, moderation).
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices.data import providers
from genai_prices.types import ClauseOr, ModelInfo, ModelPrice, Provider, TieredPrices

KINDS = {"aws": "bedrock", "anthropic": "anthropic", "openai": "openai"}

# Open weights that OpenAI publishes and does not serve: the package prices another seller, and
# under the same name they usually run on the user's own server.
NOT_SOLD = {
    ("openai", "gpt-oss-120b"),
    ("openai", "gpt-oss-20b"),
    ("openai", "gpt-oss-safeguard-20b"),
}

RATES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}

MATCHES = ("equals", "starts_with", "ends_with", "contains", "regex")


def main(arguments: list[str]) -> int:
    """Write the file that the last argument names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-of", required=True, type=date.fromisoformat)
    parser.add_argument("output", type=Path)
    options = parser.parse_args(arguments)
    document = {
        "credit": {
            "package": f"genai-prices {version('genai-prices')}",
            "url": "https://github.com/pydantic/genai-prices",
            "licence": "MIT, see LICENSE.genai-prices",
        },
        "kinds": {
            KINDS[provider.id]: describe_provider(provider, options.as_of)
            for provider in providers
            if provider.id in KINDS
        },
    }
    options.output.write_text(to_text(document), encoding="utf-8")
    return 0


def to_text(document: dict[str, Any]) -> str:
    """Return JSON with one model a line, so that a change of price is a change of one line."""
    kinds = []
    for kind, described in document["kinds"].items():
        models = ",\n".join(json.dumps(model) for model in described["models"])
        source = json.dumps(described["source"])
        kinds.append(f'"{kind}": {{"source": {source}, "models": [\n{models}\n]}}')
    return f'{{"credit": {json.dumps(document["credit"])},\n"kinds": {{\n{",".join(kinds)}}}}}\n'


def describe_provider(provider: Provider, as_of: date) -> dict[str, Any]:
    """Return one provider's source and its models, in the order in which they are matched."""
    described = (
        describe_model(model, as_of)
        for model in provider.models
        if (provider.id, model.id) not in NOT_SOLD
    )
    return {
        "source": (provider.pricing_urls or [])[0],
        "models": [model for model in described if model is not None],
    }


def describe_model(model: ModelInfo, as_of: date) -> dict[str, Any] | None:
    """Return one model's entry, or None where it is not sold by the input and output token."""
    prices = model.get_prices(datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC))
    if prices.input_mtok is None or prices.output_mtok is None:
        return None
    tiers = [
        {"above_input_tokens": start, **rates_above(prices, start)} for start in tier_starts(prices)
    ]
    return {
        "id": model.id,
        "as_of": as_of.isoformat(),
        "match": list_matches(model),
        **rates_above(prices, None),
        **({"tiers": tiers} if tiers else {}),
    }


def list_matches(model: ModelInfo) -> list[list[str]]:
    """Return the tests of a model id, any of which is enough, as pairs of a verb and a text."""
    clauses = model.match.or_ if isinstance(model.match, ClauseOr) else [model.match]
    pairs = []
    for clause in clauses:
        verb = next((name for name in MATCHES if hasattr(clause, name)), None)
        if verb is None:
            raise ValueError(f"{model.id}: no form for {clause!r}")
        pairs.append([verb, getattr(clause, verb)])
    return pairs


def tier_starts(prices: ModelPrice) -> list[int]:
    """Return the sizes of a request, in input tokens, above which other rates hold."""
    tiered = [
        p for p in (getattr(prices, r) for r in RATES.values()) if isinstance(p, TieredPrices)
    ]
    return sorted({tier.start for price in tiered for tier in price.tiers})


def rates_above(prices: ModelPrice, start: int | None) -> dict[str, float]:
    """Return the rates of a request of more than `start` input tokens (None: of any size)."""
    rates = {}
    for name, key in RATES.items():
        rate = getattr(prices, key)
        if isinstance(rate, TieredPrices):
            reached = [t.price for t in rate.tiers if start is not None and t.start <= start]
            rate = reached[-1] if reached else rate.base
        if isinstance(rate, Decimal):
            rates[name] = float(rate)
    return rates


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
