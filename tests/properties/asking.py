"""Which calls an evaluation makes, and in which order it asks what several conditions need.

Part of the oracle of call counts (`needs`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from sqlglot import exp

Condition = Callable[[], bool]


class CallNeeded(Exception):
    """An answer is needed that nobody asked for yet, where only what is known is of interest."""


class Demand(Enum):
    """Which of the evaluations that SQL allows; see `needs`."""

    LEAST = "least"
    MOST = "most"


class Asking:
    """The calls of one evaluation."""

    def __init__(
        self,
        answer: Callable[[str, str], Any],
        functions: frozenset[str],
        demand: Demand,
        *,
        is_reversed: bool,
    ) -> None:
        self.calls: set[tuple[str, str]] = set()
        self.has_choice = False
        self.is_eager = demand is Demand.MOST
        self._answer = answer
        self._functions = functions
        self._is_reversed = is_reversed
        self._is_free = False
        self._is_any_prompt_asked = False

    def is_call(self, node: exp.Expr) -> bool:
        """Tell whether a node calls a model."""
        return isinstance(node, exp.Anonymous) and node.name in self._functions

    def call(self, function: str, prompt: str | None) -> Any:
        """Return an answer; without a prompt nobody is asked."""
        if prompt is None or not (prompt.strip() or self._is_any_prompt_asked):
            return None
        if self._is_free and (function, prompt) not in self.calls:
            raise CallNeeded
        self.calls.add((function, prompt))
        return self._answer(function, prompt)

    def ordered(self, conditions: Sequence[Condition]) -> tuple[Condition, ...]:
        """Return the conditions of a row as they are to be asked."""
        self.has_choice |= len(conditions) > 1
        if not conditions:
            return ()
        if self.is_eager:  # some rows may be asked in one order, some in another
            return (functools.partial(_do_all_hold, conditions),)
        if self._is_reversed:
            conditions = conditions[::-1]
        return (functools.partial(self._may_hold, conditions), *conditions)

    def fails(self, condition: Condition) -> bool:
        """Tell whether a condition fails for what is known without a call.

        An empty prompt does not tell: it is an error of the row that it is asked of, so that no row
        may be left out on its account.
        """
        self._is_any_prompt_asked = True
        try:
            return not self._may_hold([condition])
        finally:
            self._is_any_prompt_asked = False

    def _may_hold(self, conditions: Sequence[Condition]) -> bool:
        """Tell whether no condition fails for what is known without a call, as for no prompt."""
        was_free, self._is_free = self._is_free, True
        try:
            return all(_holds_or_asks(condition) for condition in conditions)
        finally:
            self._is_free = was_free


def _do_all_hold(conditions: Sequence[Condition]) -> bool:
    """Tell whether all conditions hold, and ask every one of them."""
    return False not in [condition() for condition in conditions]


def _holds_or_asks(condition: Condition) -> bool:
    try:
        return condition()
    except CallNeeded:
        return True
