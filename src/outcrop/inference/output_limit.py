"""How many tokens an answer may have, where the user did not say: as many as answers have had.

A provider reserves quota for the limit of an answer when a request is sent, and a budget the money
for it. So a limit that no answer comes near costs most of both. The limit here is what nearly all
of the last answers kept within, and half as much again; it is no part of an invocation's identity.

An answer that is cut at it is asked for once more, under the default (`sender.py`). While more of
them are than the quantile allows, the default holds for all: the answers have become longer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from outcrop.inference.meter import is_truncated
from outcrop.providers.base import Completion

LENGTHS_MAX = 500
LENGTHS_LEAST = 50
"""Of fewer answers than that nothing is concluded."""
_QUANTILE = 0.99
_MARGIN = 1.5
_STEP = 16
_LOOK_EVERY = 32
_FULL = 0.9  # what a provider counts of an answer may differ a little from what it limits


class OutputLimit:
    """The limit of the answers of one model function; `lengths` are those so far, in their order.

    It runs on the gateway's event loop alone.
    """

    def __init__(self, lengths: Iterable[int] = ()) -> None:
        self._lengths = deque(lengths, LENGTHS_MAX)
        self._unseen = 0
        self._asked_again = 0
        self._typical = self._look()

    def choose(self, default: int) -> int:
        """Return the limit of the next answer, at most `default`."""
        is_outgrown = self._asked_again > (1 - _QUANTILE) * LENGTHS_MAX
        if self._typical is None or is_outgrown:
            return default
        return min(self._typical, default)

    def answered(self, tokens: int) -> None:
        """An answer is whole, or was cut at the default, and is so long."""
        self._lengths.append(tokens)
        self._unseen += 1
        if self._unseen >= _LOOK_EVERY or len(self._lengths) == LENGTHS_LEAST:
            self._typical = self._look()

    def asking_again(self) -> None:
        """An answer was cut at a limit from here."""
        self._asked_again += 1

    def ended_asking_again(self) -> None:
        """Asking again has ended; its answer, if there is one, is looked at once."""
        self._asked_again -= 1
        self._unseen = _LOOK_EVERY

    def _look(self) -> int | None:
        """Return what the limit is by the lengths so far; None where they are too few."""
        self._unseen = 0
        if len(self._lengths) < LENGTHS_LEAST:
            return None
        most = sorted(self._lengths)[math.ceil(_QUANTILE * len(self._lengths)) - 1]
        return max(math.ceil(most * _MARGIN / _STEP), 1) * _STEP


def was_cut_at(limit: int, completion: Completion) -> bool:
    """Return whether it was this limit that cut an answer.

    One that stopped long before it, at a limit of the model's own, would stop there again.
    """
    usage = completion.usage
    is_full = usage is None or usage.output_tokens >= _FULL * limit
    return is_full and is_truncated(completion.response)


class OutputLimits:
    """The limits for what one provider's model is asked by external models, by their names.

    `read` gives the lengths of the last answers to one of them, as the journal has them.
    """

    def __init__(self, read: Callable[[str], Sequence[int]]) -> None:
        self._read = read
        self._limits: dict[str, OutputLimit] = {}

    def of(self, model: str) -> OutputLimit:
        """Return the limit for one external model; its answers are read when it is first asked."""
        found = self._limits.get(model)
        if found is None:
            found = self._limits[model] = OutputLimit(self._read(model))
        return found
