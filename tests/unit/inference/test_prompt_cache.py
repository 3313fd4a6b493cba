"""Prompts that begin alike: who goes ahead, where the marks stand, and what stays the same."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from outcrop.inference.invocation import Invocation
from outcrop.inference.prompt_cache import prompt_cache_of
from outcrop.inference.records import TokenHistory
from outcrop.inference.speed import CallSpeed
from outcrop.inference.warm_prefixes import WarmPrefixes
from outcrop.providers.base import RequestType
from outcrop.providers.prompt_caching import LIFETIME_S, PromptCaching
from tests.unit.inference.support import VirtualClock

A, B = b"a", b"b"


async def _run(warm: WarmPrefixes, prefix: bytes, log: list[str], *, fails: bool = False) -> None:
    written = await warm.take_turn([prefix])
    log.append("write" if written else "read")
    await asyncio.sleep(0)
    if not fails:
        warm.keep([prefix])
    warm.end_turn(written)


def test_the_first_goes_ahead_and_the_others_wait_for_it() -> None:
    async def run() -> list[str]:
        log: list[str] = []
        warm = WarmPrefixes(VirtualClock())
        await asyncio.gather(*(_run(warm, A, log) for _ in range(5)), _run(warm, B, log))
        return log

    log = asyncio.run(run())
    assert log[:2] == ["write", "write"]
    assert log[2:] == ["read"] * 4


def test_where_the_first_fails_the_next_one_goes_ahead() -> None:
    async def run() -> list[str]:
        log: list[str] = []
        warm = WarmPrefixes(VirtualClock())
        await asyncio.gather(_run(warm, A, log, fails=True), _run(warm, A, log), _run(warm, A, log))
        return log

    assert asyncio.run(run()) == ["write", "write", "read"]


def test_a_start_that_was_not_used_for_long_is_written_again() -> None:
    async def run() -> list[str]:
        log: list[str] = []
        clock = VirtualClock()
        warm = WarmPrefixes(clock)
        for pause_s in (0.0, LIFETIME_S / 2, LIFETIME_S / 2, LIFETIME_S):
            clock.now_s += pause_s
            await _run(warm, A, log)
        return log

    assert asyncio.run(run()) == ["write", "read", "read", "write"]


def test_a_canceled_wait_leaves_nothing_behind() -> None:
    async def run() -> None:
        warm = WarmPrefixes(VirtualClock())
        ahead = await warm.take_turn([B])
        waiting = asyncio.create_task(warm.take_turn([A, B]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        warm.end_turn(ahead)
        assert await warm.take_turn([A, B]) == [A, B]

    asyncio.run(run())


def _invocation(text: str = "x" * 30, **settings: object) -> Invocation:
    body = {"messages": [{"role": "user", "content": [{"text": text}]}], **settings}
    return Invocation("here", "m", RequestType.UNIFIED, json.dumps(body))


def test_marks_stand_where_shared_starts_end_and_are_no_part_of_the_fingerprint() -> None:
    plain = _invocation("instructions document question")
    marked = replace(plain, shared_ends=(13, 22))
    assert marked.fingerprint == plain.fingerprint
    assert marked == plain
    point = {"cachePoint": {"type": "default"}}
    [message] = marked.to_request(1.0, is_marked=True).body["messages"]
    assert message["content"] == [
        {"text": "instructions "},
        point,
        {"text": "document "},
        point,
        {"text": "question"},
    ]
    assert marked.to_request(1.0).body == plain.to_request(1.0).body


def test_a_mark_at_the_begin_stands_after_the_system() -> None:
    marked = replace(_invocation("question", system=[{"text": "be brief"}]), shared_ends=(0,))
    body = marked.to_request(1.0, is_marked=True).body
    assert body["system"] == [{"text": "be brief"}, {"cachePoint": {"type": "default"}}]
    assert body["messages"][0]["content"] == [{"text": "question"}]


def test_starts_are_equal_where_their_texts_are() -> None:
    one = replace(_invocation("abcdef"), shared_ends=(3, 5))
    other = replace(_invocation("abcdeg"), shared_ends=(3, 6))
    with_system = replace(_invocation("abc", system=[{"text": "s"}]), shared_ends=(3,))
    assert one.shared_prefixes()[0] == other.shared_prefixes()[0]
    assert one.shared_prefixes()[1] != other.shared_prefixes()[1]
    assert with_system.shared_prefixes()[0] != one.shared_prefixes()[0]
    assert _invocation().shared_prefixes() == ()


def test_the_least_length_of_a_start_is_learned_from_the_journal() -> None:
    caching = PromptCaching(1_000)
    assert prompt_cache_of(caching, None, None, 64).least_chars == 4_000
    history = TokenHistory(answers=5, request_chars=600, input_tokens=300, output_tokens=1)
    assert prompt_cache_of(caching, history, None, 64).least_chars == 2_000
    of_short_prompts = TokenHistory(answers=5, request_chars=600, input_tokens=30, output_tokens=1)
    assert prompt_cache_of(caching, of_short_prompts, None, 64).least_chars == 4_000


def test_how_many_calls_go_by_while_a_start_is_kept_is_learned_too() -> None:
    caching = PromptCaching(1_000, marks_max=0)
    assert prompt_cache_of(caching, None, None, 2).calls_max == 2 * LIFETIME_S
    speed = CallSpeed(seconds_per_call=10.0, concurrency=4.0)
    assert prompt_cache_of(caching, None, speed, 64).calls_max == 4 * LIFETIME_S / 10
    assert prompt_cache_of(caching, None, CallSpeed(0.0, None), 1).calls_max == LIFETIME_S * 1_000
