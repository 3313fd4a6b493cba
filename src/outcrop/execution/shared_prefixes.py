"""How the prompts of one question begin alike, for providers that cache the start of a prompt.

A provider that has read the start of a prompt minutes ago bills it at a fraction of its price
(providers/prompt_caching.py). The rows themselves tell which starts come again: the instructions
that all have before them, and the document that some of them ask about.

Starts are compared in whole blocks of `BLOCK` characters. What rows happen to have in common beyond
that is not worth a mark, and would move it: the start up to another mark is another start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from outcrop.inference.prompt_cache import PromptCache

BLOCK = 256
# Beyond that many prompts only what all have in common is looked for: the rest would take too long.
_SORTED_MAX = 100_000

# A row's number, its arguments, and where the starts end that its prompt shares with others.
Asked: TypeAlias = "tuple[int, list[str | None], tuple[int, ...]]"


class Arrangement:
    """The order in which the rows of one question are asked, and the starts that they share.

    `fixed_chars` characters that are the same for all stand before each prompt. Without a `cache`
    rows are asked in their own order and share nothing.
    """

    def __init__(self, cache: PromptCache | None, fixed_chars: int) -> None:
        self._cache = cache
        self._fixed_chars = fixed_chars
        self._earlier: list[str] = []

    def arrange(self, ids: Sequence[pa.RecordBatch]) -> Iterator[Asked]:
        """Yield the rows of a relation of distinct arguments, (id, prompt, ...)."""
        shared = None if self._cache is None else self._find(self._cache, ids)
        if self._cache is None or shared is None:
            yield from _rows(ids)
            return
        order = order_of_asking(shared.groups, self._cache.calls_max)
        if order is None:
            for (row, arguments, _), ends in zip(_rows(ids), shared.ends, strict=True):
                yield row, arguments, ends
            return
        rows = list(_rows(ids))
        for number in order:
            row, arguments, _ = rows[number]
            yield row, arguments, shared.ends[number]

    def _find(self, cache: PromptCache, ids: Sequence[pa.RecordBatch]) -> SharedPrefixes | None:
        """Return what the prompts of `ids` share; the first of an earlier part is compared too."""
        columns = [batch.column(1) for batch in ids if batch.num_rows]
        if not columns:
            return None
        earlier, self._earlier = self._earlier, [columns[0][0].as_py()]
        least_chars = cache.least_chars - self._fixed_chars
        if all(pc.max(pc.utf8_length(column)).as_py() < least_chars for column in columns):
            return None
        found = find_shared_prefixes(
            [*earlier, *(prompt for column in columns for prompt in column.to_pylist())],
            fixed_chars=self._fixed_chars,
            least_chars=cache.least_chars,
            depth=cache.starts_max,
        )
        if found is None or not earlier:
            return found
        return SharedPrefixes(found.ends[1:], range(len(found.ends) - 1))


def _rows(ids: Sequence[pa.RecordBatch]) -> Iterator[Asked]:
    """Yield the rows, which share nothing as far as is known."""
    for batch in ids:
        columns = [column.to_pylist() for column in batch.columns]
        for row, *arguments in zip(*columns, strict=True):
            yield row, arguments, ()


@dataclass(frozen=True, slots=True)
class SharedPrefixes:
    """The starts that prompts share.

    `ends[i]` says where those of prompt i end, in characters, the shortest first; `groups[i]` is
    the first prompt that shares the longest of them, i itself where none is shared.
    """

    ends: Sequence[tuple[int, ...]]
    groups: Sequence[int]


def find_shared_prefixes(
    prompts: Sequence[str], *, fixed_chars: int, least_chars: int, depth: int
) -> SharedPrefixes | None:
    """Return the starts that two prompts or more share, or None where there are none.

    Before each prompt stand `fixed_chars` characters that are the same for all. Together with them
    a start has at least `least_chars`, and each longer one within it has as many more; `depth` is
    the most that one prompt has of them.
    """
    least = max(least_chars - fixed_chars, 0)
    if len(prompts) < 2 or sum(len(prompt) >= least for prompt in prompts) < 2:
        return None
    if len(prompts) > _SORTED_MAX:
        return _common_prefix(prompts, least)
    search = _Search(prompts, least_chars)
    rows = sorted(range(len(prompts)), key=prompts.__getitem__)
    search.mark(rows, least, depth)
    return SharedPrefixes(search.ends, search.groups) if any(search.ends) else None


def _common_prefix(prompts: Sequence[str], least: int) -> SharedPrefixes | None:
    end = _shared_chars(min(prompts), max(prompts))
    if end < least:
        return None
    return SharedPrefixes([(end,)] * len(prompts), [0] * len(prompts))


class _Search:
    """A search in sorted prompts: those that begin alike stand together."""

    def __init__(self, prompts: Sequence[str], least_chars: int) -> None:
        self._prompts = prompts
        self._least_chars = least_chars
        self.ends: list[tuple[int, ...]] = [()] * len(prompts)
        self.groups = list(range(len(prompts)))

    def mark(self, rows: Sequence[int], least: int, depth: int) -> None:
        """Note the starts of at least `least` characters that neighbours in `rows` share."""
        if not depth:
            return
        begin = 0
        for place, (row, following) in enumerate(pairwise(rows), 1):
            if self._shared(row, following) < least:
                self._mark_run(rows[begin:place], depth)
                begin = place
        self._mark_run(rows[begin:], depth)

    def _mark_run(self, run: Sequence[int], depth: int) -> None:
        if len(run) < 2:
            return
        end = self._shared(run[0], run[-1])
        first = min(run)
        for row in run:
            self.ends[row] += (end,)
            self.groups[row] = first
        self.mark(run, end + self._least_chars, depth - 1)

    def _shared(self, row: int, other: int) -> int:
        return _shared_chars(self._prompts[row], self._prompts[other])


def _shared_chars(text: str, other: str) -> int:
    """Return how many characters two texts begin with in common, in whole blocks."""
    low, high = 0, min(len(text), len(other)) // BLOCK
    while low < high:
        middle = (low + high + 1) // 2
        if text[: middle * BLOCK] == other[: middle * BLOCK]:
            low = middle
        else:
            high = middle - 1
    return low * BLOCK


def order_of_asking(groups: Sequence[int], calls_max: int) -> Sequence[int] | None:
    """Return the order in which to ask prompts of these groups; None where their own will do.

    It will do where no group comes again after `calls_max` others, so that its start is still in
    the provider's cache. Otherwise whole groups are asked in waves of about that many calls, so
    that a start is used as long as it is there, and calls of many groups are in flight at once;
    the first of each group goes ahead, since it puts the start there.
    """
    last_seen: dict[int, int] = {}
    is_late = False
    for row, group in enumerate(groups):
        is_late = is_late or row - last_seen.get(group, row) > calls_max
        last_seen[group] = row
    if not is_late:
        return None
    sizes, waves, filled = Counter(groups), dict[int, int](), 0
    for group in sorted(sizes):
        waves[group] = filled // calls_max
        filled += sizes[group]
    return sorted(range(len(groups)), key=lambda row: (waves[groups[row]], groups[row] != row, row))
