"""What a provider says that nobody would expect costs its own row at most.

Answers that come back together are journaled together, so one that the journal could not hold would
take the others with it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.emulated import KEYS, Shop, count_answers
from tests.unit.providers.wire_server import Behaviour, answer, serving

ROWS = 8
TOKENS = "SELECT sum(input_tokens), sum(output_tokens) FROM sys_llm_detail"
DEEP = 100_000
HUGE = 10**30


def converse(text: str = "Yes.", **members: object) -> dict[str, Any]:
    """Return a Converse response, with some members as no provider should write them."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
        **members,
    }


def usage(count: object) -> dict[str, Any]:
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    return converse(usage=dict.fromkeys(names, count))


# The bodies, and what the row gets; None: no answer.
ODD: dict[str, tuple[object, str | None]] = {
    "counts beyond 64 bits": (usage(HUGE), "Yes."),
    "counts below 0": (usage(-1_000_000), "Yes."),
    "counts that are texts": (usage("3"), "Yes."),
    "counts that are no numbers": (usage(float("nan")), "Yes."),
    "counts without end": (usage(float("inf")), "Yes."),
    "usage that is none": (converse(usage=[1]), "Yes."),
    "half a character": (converse("\ud83d"), "\ufffd"),
    "a NUL": (converse("a\0b"), "a\0b"),
    "a member beyond 64 bits": (converse(metrics={"latencyMs": HUGE}), "Yes."),
    "no content": (converse(output=None), None),
    "nesting": (b"[" * DEEP + b"]" * DEEP, None),
    "nesting within": (b'{"usage":' * DEEP + b"1" + b"}" * DEEP, None),
    "a number of 10,000 digits": (b'{"usage":' + b"9" * 10_000 + b"}", None),
    "a list": ([1], None),
}


class Together:
    """Keeps answers back until so many are asked for, so that they come back in one moment."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._complete = asyncio.Event()

    def answer(self, body: object) -> Behaviour:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._missing -= 1
            if self._missing <= 0:
                self._complete.set()
            await self._complete.wait()
            await answer(body)(reader, writer)

        return behave


@pytest.mark.parametrize("case", ODD)
def test_an_odd_answer_among_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    body, expected = ODD[case]
    together = Together(ROWS)
    good, odd = together.answer(converse()), together.answer(body)
    with serving(good, good, odd, *[good] * (ROWS - 3), odd) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", str(server.url))
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        shop = Shop(tmp_path / "shop", [f"note {number}" for number in range(ROWS)])
        try:
            shop.query("SET outcrop.on_error TO 'null'")
            shop.query("SET outcrop.retry_timeout TO '50ms'")
            texts = [text for _, text in shop.ask()]
            [tokens] = shop.query(TOKENS)
        finally:
            shop.close()
    assert sorted(texts, key=str) == sorted([expected, *["Yes."] * (ROWS - 1)], key=str)
    assert count_answers(shop.path) >= ROWS - 1
    assert tokens in ((3 * (ROWS - 1), 2 * (ROWS - 1)), (3 * ROWS, 2 * ROWS))
