"""Amounts of US dollars as text, in errors, notices, EXPLAIN and the command line alike."""

from __future__ import annotations

_LEAST = 0.000_001


def format_usd(amount: float) -> str:
    """Return an amount as text: to the cent from a dollar on, below it to a millionth.

    What is less than that, and not free, never looks free.
    """
    if amount == 0:
        return "$0"
    if amount < _LEAST:
        return f"under ${_LEAST:.6f}"
    return f"${amount:.6f}".rstrip("0") if round(amount, 6) < 1 else f"${amount:,.2f}"
