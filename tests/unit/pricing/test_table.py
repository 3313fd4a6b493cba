from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from outcrop import pricing
from outcrop.config import PriceOverride
from outcrop.pricing.table import PriceTable
from outcrop.providers.base import TokenUsage

TABLE = PriceTable.load({})
BUNDLED = Path(pricing.__file__).with_name("prices.json")


@pytest.mark.parametrize(
    ("kind", "model_id", "rates"),
    [
        ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", (0.25, 1.25)),
        ("bedrock", "amazon.nova-lite-v1:0", (0.06, 0.24)),
        ("bedrock", "amazon.nova-lite-v1:0:300k", (0.06, 0.24)),
        ("bedrock", "amazon.titan-text-express-v1", (0.2, 0.6)),
        ("bedrock", "us.amazon.nova-lite-v1:0", (0.06, 0.24)),
        ("bedrock", "eu.meta.llama3-1-8b-instruct-v1:0", (0.22, 0.22)),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", (3.3, 16.5)),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", (3.3, 16.5)),
        ("bedrock", "apac.anthropic.claude-sonnet-4-5-20250929-v1:0", (3.3, 16.5)),
        ("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", (3.0, 15.0)),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1",
            (0.2, 0.6),
        ),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-pro-v1:0",
            (0.8, 3.2),
        ),
        ("anthropic", "claude-haiku-4-5-20251001", (1.0, 5.0)),
        ("openai", "gpt-4o-mini", (0.15, 0.6)),
        ("openai", "gpt-4o-mini-2024-07-18", (0.15, 0.6)),
        ("openai", "gpt-6-sol-2026-08-01", (2.0, 10.0)),
    ],
)
def test_known_models(kind: str, model_id: str, rates: tuple[float, float]) -> None:
    price = TABLE.find(kind, model_id)
    assert price is not None
    assert (price.input_usd_per_million, price.output_usd_per_million) == rates
    assert price.as_of == "2026-11-10"
    assert price.source.startswith("https://")


@pytest.mark.parametrize(
    ("kind", "model_id"),
    [
        ("bedrock", "anthropic.claude-v2"),
        ("bedrock", "acme.unheard-of-v1:0"),
        ("bedrock", ""),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2c3"),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:provisioned-model/amazon.nova-lite-v1"),
        ("openai", "llama3.2"),
        ("openai", "gpt-oss-20b"),
        ("openai", "omni-moderation-latest"),
        ("anthropic", "gpt-4o-mini"),
        ("unheard-of", "gpt-4o-mini"),
    ],
)
def test_an_unknown_model_has_no_price(kind: str, model_id: str) -> None:
    assert TABLE.find(kind, model_id) is None


@pytest.mark.parametrize("kind", ["gguf", "scripted"])
def test_what_runs_on_this_machine_is_free(kind: str) -> None:
    price = TABLE.find(kind, "any-model")
    assert price is not None
    assert price.cost_usd(TokenUsage(1_000, 1_000, 1_000, 1_000)) == 0.0
    assert price.as_of == "local"


def test_the_users_own_price_wins_for_every_kind() -> None:
    own = {"gpt-4o-mini": PriceOverride(1.0, 2.0, "2026-01-02")}
    table = PriceTable.load(own)
    for kind in ("openai", "scripted", "unheard-of"):
        price = table.find(kind, "gpt-4o-mini")
        assert price is not None
        assert price.cost_usd(TokenUsage(1_000_000, 1_000_000)) == 3.0
        assert (price.as_of, price.source) == ("2026-01-02", "outcrop.toml")
    other = table.find("openai", "gpt-4o-mini-2024-07-18")
    assert other is not None
    assert other.input_usd_per_million == 0.15


def test_the_users_own_price_of_cached_tokens() -> None:
    usage = TokenUsage(0, 0, 1_000_000, 1_000_000)
    for override, cost_usd in (
        (PriceOverride(1.0, 2.0, "2026-01-02"), 2.0),
        (PriceOverride(1.0, 2.0, "2026-01-02", 0.1, 1.25), 1.35),
    ):
        price = PriceTable.load({"own": override}).find("bedrock", "own")
        assert price is not None
        assert price.cost_usd(usage) == pytest.approx(cost_usd)


def test_long_requests_pay_the_long_context_rate() -> None:
    price = TABLE.find("anthropic", "claude-sonnet-4-5")
    assert price is not None
    assert price.cost_usd(TokenUsage(200_000, 0)) == pytest.approx(0.6)
    assert price.cost_usd(TokenUsage(1_000_000, 0)) == pytest.approx(6.0)


def test_the_file_is_read_at_the_first_question_only(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    table = PriceTable({}, path)
    assert table.find("gguf", "smollm2") is not None
    path.write_text(
        '{"kinds": {"bedrock": {"source": "a page", "models": [{"id": "x", "as_of": "2026-01-01",'
        ' "match": [["equals", "x"]], "input": 1.0, "output": 2.0}]}}}'
    )
    first = table.find("bedrock", "x")
    path.unlink()
    assert first is not None
    assert table.find("bedrock", "x") == first
    assert table.find("bedrock", "y") is None


def test_every_bundled_entry_is_sound() -> None:
    kinds = json.loads(BUNDLED.read_text(encoding="utf-8"))["kinds"]
    assert set(kinds) == {"anthropic", "bedrock", "openai"}
    for model in (model for kind in kinds.values() for model in kind["models"]):
        assert model["input"] > 0, model["id"]
        assert model["output"] > 0, model["id"]
        assert model["match"], model["id"]
        date.fromisoformat(model["as_of"])
        starts = [tier["above_input_tokens"] for tier in model.get("tiers", ())]
        assert starts == sorted(set(starts)), model["id"]
