"""How fast a model answered lately, from which EXPLAIN says how long a statement will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A statement with fewer calls than this many times what was in flight says nothing of the most
# that could have been.
_SATURATION = 4.0


@dataclass(frozen=True, slots=True)
class StatementSpeed:
    """The answered calls of one statement: their number, their seconds, and from first to last."""

    calls: int
    call_seconds: float
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class CallSpeed:
    """How long a call takes, and how many go on at once; `concurrency` is None where unknown."""

    seconds_per_call: float
    concurrency: float | None


def speed_of(statements: Sequence[StatementSpeed]) -> CallSpeed | None:
    """Return the speed that recent statements, the latest first, had; None without any.

    Little's law: what was in flight on average is the calls' seconds by the seconds that passed.
    """
    if not statements:
        return None
    seconds = sum(s.call_seconds for s in statements) / sum(s.calls for s in statements)
    for statement in statements:
        in_flight = statement.call_seconds / statement.elapsed_s if statement.elapsed_s else 0.0
        if in_flight >= 1 and statement.calls >= _SATURATION * in_flight:
            return CallSpeed(seconds, in_flight)
    return CallSpeed(seconds, None)
