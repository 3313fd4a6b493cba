"""Converse's JSON: what is built of a text."""

from __future__ import annotations

import json

import pytest

from outcrop.inference.journal_file import encode
from outcrop.providers.base import TokenUsage
from outcrop.providers.converse import text_completion, text_of


@pytest.mark.parametrize(
    "text", ["", "plain", 'a "quoted"\n\\ line\t\0', "é 漢 \U0001f600", "\ud800"]
)
@pytest.mark.parametrize("usage", [TokenUsage(), TokenUsage(3, 4), TokenUsage(3, 4, 5, 6)])
def test_the_text_of_a_completion_is_that_of_its_response(text: str, usage: TokenUsage) -> None:
    completion = text_completion(text, stop_reason="end_turn", usage=usage, latency_ms=12)
    assert completion.text is not None
    assert completion.text == encode(completion.response)
    assert json.loads(completion.text.decode("utf-8", "surrogatepass")) == completion.response
    assert (text_of(completion.response), completion.usage) == (text, usage)
    assert completion.latency_ms == completion.response["metrics"]["latencyMs"] == 12
