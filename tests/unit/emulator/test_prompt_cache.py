"""Marks for the prompt cache, as boto3 sends them and the service bills and refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.emulator.prompt_cache import PromptCache, Start
from outcrop.emulator.server import RunningEmulator
from outcrop.providers.prompt_caching import LIFETIME_S
from tests.unit.emulator.requests import CLAUDE

NOVA = "us.amazon.nova-lite-v1:0"
POINT = {"cachePoint": {"type": "default"}}
LONG = "word " * 1_000  # 1,250 tokens


def _ask(client: Any, *content: dict[str, Any], model_id: str = NOVA, **members: Any) -> Any:
    messages = [{"role": "user", "content": list(content)}]
    return client.converse(modelId=model_id, messages=messages, **members)


def _usage(response: Any) -> tuple[int, int, int]:
    usage = response["usage"]
    assert usage["totalTokens"] == sum(
        count for key, count in usage.items() if key != "totalTokens"
    )
    return (
        usage["inputTokens"],
        usage.get("cacheReadInputTokens", 0),
        usage.get("cacheWriteInputTokens", 0),
    )


def test_a_start_is_written_once_and_read_by_the_next_request(client: Any) -> None:
    first = _ask(client, {"text": LONG}, POINT, {"text": "one?"})
    second = _ask(client, {"text": LONG}, POINT, {"text": "two?"})
    assert _usage(first) == (1, 0, 1_250)
    assert _usage(second) == (1, 1_250, 0)


def test_a_mark_changes_nothing_in_the_answer(client: Any) -> None:
    marked = _ask(client, {"text": LONG}, POINT, {"text": "one?"})
    plain = _ask(client, {"text": LONG + "one?"})
    assert marked["output"] == plain["output"]
    assert _usage(plain) == (1_251, 0, 0)


def test_equal_requests_are_equal_with_and_without_marks(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start()
    client = connect(emulator)
    _ask(client, {"text": LONG}, POINT, {"text": "one?"})
    _ask(client, {"text": LONG + "one?"})
    ledger = emulator.ledger()
    assert (ledger.paid, ledger.distinct_paid, ledger.paid_twice) == (2, 1, 1)
    assert (ledger.cache_read_tokens, ledger.cache_write_tokens) == (0, 1_250)


def test_a_longer_start_within_a_shorter_one_is_read_up_to_there(client: Any) -> None:
    _ask(client, {"text": LONG}, POINT, {"text": "one?"})
    both = _ask(client, {"text": LONG}, POINT, {"text": LONG}, POINT, {"text": "two?"})
    assert _usage(both) == (1, 1_250, 1_250)


def test_the_system_is_a_start(client: Any) -> None:
    system = [{"text": LONG}, POINT]
    assert _usage(_ask(client, {"text": "one?"}, system=system))[1:] == (0, 1_250)
    assert _usage(_ask(client, {"text": "two?"}, system=system))[1:] == (1_250, 0)


def test_a_short_start_is_not_kept(client: Any) -> None:
    for _ in range(2):
        assert _usage(_ask(client, {"text": "word " * 700}, POINT, {"text": "?"})) == (876, 0, 0)


def test_a_start_is_kept_for_five_minutes_after_its_last_use() -> None:
    now = 0.0
    cache = PromptCache(lambda: now)
    start = Start(b"key", 2_000)
    cache.keep([start])
    now += LIFETIME_S - 1
    assert cache.find([start]) == 2_000
    cache.keep([start])
    now += LIFETIME_S - 1
    assert cache.find([start]) == 2_000
    now += 2
    assert cache.find([start]) == 0


def test_a_model_without_a_cache_refuses_marks(client: Any) -> None:
    with pytest.raises(ClientError) as caught:
        _ask(client, {"text": LONG}, POINT, {"text": "one?"}, model_id=CLAUDE)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "did not allow prompt caching" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"text": "a"}, POINT] * 5, "A maximum of 4 blocks"),
        ([POINT, {"text": "a"}], "extraneous key \\[cachePoint\\]"),
        ([{"text": "a"}, {"cachePoint": {"type": "other"}}], "a cachePoint has type 'default'"),
        ([{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "2h"}}], "a ttl of"),
    ],
)
def test_marks_that_are_refused(client: Any, content: list[Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        _ask(client, *content)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
