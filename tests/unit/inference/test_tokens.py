"""Token estimates and their upper bounds."""

from __future__ import annotations

import json

import pytest

from outcrop.inference.records import TokenHistory
from outcrop.inference.tokens import (
    TEMPLATE_TOKENS,
    TOOL_TOKENS,
    estimate_input_tokens,
    estimate_output_tokens,
    output_tokens_max,
    usage_max,
)
from outcrop.providers.base import JsonObject, TokenUsage

HISTORY = TokenHistory(answers=10, request_chars=1_000, input_tokens=500, output_tokens=80)


def test_an_unknown_model_has_four_characters_a_token() -> None:
    assert estimate_input_tokens(4_000, None) == 1_000
    assert estimate_output_tokens(3, None, tokens_max=512) == 1_536


def test_a_known_model_has_what_its_answers_counted() -> None:
    assert estimate_input_tokens(4_000, HISTORY) == 2_000
    assert estimate_output_tokens(3, HISTORY, tokens_max=512) == 24


def test_an_estimate_of_answers_stays_under_their_limit() -> None:
    assert estimate_output_tokens(3, HISTORY, tokens_max=5) == 15


@pytest.mark.parametrize(
    "body",
    [
        {"inferenceConfig": {"maxTokens": 77}},
        {"max_tokens": 77},
        {"max_tokens_to_sample": 77},
        {"max_completion_tokens": 77},
        {"max_gen_len": 77},
        {"textGenerationConfig": {"maxTokenCount": 77}},
    ],
)
def test_the_limit_of_an_answer_is_found_in_every_request_form(body: JsonObject) -> None:
    assert output_tokens_max(body) == 77


@pytest.mark.parametrize("body", [{}, {"max_tokens": True}, {"inferenceConfig": 5}])
def test_a_request_without_a_limit_has_no_upper_bound(body: JsonObject) -> None:
    assert usage_max("{}", body) is None


def test_the_bound_of_the_input_counts_bytes() -> None:
    body = {"prompt": "žluťoučký kůň 漢字", "max_tokens": 5}
    text = json.dumps(body, ensure_ascii=False)
    assert usage_max(text, body) == TokenUsage(len(text.encode()) + TEMPLATE_TOKENS, 5)


def test_tools_bring_instructions_of_the_provider() -> None:
    body = {"max_tokens": 5, "toolConfig": {}}
    assert usage_max("12345", body) == TokenUsage(5 + TEMPLATE_TOKENS + TOOL_TOKENS, 5)
