from __future__ import annotations

import pytest

from outcrop.providers.prompt_caching import MARKS_MAX, PromptCaching, find_prompt_caching


@pytest.mark.parametrize(
    ("model_id", "tokens_min"),
    [
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", 1_024),
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", 2_048),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", 1_024),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 4_096),
        ("us.anthropic.claude-opus-4-6-v1", 4_096),
        ("us.anthropic.claude-opus-4-7", 2_048),
        ("global.anthropic.claude-sonnet-5", 1_024),
        ("us.amazon.nova-lite-v1:0", 1_000),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", 1_000),
    ],
)
def test_models_that_take_marks(model_id: str, tokens_min: int) -> None:
    assert find_prompt_caching("bedrock", model_id) == PromptCaching(tokens_min, MARKS_MAX)


@pytest.mark.parametrize(
    "model_id",
    [
        "anthropic.claude-v2:1",
        "anthropic.claude-instant-v1",
        "anthropic.claude-3-haiku-20240307-v1:0",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "amazon.titan-text-lite-v1",
        "meta.llama3-8b-instruct-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    ],
)
def test_models_that_would_refuse_marks_get_none(model_id: str) -> None:
    assert find_prompt_caching("bedrock", model_id) is None


def test_other_kinds_of_provider() -> None:
    assert find_prompt_caching("anthropic", "claude-sonnet-4-5") == PromptCaching(1_024)
    assert find_prompt_caching("openai", "gpt-6-sol") == PromptCaching(1_024, marks_max=0)
    assert find_prompt_caching("scripted", "claude-sonnet-4-5") is None
    assert find_prompt_caching("gguf", "smollm2") is None
