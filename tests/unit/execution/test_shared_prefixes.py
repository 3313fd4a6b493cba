"""The starts that prompts share, and the order in which prompts are asked for their sake."""

from __future__ import annotations

import pyarrow as pa

from outcrop.execution.shared_prefixes import (
    BLOCK,
    Arrangement,
    find_shared_prefixes,
    order_of_asking,
)
from outcrop.inference.prompt_cache import PromptCache

HEAD = "Say what is wrong with this. " * 40
assert 4 * BLOCK < len(HEAD) < 5 * BLOCK
CACHE = PromptCache(least_chars=2 * BLOCK, starts_max=4, calls_max=1_000)


def _ends(*prompts: str, fixed_chars: int = 0, depth: int = 4) -> list[tuple[int, ...]] | None:
    found = find_shared_prefixes(
        prompts, fixed_chars=fixed_chars, least_chars=2 * BLOCK, depth=depth
    )
    return None if found is None else list(found.ends)


def test_what_all_prompts_begin_with_is_shared_in_whole_blocks() -> None:
    assert _ends(HEAD + "one", HEAD + "two", HEAD + "once") == [(4 * BLOCK,)] * 3


def test_short_starts_are_not_shared() -> None:
    assert _ends("Say: one", "Say: two") is None
    assert _ends("x" * (2 * BLOCK - 1) + "a", "x" * (2 * BLOCK - 1) + "b") is None


def test_one_prompt_shares_nothing() -> None:
    assert _ends(HEAD) is None


def test_what_stands_before_every_prompt_counts() -> None:
    assert _ends("one", "two", fixed_chars=2 * BLOCK) == [(0,), (0,)]
    assert _ends("one", "two", fixed_chars=2 * BLOCK - 1) is None
    begin = "y" * BLOCK
    assert _ends(begin + "one", begin + "two", fixed_chars=BLOCK) == [(BLOCK,), (BLOCK,)]


def test_documents_that_some_ask_about_are_shared_among_them() -> None:
    a, b = "a" * 3 * BLOCK, "b" * 2 * BLOCK
    prompts = (HEAD + a + "1", HEAD + b + "1", HEAD + a + "2", HEAD + "none", HEAD + b + "2")
    found = find_shared_prefixes(prompts, fixed_chars=0, least_chars=2 * BLOCK, depth=4)
    assert found is not None
    head, inner = found.ends[3], [ends[1:] for ends in found.ends]
    assert head == (4 * BLOCK,)
    assert [bool(ends) for ends in inner] == [True, True, True, False, True]
    assert list(found.groups) == [0, 1, 0, 0, 1]


def test_a_prompt_has_no_more_starts_than_the_model_takes_marks() -> None:
    prompts = [HEAD * 3 + "a", HEAD * 3 + "b", HEAD + "c", HEAD + "d"]
    assert _ends(*prompts, depth=1) == [(4 * BLOCK,)] * 4
    assert [len(ends) for ends in _ends(*prompts, depth=2) or ()] == [2, 2, 1, 1]


def test_rows_keep_their_order_while_starts_stay_in_the_cache() -> None:
    assert order_of_asking([0, 1, 0, 1, 0, 1], calls_max=2) is None


def test_rows_are_asked_in_waves_of_whole_groups_where_they_would_not() -> None:
    order = order_of_asking([0, 1, 2, 3, 0, 1, 2, 3], calls_max=2)
    assert order == [0, 4, 1, 5, 2, 6, 3, 7]
    order = order_of_asking([0, 1, 2, 3, 0, 1, 2, 3], calls_max=3)
    assert order == [0, 1, 4, 5, 2, 6, 3, 7]  # the first of each group goes ahead


def _batch(*prompts: str, first: int = 1) -> pa.RecordBatch:
    ids = list(range(first, first + len(prompts)))
    return pa.record_batch([ids, list(prompts)], names=["id", "_k1"])


def test_without_a_cache_rows_come_as_they_are() -> None:
    asked = Arrangement(None, 0).arrange([_batch(HEAD + "one", HEAD + "two")])
    assert list(asked) == [(1, [HEAD + "one"], ()), (2, [HEAD + "two"], ())]


def test_rows_are_asked_with_the_starts_that_they_share() -> None:
    asked = Arrangement(CACHE, 0).arrange([_batch(HEAD + "one"), _batch(HEAD + "two", first=7)])
    assert [(row, ends) for row, _, ends in asked] == [(1, (4 * BLOCK,)), (7, (4 * BLOCK,))]


def test_rows_that_come_one_by_one_are_compared_with_an_earlier_one() -> None:
    arrangement = Arrangement(CACHE, 0)
    ends = [
        [ends for _, _, ends in arrangement.arrange([_batch(HEAD + word)])]
        for word in ("one", "two", "three")
    ]
    assert ends == [[()], [(4 * BLOCK,)], [(4 * BLOCK,)]]


def test_no_rows_are_no_rows() -> None:
    assert list(Arrangement(CACHE, 0).arrange([_batch()])) == []


def test_rows_far_apart_that_begin_alike_are_asked_together() -> None:
    cache = PromptCache(least_chars=2 * BLOCK, starts_max=4, calls_max=2)
    documents = [letter * 2 * BLOCK for letter in "abcd"]
    batch = _batch(*(document + question for question in "12" for document in documents))
    assert [row for row, _, _ in Arrangement(cache, 0).arrange([batch])] == [1, 5, 2, 6, 3, 7, 4, 8]
